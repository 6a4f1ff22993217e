//! What screens read: the list, and one page of a conversation.

use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::looked_at::{SeqRange, SeqSet};
use rusqlite::OptionalExtension as _;

use super::entries::{ENTRY_COLUMNS, EntryStanding, entry_of};
use super::spans::Ranges;
use super::values::{from_json, int, uint};
use super::{Reading, StoreError};
use crate::outbox::entry::Lane;
use crate::timeline::item::{ConversationRow, Echo, FirstScreen, TimelineItem, TimelinePage};
use crate::upload::progress;

impl Reading<'_> {
    /// The newest `most` conversations and the badge.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn first_screen(&self, most: usize) -> Result<FirstScreen, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT conversation_id, readable_from_seq, last_seq, head FROM conversations
             ORDER BY last_at_ms DESC",
        )?;
        let mut rows = statement.query([])?;
        let mut screen = FirstScreen { conversations: Vec::new(), unread: 0 };
        while let Some(row) = rows.next()? {
            let conversation = ConversationId::from_bytes(row.get(0)?);
            let readable =
                SeqRange { from_seq: uint(row.get::<_, i64>(1)?.max(1)), to_seq: uint(row.get(2)?) };
            let unread = self.unread(conversation, readable)?;
            screen.unread += unread;
            if screen.conversations.len() < most {
                let head = from_json(row.get_ref(3)?.as_str().map_err(|_| StoreError::Damaged)?)?;
                let newest = self.newest_message(conversation)?;
                let unsent = self.unsent(conversation)?;
                screen.conversations.push(ConversationRow { head, newest, unread, unsent });
            }
        }
        Ok(screen)
    }

    /// Messages of others outside the union of looks. What is not here counts: nobody has looked at it.
    fn unread(&self, conversation: ConversationId, readable: SeqRange) -> Result<u64, StoreError> {
        let looked = self.looked_at(conversation)?;
        // The words of the index `entries_quiet`, which holds all this asks for.
        let mut quiet = self.0.prepare_cached(
            "SELECT count(*) FROM entries
             WHERE conversation_id = ?1 AND seq BETWEEN ?2 AND ?3 AND quiet = 1 AND standing < 2",
        )?;
        let mut unread = 0;
        for gap in looked.gaps(readable) {
            let key = (conversation.as_bytes(), int(gap.from_seq), int(gap.to_seq));
            let quiet = uint(quiet.query_row(key, |row| row.get(0))?);
            unread += (gap.to_seq - gap.from_seq + 1).saturating_sub(quiet);
        }
        Ok(unread)
    }

    /// Not one that a restored server lacks: its author's phone offers it again, and then it comes anew.
    fn newest_message(&self, conversation: ConversationId) -> Result<Option<Entry>, StoreError> {
        let sql = format!(
            "SELECT {ENTRY_COLUMNS} FROM entries
             WHERE conversation_id = ?1 AND kind = 'message' AND standing < 2 ORDER BY seq DESC LIMIT 1"
        );
        let row = self.0.prepare_cached(&sql)?.query_row([conversation.as_bytes()], entry_of).optional()?;
        Ok(row.map(|(entry, _)| entry))
    }

    fn unsent(&self, conversation: ConversationId) -> Result<u64, StoreError> {
        let count: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM outbox WHERE conversation_id = ?1 AND dismissed = 0")?
            .query_row([conversation.as_bytes()], |row| row.get(0))?;
        Ok(uint(count))
    }

    /// One page: at most `most` entries below `before_seq` (none for the newest, with echoes at the end).
    ///
    /// None if this phone does not hold the conversation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn timeline(
        &self,
        conversation: ConversationId,
        before_seq: Option<u64>,
        most: usize,
    ) -> Result<Option<TimelinePage>, StoreError> {
        let Some(head) = self.head(conversation)? else { return Ok(None) };
        let entries = self.entries_before(conversation, before_seq.unwrap_or(u64::MAX), most)?;
        let looked = self.looked_at(conversation)?;
        let echoes = if before_seq.is_none() { self.echoes(Some(conversation))? } else { Vec::new() };
        let oldest = entries.first().map(|(entry, _)| entry.seq);
        let has_older = oldest
            .map_or(head.last_seq >= head.readable_from_seq && head.last_seq > 0, |oldest| {
                oldest > head.readable_from_seq.max(1)
            });
        let newest_below = before_seq.map_or(head.last_seq, |before| before.saturating_sub(1));
        let mut items = self.with_gaps(entries, &looked, newest_below)?;
        let shown: Vec<SendKey> = items.iter().filter_map(send_key_of).collect();
        items.extend(
            echoes.into_iter().filter(|echo| !shown.contains(&echo.send_key)).map(TimelineItem::Unsent),
        );
        let draft = self.draft(conversation)?;
        let picked = self.composing(conversation)?.map(|batch| batch.files).unwrap_or_default();
        Ok(Some(TimelinePage { head, items, has_older, draft, picked }))
    }

    /// Unsent messages of one conversation, or of all, in the order in which they will arrive.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn echoes(&self, conversation: Option<ConversationId>) -> Result<Vec<Echo>, StoreError> {
        let signed_out = self.is_signed_out()?;
        let rows = self.shown_outbox(conversation)?;
        let mut echoes = Vec::with_capacity(rows.len());
        for (entry, back) in rows {
            let lane = entry.lane;
            let Some(mut echo) = Echo::of(entry, back.0, signed_out) else { continue };
            if lane == Lane::Batches
                && let Some(batch) = self.batch(echo.send_key)?
            {
                echo.held_bytes = progress::plain_bytes(&batch);
                echo.files = batch.files;
            }
            echoes.push(echo);
        }
        Ok(echoes)
    }

    fn entries_before(
        &self,
        conversation: ConversationId,
        before_seq: u64,
        most: usize,
    ) -> Result<Vec<(Entry, EntryStanding)>, StoreError> {
        let sql = format!(
            "SELECT {ENTRY_COLUMNS} FROM entries WHERE conversation_id = ?1 AND seq < ?2
             ORDER BY seq DESC, standing DESC LIMIT ?3"
        );
        let mut entries = self
            .0
            .prepare_cached(&sql)?
            .query_map((conversation.as_bytes(), int(before_seq), int(most as u64)), entry_of)?
            .collect::<Result<Vec<_>, _>>()?;
        entries.reverse();
        Ok(entries)
    }

    /// Entries with the gaps between them, and above the newest one.
    fn with_gaps(
        &self,
        entries: Vec<(Entry, EntryStanding)>,
        looked: &SeqSet,
        newest_seq: u64,
    ) -> Result<Vec<TimelineItem>, StoreError> {
        let mut items = Vec::with_capacity(entries.len());
        let mut next: Option<u64> = None;
        for (entry, standing) in entries {
            if let Some(from_seq) = next.filter(|next| entry.seq > *next) {
                items.push(TimelineItem::Gap { from_seq, to_seq: entry.seq - 1 });
            }
            next = Some(entry.seq + 1);
            let offered_again = standing != EntryStanding::Held
                && entry.kind == EntryKind::Message
                && match entry.send_key {
                    Some(key) => self.outbox_entry(key)?.is_some_and(|row| row.progress.state.is_open()),
                    None => false,
                };
            let looked_at = looked.contains(entry.seq);
            items.push(TimelineItem::Logged { entry: Box::new(entry), standing, looked_at, offered_again });
        }
        if let Some(from_seq) = next.filter(|next| *next <= newest_seq) {
            items.push(TimelineItem::Gap { from_seq, to_seq: newest_seq });
        }
        Ok(items)
    }

    /// What is held of a conversation without a gap.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held_spans(&self, conversation: ConversationId) -> Result<SeqSet, StoreError> {
        self.ranges(Ranges::Spans, conversation)
    }
}

fn send_key_of(item: &TimelineItem) -> Option<SendKey> {
    match item {
        TimelineItem::Logged { entry, .. } => entry.send_key,
        TimelineItem::Gap { .. } | TimelineItem::Unsent(_) => None,
    }
}
