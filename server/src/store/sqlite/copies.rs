//! Messages that take copies of documents along (R1, R2, R45): their bytes are here already.
//!
//! Holds: a copy is a file of its own, with its own id and the name that the document had; nothing that is done to the
//! document touches it. It takes no room a second time. What was accepted before a restore is accepted again, as long as
//! the restored server has the bytes: no phone holds them.

use portico_wire::document::{DocumentVersion, SendCopies};
use portico_wire::entry::EntryFile;
use portico_wire::ids::{AttachmentId, ContentId, SendKey};
use portico_wire::message::Body;
use portico_wire::refusal::{Refusal, RefusalCode};

use super::attachments::NamedFile;
use super::sends::{self, Meaning, SendAnswer};
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{documents, limits};
use crate::log::ruling::Receipted;

/// A file of a message, and its bytes.
pub(super) type Copied = (EntryFile, ContentId);

impl Store {
    /// Sends a message with copies, or says again what became of its key. The epoch is the caller's to check.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn send_copies(
        &self,
        caller: Caller,
        key: SendKey,
        message: SendCopies,
        receipted: Receipted,
    ) -> Result<SendAnswer, StoreError> {
        self.write(move |write| {
            let meaning = Meaning {
                digest: message.digest(),
                conversation: message.conversation_id,
                composed_at_ms: message.composed_at_ms,
                body: message.body,
                receipted,
            };
            sends::settle(write, caller, key, meaning, |write, body| {
                if receipted == Receipted::Valid {
                    return again(write, caller, &message.documents);
                }
                if !body.is_empty()
                    && let Err(refusal) = Body::parse(body)
                {
                    return Ok(Err(refusal));
                }
                copies(write, caller, &message.documents)
            })
        })
        .await
    }
}

/// A file for each document, in the same order; the first refusal instead where one is not there for the caller, or where
/// they are more than one send holds.
fn copies(
    write: &mut Write<'_>,
    caller: Caller,
    documents: &[DocumentVersion],
) -> rusqlite::Result<Result<Vec<Copied>, Refusal>> {
    let limits = limits::of_firm(write.connection, caller.firm_id)?.batch();
    let (count, mut bytes) = (documents.len() as u64, 0_u64);
    if let Err(refusal) = limits.check(count, bytes) {
        return Ok(Err(refusal));
    }
    let mut copies = Vec::new();
    for (place, document) in (0..).zip(documents) {
        let found = documents::file(write.connection, caller, document.document_id, Some(document.version))?;
        let Some(found) = found else {
            return Ok(Err(Refusal::of(RefusalCode::DocumentNotFound).of_file(place)));
        };
        bytes = bytes.saturating_add(found.content.size_bytes);
        copies.push(copy(write, found));
    }
    Ok(limits.check(count, bytes).map(|()| copies))
}

/// The same for what was accepted before a restore: neither access nor limits are asked.
fn again(
    write: &mut Write<'_>,
    caller: Caller,
    documents: &[DocumentVersion],
) -> rusqlite::Result<Result<Vec<Copied>, Refusal>> {
    let mut copies = Vec::new();
    for (place, document) in (0..).zip(documents) {
        let (firm, version) = (caller.firm_id, Some(document.version));
        match documents::kept_file(write.connection, firm, document.document_id, version)? {
            Some(found) => copies.push(copy(write, found)),
            None => return Ok(Err(Refusal::of(RefusalCode::DocumentNotFound).of_file(place))),
        }
    }
    Ok(Ok(copies))
}

fn copy(write: &mut Write<'_>, found: NamedFile) -> Copied {
    let file = EntryFile {
        attachment_id: AttachmentId::from_parts(write.now_ms, write.ports.random()),
        name: found.name,
        media_type: found.content.media_type,
        sha256: found.content.sha256,
        size_bytes: found.content.size_bytes,
    };
    (file, found.content.content_id)
}
