//! Documents of matters (R45): listed, opened, renamed, removed. How bytes become one is in `keeping`.
//!
//! Invariants: a document is its changes, each of which tells the whole; they only grow, and the last one is what it is
//! now. Removing hides it: its bytes and its changes stay. Who may not know of the matter hears that there is none (R17).

use portico_wire::document::{DocumentChange, DocumentRow};
use portico_wire::ids::{ContentId, DocumentId, MatterId, PersonId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::attachments::NamedFile;
use super::contents;
use super::sessions::Caller;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{matters, people, row};
use crate::access;

/// The newest change of a document.
pub(super) struct Newest {
    pub(super) number: u32,
    pub(super) is_removed: bool,
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) content: ContentId,
}

/// The documents as they are now, each with its last change and that one's bytes: `d`, `n`, `c`, and the matter `place`.
const NOW: &str = "documents AS d
    JOIN document_changes AS n ON n.firm_id = d.firm_id AND n.document_id = d.document_id AND n.number = (
      SELECT max(number) FROM document_changes AS m WHERE m.firm_id = d.firm_id AND m.document_id = d.document_id)
    JOIN contents AS c ON c.firm_id = n.firm_id AND c.content_id = n.content_id
    JOIN matters AS place ON place.firm_id = d.firm_id AND place.matter_id = d.matter_id";

/// What [`read_row`] reads.
const ROW: &str = "d.document_id, d.matter_id, n.name, n.version, c.media_type, c.size_bytes, c.sha256, n.at_ms, n.person_id";

fn read_row(found: &Row<'_>) -> rusqlite::Result<DocumentRow> {
    Ok(DocumentRow {
        document_id: row::id(found, 0, DocumentId::from_bytes)?,
        matter_id: row::id(found, 1, MatterId::from_bytes)?,
        name: found.get(2)?,
        version: found.get(3)?,
        media_type: found.get(4)?,
        size_bytes: row::seq(found, 5)?,
        sha256: row::hash(found, 6)?,
        changed_at_ms: found.get(7)?,
        changed_by: row::id(found, 8, PersonId::from_bytes)?,
    })
}

impl Store {
    /// The documents of a matter, the newest first, below `before`, and whether more follow; none where the caller may not
    /// know of the matter, or there is none.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn documents(
        &self,
        caller: Caller,
        matter: MatterId,
        before: Option<DocumentId>,
        limit: u32,
    ) -> Result<Option<(Vec<DocumentRow>, bool)>, StoreError> {
        self.read(move |tx| {
            if !knows_matter(tx, caller, matter)? {
                return Ok(None);
            }
            let known = access::matter_known_by();
            let mut rows: Vec<DocumentRow> = tx
                .prepare_cached(&format!(
                    "SELECT {ROW} FROM {NOW}
                     WHERE d.firm_id = ?1 AND d.matter_id = ?3 AND n.act <> 'removed' AND {known}
                       AND (?4 IS NULL OR d.document_id < ?4)
                     ORDER BY d.document_id DESC LIMIT ?5"
                ))?
                .query_map(
                    params![
                        caller.firm_id.as_bytes(),
                        caller.person_id.as_bytes(),
                        matter.as_bytes(),
                        before.as_ref().map(DocumentId::as_bytes),
                        limit + 1
                    ],
                    read_row,
                )?
                .collect::<rusqlite::Result<_>>()?;
            let more = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            Ok(Some((rows, more)))
        })
        .await
    }

    /// A document and everything that was done to it; none where the caller may not know of it, or there is none.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn document(
        &self,
        caller: Caller,
        document: DocumentId,
    ) -> Result<Option<(DocumentRow, Vec<DocumentChange>)>, StoreError> {
        self.read(move |tx| {
            let known = access::matter_known_by();
            let row = tx
                .prepare_cached(&format!(
                    "SELECT {ROW} FROM {NOW}
                     WHERE d.firm_id = ?1 AND d.document_id = ?3 AND n.act <> 'removed' AND {known}"
                ))?
                .query_row(
                    params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), document.as_bytes()],
                    read_row,
                )
                .optional()?;
            row.map(|row| Ok((row, changes(tx, caller, document)?))).transpose()
        })
        .await
    }

    /// The bytes of a version of a document, or of its newest, under the last name it had then; none as
    /// [`Store::document`], or where it has no such version.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn document_file(
        &self,
        caller: Caller,
        document: DocumentId,
        version: Option<u32>,
    ) -> Result<Option<NamedFile>, StoreError> {
        self.read(move |tx| file(tx, caller, document, version)).await
    }

    /// Gives a document another name.
    ///
    /// # Errors
    /// As [`Store::write`]; it has its name.
    pub(crate) async fn rename_document(
        &self,
        caller: Caller,
        document: DocumentId,
        name: String,
    ) -> Result<Change, StoreError> {
        self.write(move |write| match newest(write.connection, caller, document)? {
            Some(newest) if newest.is_removed => Ok(Change::NotFound),
            None => Ok(Change::NotFound),
            Some(newest) if newest.name == name => Ok(Change::AlreadySo),
            Some(newest) => change(write, caller, document, "renamed", Newest { name, ..newest }),
        })
        .await
    }

    /// Removes a document: nobody finds it any more.
    ///
    /// # Errors
    /// As [`Store::write`]; it is where it was.
    pub(crate) async fn remove_document(
        &self,
        caller: Caller,
        document: DocumentId,
    ) -> Result<Change, StoreError> {
        self.write(move |write| match newest(write.connection, caller, document)? {
            None => Ok(Change::NotFound),
            Some(newest) if newest.is_removed => Ok(Change::AlreadySo),
            Some(newest) => change(write, caller, document, "removed", newest),
        })
        .await
    }
}

