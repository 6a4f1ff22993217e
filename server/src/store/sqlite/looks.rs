//! What was on screen. Rows are disjoint ranges: the first look at each entry counts, repeats add nothing.
//!
//! Holds: a look moves the log of the person who looked and of nobody else (R5).

use portico_wire::ids::{ConversationId, FirmId, PersonId};
use portico_wire::looked_at::{LookedAtState, SeqRange, SeqSet, ShownRange};
use portico_wire::office::{Look, ReaderLooks};
use rusqlite::{Connection, params};

use super::events::{self, Moved};
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{facts, people, row};
use crate::access;

impl Store {
    /// Adds what was shown to what the caller has looked at; the union. None where the caller may not know of the
    /// conversation, or there is none. What they may not read is left out.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn look(
        &self,
        caller: Caller,
        conversation: ConversationId,
        shown: Vec<ShownRange>,
    ) -> Result<Option<LookedAtState>, StoreError> {
        self.write(move |write| look(write, caller, conversation, shown)).await
    }

    /// Who has looked at what of a conversation, and when, by name (R6). None where the caller does not work at the firm
    /// (R5), may not know of it, or there is none.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn readers(
        &self,
        caller: Caller,
        conversation: ConversationId,
    ) -> Result<Option<Vec<ReaderLooks>>, StoreError> {
        self.read(move |tx| {
            let (firm, person) = (caller.firm_id, caller.person_id);
            let Some(member) = people::member(tx, firm, person)? else { return Ok(None) };
            let Some(facts) = facts::facts(tx, firm, person, conversation)? else { return Ok(None) };
            if member.reader.standing.is_external() || !access::can_know_of(member.reader, &facts.place) {
                return Ok(None);
            }
            readers(tx, firm, conversation).map(Some)
        })
        .await
    }
}

fn readers(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<ReaderLooks>> {
    let mut statement = connection.prepare_cached(
        "SELECT l.person_id, m.name, l.from_seq, l.to_seq, l.shown_at_ms, l.heard_at_ms FROM looks AS l
         JOIN memberships AS m ON m.firm_id = l.firm_id AND m.person_id = l.person_id
         WHERE l.firm_id = ?1 AND l.conversation_id = ?2 ORDER BY m.name, l.person_id, l.from_seq",
    )?;
    let mut rows = statement.query(params![firm.as_bytes(), conversation.as_bytes()])?;
    let mut readers: Vec<ReaderLooks> = Vec::new();
    while let Some(found) = rows.next()? {
        let person_id = row::id(found, 0, PersonId::from_bytes)?;
        let look = Look {
            from_seq: row::seq(found, 2)?,
            to_seq: row::seq(found, 3)?,
            shown_at_ms: found.get(4)?,
            heard_at_ms: found.get(5)?,
        };
        match readers.last_mut().filter(|reader| reader.person_id == person_id) {
            Some(reader) => reader.looks.push(look),
            None => readers.push(ReaderLooks { person_id, name: found.get(1)?, looks: vec![look] }),
        }
    }
    Ok(readers)
}

fn look(
    write: &mut Write<'_>,
    caller: Caller,
    conversation: ConversationId,
    shown: Vec<ShownRange>,
) -> rusqlite::Result<Option<LookedAtState>> {
    let (firm, person) = (caller.firm_id, caller.person_id);
    let Some(member) = people::member(write.connection, firm, person)? else { return Ok(None) };
    let Some(facts) = facts::facts(write.connection, firm, person, conversation)? else { return Ok(None) };
    if !access::can_know_of(member.reader, &facts.place) {
        return Ok(None);
    }
    let before = looked_at(write.connection, firm, person, conversation)?;
    let mut after = before.clone();
    for range in shown {
        for readable in readable_parts(&facts, member.reader, range) {
            for first in after.gaps(readable) {
                insert(write, caller, conversation, first, range.shown_at_ms)?;
            }
            after = after.with(readable);
        }
    }
    if after != before {
        events::emit(write, firm, person, conversation, Moved::LookedAt)?;
    }
    Ok(Some(LookedAtState { conversation_id: conversation, ranges: after.ranges().to_vec() }))
}

/// What of `range` exists and may be read: its overlap with each stay, or with the whole log for staff.
fn readable_parts(facts: &facts::Facts, reader: access::Reader, range: ShownRange) -> Vec<SeqRange> {
    // Who reads the whole log need not have stayed; with the whole log among the stays of anybody else, what was said
    // between two of them would count as looked at.
    let whole = access::readable_span(reader, &facts.place)
        .filter(|span| *span == access::Stay { from_seq: 1, until_seq: None });
    let spans = whole.iter().chain(facts.place.stays.iter().filter(|_| whole.is_none()));
    let overlaps = spans.map(|span| SeqRange {
        from_seq: range.from_seq.max(span.from_seq),
        to_seq: range.to_seq.min(span.until_seq.unwrap_or(facts.tail.seq)).min(facts.tail.seq),
    });
    // Within one span the rule answers alike for the first and the last entry.
    let may = |part: &SeqRange| {
        part.from_seq <= part.to_seq
            && access::can_read(reader, &facts.place, part.from_seq)
            && access::can_read(reader, &facts.place, part.to_seq)
    };
    SeqSet::of(overlaps.filter(may)).ranges().to_vec()
}

fn insert(
    write: &Write<'_>,
    caller: Caller,
    conversation: ConversationId,
    range: SeqRange,
    shown_at_ms: i64,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "INSERT INTO looks (firm_id, conversation_id, person_id, from_seq, to_seq, shown_at_ms, heard_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            caller.firm_id.as_bytes(),
            conversation.as_bytes(),
            caller.person_id.as_bytes(),
            row::stored(range.from_seq),
            row::stored(range.to_seq),
            shown_at_ms,
            write.now_ms
        ])?;
    Ok(())
}

/// The union of what `person` has looked at.
pub(super) fn looked_at(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<SeqSet> {
    let ranges: Vec<SeqRange> = connection
        .prepare_cached(
            "SELECT from_seq, to_seq FROM looks WHERE firm_id = ?1 AND conversation_id = ?2 AND person_id = ?3",
        )?
        .query_map(params![firm.as_bytes(), conversation.as_bytes(), person.as_bytes()], |row| {
            Ok(SeqRange { from_seq: row::seq(row, 0)?, to_seq: row::seq(row, 1)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(SeqSet::of(ranges))
}
