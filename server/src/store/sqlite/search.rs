//! The index of messages, and who finds what in it.
//!
//! The index gives candidates, newest first; the access rule is joined to each, and `portico_wire::search` decides
//! whether it matches.
//!
//! Invariants (R15 to R17, R19): what the reader may not read is no hit, is not counted against the work of a request,
//! and is never the place to go on from. So an answer has the bytes of a firm that does not have it.
//! Bounds: [`LOOKED_AT_MAX`] messages and [`LOOKED_AT_BYTES_MAX`] of text are looked at in one request.

use std::collections::BTreeMap;
use std::ops::Range;

use portico_wire::conversation::{ConversationKind, Standing};
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, EntryId, FirmId, MatterId};
use portico_wire::limits::PAGE_BYTES_MAX;
use portico_wire::search::index::{self, Beginnings, mark};
use portico_wire::search::{FoundMessage, Query, Searchable};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::log::{ENTRY_COLUMNS, ENTRY_TABLES, for_reader, read_entry};
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::{heads, people, reading, row};
use crate::access;

/// Most messages that one request reads: about 20 ms. Only a query that the index narrows little gets there.
const LOOKED_AT_MAX: u32 = 1_000;
/// Most text that one request reads: 64 of the longest messages.
const LOOKED_AT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most matters that the engine is told to leave out. Beyond it the access rule does it alone, later for each message.
const SHUT_MATTERS_MAX: usize = 1_000;

/// What one request found.
#[derive(Debug, Default)]
pub(crate) struct FoundPage {
    /// Newest first.
    pub(crate) hits: Vec<FoundMessage>,
    /// The last message that was looked at, where there are more.
    pub(crate) next: Option<EntryId>,
}

impl Store {
    /// The newest `limit` messages that match and that the caller may read, before `before`: fewer where the page is
    /// full of bytes, or so many messages were looked at that the rest is for another request.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn search(
        &self,
        caller: Caller,
        query: Query,
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<FoundPage, StoreError> {
        self.read(move |tx| search(tx, caller, &query, before, limit)).await
    }
}

/// Puts a message into the index; its place there.
pub(super) fn index(connection: &Connection, firm: FirmId, entry: &Entry) -> rusqlite::Result<i64> {
    let place = free_place(connection, entry)?;
    let content = index::content(&Searchable::of(entry), &marks(connection, firm, entry.conversation_id)?);
    connection
        .prepare_cached("INSERT INTO message_tokens (rowid, tokens) VALUES (?1, ?2)")?
        .execute(params![place, content])?;
    Ok(place)
}

/// Several firms and conversations may take a message within one millisecond.
fn free_place(connection: &Connection, entry: &Entry) -> rusqlite::Result<i64> {
    let mut taken = connection.prepare_cached("SELECT 1 FROM entries WHERE place = ?1")?;
    let mut place = index::place(entry.accepted_at_ms, entry.seq);
    while taken.exists([place])? {
        place += 1;
    }
    Ok(place)
}

/// Where a message belongs, for ever: who may read it changes, and is asked when it is found.
fn marks(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<String>> {
    let of_conversation = |found: &rusqlite::Row<'_>| {
        let matter = row::id_opt(found, 1, MatterId::from_bytes)?;
        Ok((row::kind(found, 0)?, matter))
    };
    let (kind, matter) = connection
        .prepare_cached(
            "SELECT kind, matter_id FROM conversations WHERE firm_id = ?1 AND conversation_id = ?2",
        )?
        .query_row(params![firm.as_bytes(), conversation.as_bytes()], of_conversation)?;
    let firm = (kind != ConversationKind::Direct).then(|| firm_mark(firm));
    let marks = [Some(conversation_mark(conversation)), firm, matter.map(matter_mark)];
    Ok(marks.into_iter().flatten().collect())
}

fn conversation_mark(conversation: ConversationId) -> String {
    mark(&format!("c{}", hex(conversation.as_bytes())))
}

/// Of everything that staff read unless its matter is shut to them.
fn firm_mark(firm: FirmId) -> String {
    mark(&format!("f{}", hex(firm.as_bytes())))
}

fn matter_mark(matter: MatterId) -> String {
    mark(&format!("m{}", hex(matter.as_bytes())))
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

/// What the engine steps through for a reader. It is narrower than the firm and no narrower than the access rule.
struct Scope {
    within: Vec<String>,
    without: Vec<String>,
}

impl Scope {
    fn of(connection: &Connection, caller: Caller) -> rusqlite::Result<Option<Self>> {
        let (firm, person) = (caller.firm_id, caller.person_id);
        let Some(member) = people::current_member(connection, firm, person)? else { return Ok(None) };
        let scope = if member.reader.standing == Standing::Staff {
            let mut within = own_conversations(connection, caller, Some(ConversationKind::Direct))?;
            within.push(firm_mark(firm));
            Self { within, without: shut_matters(connection, caller)? }
        } else {
            Self { within: own_conversations(connection, caller, None)?, without: Vec::new() }
        };
        Ok((!scope.within.is_empty()).then_some(scope))
    }

    /// FTS5's words for the messages of this scope that may match `query`.
    fn expression(&self, query: &Query) -> String {
        let any = |marks: &[String]| {
            let quoted: Vec<String> = marks.iter().map(|mark| format!("\"{mark}\"")).collect();
            quoted.join(" OR ")
        };
        let narrowed =
            query.expression(Beginnings::Long).map_or(String::new(), |words| format!(" AND {words}"));
        let within = format!("(({}){narrowed})", any(&self.within));
        if self.without.is_empty() || self.without.len() > SHUT_MATTERS_MAX {
            return within;
        }
        format!("{within} NOT ({})", any(&self.without))
    }
}

/// Marks of the conversations of one kind that the caller is in, or of all that they are or were in.
fn own_conversations(
    connection: &Connection,
    caller: Caller,
    kind: Option<ConversationKind>,
) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT s.conversation_id FROM stays AS s JOIN conversations AS c
               ON c.firm_id = s.firm_id AND c.conversation_id = s.conversation_id
             WHERE s.firm_id = ?1 AND s.person_id = ?2
               AND (?3 IS NULL OR (c.kind = ?3 AND s.until_seq IS NULL))",
        )?
        .query_map(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), kind.map(row::kind_text)],
            |found| row::id(found, 0, ConversationId::from_bytes).map(conversation_mark),
        )?
        .collect()
}

