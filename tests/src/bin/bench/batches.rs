//! A batch of 130 files, from "send" to the message in the log, against one raw upload of the same bytes, and against
//! tus where it is installed.
//!
//! All servers and senders are processes of their own; the sender knows the files when the clock starts, and has no
//! connection. The raw upload has Portico's client and disk; its server checks, opens and hashes nothing. Contenders
//! take turns in every round; the disks are synced before each turn.

use std::path::{Path, PathBuf};

use portico_core::ports::Dice as _;
use portico_core::testing::SeededDice;
use portico_tests::process::ServerProcess;

use crate::comparison::{Comparison, Contest};
use crate::enqueue::{bare_store, commit_bare};
use crate::figures::{Figure, Sample};
use crate::lane::{Contender, Creation, Lane, Pack, Stage};
use crate::raw_put::Writes;
use crate::table::{Budget, Table};
use crate::{Failed, say};

const ROUNDS: usize = 5;
const FILES: usize = 130;
/// One way; a round trip is twice that.
const DELAY_MS: u64 = 50;
const ROUND_TRIP_US: f64 = 2_000.0 * DELAY_MS as f64;
/// Commits of each round.
const COMMITS: usize = 20;

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    file_bytes: usize,
    delay_ms: u64,
}

const LARGE_BYTES: usize = 769_000;
const CASES: [Case; 4] = [
    Case { name: "130 files of 769 KB, loopback", file_bytes: LARGE_BYTES, delay_ms: 0 },
    Case { name: "130 files of 10 KB, loopback", file_bytes: 10_000, delay_ms: 0 },
    Case { name: "130 files of 769 KB, round trip 100 ms", file_bytes: LARGE_BYTES, delay_ms: DELAY_MS },
    Case { name: "130 files of 10 KB, round trip 100 ms", file_bytes: 10_000, delay_ms: DELAY_MS },
];

const OURS: Contender = Contender::Portico(Pack::JustPicked);
const RAW: Contender = Contender::Raw(Writes::Straight);
const TOKIO_FS: Contender = Contender::Raw(Writes::TokioFs);

/// Adds the rows that are judged; gives all that was compared. `tus`: the folder tests/tus, installed.
pub(crate) async fn measure(
    beside: &Path,
    tus: Option<&Path>,
    table: &mut Table,
) -> Result<Comparison, Failed> {
    if !Path::new("/proc/self/clear_refs").exists() {
        say("batches: skipped; what a process uses is read from Linux's /proc");
        return Ok(Comparison::default());
    }
    let mut comparison = Comparison::default();
    for case in CASES {
        say(case.name);
        let folder = tempfile::tempdir_in(beside)?;
        let (contest, commit_us) = compete(case, folder.path(), tus).await?;
        judge(case, &contest, commit_us, table);
        comparison.0.push(contest);
    }
    Ok(comparison)
}

/// All contenders in turns; and the median of a full commit of a few bytes in the same rounds, in microseconds.
async fn compete(case: Case, folder: &Path, tus: Option<&Path>) -> Result<(Contest, f64), Failed> {
    let (files, pack) = write_files(case, folder)?;
    let portico = ServerProcess::seeded(&folder.join("server"))?;
    let stage = Stage { folder, files: &files, pack: &pack, tus, delay_ms: case.delay_ms, portico: &portico };
    let mut contenders = vec![OURS, RAW, TOKIO_FS, Contender::Portico(Pack::OnDisk)];
    if tus.is_some() {
        contenders.extend([1, 6, 20].map(|at_once| Contender::Tus(at_once, Creation::Bare)));
        contenders.push(Contender::Tus(20, Creation::WithUpload));
    }
    let mut lanes = Vec::new();
    for (number, contender) in contenders.into_iter().enumerate() {
        let mut lane = Lane::open(contender, number, &stage).await?;
        lane.count().await?;
        lanes.push(lane);
    }
    let mut store = bare_store(&folder.join("bare.db"), false)?;
    let mut commits = Sample::default();
    for _ in 0..ROUNDS {
        for _ in 0..COMMITS {
            commits.time(|| commit_bare(&mut store, "a few bytes"))?;
        }
        for lane in &mut lanes {
            lane.measure().await?;
        }
    }
    let rows = lanes.into_iter().map(|lane| (lane.contender, lane.taken)).collect();
    Ok((Contest { case: case.name, rows }, commits.median()))
}

/// The files, each with bytes of its own, and one file with as many as they have on Portico's wire.
fn write_files(case: Case, folder: &Path) -> Result<(PathBuf, PathBuf), Failed> {
    let picked = folder.join("files");
    std::fs::create_dir(&picked)?;
    let dice = SeededDice::of(case.file_bytes as u64);
    let mut bytes = vec![0; case.file_bytes];
    for number in 0..FILES {
        dice.fill(&mut bytes);
        std::fs::write(picked.join(format!("IMG_20261124_{number:06}.jpg")), &bytes)?;
    }
    let pack = folder.join("raw.pack");
    // Each chunk of 65,536 bytes has 16 more.
    let mut sealed = vec![0; FILES * (case.file_bytes + 16 * case.file_bytes.div_ceil(65_536))];
    dice.fill(&mut sealed);
    std::fs::write(&pack, &sealed)?;
    Ok((picked, pack))
}

/// Adds what has a budget.
fn judge(case: Case, contest: &Contest, commit_us: f64, table: &mut Table) {
    let (ours, raw, tokio_fs) = (contest.of(OURS), contest.of(RAW), contest.of(TOKIO_FS));
    let (large, slow) = (case.file_bytes == LARGE_BYTES, case.delay_ms > 0);
    let (time, raw_us) = (Figure::Micros(ours.time.median()), raw.time.median());
    let against_raw = match (large, slow) {
        (true, false) => Budget::RatioAtMost(1.25),
        (true, true) => Budget::AtMost(Figure::Micros(1.15 * raw_us + ROUND_TRIP_US)),
        (false, true) => Budget::AtMost(Figure::millis(330.0)),
        (false, false) => Budget::AtMost(Figure::Micros(raw_us + 3.0 * commit_us)),
    };
    let name = format!("{}, to the message in the log", case.name);
    table.add(name, time, Some(("one raw PUT, one fdatasync", Figure::Micros(raw_us))), against_raw);
    if !slow {
        let budget = if large { Budget::RatioAtMost(1.0) } else { Budget::None };
        let by_tokio = Figure::Micros(tokio_fs.time.median());
        table.add("the same", time, Some(("the raw PUT through tokio::fs", by_tokio)), budget);
    }
    if !large && !slow {
        table.add("one full commit of SQLite", Figure::Micros(commit_us), None, Budget::None);
    }
    if let Some(best) = contest.best_tus_us() {
        let budget = if slow && !large { Budget::RatioAtLeast(6.0) } else { Budget::None };
        table.add("the best of tus, for the same", Figure::Micros(best), Some(("Portico", time)), budget);
    }
    let requests = Figure::Count(ours.requests as f64);
    table.add("the same: requests", requests, None, Budget::AtMost(Figure::Count(2.0)));
    let memory = Figure::Megabytes(ours.memory);
    // 8 MiB.
    let budget = Budget::AtMost(Figure::Megabytes(8.388_608));
    table.add("the same: memory of the phone, more", memory, None, budget);
    if large {
        let (used, raw_used) = (ours.server_cpu.median(), raw.server_cpu.median());
        table.add(
            "the same: processor time of the server",
            Figure::Micros(used),
            Some(("one raw PUT", Figure::Micros(raw_used))),
            Budget::AtMost(Figure::Micros(raw_used + 150_000.0)),
        );
    }
}
