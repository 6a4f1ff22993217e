//! Each person's log of what changed: rows are references, seqs are allocated in the transaction of the change.
//!
//! Holds: allocation order is commit order, so no reader can step over a hole.

use portico_wire::ids::{ConversationId, FirmId, PersonId};
use rusqlite::params;

use super::row;
use super::writer::Write;

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// Entry `seq` was appended.
    Entry { seq: u64 },
    /// The head is another one.
    Conversation,
    /// This person has looked at something.
    LookedAt,
    /// This person may no longer know of it.
    AccessLost,
}

impl Moved {
    const fn kind(self) -> &'static str {
        match self {
            Self::Entry { .. } => "entry",
            Self::Conversation => "conversation",
            Self::LookedAt => "looked_at",
            Self::AccessLost => "access_lost",
        }
    }

    fn entry_seq(self) -> Option<i64> {
        match self {
            Self::Entry { seq } => Some(row::stored(seq)),
            Self::Conversation | Self::LookedAt | Self::AccessLost => None,
        }
    }
}

/// Writes one row into a person's log; its seq.
pub(super) fn emit(
    write: &mut Write<'_>,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
    moved: Moved,
) -> rusqlite::Result<u64> {
    let seq: i64 = write
        .connection
        .prepare_cached(
            "UPDATE memberships SET last_event_seq = last_event_seq + 1
             WHERE firm_id = ?1 AND person_id = ?2 RETURNING last_event_seq",
        )?
        .query_row(params![firm.as_bytes(), person.as_bytes()], |row| row.get(0))?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO events (firm_id, person_id, seq, kind, conversation_id, entry_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            firm.as_bytes(),
            person.as_bytes(),
            seq,
            moved.kind(),
            conversation.as_bytes(),
            moved.entry_seq()
        ])?;
    let seq = u64::try_from(seq).unwrap_or(0);
    write.moved.insert((firm, person), seq);
    Ok(seq)
}
