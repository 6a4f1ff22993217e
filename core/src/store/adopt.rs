//! Adopting an epoch: one transaction takes the new epoch, the snapshot, and what must be offered or told again.
//!
//! Holds (design section 3): epoch, re-offers and the dropped requests change together; what the snapshot lacks is
//! not purged; looks are repeated by entry, not by place.

use portico_wire::ids::ConversationId;
use portico_wire::limits::RESTORE_MARGIN_MS;
use portico_wire::looked_at::{SeqRange, SeqSet};
use portico_wire::sync::{Snapshot, SnapshotConversation};

use super::facts::Fact;
use super::spans::Ranges;
use super::values::uint;
use super::{Reading, StoreError, Writing};
use crate::outbox::machine::{Event, step};

/// What adopting changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Whether the server was restored: this phone lived in another epoch before.
    pub restored: bool,
    /// How many sends are offered again.
    pub reoffered: usize,
    /// Conversations that were purged, because access to them was lost (R41).
    pub lost: Vec<ConversationId>,
}

impl Reading<'_> {
    /// How many epochs this phone has adopted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn epoch_count(&self) -> Result<u64, StoreError> {
        Ok(self.fact(Fact::EpochCount)?.unwrap_or(0))
    }
}

impl Writing<'_> {
    /// Takes `snapshot`: the first one, one of a new epoch, or one after a cursor that was compacted away.
    ///
    /// # Errors
    /// [`StoreError`]; the phone stays in its epoch, whole.
    pub fn adopt(&self, snapshot: &Snapshot, now_ms: i64) -> Result<Adopted, StoreError> {
        let before = self.epoch()?;
        let restored = before.is_some_and(|epoch| epoch != snapshot.epoch);
        let mut reoffered = 0;
        // First: what access loss purges is not offered again.
        let mut lost = Vec::new();
        for loss in &snapshot.access_lost {
            if self.head(loss.conversation_id)?.is_some() {
                self.purge_conversation(loss.conversation_id, snapshot.epoch, loss.log_seq)?;
                lost.push(loss.conversation_id);
            }
        }
        if restored {
            reoffered = self.reoffer(snapshot.restored_to_ms, now_ms)?;
            self.doubt_everything()?;
            self.forget_server_bytes()?;
        }
        if before != Some(snapshot.epoch) {
            self.set(Fact::Epoch, &snapshot.epoch)?;
            self.set(Fact::EpochCount, &(self.epoch_count()? + 1))?;
            self.unset(Fact::BackedUpThrough)?;
            self.set(Fact::PushAddressUntold, &true)?;
        }
        self.set(Fact::Cursor, &snapshot.next_seq)?;
        for conversation in &snapshot.conversations {
            self.adopt_conversation(conversation)?;
        }
        if restored {
            self.repeat_looks(now_ms)?;
        }
        Ok(Adopted { restored, reoffered, lost })
    }

    /// Drops every request in flight, and lines up what the restored server may lack.
    fn reoffer(&self, restored_to_ms: Option<i64>, now_ms: i64) -> Result<usize, StoreError> {
        for entry in self.open_entries()? {
            self.keep_progress(entry.send_key, &step(entry.progress, Event::RequestForgotten, now_ms).0)?;
        }
        let since_ms = restored_to_ms.unwrap_or(0).saturating_sub(RESTORE_MARGIN_MS);
        let lacking = self.entries_to_reoffer(since_ms)?;
        for entry in &lacking {
            let again = step(entry.progress.clone(), Event::ReofferDue, now_ms).0;
            self.keep_progress(entry.send_key, &again)?;
            self.line_up_again(entry.send_key)?;
        }
        Ok(lacking.len())
    }

    /// Nothing is known to stand in the restored log until a page shows it. Looks move onto the entries.
    fn doubt_everything(&self) -> Result<(), StoreError> {
        self.0.0.execute_batch(
            "UPDATE entries SET relook = 1 WHERE EXISTS (
                SELECT 1 FROM looks WHERE looks.conversation_id = entries.conversation_id
                AND entries.seq BETWEEN looks.from_seq AND looks.to_seq);
             UPDATE entries SET standing = 1 WHERE standing = 0;
             UPDATE conversations SET on_server = 0;
             DELETE FROM spans; DELETE FROM looks; DELETE FROM untold_looks;",
        )?;
        Ok(())
    }

    fn adopt_conversation(&self, conversation: &SnapshotConversation) -> Result<(), StoreError> {
        let id = conversation.head.conversation_id;
        self.put_head(&conversation.head)?;
        // The newest entries are here: whatever else stands at or above the first of them, the server lacks.
        let from_seq = conversation.entries.first().map_or(conversation.head.last_seq + 1, |entry| entry.seq);
        self.put_page(id, from_seq, i64::MAX as u64, &conversation.entries)?;
        let known = self.ranges(Ranges::Looks, id)?;
        let union = SeqSet::of(known.ranges().iter().chain(&conversation.looked_at).copied());
        self.replace_ranges(Ranges::Looks, id, &union)
    }

    /// Tells the restored server again of looks at entries it has and does not know to be looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn repeat_looks(&self, now_ms: i64) -> Result<(), StoreError> {
        let looked: Vec<(i64, [u8; 16], i64)> = self
            .0
            .0
            .prepare_cached(
                "SELECT place, conversation_id, seq FROM entries WHERE relook = 1 AND standing = 0",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (place, conversation, seq) in looked {
            let seq = uint(seq);
            let conversation = ConversationId::from_bytes(conversation);
            self.look_at(conversation, SeqRange { from_seq: seq, to_seq: seq }, now_ms)?;
            self.0.0.prepare_cached("UPDATE entries SET relook = 0 WHERE place = ?1")?.execute([place])?;
        }
        Ok(())
    }
}
