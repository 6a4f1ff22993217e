//! What phones read: pages of events, the snapshot, history. Each is one reading transaction.
//!
//! Holds: access is asked when a row is read, not only when it was written. A row that may not be read any more
//! comes out as an event of kind `skipped`: its place in the log stays, and it says nothing.

use portico_wire::conversation::ConversationHead;
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, Epoch, FirmId, PersonId};
use portico_wire::limits::{PAGE_BYTES_MAX, SNAPSHOT_ENTRIES};
use portico_wire::looked_at::LookedAtState;
use portico_wire::sync::{
    AccessLost, EventBody, HistoryPage, Snapshot, SnapshotConversation, SnapshotLoss, SyncEvent,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::value::RawValue;

use super::log::{ENTRY_COLUMNS, ENTRY_TABLES, for_reader, read_entry};
use super::sessions::{self, Caller};
use super::store::{Store, StoreError};
use super::{backups, facts, heads, looks, people, row};
use crate::access::{self, Membership, Stay};

/// Past this many bytes a snapshot gives heads with fewer entries: what is missing comes by history.
const SNAPSHOT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a long poll finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// The device was signed out, or the membership has ended.
    SessionEnded,
    /// The person belongs to the firm no longer.
    MembershipEnded,
    /// The cursor is beyond the log: it is of another life.
    BeyondTheLog,
    /// Events after the cursor; none if nothing has changed.
    Events(EventPage),
}

/// A page of events.
#[derive(Debug)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<SyncEvent>,
    pub(crate) next_seq: u64,
    pub(crate) more: bool,
    pub(crate) backed_up_through_ms: Option<i64>,
}

impl Store {
    /// Events after `after`, ascending without a gap: at most `limit`, and at most [`PAGE_BYTES_MAX`] of data (one
    /// event may be larger alone).
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn events_after(
        &self,
        caller: Caller,
        after: u64,
        limit: u32,
    ) -> Result<Found, StoreError> {
        self.read(move |tx| {
            match sessions::membership_now(tx, caller)? {
                Some(Membership::Current) => {}
                Some(Membership::Ended) => return Ok(Found::MembershipEnded),
                None => return Ok(Found::SessionEnded),
            }
            let last = last_event_seq(tx, caller.firm_id, caller.person_id)?;
            if after > last {
                return Ok(Found::BeyondTheLog);
            }
            let mut page = EventPage {
                events: Vec::new(),
                next_seq: after,
                more: false,
                backed_up_through_ms: backups::backed_up_through_ms(tx)?,
            };
            let mut bytes = 0;
            for reference in references(tx, caller, after, limit)? {
                let event = resolve(tx, caller, reference)?;
                bytes += event.data.get().len();
                if bytes > PAGE_BYTES_MAX && !page.events.is_empty() {
                    break;
                }
                page.next_seq = event.seq;
                page.events.push(event);
            }
            page.more = page.next_seq < last;
            Ok(Found::Events(page))
        })
        .await
    }

    /// Everything a phone begins from. `asked`: the epoch it comes from, if it has one.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn snapshot(
        &self,
        caller: Caller,
        asked: Option<Epoch>,
        now_ms: i64,
    ) -> Result<Snapshot, StoreError> {
        let epoch = self.epoch();
        self.read(move |tx| {
            let conversations = conversations(tx, caller)?;
            Ok(Snapshot {
                epoch,
                next_seq: last_event_seq(tx, caller.firm_id, caller.person_id)?,
                restored_to_ms: match asked {
                    Some(asked) => backups::restored_to_since(tx, asked)?,
                    None => None,
                },
                access_lost: access_lost(tx, caller, &conversations)?,
                conversations,
                server_time_ms: now_ms,
                backed_up_through_ms: backups::backed_up_through_ms(tx)?,
            })
        })
        .await
    }

    /// Entries below `before`, the newest of them, ascending without a gap; none where the caller may not know of
    /// the conversation, or there is none.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn history(
        &self,
        caller: Caller,
        conversation: ConversationId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Option<HistoryPage>, StoreError> {
        let epoch = self.epoch();
        self.read(move |tx| {
            let (firm, person) = (caller.firm_id, caller.person_id);
            let Some(member) = people::member(tx, firm, person)? else { return Ok(None) };
            let known = facts::facts(tx, firm, person, conversation)?
                .is_some_and(|facts| access::can_know_of(member.reader, &facts.place));
            if !known {
                return Ok(None);
            }
            let below = before.unwrap_or(u64::MAX);
            let entries = newest_below(tx, caller, conversation, below, limit, PAGE_BYTES_MAX)?;
            let oldest = entries.first().map_or(below, |entry| entry.seq);
            let more = !newest_below(tx, caller, conversation, oldest, 1, PAGE_BYTES_MAX)?.is_empty();
            Ok(Some(HistoryPage { epoch, entries, more }))
        })
        .await
    }
}

