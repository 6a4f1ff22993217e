//! What the access rule needs to know of a conversation for one reader, and what the log needs to go on.

use portico_wire::conversation::{ConversationKind, ConversationState};
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::row;
use crate::access::{MatterDoor, Place, Stay};
use crate::log::append::Tail;

/// One conversation as one person meets it.
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) matter_id: Option<MatterId>,
    pub(super) created_at_ms: i64,
    pub(super) tail: Tail,
    pub(super) place: Place,
}

/// Reads the facts; none where the firm has no such conversation.
pub(super) fn facts(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Option<Facts>> {
    let found = connection
        .prepare_cached(
            "SELECT c.kind, c.state, c.title, c.matter_id, c.created_at_ms, c.last_seq, c.last_hash,
                    coalesce(m.restricted, 0) AND NOT EXISTS (
                      SELECT 1 FROM matter_listed AS l
                      WHERE l.firm_id = ?1 AND l.matter_id = c.matter_id AND l.person_id = ?2)
             FROM conversations AS c
             LEFT JOIN matters AS m ON m.firm_id = c.firm_id AND m.matter_id = c.matter_id
             WHERE c.firm_id = ?1 AND c.conversation_id = ?3",
        )?
        .query_row(params![firm.as_bytes(), person.as_bytes(), conversation.as_bytes()], |row| {
            let (kind, state): (ConversationKind, ConversationState) =
                (row::kind(row, 0)?, row::state(row, 1)?);
            let door = if row.get(7)? { MatterDoor::Shut } else { MatterDoor::Open };
            Ok(Facts {
                title: row.get(2)?,
                matter_id: row::id_opt(row, 3, MatterId::from_bytes)?,
                created_at_ms: row.get(4)?,
                tail: Tail { firm, conversation, seq: row::seq(row, 5)?, hash: row::hash(row, 6)? },
                place: Place { kind, state, door, stays: Vec::new() },
            })
        })
        .optional()?;
    let Some(mut facts) = found else { return Ok(None) };
    facts.place.stays = stays(connection, firm, person, conversation)?;
    Ok(Some(facts))
}

fn stays(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<Stay>> {
    connection
        .prepare_cached(
            "SELECT from_seq, until_seq FROM stays
             WHERE firm_id = ?1 AND conversation_id = ?2 AND person_id = ?3 ORDER BY from_seq",
        )?
        .query_map(params![firm.as_bytes(), conversation.as_bytes(), person.as_bytes()], |row| {
            let until: Option<i64> = row.get(1)?;
            Ok(Stay {
                from_seq: row::seq(row, 0)?,
                until_seq: until.map(|seq| u64::try_from(seq).unwrap_or(0)),
            })
        })?
        .collect()
}

/// Who is in the conversation now, ascending: the order in which their logs are written.
pub(super) fn participants(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<PersonId>> {
    connection
        .prepare_cached(
            "SELECT person_id FROM stays
             WHERE firm_id = ?1 AND conversation_id = ?2 AND until_seq IS NULL ORDER BY person_id",
        )?
        .query_map(params![firm.as_bytes(), conversation.as_bytes()], |row| {
            row::id(row, 0, PersonId::from_bytes)
        })?
        .collect()
}
