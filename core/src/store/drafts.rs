//! What the person has begun to write and not sent.

use portico_wire::ids::ConversationId;
use rusqlite::OptionalExtension as _;

use super::{Reading, StoreError, Writing};

impl Reading<'_> {
    /// The draft of a conversation; none if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn draft(&self, conversation: ConversationId) -> Result<Option<String>, StoreError> {
        Ok(self
            .0
            .prepare_cached("SELECT body FROM drafts WHERE conversation_id = ?1")?
            .query_row([conversation.as_bytes()], |row| row.get(0))
            .optional()?)
    }
}

impl Writing<'_> {
    /// Keeps `body` as the draft; an empty one forgets it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_draft(
        &self,
        conversation: ConversationId,
        body: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if body.is_empty() {
            return self.forget_draft(conversation);
        }
        self.0
            .0
            .prepare_cached(
                "INSERT INTO drafts (conversation_id, body, changed_at_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (conversation_id) DO UPDATE
                 SET body = excluded.body, changed_at_ms = excluded.changed_at_ms",
            )?
            .execute((conversation.as_bytes(), body, now_ms))?;
        Ok(())
    }

    /// Forgets the draft.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_draft(&self, conversation: ConversationId) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached("DELETE FROM drafts WHERE conversation_id = ?1")?
            .execute([conversation.as_bytes()])?;
        Ok(())
    }
}
