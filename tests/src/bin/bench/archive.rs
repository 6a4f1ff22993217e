//! A phone that holds years of messages: a real signed-in store, filled through the store's own door.

use std::path::{Path, PathBuf};

use portico_core::Portal;
use portico_core::store::Fact;
use portico_core::testing::SeededDice;
use portico_wire::encoding::Base64;
use portico_wire::entry::Entry;
use portico_wire::looked_at::SeqRange;
use portico_wire::push::{PushContent, PushPayload, seal};
use portico_wire::signin::PushAddress;

use crate::firm_log::{self, FirmLog};
use crate::office::Office;
use crate::{Failed, say};

/// The phone of jonas.
pub(crate) struct Archive {
    pub(crate) portal: Portal,
    pub(crate) home: PathBuf,
    pub(crate) log: FirmLog,
    /// Every 50th message: something to search for and to tap on.
    pub(crate) known: Vec<Entry>,
    /// Holds the folder.
    _office: Office,
}

/// Entries in one transaction while filling.
pub(crate) const BATCH: u64 = 5_000;
/// Messages of each conversation that nobody has looked at yet.
const UNREAD: u64 = 3;

impl Archive {
    /// Fills a new phone within `beside`.
    pub(crate) async fn fill(beside: &Path, messages: u64) -> Result<Self, Failed> {
        let office = Office::open(beside).await?;
        let portal = office.phone("archive", "jonas").await?;
        portal.keep_push_token("bench")?;
        let epoch = portal.store().read(|reading| reading.epoch())?.ok_or("the phone has an epoch")?;
        let log = FirmLog::of(messages, portal.session().person_id, epoch);
        let dice = SeededDice::of(1);
        let mut archive =
            Self { home: office.home("archive"), known: Vec::new(), portal, log, _office: office };
        for first in (0..messages).step_by(usize::try_from(BATCH)?) {
            let entries: Vec<Entry> = (first..(first + BATCH).min(messages))
                .map(|number| archive.log.entry(number, &dice))
                .collect();
            firm_log::keep(archive.portal.store(), &entries)?;
            if first % 100_000 == 0 {
                say(&format!("filling a phone: {first} of {messages} messages"));
            }
            archive.known.extend(entries.into_iter().step_by(50));
        }
        archive.portal.store().checkpoint()?;
        Ok(archive)
    }

    /// A push about `entry`, sealed to this phone.
    pub(crate) fn pushed(&self, entry: &Entry, log_seq: u64, dice: &SeededDice) -> Result<String, Failed> {
        let address: Option<PushAddress> =
            self.portal.store().read(|reading| reading.fact(Fact::PushAddress))?;
        let key: [u8; 32] = address.ok_or("a push address is kept")?.push_key.0.as_slice().try_into()?;
        let session = self.portal.session();
        let content = PushContent {
            epoch: self.log.epoch,
            firm_id: session.firm_id,
            person_id: session.person_id,
            conversation_id: entry.conversation_id,
            entry_id: entry.entry_id,
            seq: entry.seq,
            log_seq,
            text: String::new(),
            complete: false,
        };
        let mut nonce = [0; 12];
        portico_core::ports::Dice::fill(dice, &mut nonce);
        let sealed = seal(&key, session.device_id, nonce, &content.with_head_of(&entry.body));
        Ok(serde_json::to_string(&PushPayload { portico: Base64(sealed) })?)
    }

    /// Everything was looked at but the newest few of each conversation.
    pub(crate) fn look(&self) -> Result<(), Failed> {
        let each = self.log.messages / self.log.conversations.len() as u64;
        for conversation in &self.log.conversations {
            self.portal.look_at(*conversation, SeqRange { from_seq: 1, to_seq: each - UNREAD })?;
        }
        self.portal.store().checkpoint()?;
        Ok(())
    }
}
