//! The head of a conversation as its reader may see it.
//!
//! Holds: one who left sees the conversation as of leaving (R19): its last entry, those in it then, and that it
//! takes no more messages from them. Nothing in it moves with what follows.

use portico_wire::conversation::{ConversationHead, ConversationState, Participant};
use portico_wire::ids::{ConversationId, FirmId, PersonId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::facts::{self, Facts};
use super::{people, row};
use crate::access::{self, Reader, Stay};

/// The head, and the part of the log that a phone of `person` holds; none where there is nothing to hold.
pub(super) fn head(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Option<(ConversationHead, Stay)>> {
    let Some(member) = people::member(connection, firm, person)? else { return Ok(None) };
    let Some(facts) = facts::facts(connection, firm, person, conversation)? else { return Ok(None) };
    let Some(span) = access::held_span(member.reader, &facts.place) else { return Ok(None) };
    Ok(Some((within(connection, firm, member.reader, facts, span)?, span)))
}

/// The head as `person` may see it, whether a phone of theirs holds it or not (R15); none where they may not know of it.
pub(super) fn seen(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Option<ConversationHead>> {
    let Some(member) = people::member(connection, firm, person)? else { return Ok(None) };
    let Some(facts) = facts::facts(connection, firm, person, conversation)? else { return Ok(None) };
    let Some(span) = access::readable_span(member.reader, &facts.place) else { return Ok(None) };
    within(connection, firm, member.reader, facts, span).map(Some)
}

/// The head, as far as `span` reaches.
fn within(
    connection: &Connection,
    firm: FirmId,
    reader: Reader,
    facts: Facts,
    span: Stay,
) -> rusqlite::Result<ConversationHead> {
    let conversation = facts.tail.conversation;
    let last_seq = span.until_seq.unwrap_or(facts.tail.seq).min(facts.tail.seq);
    let left = span.until_seq.filter(|_| reader.standing.is_external());
    Ok(ConversationHead {
        conversation_id: conversation,
        kind: facts.place.kind,
        state: if left.is_some() { ConversationState::Closed } else { facts.place.state },
        may_post: access::can_post(reader, &facts.place).is_ok(),
        title: facts.title,
        matter_id: facts.matter_id,
        participants: participants(connection, firm, conversation, left)?,
        readable_from_seq: span.from_seq,
        last_seq,
        last_at_ms: accepted_at(connection, firm, conversation, last_seq)?.unwrap_or(facts.created_at_ms),
    })
}

/// Who is in it now, or was in it at entry `as_of`, by name.
fn participants(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
    as_of: Option<u64>,
) -> rusqlite::Result<Vec<Participant>> {
    connection
        .prepare_cached(
            "SELECT s.person_id, m.name, m.standing FROM stays AS s
             JOIN memberships AS m ON m.firm_id = s.firm_id AND m.person_id = s.person_id
             WHERE s.firm_id = ?1 AND s.conversation_id = ?2
               AND CASE WHEN ?3 IS NULL THEN s.until_seq IS NULL
                        ELSE s.from_seq <= ?3 AND (s.until_seq IS NULL OR ?3 <= s.until_seq) END
             ORDER BY m.name, s.person_id",
        )?
        .query_map(params![firm.as_bytes(), conversation.as_bytes(), as_of.map(row::stored)], |row| {
            Ok(Participant {
                person_id: row::id(row, 0, PersonId::from_bytes)?,
                name: row.get(1)?,
                standing: row::standing(row, 2)?,
            })
        })?
        .collect()
}

fn accepted_at(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
    seq: u64,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT accepted_at_ms FROM entries WHERE firm_id = ?1 AND conversation_id = ?2 AND seq = ?3",
        )?
        .query_row(params![firm.as_bytes(), conversation.as_bytes(), row::stored(seq)], |row| row.get(0))
        .optional()
}
