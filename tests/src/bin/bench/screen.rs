//! The first screen after the start of a process: exec, open the store, list conversations with badge and previews.

use std::io::BufRead as _;
use std::path::Path;
use std::process::{Command, Stdio};

use portico_server::ports::Stopwatch;

use crate::archive::Archive;
use crate::figures::{Figure, Sample, grouped};
use crate::office::{Office, real_phone};
use crate::table::{Budget, Table};
use crate::{Failed, say};

const ROUNDS: usize = 31;
/// Rounds of the list in this process.
const UNSEEN_ROUNDS: usize = 9;
/// Rows of the list that are shown at once.
const SHOWN: usize = 20;

/// Adds the rows: the filled phone in turns with an empty one. Before, what the list costs while nothing was ever
/// looked at, so that the badge counts every message; only a phone that was just set up is so.
pub(crate) async fn measure(
    program: &Path,
    beside: &Path,
    archive: &Archive,
    table: &mut Table,
) -> Result<(), Failed> {
    say("first screen");
    let office = Office::open(beside).await?;
    // Signed in, and closed again.
    drop(office.phone("empty", "jonas").await?);
    let mut unseen = Sample::default();
    for _ in 0..UNSEEN_ROUNDS {
        unseen.time(|| archive.portal.first_screen(SHOWN))?;
    }
    archive.look()?;
    let (mut full, mut empty) = (Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        full.add(start(program, &archive.home)?);
        empty.add(start(program, &office.home("empty"))?);
    }
    table.add(
        format!(
            "first screen after process start, {} messages in {} conversations",
            grouped(archive.log.messages),
            archive.log.conversations.len()
        ),
        Figure::Micros(full.median()),
        Some(("a store with 4 messages", Figure::Micros(empty.median()))),
        Budget::AtMost(Figure::millis(20.0)),
    );
    let mut seen = Sample::default();
    for _ in 0..UNSEEN_ROUNDS {
        seen.time(|| archive.portal.first_screen(SHOWN))?;
    }
    table.add(
        "the same list in a running process, while nothing was ever looked at",
        Figure::Micros(unseen.median()),
        Some(("after all was looked at", Figure::Micros(seen.median()))),
        Budget::None,
    );
    Ok(())
}

/// From before the exec to the line that says the screen is there, in microseconds.
fn start(program: &Path, home: &Path) -> Result<f64, Failed> {
    let began = Stopwatch::start();
    let mut child =
        Command::new(program).arg("--first-screen-of").arg(home).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("the child has an output")?;
    let mut line = String::new();
    std::io::BufReader::new(stdout).read_line(&mut line)?;
    let took = began.elapsed();
    if !child.wait()?.success() || line.trim().parse::<usize>().is_err() {
        return Err(format!("the first screen did not come: {line}").into());
    }
    Ok(took.as_secs_f64() * 1e6)
}

/// The child: shows the first screen and says how many rows it has.
pub(crate) fn show(home: &Path) -> Result<(), Failed> {
    let portal = real_phone(home)?.portal()?.ok_or("somebody is signed in")?;
    let screen = portal.first_screen(SHOWN)?;
    println!("{}", screen.conversations.len());
    Ok(())
}