/// Marks of the matters that the caller may not know of.
fn shut_matters(connection: &Connection, caller: Caller) -> rusqlite::Result<Vec<String>> {
    let known = access::matter_known_by();
    connection
        .prepare_cached(&format!(
            "SELECT place.matter_id FROM matters AS place
             WHERE place.firm_id = ?1 AND place.restricted = 1 AND NOT {known}"
        ))?
        .query_map(params![caller.firm_id.as_bytes(), caller.person_id.as_bytes()], |found| {
            row::id(found, 0, MatterId::from_bytes).map(matter_mark)
        })?
        .collect()
}

fn search(
    connection: &Connection,
    caller: Caller,
    query: &Query,
    before: Option<EntryId>,
    limit: usize,
) -> rusqlite::Result<FoundPage> {
    let Some(scope) = Scope::of(connection, caller)? else { return Ok(FoundPage::default()) };
    let Range { start, end } = query.span();
    let end = match before {
        Some(before) => end.min(place_of(connection, caller.firm_id, before)?),
        None => end,
    };
    let readable = access::readable_by("e.conversation_id", "e.seq");
    // The index comes first: its rows are in the order of the answer.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY_COLUMNS} FROM message_tokens CROSS JOIN {ENTRY_TABLES}
         WHERE message_tokens MATCH ?3 AND message_tokens.rowid < ?4 AND message_tokens.rowid >= ?5
           AND e.place = message_tokens.rowid AND e.firm_id = ?1 AND {readable}
         ORDER BY message_tokens.rowid DESC"
    ))?;
    let mut rows = statement.query(params![
        caller.firm_id.as_bytes(),
        caller.person_id.as_bytes(),
        scope.expression(query),
        end,
        start
    ])?;
    let mut page = Page::new(connection, caller, limit);
    while let Some(row) = rows.next()? {
        if page.is_full() {
            page.found.next = page.last;
            break;
        }
        let entry = read_entry(row)?;
        if !page.look_at(query, entry)? {
            page.found.next = page.last;
            break;
        }
    }
    Ok(page.found)
}

/// Where a message stands. For one that the firm does not have (any more) it is where its millisecond begins, which its
/// id tells.
fn place_of(connection: &Connection, firm: FirmId, entry: EntryId) -> rusqlite::Result<i64> {
    let found: Option<Option<i64>> = connection
        .prepare_cached("SELECT place FROM entries WHERE entry_id = ?2 AND firm_id = ?1")?
        .query_row(params![firm.as_bytes(), entry.as_bytes()], |found| found.get(0))
        .optional()?;
    Ok(found.flatten().unwrap_or_else(|| index::place(entry.unix_ms(), 0)))
}

/// The page that is being filled.
struct Page<'a> {
    connection: &'a Connection,
    caller: Caller,
    limit: usize,
    titles: BTreeMap<ConversationId, String>,
    looked_at: u32,
    looked_at_bytes: usize,
    hit_bytes: usize,
    /// The last message that was looked at.
    last: Option<EntryId>,
    found: FoundPage,
}

impl<'a> Page<'a> {
    const fn new(connection: &'a Connection, caller: Caller, limit: usize) -> Self {
        Self {
            connection,
            caller,
            limit,
            titles: BTreeMap::new(),
            looked_at: 0,
            looked_at_bytes: 0,
            hit_bytes: 0,
            last: None,
            found: FoundPage { hits: Vec::new(), next: None },
        }
    }

    fn is_full(&self) -> bool {
        self.found.hits.len() >= self.limit
            || self.looked_at >= LOOKED_AT_MAX
            || self.looked_at_bytes >= LOOKED_AT_BYTES_MAX
    }

    /// Takes a readable message in if it matches. Whether there was room for it.
    fn look_at(&mut self, query: &Query, entry: Entry) -> rusqlite::Result<bool> {
        let searched = Searchable::of(&entry);
        self.looked_at += 1;
        self.looked_at_bytes +=
            searched.body.len() + searched.file_names.iter().map(|name| name.len()).sum::<usize>();
        let (id, is_hit) = (entry.entry_id, query.matches(&searched));
        if is_hit {
            let bytes = reading::size(&entry);
            if !self.found.hits.is_empty() && self.hit_bytes + bytes > PAGE_BYTES_MAX {
                return Ok(false);
            }
            self.hit_bytes += bytes;
            let title = self.title(entry.conversation_id)?;
            self.found.hits.push(FoundMessage { title, entry: for_reader(entry, self.caller.person_id) });
        }
        self.last = Some(id);
        Ok(true)
    }

    /// What the conversation is called for the reader.
    fn title(&mut self, conversation: ConversationId) -> rusqlite::Result<String> {
        if let Some(title) = self.titles.get(&conversation) {
            return Ok(title.clone());
        }
        let (firm, person) = (self.caller.firm_id, self.caller.person_id);
        let head = heads::seen(self.connection, firm, person, conversation)?;
        let title = head.map(|head| head.title).unwrap_or_default();
        self.titles.insert(conversation, title.clone());
        Ok(title)
    }
}
