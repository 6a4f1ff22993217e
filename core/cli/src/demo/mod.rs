//! `portico demo`: the main job, shown and checked, on this machine alone.
//!
//! Every part is real: the server and each phone's app are processes of their own, killed by SIGKILL; the network is
//! a proxy that is taken away, or cuts an answer off; the backup is restored by the server's own code. Whatever is
//! not as it must be ends the demo with a non-zero code.

mod batch;
mod check;
mod messages;
pub(crate) mod part;
mod proxy;
mod stage;
mod story;
mod table;

use std::path::PathBuf;

use clap::Args;
use portico_core::ports::{Clock as _, SystemClock};

use crate::phone::CliError;

/// Show the main job: a phone that is killed, cut off and outlives a restored server, and loses nothing.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Draws where the app is killed and which answers are lost; printed, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// Send the lines of this file instead of the demo's own messages.
    #[arg(long, value_name = "FILE")]
    messages: Option<PathBuf>,
    /// Send the files of this folder instead of 130 generated ones of 100 MB together.
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// Keep the server up afterwards, and say how to sign in.
    #[arg(long)]
    stay: bool,
}

impl Demo {
    pub(crate) async fn run(&self) -> Result<(), CliError> {
        let seed = self.seed.unwrap_or_else(|| SystemClock.now_ms().unsigned_abs() % 100_000);
        let texts = messages::load(self.messages.as_deref())?;
        println!("Portico demo, seed {seed} (again: portico demo --seed {seed}), {} messages.", texts.len());
        let mut stage = stage::Stage::build().await?;
        let told = match story::play(&mut stage, &texts, seed).await {
            Ok(()) => batch::play(&mut stage, self.files.as_deref(), seed).await,
            failed => failed,
        };
        table::print(&stage, told.is_ok());
        if told.is_err() {
            println!("  What was played is kept in {}", stage.path("").display());
        }
        told?;
        if self.stay {
            stage.stay().await?;
        }
        stage.clear();
        Ok(())
    }
}
