//! A long queue drains in linear time: 10,000 entries against 1,000, through the real pump and the real routes.

use std::path::Path;

use portico_core::compose::draft;
use portico_core::error::PortalError;
use portico_core::outbox::pump::Rest;
use portico_core::ports::{SystemClock, SystemDice};
use portico_core::testing::SeededDice;
use portico_server::ports::Stopwatch;

use crate::figures::{Figure, Sample};
use crate::office::Office;
use crate::table::{Budget, Table};
use crate::{Failed, say, vocabulary};

const ROUNDS: usize = 3;
const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// Adds the row.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    let (mut few, mut many) = (Sample::default(), Sample::default());
    for round in 1..=ROUNDS {
        say(&format!("drain, round {round} of {ROUNDS}"));
        few.add(drain(beside, FEW).await?);
        many.add(drain(beside, MANY).await?);
    }
    table.add(
        "drain 10,000 queued entries, one conversation, durable on both sides",
        Figure::Micros(many.median()),
        Some(("1,000 entries", Figure::Micros(few.median()))),
        Budget::RatioAtMost(11.0),
    );
    Ok(())
}

/// What draining `count` entries takes on a new phone and a new server, in microseconds.
async fn drain(beside: &Path, count: usize) -> Result<f64, Failed> {
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
    let began = Stopwatch::start();
    let rest = portal.pump_once().await?;
    let took = began.elapsed();
    if rest != Rest::Empty || !portal.outbox()?.is_empty() {
        return Err(format!("the outbox did not drain: {rest:?}").into());
    }
    Ok(took.as_secs_f64() * 1e6)
}
