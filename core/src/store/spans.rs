//! Two tables of the same shape: spans (what is held without a gap) and looks (what was looked at), as unions.

use portico_wire::ids::ConversationId;
use portico_wire::looked_at::{SeqRange, SeqSet};

use super::values::{int, uint};
use super::{Reading, StoreError, Writing};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranges {
    Spans,
    Looks,
}

impl Ranges {
    const fn sql(self) -> [&'static str; 3] {
        match self {
            Self::Spans => [
                "SELECT from_seq, to_seq FROM spans WHERE conversation_id = ?1 ORDER BY from_seq",
                "DELETE FROM spans WHERE conversation_id = ?1",
                "INSERT INTO spans (conversation_id, from_seq, to_seq) VALUES (?1, ?2, ?3)",
            ],
            Self::Looks => [
                "SELECT from_seq, to_seq FROM looks WHERE conversation_id = ?1 ORDER BY from_seq",
                "DELETE FROM looks WHERE conversation_id = ?1",
                "INSERT INTO looks (conversation_id, from_seq, to_seq) VALUES (?1, ?2, ?3)",
            ],
        }
    }
}

impl Reading<'_> {
    pub(super) fn ranges(&self, which: Ranges, conversation: ConversationId) -> Result<SeqSet, StoreError> {
        let [select, ..] = which.sql();
        let mut statement = self.0.prepare_cached(select)?;
        let rows = statement.query_map([conversation.as_bytes()], |row| {
            Ok(SeqRange { from_seq: uint(row.get(0)?), to_seq: uint(row.get(1)?) })
        })?;
        Ok(SeqSet::of(rows.collect::<Result<Vec<_>, _>>()?))
    }
}

impl Writing<'_> {
    pub(super) fn replace_ranges(
        &self,
        which: Ranges,
        conversation: ConversationId,
        set: &SeqSet,
    ) -> Result<(), StoreError> {
        let [_, delete, insert] = which.sql();
        self.0.0.prepare_cached(delete)?.execute([conversation.as_bytes()])?;
        let mut insert = self.0.0.prepare_cached(insert)?;
        for range in set.ranges() {
            insert.execute((conversation.as_bytes(), int(range.from_seq), int(range.to_seq)))?;
        }
        Ok(())
    }

    pub(super) fn add_range(
        &self,
        which: Ranges,
        conversation: ConversationId,
        range: SeqRange,
    ) -> Result<(), StoreError> {
        let before = self.ranges(which, conversation)?;
        let after = before.clone().with(range);
        if after != before {
            self.replace_ranges(which, conversation, &after)?;
        }
        Ok(())
    }
}
