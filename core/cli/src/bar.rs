//! The bar of an upload or a download, on a terminal: bytes, rate, time left.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use portico_core::Portal;

use crate::Cli;

/// A bar of `size_bytes`, called `name`. Scripts see none.
pub(crate) fn of(cli: &Cli, size_bytes: u64, name: &str) -> ProgressBar {
    let target = if cli.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style =
        ProgressStyle::with_template("{msg:30!} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(size_bytes), target).with_style(style);
    bar.set_message(name.to_owned());
    bar
}

/// Moves `bar` to what `held` says at each change, until it is dropped.
pub(crate) async fn follow(portal: &Portal, bar: &ProgressBar, held: impl Fn() -> u64) {
    let events = portal.events();
    loop {
        events.next_batch(16).await;
        bar.set_position(held());
    }
}
