//! A long queue drains in linear time: 10,000 entries against 1,000, through the real pump and the real routes.

use std::path::Path;

use portico_core::compose::draft;
use portico_core::error::PortalError;
use portico_core::outbox::pump::Rest;
use portico_core::ports::{Clock as _, SystemClock, SystemDice};
use portico_core::testing::SeededDice;
use portico_server::ports::Stopwatch;

use crate::figures::{Figure, Sample};
use crate::office::Office;
use crate::table::{Budget, Table};
use crate::{Failed, say, vocabulary};

const ROUNDS: usize = 3;
const FEW: usize = 1_000;
const MANY: usize = 10_000;
/// How often the short queue drains in a round: it is over so soon that a hiccup of the disk would be all of it.
const FEW_TIMES: usize = 5;

/// What one queue took.
struct Drained {
    all_us: f64,
    first_thousand_us: f64,
    last_thousand_us: f64,
}

/// Adds the rows.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    let (mut few, mut many) = (Sample::default(), Sample::default());
    let (mut first, mut last) = (Sample::default(), Sample::default());
    for round in 1..=ROUNDS {
        say(&format!("drain, round {round} of {ROUNDS}"));
        for _ in 0..FEW_TIMES {
            few.add(drain(beside, FEW).await?.all_us);
        }
        let drained = drain(beside, MANY).await?;
        many.add(drained.all_us);
        first.add(drained.first_thousand_us);
        last.add(drained.last_thousand_us);
    }
    table.add(
        "drain 10,000 queued entries, one conversation, durable on both sides",
        Figure::Micros(many.median()),
        Some(("1,000 entries", Figure::Micros(few.median()))),
        Budget::RatioAtMost(11.0),
    );
    table.add(
        "of it: the last 1,000",
        Figure::Micros(last.median()),
        Some(("the first 1,000", Figure::Micros(first.median()))),
        Budget::None,
    );
    Ok(())
}

/// Drains `count` entries of a new phone into a new server.
async fn drain(beside: &Path, count: usize) -> Result<Drained, Failed> {
    let office = Office::open(beside).await?;
    let portal = office.phone("phone", "amina").await?;
    let claim = office.conversation("claim")?;
    let (texts, dice) = (SeededDice::of(3), SystemDice::default());
    portal.store().write(|writing| {
        for _ in 0..count {
            let text = vocabulary::message(&texts);
            writing.enqueue(&draft::parse(claim, &text, &SystemClock, &dice)?)?;
        }
        Ok::<_, PortalError>(())
    })?;
    let before = office.app.store().group_stats().requests;
    let began = Stopwatch::start();
    let mut first_thousand_us = 0.0;
    let mut nine_tenths_us = 0.0;
    let mut pump = Box::pin(portal.pump_once());
    let rest = loop {
        tokio::select! {
            rest = &mut pump => break rest?,
            () = SystemClock.wait(LOOK_MS) => {}
        }
        let (done, now_us) = (office.app.store().group_stats().requests - before, micros(began));
        if done <= 1_000 {
            first_thousand_us = now_us;
        }
        if done <= (count as u64).saturating_sub(1_000) {
            nine_tenths_us = now_us;
        }
    };
    let all_us = micros(began);
    if rest != Rest::Empty || !portal.outbox()?.is_empty() {
        return Err(format!("the outbox did not drain: {rest:?}").into());
    }
    Ok(Drained { all_us, first_thousand_us, last_thousand_us: all_us - nine_tenths_us })
}

fn micros(began: Stopwatch) -> f64 {
    began.elapsed().as_secs_f64() * 1e6
}

/// How often the progress is looked at: a thousand entries take a hundred times as long.
const LOOK_MS: u64 = 5;
