//! *Looked at*: ranges of entries that were on screen, and their union.
//!
//! Holds: ranges are appended, never max-merged. Opening the newest message does not mark those above it (R6, R24).

use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, Epoch};

/// Entries `from_seq..=to_seq` of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SeqRange {
    /// The first.
    pub from_seq: u64,
    /// The last, included.
    pub to_seq: u64,
}

/// A range with the time it was on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShownRange {
    /// The first.
    pub from_seq: u64,
    /// The last, included.
    pub to_seq: u64,
    /// When it was on screen, by the phone's clock, UTC milliseconds.
    pub shown_at_ms: i64,
}

/// The body of `PUT /v1/conversations/{id}/looked-at`. Idempotent: the server keeps the union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LookedAt {
    /// The epoch the phone lives in.
    pub epoch: Epoch,
    /// What was on screen.
    pub ranges: Vec<ShownRange>,
}

/// What this person has looked at in one conversation, on all devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LookedAtState {
    /// Where.
    pub conversation_id: ConversationId,
    /// The union: ascending, apart by at least one.
    pub ranges: Vec<SeqRange>,
}

/// A set of seqs as ascending ranges that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeqSet(Vec<SeqRange>);

impl SeqSet {
    /// The union of `ranges`, in any order; a range that ends before it begins counts as empty.
    #[must_use]
    pub fn of(ranges: impl IntoIterator<Item = SeqRange>) -> Self {
        let mut sorted: Vec<SeqRange> = ranges.into_iter().filter(|r| r.from_seq <= r.to_seq).collect();
        sorted.sort_unstable();
        let mut out: Vec<SeqRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match out.last_mut() {
                Some(last) if range.from_seq <= last.to_seq.saturating_add(1) => {
                    last.to_seq = last.to_seq.max(range.to_seq);
                }
                _ => out.push(range),
            }
        }
        Self(out)
    }

    /// The same set with `range` in it.
    #[must_use]
    pub fn with(self, range: SeqRange) -> Self {
        Self::of(self.0.into_iter().chain([range]))
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[SeqRange] {
        &self.0
    }

    /// Whether `seq` is in the set.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        self.0.iter().any(|range| (range.from_seq..=range.to_seq).contains(&seq))
    }

    /// What of `within` is not in the set, ascending.
    #[must_use]
    pub fn gaps(&self, within: SeqRange) -> Vec<SeqRange> {
        let mut out = Vec::new();
        let mut next = within.from_seq;
        for range in self.0.iter().filter(|r| r.to_seq >= within.from_seq && r.from_seq <= within.to_seq) {
            if range.from_seq > next {
                out.push(SeqRange { from_seq: next, to_seq: range.from_seq.saturating_sub(1) });
            }
            next = range.to_seq.saturating_add(1);
        }
        if next <= within.to_seq {
            out.push(SeqRange { from_seq: next, to_seq: within.to_seq });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from_seq: u64, to_seq: u64) -> SeqRange {
        SeqRange { from_seq, to_seq }
    }

    // R6, R24
    #[test]
    fn newest_looked_at_leaves_those_above_unread() {
        let looked = SeqSet::of([range(9, 9), range(1, 2), range(3, 4), range(7, 5)]);

        assert_eq!(looked.ranges(), [range(1, 4), range(9, 9)]);
        assert!(looked.contains(9) && !looked.contains(8));
        assert_eq!(looked.gaps(range(1, 10)), [range(5, 8), range(10, 10)]);
    }
}
