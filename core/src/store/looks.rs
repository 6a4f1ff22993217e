//! What this person has looked at, and what of it the server has not heard.

use portico_wire::ids::ConversationId;
use portico_wire::looked_at::{SeqRange, SeqSet, ShownRange};

use super::spans::Ranges;
use super::values::{int, uint};
use super::{Reading, StoreError, Writing};

impl Reading<'_> {
    /// The union, on all devices as far as this phone knows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn looked_at(&self, conversation: ConversationId) -> Result<SeqSet, StoreError> {
        self.ranges(Ranges::Looks, conversation)
    }

    /// One conversation with looks the server has not heard of, those looks, and the newest one's number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn untold_looks(
        &self,
        most: usize,
    ) -> Result<Option<(ConversationId, Vec<ShownRange>, i64)>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT look_id, conversation_id, from_seq, to_seq, shown_at_ms FROM untold_looks
             WHERE conversation_id = (SELECT conversation_id FROM untold_looks ORDER BY look_id LIMIT 1)
             ORDER BY look_id LIMIT ?1",
        )?;
        let rows = statement.query_map([int(most as u64)], |row| {
            let range = ShownRange {
                from_seq: uint(row.get(2)?),
                to_seq: uint(row.get(3)?),
                shown_at_ms: row.get(4)?,
            };
            Ok((row.get::<_, i64>(0)?, ConversationId::from_bytes(row.get(1)?), range))
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let Some((newest, conversation, _)) = rows.last().copied() else { return Ok(None) };
        Ok(Some((conversation, rows.into_iter().map(|(_, _, range)| range).collect(), newest)))
    }
}

impl Writing<'_> {
    /// Notes that `range` was on screen, and that the server must hear of it. What is in the union already is
    /// not noted twice; what the log does not have yet was on nobody's screen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn look_at(
        &self,
        conversation: ConversationId,
        range: SeqRange,
        shown_at_ms: i64,
    ) -> Result<bool, StoreError> {
        let Some(head) = self.head(conversation)? else { return Ok(false) };
        let shown = SeqRange { to_seq: range.to_seq.min(head.last_seq), ..range };
        let new = self.looked_at(conversation)?.gaps(shown);
        for gap in &new {
            self.0
                .0
                .prepare_cached(
                    "INSERT INTO untold_looks (conversation_id, from_seq, to_seq, shown_at_ms)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((conversation.as_bytes(), int(gap.from_seq), int(gap.to_seq), shown_at_ms))?;
            self.add_range(Ranges::Looks, conversation, *gap)?;
        }
        Ok(!new.is_empty())
    }

    /// Adds what the server says was looked at on other devices. Whether that was news.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hear_looked_at(
        &self,
        conversation: ConversationId,
        ranges: &[SeqRange],
    ) -> Result<bool, StoreError> {
        let before = self.looked_at(conversation)?;
        let after = SeqSet::of(before.ranges().iter().chain(ranges).copied());
        if after != before {
            self.replace_ranges(Ranges::Looks, conversation, &after)?;
        }
        Ok(after != before)
    }

    /// The server has heard of the looks up to number `newest`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn told_looks(&self, conversation: ConversationId, newest: i64) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached("DELETE FROM untold_looks WHERE conversation_id = ?1 AND look_id <= ?2")?
            .execute((conversation.as_bytes(), newest))?;
        Ok(())
    }
}
