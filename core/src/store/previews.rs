//! What pushes said of messages that are not here yet. Never a timeline row; sync replaces it (R4, R53).

use portico_wire::ids::{ConversationId, EntryId};
use portico_wire::push::PushContent;
use rusqlite::OptionalExtension as _;

use super::values::{int, uint};
use super::{Reading, StoreError, Writing};

/// A preview. `Debug` hides the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    /// Where.
    pub conversation_id: ConversationId,
    /// The message's place there.
    pub seq: u64,
    /// The text, or its beginning.
    pub text: String,
    /// Whether it is all of it.
    pub complete: bool,
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Preview({} bytes)", self.text.len())
    }
}

impl Reading<'_> {
    /// The preview of a message.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn preview(&self, entry: EntryId) -> Result<Option<Preview>, StoreError> {
        Ok(self
            .0
            .prepare_cached("SELECT conversation_id, seq, body, complete FROM previews WHERE entry_id = ?1")?
            .query_row([entry.as_bytes()], |row| {
                Ok(Preview {
                    conversation_id: ConversationId::from_bytes(row.get(0)?),
                    seq: uint(row.get(1)?),
                    text: row.get(2)?,
                    complete: row.get(3)?,
                })
            })
            .optional()?)
    }
}

impl Writing<'_> {
    /// Keeps what a push said, unless the message itself is here or access was lost after the push was made.
    /// Whether it was kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_preview(&self, push: &PushContent) -> Result<bool, StoreError> {
        if self.is_outdated(push)? || self.entry(push.entry_id)?.is_some() {
            return Ok(false);
        }
        self.0
            .0
            .prepare_cached(
                "INSERT INTO previews (entry_id, conversation_id, seq, log_seq, body, complete)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (entry_id) DO NOTHING",
            )?
            .execute((
                push.entry_id.as_bytes(),
                push.conversation_id.as_bytes(),
                int(push.seq),
                int(push.log_seq),
                &push.text,
                push.complete,
            ))?;
        Ok(true)
    }

    pub(super) fn forget_preview(&self, entry: EntryId) -> Result<(), StoreError> {
        self.0.0.prepare_cached("DELETE FROM previews WHERE entry_id = ?1")?.execute([entry.as_bytes()])?;
        Ok(())
    }
}
