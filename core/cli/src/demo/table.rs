//! The table at the end: what was played, what was seen, how long it took.

use std::sync::atomic::Ordering;

use portico_core::ports::{Clock as _, SystemClock};

use super::stage::Stage;

/// Prints the table.
pub(super) fn print(stage: &Stage, true_to_the_end: bool) {
    let width = stage.steps.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
    println!();
    for step in &stage.steps {
        let pad = " ".repeat(width - step.what.chars().count());
        println!("  {}{pad}  {:>6} ms  {}", step.what, step.took_ms, step.seen);
    }
    let counters = stage.network.counters();
    println!(
        "\n  {} requests, {} bytes, {} answers lost on purpose, {:.1} s in all.",
        counters.requests.load(Ordering::Relaxed),
        counters.bytes.load(Ordering::Relaxed),
        counters.lost_answers.load(Ordering::Relaxed),
        (SystemClock.now_ms() - stage.began_ms) as f64 / 1_000.0,
    );
    if true_to_the_end {
        println!("  Every message arrived exactly once, in order, byte for byte.");
    }
}