fn last_event_seq(connection: &Connection, firm: FirmId, person: PersonId) -> rusqlite::Result<u64> {
    let found = connection
        .prepare_cached("SELECT last_event_seq FROM memberships WHERE firm_id = ?1 AND person_id = ?2")?
        .query_row(params![firm.as_bytes(), person.as_bytes()], |row| row::seq(row, 0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

struct Reference {
    seq: u64,
    kind: String,
    conversation: ConversationId,
    entry_seq: u64,
}

fn references(
    connection: &Connection,
    caller: Caller,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<Reference>> {
    connection
        .prepare_cached(
            "SELECT seq, kind, conversation_id, coalesce(entry_seq, 0) FROM events
             WHERE firm_id = ?1 AND person_id = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
        )?
        .query_map(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), row::stored(after), limit],
            |row| {
                Ok(Reference {
                    seq: row::seq(row, 0)?,
                    kind: row.get(1)?,
                    conversation: row::id(row, 2, ConversationId::from_bytes)?,
                    entry_seq: row::seq(row, 3)?,
                })
            },
        )?
        .collect()
}

/// Joins the state that a reference stands for, as the caller may see it at this moment.
fn resolve(connection: &Connection, caller: Caller, reference: Reference) -> rusqlite::Result<SyncEvent> {
    let (firm, person, conversation) = (caller.firm_id, caller.person_id, reference.conversation);
    let head = || heads::head(connection, firm, person, conversation);
    let body = match reference.kind.as_str() {
        "entry" => readable_entry(connection, caller, conversation, reference.entry_seq)?
            .map(|entry| EventBody::Entry(Box::new(entry))),
        "conversation" => head()?.map(|(head, _)| EventBody::Conversation(Box::new(head))),
        "looked_at" => match head()? {
            Some(_) => Some(EventBody::LookedAt(LookedAtState {
                conversation_id: conversation,
                ranges: looks::looked_at(connection, firm, person, conversation)?.ranges().to_vec(),
            })),
            None => None,
        },
        _ => Some(EventBody::AccessLost(AccessLost { conversation_id: conversation })),
    };
    let event = body.and_then(|body| SyncEvent::of(reference.seq, &body));
    Ok(event.unwrap_or_else(|| skipped(reference.seq)))
}

/// The place in the log of what may not be read any more.
fn skipped(seq: u64) -> SyncEvent {
    let data = RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
    SyncEvent { seq, kind: "skipped".to_owned(), v: 1, data }
}

fn readable_entry(
    connection: &Connection,
    caller: Caller,
    conversation: ConversationId,
    seq: u64,
) -> rusqlite::Result<Option<Entry>> {
    let readable = access::readable_by("e.conversation_id", "e.seq");
    let found = connection
        .prepare_cached(&format!(
            "SELECT {ENTRY_COLUMNS} FROM {ENTRY_TABLES}
             WHERE e.firm_id = ?1 AND e.conversation_id = ?3 AND e.seq = ?4 AND {readable}"
        ))?
        .query_row(
            params![
                caller.firm_id.as_bytes(),
                caller.person_id.as_bytes(),
                conversation.as_bytes(),
                row::stored(seq)
            ],
            read_entry,
        )
        .optional()?;
    Ok(found.map(|entry| for_reader(entry, caller.person_id)))
}

/// The newest readable entries below `below`, ascending, up to the first gap and within `bytes_max` (one entry may
/// be larger alone).
fn newest_below(
    connection: &Connection,
    caller: Caller,
    conversation: ConversationId,
    below: u64,
    limit: u32,
    bytes_max: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let readable = access::readable_by("e.conversation_id", "e.seq");
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY_COLUMNS} FROM {ENTRY_TABLES}
         WHERE e.firm_id = ?1 AND e.conversation_id = ?3 AND e.seq < ?4 AND {readable}
         ORDER BY e.seq DESC LIMIT ?5"
    ))?;
    let mut rows = statement.query(params![
        caller.firm_id.as_bytes(),
        caller.person_id.as_bytes(),
        conversation.as_bytes(),
        row::stored(below),
        limit
    ])?;
    let (mut entries, mut bytes) = (Vec::<Entry>::new(), 0);
    while let Some(row) = rows.next()? {
        let entry = for_reader(read_entry(row)?, caller.person_id);
        bytes += size(&entry);
        let follows = entries.last().is_none_or(|newer| newer.seq == entry.seq + 1);
        if !follows || (bytes > bytes_max && !entries.is_empty()) {
            break;
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(entries)
}

/// How much of a page an entry takes; a control character takes six bytes of JSON for one.
pub(super) fn size(entry: &Entry) -> usize {
    serde_json::to_string(entry).map_or(0, |json| json.len())
}

fn conversations(connection: &Connection, caller: Caller) -> rusqlite::Result<Vec<SnapshotConversation>> {
    let mut held = held(connection, caller)?;
    // The newest first: they get their entries before the bytes run out.
    held.sort_by_key(|(head, _)| (std::cmp::Reverse(head.last_at_ms), head.conversation_id));
    let mut left = SNAPSHOT_BYTES_MAX;
    let mut out = Vec::with_capacity(held.len());
    for (head, span) in held {
        let entries = newest_of(connection, caller, &head, span, left)?;
        left = left.saturating_sub(entries.iter().map(size).sum());
        let conversation = head.conversation_id;
        let looked = looks::looked_at(connection, caller.firm_id, caller.person_id, conversation)?;
        out.push(SnapshotConversation { head, entries, looked_at: looked.ranges().to_vec() });
    }
    Ok(out)
}

/// What the person lost access to, and does not hold again.
fn access_lost(
    connection: &Connection,
    caller: Caller,
    held: &[SnapshotConversation],
) -> rusqlite::Result<Vec<SnapshotLoss>> {
    let mut lost = connection.prepare_cached(
        "SELECT conversation_id, max(seq) FROM events
         WHERE firm_id = ?1 AND person_id = ?2 AND kind = 'access_lost' GROUP BY conversation_id",
    )?;
    let lost = lost.query_map(params![caller.firm_id.as_bytes(), caller.person_id.as_bytes()], |found| {
        let conversation_id = row::id(found, 0, ConversationId::from_bytes)?;
        Ok(SnapshotLoss { conversation_id, log_seq: row::seq(found, 1)? })
    })?;
    let holds = |id| held.iter().any(|conversation| conversation.head.conversation_id == id);
    lost.filter(|loss| loss.as_ref().map_or(true, |loss| !holds(loss.conversation_id))).collect()
}

/// The newest entries of what the phone holds, as far as the bytes reach.
fn newest_of(
    connection: &Connection,
    caller: Caller,
    head: &ConversationHead,
    span: Stay,
    bytes_left: usize,
) -> rusqlite::Result<Vec<Entry>> {
    if bytes_left == 0 || head.last_seq < span.from_seq {
        return Ok(Vec::new());
    }
    let below = head.last_seq + 1;
    let mut entries =
        newest_below(connection, caller, head.conversation_id, below, SNAPSHOT_ENTRIES, bytes_left)?;
    entries.retain(|entry| entry.seq >= span.from_seq);
    Ok(entries)
}

/// Every conversation the caller is in, or has left and may read on.
fn held(connection: &Connection, caller: Caller) -> rusqlite::Result<Vec<(ConversationHead, Stay)>> {
    let (firm, person) = (caller.firm_id, caller.person_id);
    let ids: Vec<ConversationId> = connection
        .prepare_cached("SELECT DISTINCT conversation_id FROM stays WHERE firm_id = ?1 AND person_id = ?2")?
        .query_map(params![firm.as_bytes(), person.as_bytes()], |row| {
            row::id(row, 0, ConversationId::from_bytes)
        })?
        .collect::<rusqlite::Result<_>>()?;
    let heads = ids.into_iter().map(|conversation| heads::head(connection, firm, person, conversation));
    heads.filter_map(Result::transpose).collect()
}
