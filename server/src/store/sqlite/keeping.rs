//! How bytes become a document of a matter, or its newest version (R45).
//!
//! ```text
//! may the caller? -> was the key used? the same meaning: the same answer | another: refused -> room? -> bytes, change
//! ```
//! Invariants: a key stands for one thing: these bytes at this place. Crash: bytes and change are there together or not at
//! all; a segment without a row goes at the next start.

use portico_wire::encoding::Sha256;
use portico_wire::ids::{AttachmentId, DocumentId, MatterId, SegmentId, SendKey};
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::upload::batch_id;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::contents::{Content, StoredFile};
use super::documents::{Newest, insert, knows_matter, newest};
use super::sessions::{self, Caller};
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{attachments, contents, limits, made, row};
use crate::access::Membership;

/// What bytes become.
#[derive(Clone)]
pub(crate) enum Destination {
    /// A document of this matter, under this name.
    New { matter: MatterId, name: String },
    /// The newest version of this one.
    Next { document: DocumentId },
}

/// Whence the bytes come.
pub(crate) enum Source {
    /// A file of an entry that the caller may read.
    Attachment(AttachmentId),
    /// One file of its own in a segment, sealed under a key of the batch that the maker's key names.
    Segment(SegmentId, StoredFile),
}

/// The bytes that are to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
}

/// What becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// They are this version of this document; `is_new`: since now, and not since the key came first.
    Kept { document: DocumentId, version: u32, is_new: bool },
    /// They may come.
    Wanted,
    /// There is no such matter, document or file for the caller.
    NotFound,
    /// They are more than the firm allows, not what was announced, or the key was used for something else.
    Refused(Refusal),
}

impl Store {
    /// What would become of bytes that the caller wants to keep; asked before they come.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn document_wanted(
        &self,
        caller: Caller,
        key: SendKey,
        to: Destination,
        announced: Announced,
    ) -> Result<Keeping, StoreError> {
        self.read(move |tx| {
            Ok(match ruling(tx, caller, key, &to, announced)? {
                (Keeping::Wanted, _) => match room(tx, caller, key, announced.size_bytes)? {
                    Ok(()) => Keeping::Wanted,
                    Err(refusal) => Keeping::Refused(refusal),
                },
                (decided, _) => decided,
            })
        })
        .await
    }

    /// Keeps bytes as a document or as its newest version; the same key again keeps nothing.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn keep_document(
        &self,
        caller: Caller,
        key: SendKey,
        to: Destination,
        source: Source,
    ) -> Result<Keeping, StoreError> {
        self.write(move |write| keep(write, caller, key, to, source)).await
    }
}

/// What becomes of bytes, their number apart; and what is there before the next version.
fn ruling(
    connection: &Connection,
    caller: Caller,
    key: SendKey,
    to: &Destination,
    announced: Announced,
) -> rusqlite::Result<(Keeping, Option<Newest>)> {
    let before = match to {
        Destination::New { matter, .. } if !knows_matter(connection, caller, *matter)? => {
            return Ok((Keeping::NotFound, None));
        }
        Destination::New { .. } => None,
        Destination::Next { document } => match newest(connection, caller, *document)? {
            Some(newest) if !newest.is_removed => Some(newest),
            Some(_) | None => return Ok((Keeping::NotFound, None)),
        },
    };
    let Some(made) = made_before(connection, caller, key)? else { return Ok((Keeping::Wanted, before)) };
    let is_meant = made.sha256 == announced.sha256
        && match to {
            Destination::New { matter, .. } => made.is_first && made.matter == *matter,
            Destination::Next { document } => !made.is_first && made.document == *document,
        };
    let keeping = if is_meant {
        Keeping::Kept { document: made.document, version: made.version, is_new: false }
    } else {
        Keeping::Refused(Refusal::of(RefusalCode::SendKeyReused))
    };
    Ok((keeping, None))
}

