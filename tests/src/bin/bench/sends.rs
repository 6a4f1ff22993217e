//! Durable sends per second over real HTTP on loopback, and what the machine could do at best: the group's own fsync
//! and the writer's own processor time, measured in the same run.

use std::net::SocketAddr;
use std::path::Path;

use http::Method;
use portico_core::ports::{Clock as _, SystemClock, SystemDice, random};
use portico_core::testing::SeededDice;
use portico_server::ports::Stopwatch;
use portico_wire::encoding::Base64;
use portico_wire::ids::{ConversationId, Epoch, SendKey};
use portico_wire::message::SendMessage;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::figures::{Figure, Sample, fsync_us};
use crate::line::Line;
use crate::office::Office;
use crate::table::{Budget, Table};
use crate::{Failed, say, vocabulary};

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 5;
/// Sends of each connection in a round.
const EACH: usize = 250;

/// One round.
#[derive(Debug)]
struct Round {
    per_second: f64,
    group: f64,
    writer_us: f64,
    commit_us: f64,
}

/// Adds the rows.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    say("sends");
    let office = Office::open(beside).await?;
    let claim = office.conversation("claim")?;
    let mut tokens = Vec::new();
    for number in 0..CONNECTIONS {
        let portal = office.phone(&format!("phone-{number}"), "amina").await?;
        let access = portal.store().read(|reading| reading.access())?.ok_or("the phone has a token")?;
        tokens.push(access.access_token);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let app = office.app.clone();
    let serving = tokio::spawn(async move { app.serve(listener, async { drop(stopped.await) }).await });
    let (mut rates, mut groups, mut writers, mut commits, mut fsyncs) =
        <(Sample, Sample, Sample, Sample, Sample)>::default();
    // The first round fills caches and counts nothing.
    for number in 0..=ROUNDS {
        let fsync = fsync_us(office.folder.path(), 200)?;
        let round = round(&office, server, &tokens, claim).await?;
        say(&format!("fsync {fsync:.0} µs, {round:?}"));
        if number > 0 {
            rates.add(round.per_second);
            groups.add(round.group);
            writers.add(round.writer_us);
            commits.add(round.commit_us);
            fsyncs.add(fsync);
        }
    }
    drop(stop);
    serving.await??;
    let connections = CONNECTIONS as f64;
    let best = connections / (fsyncs.median() + connections * writers.median()) * 1e6;
    table.add(
        format!("server: mean group of {CONNECTIONS} connections"),
        Figure::Count(groups.median()),
        Some(("connections", Figure::Count(connections))),
        Budget::RatioAtLeast(0.75),
    );
    table.add(
        format!("server: durable sends, {CONNECTIONS} connections"),
        Figure::PerSecond(rates.median()),
        Some(("N / (fsync + N x writer CPU per send)", Figure::PerSecond(best))),
        Budget::RatioAtLeast(0.5),
    );
    table.add("of it: write of 4 KiB and fdatasync", Figure::Micros(fsyncs.median()), None, Budget::None);
    table.add("of it: writer CPU per send", Figure::Micros(writers.median()), None, Budget::None);
    table.add("of it: commit of a group", Figure::Micros(commits.median()), None, Budget::None);
    Ok(())
}

async fn round(
    office: &Office,
    server: SocketAddr,
    tokens: &[Base64],
    claim: ConversationId,
) -> Result<Round, Failed> {
    let mut lines = Vec::new();
    for token in tokens {
        lines.push(Line::open(server, Some(token)).await?);
    }
    let (stats, cpu_us) = (office.app.store().group_stats(), writer_cpu_us());
    let epoch = office.app.epoch();
    let began = Stopwatch::start();
    let mut senders = JoinSet::new();
    for (number, line) in lines.into_iter().enumerate() {
        senders.spawn(send(line, claim, epoch, number as u64));
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = office.app.store().group_stats();
    let (groups, requests) = ((after.groups - stats.groups) as f64, (after.requests - stats.requests) as f64);
    let busy_us = (after.writer_busy_us_total - stats.writer_busy_us_total) as f64;
    // Where the system does not tell a thread's processor time, the time within requests stands for it.
    let writer_us = match (cpu_us, writer_cpu_us()) {
        (Some(before), Some(after)) => after - before,
        _ => busy_us,
    };
    Ok(Round {
        per_second: (tokens.len() * EACH) as f64 / seconds,
        group: requests / groups,
        writer_us: writer_us / requests,
        commit_us: (after.commit_us_total - stats.commit_us_total) as f64 / groups,
    })
}

async fn send(
    mut line: Line,
    conversation_id: ConversationId,
    epoch: Epoch,
    seed: u64,
) -> Result<(), Failed> {
    let (texts, dice) = (SeededDice::of(seed), SystemDice::default());
    for _ in 0..EACH {
        let now_ms = SystemClock.now_ms();
        let message = SendMessage {
            epoch,
            conversation_id,
            body: vocabulary::message(&texts),
            composed_at_ms: now_ms,
            receipt: None,
        };
        let key = SendKey::from_parts(now_ms, random(&dice));
        let body = serde_json::to_vec(&message)?;
        let (status, answer) = line.ask(Method::PUT, &format!("/v1/messages/{key}"), body).await?;
        if !status.is_success() {
            return Err(format!("a send was answered {status}: {}", String::from_utf8_lossy(&answer)).into());
        }
    }
    Ok(())
}

/// Processor time of the server's writer thread so far, in microseconds; none where the system does not tell it.
fn writer_cpu_us() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let writer = threads.map(|thread| thread.path()).find(|thread| {
        std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim() == "portico-writer")
    })?;
    let text = std::fs::read_to_string(writer.join("schedstat")).ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|ns| ns / 1_000.0)
}
