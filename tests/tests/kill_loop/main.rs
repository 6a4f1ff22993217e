//! A SIGKILL loop over the real binaries: `portico` and `portico-server` die at drawn moments and go on.
//!
//! Each round a phone's process sends, reads, withdraws or drains; it, the server, or both are killed after a drawn
//! time, or when a drawn number of bytes has passed between them, also in the middle of a request or an answer. What
//! every process said before it died goes into a [`ledger`], which the log that a fresh phone reads at the end must
//! keep. The draws replay from the seed; the machine's own timing does not.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what went wrong by panicking")]

mod ending;
mod ledger;
mod network;
mod rounds;
mod stage;
mod texts;

use std::time::Duration;

use portico_tests::draws::{fresh_seed, number};

use crate::rounds::Play;

/// What went wrong, in words.
type Outcome<T = ()> = Result<T, String>;

/// How long a process may take for one command: far above any, so that a hang is told from a slow machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);

// R1, R3, R4, R21, R37, R40, R51, R52: whichever process dies when, every text ends as its phone said, once, in order, unchanged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_double_and_reorder_nothing() {
    let kills = number("PORTICO_KILLS").unwrap_or(60);
    let seed = number("PORTICO_KILL_SEED").unwrap_or_else(fresh_seed);
    println!("kill loop: {kills} kills, seed {seed}");

    let played = Play::begin(seed).await.unwrap().until(kills).await;

    match played {
        Ok(tally) => close(&tally, "SIGKILL at any moment"),
        Err(fault) => panic!("{fault}\nreplay: tests/run kills --kills {kills} --seed {seed}"),
    }
}

// R1, R37, R51, R52: the same for batches of 100 MB, killed within their bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_killed_within_100_mb_go_on_and_double_nothing() {
    let kills = number("PORTICO_LARGE_KILLS").unwrap_or(30);
    let seed = number("PORTICO_KILL_SEED").unwrap_or_else(fresh_seed);
    println!("kill loop within 100 MB: {kills} kills, seed {seed}");

    let played = Play::begin(seed).await.unwrap().until_within_large(kills).await;

    match played {
        Ok(tally) => close(&tally, "SIGKILL within 100 MB"),
        Err(fault) => panic!("{fault}\nreplay: tests/run kills --seed {seed}"),
    }
}

/// The ledger has found nothing that is lost, doubled or half: else there would be no tally.
fn close(tally: &ending::Tally, what: &str) {
    println!("{tally}");
    portico_tests::tally::Tally::nothing().close(what, usize::try_from(tally.kills()).unwrap());
}