/// Whether so many bytes fit into what the firm allows.
fn room(
    connection: &Connection,
    caller: Caller,
    key: SendKey,
    bytes: u64,
) -> rusqlite::Result<Result<(), Refusal>> {
    let limits = limits::of_firm(connection, caller.firm_id)?;
    match limits.batch().check(1, bytes) {
        Ok(()) => limits::quota(connection, caller, key, limits, bytes),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// A change that was made by a key.
struct Made {
    document: DocumentId,
    matter: MatterId,
    version: u32,
    is_first: bool,
    sha256: Sha256,
}

/// The change that the caller's key has made already.
fn made_before(connection: &Connection, caller: Caller, key: SendKey) -> rusqlite::Result<Option<Made>> {
    let id = made::id(caller, key, "document");
    connection
        .prepare_cached(
            "SELECT n.document_id, d.matter_id, n.version, n.number = 1, c.sha256 FROM document_changes AS n
             JOIN documents AS d ON d.firm_id = n.firm_id AND d.document_id = n.document_id
             JOIN contents AS c ON c.firm_id = n.firm_id AND c.content_id = n.content_id
             WHERE n.firm_id = ?1 AND n.change_id = ?2",
        )?
        .query_row(params![caller.firm_id.as_bytes(), id], |found| {
            Ok(Made {
                document: row::id(found, 0, DocumentId::from_bytes)?,
                matter: row::id(found, 1, MatterId::from_bytes)?,
                version: found.get(2)?,
                is_first: found.get(3)?,
                sha256: row::hash(found, 4)?,
            })
        })
        .optional()
}

fn keep(
    write: &mut Write<'_>,
    caller: Caller,
    key: SendKey,
    to: Destination,
    source: Source,
) -> rusqlite::Result<Keeping> {
    // While the bytes came, the device may have been signed out (R55).
    if sessions::membership_now(write.connection, caller)? != Some(Membership::Current) {
        return Ok(Keeping::NotFound);
    }
    let source = match source {
        Source::Attachment(attachment) => {
            match attachments::readable(write.connection, caller, attachment)? {
                Some(file) => Bytes::Here(file.content),
                None => return Ok(Keeping::NotFound),
            }
        }
        Source::Segment(segment, stored) => Bytes::New(segment, stored),
    };
    let before = match ruling(write.connection, caller, key, &to, source.announced())? {
        (Keeping::Wanted, before) => before,
        (decided, _) => return Ok(decided),
    };
    let content = match source {
        Bytes::Here(content) => content.content_id,
        Bytes::New(segment, stored) => {
            if let Err(refusal) = room(write.connection, caller, key, stored.size_bytes)? {
                return Ok(Keeping::Refused(refusal));
            }
            limits::count(write, caller.firm_id, stored.size_bytes)?;
            let kept = contents::insert(write, caller.firm_id, segment, batch_id(key), &[stored])?;
            *kept.first().ok_or(rusqlite::Error::QueryReturnedNoRows)?
        }
    };
    let change_id = made::id(caller, key, "document");
    let (document, act, next) = match (to, before) {
        (Destination::New { matter, name }, _) => {
            let document = begin(write, caller, matter)?;
            (document, "added", Newest { number: 1, is_removed: false, name, version: 1, content })
        }
        (Destination::Next { document }, Some(before)) => {
            let (number, version) = (before.number + 1, before.version + 1);
            (document, "versioned", Newest { number, version, content, ..before })
        }
        (Destination::Next { .. }, None) => return Ok(Keeping::NotFound),
    };
    let version = next.version;
    insert(write, caller, document, change_id, act, &next)?;
    Ok(Keeping::Kept { document, version, is_new: true })
}

/// Bytes that are here.
enum Bytes {
    /// A file that the firm has.
    Here(Content),
    /// A segment of its own.
    New(SegmentId, StoredFile),
}

impl Bytes {
    fn announced(&self) -> Announced {
        match self {
            Self::Here(content) => Announced { size_bytes: content.size_bytes, sha256: content.sha256 },
            Self::New(_, stored) => Announced { size_bytes: stored.size_bytes, sha256: stored.sha256 },
        }
    }
}

/// Makes the row of a document. Its id tells when it came, whatever the clock of its maker says.
fn begin(write: &mut Write<'_>, caller: Caller, matter: MatterId) -> rusqlite::Result<DocumentId> {
    let document = DocumentId::from_parts(write.now_ms, write.ports.random());
    write
        .connection
        .prepare_cached("INSERT INTO documents (firm_id, document_id, matter_id) VALUES (?1, ?2, ?3)")?
        .execute(params![caller.firm_id.as_bytes(), document.as_bytes(), matter.as_bytes()])?;
    Ok(document)
}
