//! Heads of conversations, and what is purged when access is lost.

use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState};
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, Epoch};
use portico_wire::looked_at::SeqSet;
use portico_wire::push::PushContent;
use rusqlite::OptionalExtension as _;

use super::spans::Ranges;
use super::values::{from_json, int, to_json, uint};
use super::{Fact, Reading, StoreError, Writing};

impl Reading<'_> {
    /// The head of a conversation; none if this phone does not hold it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn head(&self, conversation: ConversationId) -> Result<Option<ConversationHead>, StoreError> {
        let text: Option<String> = self
            .0
            .prepare_cached("SELECT head FROM conversations WHERE conversation_id = ?1")?
            .query_row([conversation.as_bytes()], |row| row.get(0))
            .optional()?;
        text.as_deref().map(from_json).transpose()
    }

    /// Whether access to a conversation was lost since it was last held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_access_lost(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        Ok(self.lost_access(conversation)?.is_some() && self.head(conversation)?.is_none())
    }

    /// Whether a push was made before access to its conversation was lost (R41). One of this life of the server is
    /// not outdated by a loss in a life that a restore undid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_outdated(&self, push: &PushContent) -> Result<bool, StoreError> {
        if self.is_closed()? {
            return Ok(true);
        }
        let Some((epoch, log_seq)) = self.lost_access(push.conversation_id)? else { return Ok(false) };
        if push.epoch == epoch {
            return Ok(push.log_seq <= log_seq);
        }
        Ok(self.epoch()? != Some(push.epoch))
    }

    fn lost_access(&self, conversation: ConversationId) -> Result<Option<(Epoch, u64)>, StoreError> {
        Ok(self
            .0
            .prepare_cached("SELECT epoch, log_seq FROM lost_access WHERE conversation_id = ?1")?
            .query_row([conversation.as_bytes()], |row| {
                Ok((Epoch::from_bytes(row.get(0)?), uint(row.get(1)?)))
            })
            .optional()?)
    }
}

impl Writing<'_> {
    /// Takes the head as the server has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_head(&self, head: &ConversationHead) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "INSERT INTO conversations (conversation_id, head, readable_from_seq, last_seq, last_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (conversation_id) DO UPDATE SET head = excluded.head,
                    readable_from_seq = excluded.readable_from_seq, last_seq = excluded.last_seq,
                    last_at_ms = excluded.last_at_ms, on_server = 1",
            )?
            .execute((
                head.conversation_id.as_bytes(),
                to_json(head)?,
                int(head.readable_from_seq),
                int(head.last_seq),
                head.last_at_ms,
            ))?;
        Ok(())
    }

    /// A newer entry moves its conversation to the top. One whose head has not come yet gets a bare one.
    pub(super) fn raise_head(&self, entry: &Entry) -> Result<(), StoreError> {
        let conversation = entry.conversation_id;
        let Some(mut head) = self.head(conversation)? else { return self.put_head(&bare_head(entry)) };
        if entry.seq > head.last_seq {
            head.last_seq = entry.seq;
            head.last_at_ms = entry.accepted_at_ms;
            self.put_head(&head)?;
        }
        Ok(())
    }

    /// Purges what this phone received of a conversation: entries, index, spans, looks, previews (R41).
    ///
    /// What the person wrote here and the server has not answered stays, and ends with its answer. Texts kept for
    /// offering again after a restore go: what access loss purged is not offered again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purge_conversation(
        &self,
        conversation: ConversationId,
        epoch: Epoch,
        log_seq: u64,
    ) -> Result<(), StoreError> {
        let places: Vec<i64> = self
            .0
            .0
            .prepare_cached("SELECT place FROM entries WHERE conversation_id = ?1")?
            .query_map([conversation.as_bytes()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for place in places {
            self.drop_place(place)?;
        }
        for ranges in [Ranges::Spans, Ranges::Looks] {
            self.replace_ranges(ranges, conversation, &SeqSet::default())?;
        }
        for sql in [
            "DELETE FROM untold_looks WHERE conversation_id = ?1",
            "DELETE FROM previews WHERE conversation_id = ?1",
            "DELETE FROM held_files WHERE conversation_id = ?1",
            "DELETE FROM conversations WHERE conversation_id = ?1",
            "UPDATE outbox SET body = '', copies = NULL, held = 0 WHERE conversation_id = ?1 AND state = 'accepted'",
        ] {
            self.0.0.prepare_cached(sql)?.execute([conversation.as_bytes()])?;
        }
        self.0
            .0
            .prepare_cached(
                "INSERT INTO lost_access (conversation_id, epoch, log_seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT (conversation_id) DO UPDATE SET epoch = excluded.epoch, log_seq = excluded.log_seq",
            )?
            .execute((conversation.as_bytes(), epoch.as_bytes(), int(log_seq)))?;
        Ok(())
    }
}

impl Writing<'_> {
    /// The person does not belong to the firm any more: purges everything that this phone received, and notes it (R41,
    /// R43). Which conversations went. `epoch`: the server's, in which what is unsent is offered from now on; nothing that
    /// was accepted before is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn close(&self, epoch: Option<Epoch>) -> Result<Vec<ConversationId>, StoreError> {
        self.set(Fact::Closed, &true)?;
        // It was said under a session.
        self.unset(Fact::SignedOut)?;
        self.unset(Fact::PendingTap)?;
        self.0.0.execute_batch("DELETE FROM previews; DELETE FROM unknown_events;")?;
        if let Some(epoch) = epoch.filter(|epoch| self.epoch().is_ok_and(|before| before != Some(*epoch))) {
            self.forget_server_bytes()?;
            self.set(Fact::Epoch, &epoch)?;
            self.set(Fact::EpochCount, &(self.epoch_count()? + 1))?;
        }
        let Some(epoch) = self.epoch()? else { return Ok(Vec::new()) };
        let log_seq = self.fact(Fact::Cursor)?.unwrap_or(0);
        let held: Vec<ConversationId> = self
            .0
            .0
            .prepare_cached("SELECT conversation_id FROM conversations ORDER BY conversation_id")?
            .query_map([], |row| row.get(0).map(ConversationId::from_bytes))?
            .collect::<Result<_, _>>()?;
        for conversation in &held {
            self.purge_conversation(*conversation, epoch, log_seq)?;
        }
        Ok(held)
    }
}

fn bare_head(entry: &Entry) -> ConversationHead {
    ConversationHead {
        conversation_id: entry.conversation_id,
        kind: ConversationKind::Unknown,
        title: String::new(),
        matter_id: None,
        state: ConversationState::Unknown,
        may_post: false,
        participants: Vec::new(),
        readable_from_seq: entry.seq,
        last_seq: entry.seq,
        last_at_ms: entry.accepted_at_ms,
    }
}
