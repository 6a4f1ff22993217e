//! A batch of 130 files, from "send" to the message in the log, against one raw upload of the same bytes.
//!
//! The server is the released binary; files are picked before the clock starts. The raw rows use the same client and
//! the same disk; their server checks, opens and hashes nothing.

use std::net::SocketAddr;
use std::path::Path;

use portico_core::Portal;
use portico_core::net::transport::RealNetwork;
use portico_core::outbox::entry::SendState;
use portico_core::ports::{Append, Dice as _, Network as _};
use portico_core::testing::SeededDice;
use portico_core::upload::source::PickSource;
use portico_core::upload::stream;
use portico_server::ports::Stopwatch;
use portico_tests::process::ServerProcess;
use portico_tests::slow_line::SlowLine;
use portico_wire::ids::ConversationId;

use crate::figures::{Figure, Sample};
use crate::office::{real_phone, sign_in};
use crate::raw_put::{RawPut, Writes};
use crate::table::{Budget, Table};
use crate::{Failed, say};

const ROUNDS: usize = 5;
const FILES: usize = 130;
/// One way; a round trip is twice that.
const DELAY_MS: u64 = 50;

/// What is measured against what.
struct Case {
    name: &'static str,
    file_bytes: usize,
    slow: bool,
}

const CASES: [Case; 4] = [
    Case { name: "130 files of 769 KB, loopback", file_bytes: 769_000, slow: false },
    Case { name: "130 files of 10 KB, loopback", file_bytes: 10_000, slow: false },
    Case { name: "130 files of 769 KB, round trip 100 ms", file_bytes: 769_000, slow: true },
    Case { name: "130 files of 10 KB, round trip 100 ms", file_bytes: 10_000, slow: true },
];

/// Adds the rows.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    say("batches");
    let folder = tempfile::tempdir_in(beside)?;
    let server = ServerProcess::seeded(&folder.path().join("server"))?;
    let address: SocketAddr = server.url.strip_prefix("http://").ok_or("it speaks plain HTTP")?.parse()?;
    for (number, case) in CASES.iter().enumerate() {
        let line = SlowLine::open(address, DELAY_MS).await?;
        let to = if case.slow { line.address } else { address };
        let home = folder.path().join(format!("phone-{number}"));
        let mail = folder.path().join("server").join("mail");
        let portal =
            sign_in(&real_phone(&home)?, &format!("http://{to}"), &server.email("amina"), &mail, None)
                .await?;
        portal.catch_up().await?;
        drop(portal);
        let claim = server.conversation("claim").parse()?;
        rows(case, &home, claim, folder.path(), server.id(), table).await?;
    }
    Ok(())
}

async fn rows(
    case: &Case,
    home: &Path,
    claim: ConversationId,
    folder: &Path,
    server: u32,
    table: &mut Table,
) -> Result<(), Failed> {
    let pack = folder.join("raw.pack");
    let mut bytes = vec![0; FILES * (case.file_bytes + 16 * case.file_bytes.div_ceil(65_536))];
    SeededDice::of(case.file_bytes as u64).fill(&mut bytes);
    std::fs::write(&pack, &bytes)?;
    let length_bytes = bytes.len() as u64;
    drop(bytes);
    let [mut ours, mut straight, mut tokio_fs, mut cpu] = [(); 4].map(|()| Sample::default());
    for round in 0..=ROUNDS {
        let cpu_before = cpu_ms(server)?;
        // A new portal has no connection yet, as a phone that was just taken out.
        let portal = real_phone(home)?.portal()?.ok_or("somebody is signed in")?;
        let sent = send(&portal, claim, folder, case.file_bytes, round).await?;
        let cpu_used = cpu_ms(server)? - cpu_before;
        let written = raw(case, folder, &pack, length_bytes, Writes::Straight).await?;
        let by_tokio = raw(case, folder, &pack, length_bytes, Writes::TokioFs).await?;
        // The first round warms connections and caches.
        if round > 0 {
            ours.add(sent);
            straight.add(written);
            tokio_fs.add(by_tokio);
            cpu.add(cpu_used);
        }
    }
    let raw_us = straight.median();
    let (against_raw, against_tokio) = match (case.slow, case.file_bytes > 100_000) {
        (false, true) => (Budget::RatioAtMost(1.25), Budget::RatioAtMost(1.0)),
        (true, true) => (Budget::AtMost(Figure::Micros(raw_us * 1.15 + 100_000.0)), Budget::None),
        (true, false) => (Budget::AtMost(Figure::millis(330.0)), Budget::None),
        (false, false) => (Budget::None, Budget::None),
    };
    let measured = Figure::Micros(ours.median());
    table.add(
        format!("{}, to the message in the log", case.name),
        measured,
        Some(("one raw upload and one fdatasync", Figure::Micros(raw_us))),
        against_raw,
    );
    if !case.slow {
        table.add(
            "the same",
            measured,
            Some(("the raw upload through tokio::fs", Figure::Micros(tokio_fs.median()))),
            against_tokio,
        );
        table.add("the same: processor time of the server", Figure::millis(cpu.median()), None, Budget::None);
    }
    Ok(())
}

/// Sends a batch that is picked already; microseconds from "send" to the acceptance stored.
async fn send(
    portal: &Portal,
    claim: ConversationId,
    folder: &Path,
    file_bytes: usize,
    round: usize,
) -> Result<f64, Failed> {
    let dice = SeededDice::of(round as u64);
    let mut bytes = vec![0; file_bytes];
    let path = folder.join("pick");
    for number in 0..FILES {
        dice.fill(&mut bytes);
        std::fs::write(&path, &bytes)?;
        let name = Some(format!("IMG_20261124_{number:06}.jpg"));
        portal.pick(claim, PickSource::Path(path.clone()), name).await?;
    }
    let began = Stopwatch::start();
    let key = portal.send_files(claim, "The photos").await?;
    portal.upload_once().await?;
    let took = began.elapsed().as_secs_f64() * 1e6;
    if portal.entry_state(key)? != SendState::Accepted {
        return Err("the batch was not accepted at once".into());
    }
    Ok(took)
}

/// Sends the file `pack` in one request on a new connection, by the same client.
async fn raw(
    case: &Case,
    folder: &Path,
    pack: &Path,
    length_bytes: u64,
    writes: Writes,
) -> Result<f64, Failed> {
    let server = RawPut::open(folder.join("raw.out"), writes).await?;
    let line = SlowLine::open(server.address, DELAY_MS).await?;
    let to = if case.slow { line.address } else { server.address };
    let transport = RealNetwork::new(None)?.connect(&format!("http://{to}"))?;
    let append = Append {
        capability: String::new(),
        offset_bytes: 0,
        length_bytes,
        bytes: stream::read(pack.to_owned(), 0, length_bytes),
    };
    let began = Stopwatch::start();
    let answer = transport.append(append).await?;
    let took = began.elapsed().as_secs_f64() * 1e6;
    if answer.upload_offset != Some(length_bytes) {
        return Err(format!("the raw upload answers {answer:?}").into());
    }
    Ok(took)
}

/// Processor time of a process so far, in milliseconds: fields 14 and 15 of its `stat`, in ticks of 10 ms.
fn cpu_ms(process: u32) -> Result<f64, Failed> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) * 10.0)
}
