//! A tap on a push: open the payload, find the message. No network.

use portico_core::push::tap::{Shown, TapTarget};
use portico_core::store::Fact;
use portico_core::testing::SeededDice;
use portico_wire::encoding::Base64;
use portico_wire::push::{PushContent, PushPayload, seal};
use portico_wire::signin::PushAddress;

use crate::archive::Archive;
use crate::figures::{Figure, Sample, grouped};
use crate::table::{Budget, Table};
use crate::{Failed, say};

const TAPS: usize = 2_000;

/// Adds the row.
pub(crate) fn measure(archive: &Archive, table: &mut Table) -> Result<(), Failed> {
    say("tap");
    let (portal, dice) = (&archive.portal, SeededDice::of(4));
    let address: PushAddress =
        portal.store().read(|reading| reading.fact(Fact::PushAddress))?.ok_or("a push address is kept")?;
    let key: [u8; 32] = address.push_key.0.as_slice().try_into()?;
    let session = portal.session();
    let (mut taps, mut reads) = (Sample::default(), Sample::default());
    for number in 0..TAPS {
        let place = usize::try_from(dice.below(archive.known.len() as u64))?;
        let entry = archive.known.get(place).ok_or("the place is below their number")?;
        let content = PushContent {
            epoch: archive.epoch,
            firm_id: session.firm_id,
            person_id: session.person_id,
            conversation_id: entry.conversation_id,
            entry_id: entry.entry_id,
            seq: entry.seq,
            log_seq: number as u64,
            text: String::new(),
            complete: false,
        };
        let mut nonce = [0; 12];
        portico_core::ports::Dice::fill(&dice, &mut nonce);
        let sealed = seal(&key, session.device_id, nonce, &content.with_head_of(&entry.body));
        let payload = serde_json::to_string(&PushPayload { portico: Base64(sealed) })?;
        let target = taps.time(|| portal.resolve_tap(&payload))?;
        if !matches!(target, TapTarget::Message { shown: Shown::Message, seq, .. } if seq == entry.seq) {
            return Err(format!("a tap leads to {target:?}").into());
        }
        reads.time(|| portal.store().read(|reading| reading.entry(entry.entry_id)))?;
    }
    table.add(
        format!("resolve a tap, {} messages, p99 of {}", grouped(archive.messages), grouped(TAPS as u64)),
        Figure::Micros(taps.percentile(99)),
        Some(("read one entry by id, p99", Figure::Micros(reads.percentile(99)))),
        Budget::AtMost(Figure::millis(5.0)),
    );
    Ok(())
}
