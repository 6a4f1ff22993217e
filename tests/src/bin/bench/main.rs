//! The benches: `tests/run bench` prints the table of docs/performance.md.
//!
//! Every figure stands beside its baseline, measured in the same run and in turns with it, so that a noisy machine
//! blurs both alike. Times are medians of rounds unless the row says p50 or p99. Nothing here is a timed test: a miss
//! is printed, and a person decides. Data lies beside the binary, on the disk that the build is on.

mod archive;
mod batches;
mod border;
mod comparison;
mod drain;
mod enqueue;
mod figures;
mod firm_log;
mod idle;
mod lane;
mod line;
mod office;
mod peer;
mod rank_sum;
mod raw_put;
mod screen;
mod search;
mod sender;
mod sends;
mod sign_in;
mod store_cost;
mod table;
mod tap;
mod usage;
mod vocabulary;

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

use crate::comparison::Comparison;
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
    /// The folder tests/tus, installed: `batches` measures it, too.
    #[arg(long, value_name = "FOLDER")]
    tus: Option<PathBuf>,
    /// Plays it in Rust.
    #[arg(long, hide = true, num_args = 2..)]
    border_of: Vec<String>,
    /// Plays the phone whose first screen is measured, in a process of its own.
    #[arg(long, hide = true, value_name = "HOME")]
    first_screen_of: Option<PathBuf>,
    /// Opens the store at that path, in a process of its own, and says what it took.
    #[arg(long, hide = true, value_name = "STORE")]
    opening_of: Option<PathBuf>,
    /// Plays the sending side of a batch.
    #[arg(long, hide = true, num_args = 2..)]
    send_of: Vec<String>,
    /// Plays the server of a raw upload, which writes into this file.
    #[arg(long, hide = true, value_name = "FILE", requires = "writes")]
    take_raw: Option<PathBuf>,
    /// How it writes.
    #[arg(long, hide = true, value_enum)]
    writes: Option<raw_put::Writes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    Enqueue,
    Store,
    Drain,
    Screen,
    Tap,
    Search,
    Border,
    Sends,
    Batches,
    Idle,
    SignIn,
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
    if let Some(path) = &wish.opening_of {
        return store_cost::open(path);
    }
    if !wish.border_of.is_empty() {
        return border::play(&wish.border_of);
    }
    if !wish.send_of.is_empty() {
        return sender::play(&wish.send_of);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let (Some(path), Some(writes)) = (&wish.take_raw, wish.writes) {
        return runtime.block_on(raw_put::serve(path.clone(), writes));
    }
    let (table, comparison) = runtime.block_on(run(&wish))?;
    println!("{table}\n{comparison}");
    Ok(())
}

async fn run(wish: &Wish) -> Result<(Table, Comparison), Failed> {
    let this = std::env::current_exe()?;
    let beside = this.parent().ok_or("a program lies in a folder")?;
    let (mut table, mut comparison) = <(Table, Comparison)>::default();
    if wish.wants(Bench::Enqueue) {
        enqueue::measure(beside, &mut table).await?;
    }
    if wish.wants(Bench::Store) {
        store_cost::measure(&this, beside, wish.messages(), &mut table)?;
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
        comparison = batches::measure(beside, wish.tus.as_deref(), &mut table).await?;
    }
    if wish.wants(Bench::Idle) {
        idle::measure(beside, &mut table).await?;
    }
    if wish.wants(Bench::SignIn) {
        sign_in::measure(beside, &mut table).await?;
    }
    Ok((table, comparison))
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
