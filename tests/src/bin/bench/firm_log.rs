//! Years of messages of a firm, as a phone's store keeps them; drawn from a seed, the same in every run.

use portico_core::ports::{Clock as _, Dice as _, SystemClock};
use portico_core::store::{Store, StoreError};
use portico_core::testing::SeededDice;
use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState};
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, EntryId, Epoch, PersonId};

use crate::vocabulary;

/// A busy lawyer has 200 conversations with 100,000 messages, 500 with a million. Hashes are not real: no phone computes
/// them while it shows or searches.
pub(crate) struct FirmLog {
    pub(crate) conversations: Vec<ConversationId>,
    pub(crate) messages: u64,
    pub(crate) epoch: Epoch,
    me: PersonId,
    begin_ms: i64,
}

impl FirmLog {
    /// A log of `messages`, two in five of them by `me`, one a minute until now.
    pub(crate) fn of(messages: u64, me: PersonId, epoch: Epoch) -> Self {
        let count = if messages > 500_000 { 500 } else { 200 };
        Self {
            conversations: (0..count).map(|number| ConversationId::from_parts(number, [1; 10])).collect(),
            messages,
            epoch,
            me,
            begin_ms: SystemClock.now_ms() - i64::try_from(messages).unwrap_or(0) * 60_000,
        }
    }

    /// The `number`th message of the firm; conversations take turns.
    pub(crate) fn entry(&self, number: u64, dice: &SeededDice) -> Entry {
        let count = self.conversations.len() as u64;
        let at_ms = self.begin_ms + i64::try_from(number).unwrap_or(0) * 60_000;
        let mut random = [0; 10];
        dice.fill(&mut random);
        let place = usize::try_from(number % count).unwrap_or(0);
        Entry {
            entry_id: EntryId::from_parts(at_ms, random),
            conversation_id: self.conversations.get(place).copied().expect("the place is below their number"),
            seq: number / count + 1,
            epoch: self.epoch,
            kind: EntryKind::Message,
            author_id: if dice.chance(40) { self.me } else { PersonId::from_bytes([8; 16]) },
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
}

/// Keeps entries in one transaction, and the conversations that are new.
pub(crate) fn keep(store: &Store, entries: &[Entry]) -> Result<(), StoreError> {
    store.write(|writing| {
        for entry in entries {
            if writing.head(entry.conversation_id)?.is_none() {
                writing.put_head(&head(entry))?;
            }
            writing.put_entry(entry)?;
        }
        Ok(())
    })
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
