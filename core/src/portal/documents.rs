//! Documents of matters (R45), for the firm's people. They need the server, but for attaching them to a message, which is
//! queued like any message.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use portico_wire::document::{Document, DocumentKept, DocumentName, Documents, FileDocument, FileVersion};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId, MatterId, SendKey};
use portico_wire::message::Done;
use portico_wire::upload::BatchLimits;
use ring::digest;

use super::Portal;
use super::office::malformed;
use crate::compose::copies::{self, CopiesDraft};
use crate::error::PortalError;
use crate::net::codec;
use crate::outbox::entry::{CopiedDocument, Fault};
use crate::ports::TransportFault;
use crate::upload::pack::hash_of;
use crate::upload::source::{PickFault, PickSource};
use crate::upload::stream;

/// Whence the bytes of a document come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// A file of this device. It is read while it goes; nothing of it stays here.
    File(PathBuf),
    /// A file of a message that this person may read; its bytes stay at the server.
    Attachment(AttachmentId),
}

impl Portal {
    /// The documents of a matter, the newest first, below `before`.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn documents(
        &self,
        matter: MatterId,
        before: Option<DocumentId>,
    ) -> Result<Documents, PortalError> {
        self.office(codec::documents(matter, before)).await
    }

    /// A document and everything that was done to it.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn document(&self, document: DocumentId) -> Result<Document, PortalError> {
        self.office(codec::document(document)).await
    }

    /// Adds a document to a matter.
    ///
    /// # Errors
    /// [`PortalError::Refused`] with the numbers where it is too large, and `file_damaged` where the
    /// file changed while it went. Nothing is added, unless the answer was lost.
    pub async fn add_document(
        &self,
        matter: MatterId,
        name: &str,
        source: DocumentSource,
    ) -> Result<DocumentKept, PortalError> {
        let key = self.fresh_key();
        match source {
            DocumentSource::File(path) => {
                self.bring(path, |sha256| codec::new_document(matter, key, name, sha256)).await
            }
            DocumentSource::Attachment(attachment_id) => {
                let new = FileDocument { key, name: name.to_owned(), attachment_id };
                self.office(codec::file_document(matter, &new)).await
            }
        }
    }

    /// Gives a document a new version. Copies in messages stay what they are (R2).
    ///
    /// # Errors
    /// As [`Portal::add_document`].
    pub async fn add_version(
        &self,
        document: DocumentId,
        source: DocumentSource,
    ) -> Result<DocumentKept, PortalError> {
        let key = self.fresh_key();
        match source {
            DocumentSource::File(path) => {
                self.bring(path, |sha256| codec::new_version(document, key, sha256)).await
            }
            DocumentSource::Attachment(attachment_id) => {
                self.office(codec::file_version(document, &FileVersion { key, attachment_id })).await
            }
        }
    }

    /// Gives a document another name.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn rename_document(&self, document: DocumentId, name: &str) -> Result<(), PortalError> {
        let name = DocumentName { name: name.to_owned() };
        self.office::<Done>(codec::rename_document(document, &name)).await.map(drop)
    }

    /// Removes a document: nobody finds it any more, the firm's record keeps it.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn remove_document(&self, document: DocumentId) -> Result<(), PortalError> {
        self.office::<Done>(codec::remove_document(document)).await.map(drop)
    }

    /// Writes the bytes of a version to `to`: all of them, with their hash, or no file.
    ///
    /// # Errors
    /// As [`Portal::documents`]; [`PortalError::DiskFull`] where `to` can not be written.
    pub async fn save_document(
        &self,
        document: DocumentId,
        version: u32,
        sha256: Sha256,
        to: &Path,
    ) -> Result<(), PortalError> {
        let path = codec::document_content(document, version);
        let (_, bytes) = self.room.link.fetch(path, 0, &sha256.to_string()).await?;
        let file = File::create(to).map_err(|_| PortalError::DiskFull)?;
        let saved = write(file, bytes, sha256).await;
        if saved.is_err() {
            drop(std::fs::remove_file(to));
        }
        saved
    }

    /// Queues a message with a copy of each document, in the version that each names, durably (R1, R2, R45); the text may
    /// be empty.
    ///
    /// # Errors
    /// As [`Portal::send`]. A document that is gone by then refuses the message: `document_not_found`.
    pub fn send_documents(
        &self,
        conversation: ConversationId,
        text: &str,
        documents: Vec<CopiedDocument>,
    ) -> Result<SendKey, PortalError> {
        let message = self.parse_copies(conversation, text, documents)?;
        self.room.store.write(|writing| {
            writing.head(conversation)?.ok_or(PortalError::NotHere)?;
            writing.enqueue_copies(&message)?;
            Ok::<_, PortalError>(writing.forget_draft(conversation)?)
        })?;
        self.outbox_changed(conversation);
        Ok(message.send_key)
    }

    pub(super) fn parse_copies(
        &self,
        conversation: ConversationId,
        text: &str,
        documents: Vec<CopiedDocument>,
    ) -> Result<CopiesDraft, PortalError> {
        let limits = self.room.store.read(|reading| reading.batch_limits())?;
        let (clock, dice) = (&*self.room.ports.clock, &*self.room.ports.dice);
        Ok(copies::parse(conversation, text, documents, limits, clock, dice)?)
    }

    /// Puts a file of this device where `place` says, given its hash.
    async fn bring(
        &self,
        path: PathBuf,
        place: impl FnOnce(&Sha256) -> String,
    ) -> Result<DocumentKept, PortalError> {
        let source = PickSource::Path(path.clone());
        let limits = self.room.store.read(|reading| reading.batch_limits())?;
        let measured = tokio::task::spawn_blocking(move || measure(source, limits)).await;
        let measured = measured.map_err(|_| PortalError::bug("measure"))?;
        let (length, sha256) = measured?;
        let bytes = || stream::read(path.clone(), 0, length);
        self.room.link.put_whole(&place(&sha256), length, bytes).await.map_err(malformed)
    }
}

/// How long a file is, and its hash; one that is too large is not read.
fn measure(source: PickSource, limits: BatchLimits) -> Result<(u64, Sha256), PortalError> {
    let unreadable = |why| PortalError::FileUnreadable { why };
    let mut opened = source.open().map_err(unreadable)?;
    let length = opened.size_bytes().ok_or(unreadable(PickFault::NotAFile))?;
    limits.check(1, length)?;
    let sha256 = hash_of(&mut opened.file).map_err(|fault| unreadable(PickFault::from(&fault)))?;
    if opened.stood_still(length) { Ok((length, sha256)) } else { Err(unreadable(PickFault::Changed)) }
}

/// Writes a file as its bytes come, and makes it durable.
async fn write(
    mut file: File,
    mut bytes: BoxStream<'static, Result<Bytes, TransportFault>>,
    sha256: Sha256,
) -> Result<(), PortalError> {
    let mut hash = digest::Context::new(&digest::SHA256);
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|_| PortalError::from(Fault::NoConnection))?;
        hash.update(&chunk);
        file.write_all(&chunk).map_err(|_| PortalError::DiskFull)?;
    }
    if Sha256::from(hash.finish()) != sha256 {
        return Err(PortalError::RetryLater { after_s: None });
    }
    file.sync_all().map_err(|_| PortalError::DiskFull)
}
