//! The benches: `tests/run bench` prints the table of docs/performance.md.
//!
//! Every figure stands beside its baseline, measured in the same run and in turns with it, so that a noisy machine
//! blurs both alike. Times are medians of rounds unless the row says p50 or p99. Nothing here is a timed test: a miss
//! is printed, and a person decides. Data lies beside the binary, on the disk that the build is on.

mod archive;
mod batches;
mod border;
mod drain;
mod enqueue;
mod figures;
mod idle;
mod line;
mod office;
mod raw_put;
mod screen;
mod search;
mod sends;
mod table;
mod tap;
mod vocabulary;

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

use crate::table::Table;

/// What went wrong; a bench that meets anything unforeseen ends.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The benches of Portico.
#[derive(Debug, Parser)]
struct Wish {
    /// Only these; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Bench>,
    /// 1,000,000 stored messages instead of 100,000; filling them takes minutes.
    #[arg(long)]
    million: bool,
    /// A program that plays the phone across the language border; may be given several times.
    #[arg(long, value_name = "LANGUAGE=COMMAND")]
    border: Vec<border::Player>,
    /// Plays it in Rust.
    #[arg(long, hide = true, num_args = 2..)]
    border_of: Vec<String>,
    /// Plays the phone whose first screen is measured, in a process of its own.
    #[arg(long, hide = true, value_name = "HOME")]
    first_screen_of: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    Enqueue,
    Drain,
    Screen,
    Tap,
    Search,
    Border,
    Sends,
    Batches,
    Idle,
}

impl Wish {
    fn wants(&self, bench: Bench) -> bool {
        self.only.is_empty() || self.only.contains(&bench)
    }

    const fn messages(&self) -> u64 {
        if self.million { 1_000_000 } else { 100_000 }
    }
}

fn main() -> Result<(), Failed> {
    let wish = Wish::parse();
    if let Some(home) = &wish.first_screen_of {
        return screen::show(home);
    }
    if !wish.border_of.is_empty() {
        return border::play(&wish.border_of);
    }
    let table = tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&wish))?;
    println!("{table}");
    Ok(())
}

async fn run(wish: &Wish) -> Result<Table, Failed> {
    let this = std::env::current_exe()?;
    let beside = this.parent().ok_or("a program lies in a folder")?;
    let mut table = Table::default();
    if wish.wants(Bench::Enqueue) {
        enqueue::measure(beside, &mut table).await?;
    }
    if wish.wants(Bench::Drain) {
        drain::measure(beside, &mut table).await?;
    }
    if [Bench::Screen, Bench::Tap, Bench::Search, Bench::Border].into_iter().any(|bench| wish.wants(bench)) {
        measure_archive(wish, &this, beside, &mut table).await?;
    }
    if wish.wants(Bench::Sends) {
        sends::measure(beside, &mut table).await?;
    }
    if wish.wants(Bench::Batches) {
        batches::measure(beside, &mut table).await?;
    }
    if wish.wants(Bench::Idle) {
        idle::measure(beside, &mut table).await?;
    }
    Ok(table)
}

/// The benches that read one well filled phone.
async fn measure_archive(wish: &Wish, this: &Path, beside: &Path, table: &mut Table) -> Result<(), Failed> {
    let archive = archive::Archive::fill(beside, wish.messages()).await?;
    if wish.wants(Bench::Screen) {
        screen::measure(this, beside, &archive, table).await?;
    }
    if wish.wants(Bench::Tap) {
        tap::measure(&archive, table)?;
    }
    if wish.wants(Bench::Search) {
        search::measure(&archive, table)?;
    }
    if wish.wants(Bench::Border) {
        border::measure(this, &archive, &wish.border, table)?;
    }
    Ok(())
}

/// Says on standard error what is going on: the table is the only output.
fn say(what: &str) {
    eprintln!("bench: {what}");
}
