//! A phone that holds years of messages: a real signed-in store, filled through the store's own door.

use std::path::{Path, PathBuf};

use portico_core::Portal;
use portico_core::ports::{Clock as _, SystemClock};
use portico_core::store::{Fact, StoreError};
use portico_core::testing::SeededDice;
use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState};
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, EntryId, Epoch, PersonId};
use portico_wire::looked_at::SeqRange;
use portico_wire::push::{PushContent, PushPayload, seal};
use portico_wire::signin::PushAddress;

use crate::office::Office;
use crate::{Failed, say, vocabulary};

/// The phone of jonas.
pub(crate) struct Archive {
    pub(crate) portal: Portal,
    pub(crate) home: PathBuf,
    pub(crate) conversations: Vec<ConversationId>,
    pub(crate) messages: u64,
    pub(crate) epoch: Epoch,
    /// Every 50th message: something to search for and to tap on.
    pub(crate) known: Vec<Entry>,
    /// Holds the folder.
    _office: Office,
}

/// Entries in one transaction while filling.
const BATCH: u64 = 5_000;
/// Messages of each conversation that nobody has looked at yet.
const UNREAD: u64 = 3;

impl Archive {
    /// Fills a new phone within `beside`: a busy lawyer has 200 conversations with 100,000 messages, 500 with a
    /// million. Hashes are not real: no phone computes them while it shows or searches.
    pub(crate) async fn fill(beside: &Path, messages: u64) -> Result<Self, Failed> {
        let office = Office::open(beside).await?;
        let portal = office.phone("archive", "jonas").await?;
        portal.keep_push_token("bench")?;
        let epoch = portal.store().read(|reading| reading.epoch())?.ok_or("the phone has an epoch")?;
        let dice = SeededDice::of(1);
        let count = if messages > 500_000 { 500 } else { 200 };
        let mut archive = Self {
            home: office.home("archive"),
            conversations: (0..count).map(|number| ConversationId::from_parts(number, [1; 10])).collect(),
            known: Vec::new(),
            portal,
            messages,
            epoch,
            _office: office,
        };
        let begin_ms = SystemClock.now_ms() - i64::try_from(messages)? * 60_000;
        for first in (0..messages).step_by(usize::try_from(BATCH)?) {
            let entries: Vec<Entry> =
                (first..(first + BATCH).min(messages)).map(|n| archive.entry(n, begin_ms, &dice)).collect();
            archive.store(&entries)?;
            if first % 100_000 == 0 {
                say(&format!("filling a phone: {first} of {messages} messages"));
            }
            archive.known.extend(entries.into_iter().step_by(50));
        }
        archive.portal.store().checkpoint()?;
        Ok(archive)
    }

    /// The `number`th message of the firm; conversations take turns.
    fn entry(&self, number: u64, begin_ms: i64, dice: &SeededDice) -> Entry {
        let count = self.conversations.len() as u64;
        let me = self.portal.session().person_id;
        let at_ms = begin_ms + i64::try_from(number).unwrap_or(0) * 60_000;
        let mut random = [0; 10];
        portico_core::ports::Dice::fill(dice, &mut random);
        let place = usize::try_from(number % count).unwrap_or(0);
        Entry {
            entry_id: EntryId::from_parts(at_ms, random),
            conversation_id: self.conversations.get(place).copied().expect("the place is below their number"),
            seq: number / count + 1,
            epoch: self.epoch,
            kind: EntryKind::Message,
            author_id: if dice.chance(40) { me } else { PersonId::from_bytes([8; 16]) },
            author_name: "Amina Haddad".to_owned(),
            accepted_at_ms: at_ms,
            composed_at_ms: at_ms,
            // The newest tenth says nothing of what is over.
            body: if number < self.messages / 10 * 9 {
                vocabulary::old_message(dice)
            } else {
                vocabulary::message(dice)
            },
            salt: Base64(vec![5; 16]),
            files: Vec::new(),
            previous_hash: Sha256::ZERO,
            hash: Sha256::ZERO,
            send_key: None,
        }
    }

    fn store(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.portal.store().write(|writing| {
            for entry in entries {
                if writing.head(entry.conversation_id)?.is_none() {
                    writing.put_head(&head(entry))?;
                }
                writing.put_entry(entry)?;
            }
            Ok(())
        })
    }

    /// A push about `entry`, sealed to this phone.
    pub(crate) fn pushed(&self, entry: &Entry, log_seq: u64, dice: &SeededDice) -> Result<String, Failed> {
        let address: Option<PushAddress> =
            self.portal.store().read(|reading| reading.fact(Fact::PushAddress))?;
        let key: [u8; 32] = address.ok_or("a push address is kept")?.push_key.0.as_slice().try_into()?;
        let session = self.portal.session();
        let content = PushContent {
            epoch: self.epoch,
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
        let each = self.messages / self.conversations.len() as u64;
        for conversation in &self.conversations {
            self.portal.look_at(*conversation, SeqRange { from_seq: 1, to_seq: each - UNREAD })?;
        }
        self.portal.store().checkpoint()?;
        Ok(())
    }
}

fn head(entry: &Entry) -> ConversationHead {
    ConversationHead {
        conversation_id: entry.conversation_id,
        kind: ConversationKind::ExternalMatter,
        title: "Haddad v. Northern Ferries".to_owned(),
        matter_id: None,
        state: ConversationState::Open,
        may_post: true,
        participants: Vec::new(),
        readable_from_seq: 1,
        last_seq: entry.seq,
        last_at_ms: entry.accepted_at_ms,
    }
}
