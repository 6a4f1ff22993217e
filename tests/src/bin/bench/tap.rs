//! A tap on a push: open the payload, find the message. No network.

use portico_core::push::tap::{Shown, TapTarget};
use portico_core::testing::SeededDice;

use crate::archive::Archive;
use crate::figures::{Figure, Sample, grouped};
use crate::table::{Budget, Table};
use crate::{Failed, say};

const TAPS: usize = 2_000;

/// Adds the row.
pub(crate) fn measure(archive: &Archive, table: &mut Table) -> Result<(), Failed> {
    say("tap");
    let (portal, dice) = (&archive.portal, SeededDice::of(4));
    let (mut taps, mut reads) = (Sample::default(), Sample::default());
    for number in 0..TAPS {
        let place = usize::try_from(dice.below(archive.known.len() as u64))?;
        let entry = archive.known.get(place).ok_or("the place is below their number")?;
        let payload = archive.pushed(entry, number as u64, &dice)?;
        let target = taps.time(|| portal.resolve_tap(&payload))?;
        if !matches!(target, TapTarget::Message { shown: Shown::Message, seq, .. } if seq == entry.seq) {
            return Err(format!("a tap leads to {target:?}").into());
        }
        reads.time(|| portal.store().read(|reading| reading.entry(entry.entry_id)))?;
    }
    table.add(
        format!("resolve a tap, {} messages, p99 of {}", grouped(archive.log.messages), grouped(TAPS as u64)),
        Figure::Micros(taps.percentile(99)),
        Some(("read one entry by id, p99", Figure::Micros(reads.percentile(99)))),
        Budget::AtMost(Figure::millis(5.0)),
    );
    Ok(())
}
