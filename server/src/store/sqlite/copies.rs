//! Messages that take copies of documents along (R1, R2, R45): their bytes are here already.
//!
//! Holds: a copy is a file of its own, with its own id and the name that its sender saw; nothing that is done to the
//! document touches it. It takes no room a second time. What was accepted before a restore is accepted again, as long as
//! the restored server has the bytes: no phone holds them.

use portico_wire::document::{DocumentCopy, SendCopies};
use portico_wire::entry::EntryFile;
use portico_wire::file::check_name;
use portico_wire::ids::{AttachmentId, ContentId, SendKey};
use portico_wire::message::Body;
use portico_wire::refusal::{Refusal, RefusalCode};

use super::contents::{self, Content};
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
            sends::decide(write, caller, key, meaning, |write, body| {
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
    documents: &[DocumentCopy],
) -> rusqlite::Result<Result<Vec<Copied>, Refusal>> {
    let limits = limits::of_firm(write.connection, caller.firm_id)?.batch();
    let (count, mut bytes) = (documents.len() as u64, 0_u64);
    if let Err(refusal) = limits.check(count, bytes) {
        return Ok(Err(refusal));
    }
    let mut copies = Vec::new();
    for (place, document) in (0..).zip(documents) {
        if let Err(refusal) = check_name(&document.name) {
            return Ok(Err(refusal.of_file(place)));
        }
        let found = documents::file(write.connection, caller, document.document_id, Some(document.version))?;
        let Some(content) = found.map(|found| found.content).filter(|found| found.sha256 == document.sha256)
        else {
            return Ok(Err(Refusal::of(RefusalCode::DocumentNotFound).of_file(place)));
        };
        bytes = bytes.saturating_add(content.size_bytes);
        copies.push(copy(write, document, content));
    }
    Ok(limits.check(count, bytes).map(|()| copies))
}

/// The same for what was accepted before a restore: neither access nor limits are asked, and any file of the firm with those
/// bytes will do, whatever the document is called or holds by now.
fn again(
    write: &mut Write<'_>,
    caller: Caller,
    documents: &[DocumentCopy],
) -> rusqlite::Result<Result<Vec<Copied>, Refusal>> {
    let mut copies = Vec::new();
    for (place, document) in (0..).zip(documents) {
        match contents::of_hash(write.connection, caller.firm_id, &document.sha256)? {
            Some(content) => copies.push(copy(write, document, content)),
            None => return Ok(Err(Refusal::of(RefusalCode::DocumentNotFound).of_file(place))),
        }
    }
    Ok(Ok(copies))
}

fn copy(write: &mut Write<'_>, document: &DocumentCopy, content: Content) -> Copied {
    let file = EntryFile {
        attachment_id: AttachmentId::from_parts(write.now_ms, write.ports.random()),
        name: document.name.clone(),
        media_type: content.media_type,
        sha256: content.sha256,
        size_bytes: content.size_bytes,
    };
    (file, content.content_id)
}