pub(super) fn knows_matter(
    connection: &Connection,
    caller: Caller,
    matter: MatterId,
) -> rusqlite::Result<bool> {
    let member = people::current_member(connection, caller.firm_id, caller.person_id)?;
    let door = matters::door(connection, caller.firm_id, matter, caller.person_id)?;
    Ok(member.zip(door).is_some_and(|(member, door)| access::can_know_of_matter(member.reader, door)))
}

/// What was done to a document that is there, its removal apart.
fn changes(
    connection: &Connection,
    caller: Caller,
    document: DocumentId,
) -> rusqlite::Result<Vec<DocumentChange>> {
    connection
        .prepare_cached(
            "SELECT n.act, n.at_ms, n.person_id, n.person_name, n.name, n.version, c.media_type, c.size_bytes,
               c.sha256
             FROM document_changes AS n JOIN contents AS c ON c.firm_id = n.firm_id AND c.content_id = n.content_id
             WHERE n.firm_id = ?1 AND n.document_id = ?2 ORDER BY n.number",
        )?
        .query_map(params![caller.firm_id.as_bytes(), document.as_bytes()], |found| {
            Ok(DocumentChange {
                act: row::document_act(found, 0)?,
                at_ms: found.get(1)?,
                by: row::id(found, 2, PersonId::from_bytes)?,
                by_name: found.get(3)?,
                name: found.get(4)?,
                version: found.get(5)?,
                media_type: found.get(6)?,
                size_bytes: row::seq(found, 7)?,
                sha256: row::hash(found, 8)?,
            })
        })?
        .collect()
}

/// The bytes of a version, or of the newest, of a document that the caller may know of and that nobody has removed.
pub(super) fn file(
    connection: &Connection,
    caller: Caller,
    document: DocumentId,
    version: Option<u32>,
) -> rusqlite::Result<Option<NamedFile>> {
    let newest = newest(connection, caller, document)?;
    if newest.is_none_or(|newest| newest.is_removed) {
        return Ok(None);
    }
    let columns = contents::COLUMNS;
    connection
        .prepare_cached(&format!(
            "SELECT {columns}, n.name FROM document_changes AS n
             JOIN contents AS c ON c.firm_id = n.firm_id AND c.content_id = n.content_id
             WHERE n.firm_id = ?1 AND n.document_id = ?2 AND (?3 IS NULL OR n.version = ?3)
             ORDER BY n.number DESC LIMIT 1"
        ))?
        .query_row(params![caller.firm_id.as_bytes(), document.as_bytes(), version], |found| {
            Ok(NamedFile { content: contents::read(found)?, name: found.get(contents::COLUMN_COUNT)? })
        })
        .optional()
}

/// The newest change of a document, also of a removed one; none where the caller may not know of its matter.
pub(super) fn newest(
    connection: &Connection,
    caller: Caller,
    document: DocumentId,
) -> rusqlite::Result<Option<Newest>> {
    let known = access::matter_known_by();
    connection
        .prepare_cached(&format!(
            "SELECT n.number, n.act = 'removed', n.name, n.version, n.content_id FROM documents AS d
             JOIN document_changes AS n ON n.firm_id = d.firm_id AND n.document_id = d.document_id
             JOIN matters AS place ON place.firm_id = d.firm_id AND place.matter_id = d.matter_id
             WHERE d.firm_id = ?1 AND d.document_id = ?3 AND {known}
             ORDER BY n.number DESC LIMIT 1"
        ))?
        .query_row(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), document.as_bytes()],
            |found| {
                Ok(Newest {
                    number: found.get(0)?,
                    is_removed: found.get(1)?,
                    name: found.get(2)?,
                    version: found.get(3)?,
                    content: row::id(found, 4, ContentId::from_bytes)?,
                })
            },
        )
        .optional()
}

/// Adds the change after `from`, which says what holds from then on.
fn change(
    write: &mut Write<'_>,
    caller: Caller,
    document: DocumentId,
    act: &str,
    from: Newest,
) -> rusqlite::Result<Change> {
    let change_id = *ContentId::from_parts(write.now_ms, write.ports.random()).as_bytes();
    insert(write, caller, document, change_id, act, &Newest { number: from.number + 1, ..from })?;
    Ok(Change::Made)
}

/// Adds a change to a document.
pub(super) fn insert(
    write: &Write<'_>,
    caller: Caller,
    document: DocumentId,
    change_id: [u8; 16],
    act: &str,
    next: &Newest,
) -> rusqlite::Result<()> {
    let member = people::member(write.connection, caller.firm_id, caller.person_id)?;
    let by_name = member.ok_or(rusqlite::Error::QueryReturnedNoRows)?.name;
    write
        .connection
        .prepare_cached(
            "INSERT INTO document_changes (firm_id, document_id, number, change_id, act, person_id, person_name, at_ms,
               name, version, content_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            caller.firm_id.as_bytes(),
            document.as_bytes(),
            next.number,
            change_id,
            act,
            caller.person_id.as_bytes(),
            by_name,
            write.now_ms,
            next.name,
            next.version,
            next.content.as_bytes()
        ])?;
    Ok(())
}
