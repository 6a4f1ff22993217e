//! Documents of matters (R45), for the firm's people. All but `send_documents` wait for the server.

use std::path::{Path, PathBuf};

use portico_core::PortalError;
use portico_core::outbox::entry::CopiedDocument;
use portico_core::portal::DocumentSource;
use portico_wire::document::{Document, DocumentAct, DocumentChange, DocumentKept, DocumentRow, Documents};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId, Epoch, MatterId, PersonId, SendKey};

use crate::portal::Portal;

/// A document as it is now.
#[uniffi::remote(Record)]
pub struct DocumentRow {
    /// Which.
    pub document_id: DocumentId,
    /// Whose.
    pub matter_id: MatterId,
    /// Its name now.
    pub name: String,
    /// The newest version, counted from 1.
    pub version: u32,
    /// Of the newest version: told by its bytes (R38).
    pub media_type: String,
    /// Of the newest version.
    pub size_bytes: u64,
    /// Of the newest version.
    pub sha256: Sha256,
    /// When it was last changed, UTC milliseconds.
    pub changed_at_ms: i64,
    /// Who changed it last.
    pub changed_by: PersonId,
}

/// Documents of a matter, the newest first.
#[uniffi::remote(Record)]
pub struct Documents {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Those that nobody has removed.
    pub documents: Vec<DocumentRow>,
    /// Whether older ones follow, below the last one's id.
    pub more: bool,
}

/// What was done to a document.
#[uniffi::remote(Enum)]
pub enum DocumentAct {
    /// It came, as version 1.
    Added,
    /// A new version came.
    Versioned,
    /// It got another name.
    Renamed,
    /// Something that a newer server knows of.
    Unknown,
}

/// One change of a document.
#[uniffi::remote(Record)]
pub struct DocumentChange {
    /// What was done.
    pub act: DocumentAct,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Who did it.
    pub by: PersonId,
    /// Their name then.
    pub by_name: String,
    /// The document's name from then on.
    pub name: String,
    /// The newest version from then on.
    pub version: u32,
    /// Of that version.
    pub media_type: String,
    /// Of that version.
    pub size_bytes: u64,
    /// Of that version.
    pub sha256: Sha256,
}

/// A document and everything that was done to it.
#[uniffi::remote(Record)]
pub struct Document {
    /// The server's epoch.
    pub epoch: Epoch,
    /// As it is now.
    pub document: DocumentRow,
    /// The first first.
    pub changes: Vec<DocumentChange>,
}

/// What bytes were kept as.
#[uniffi::remote(Record)]
pub struct DocumentKept {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Made by the server.
    pub document_id: DocumentId,
    /// Which version the bytes are, counted from 1.
    pub version: u32,
}

/// A document, a copy of which goes along with a message (R1). What a screen shows of it is in here: the message may wait.
#[uniffi::remote(Record)]
pub struct CopiedDocument {
    /// Which.
    pub document_id: DocumentId,
    /// Which version of it, counted from 1.
    pub version: u32,
    /// What it is called.
    pub name: String,
    /// Of that version.
    pub media_type: String,
    /// Of that version.
    pub size_bytes: u64,
    /// Of that version.
    pub sha256: Sha256,
}

/// A document as it is now, to be copied into a message.
#[uniffi::export]
pub fn copy_of(document: DocumentRow) -> CopiedDocument {
    CopiedDocument::from(&document)
}

#[uniffi::export]
impl Portal {
    /// The documents of a matter, the newest first, below `before`.
    ///
    /// # Errors
    /// As `people`.
    pub async fn documents(
        &self,
        matter: MatterId,
        before: Option<DocumentId>,
        call: u64,
    ) -> Result<Documents, PortalError> {
        self.wait(Some(call), move |core| async move { core.documents(matter, before).await }).await
    }

    /// A document and everything that was done to it.
    ///
    /// # Errors
    /// As `people`.
    pub async fn document(&self, document: DocumentId, call: u64) -> Result<Document, PortalError> {
        self.wait(Some(call), move |core| async move { core.document(document).await }).await
    }

    /// Adds the file at `path` to a matter's documents. It is read while it goes; nothing of it stays on this phone.
    ///
    /// # Errors
    /// As `people`; `FileUnreadable`, `Refused` with the numbers. Nothing is added, unless the answer was lost.
    pub async fn add_document(
        &self,
        matter: MatterId,
        name: String,
        path: String,
        call: u64,
    ) -> Result<DocumentKept, PortalError> {
        let source = DocumentSource::File(PathBuf::from(path));
        self.wait(Some(call), move |core| async move { core.add_document(matter, &name, source).await }).await
    }

    /// Adds a file of a message that this person may read to a matter's documents.
    ///
    /// # Errors
    /// As `people`.
    pub async fn keep_document(
        &self,
        matter: MatterId,
        name: String,
        attachment: AttachmentId,
        call: u64,
    ) -> Result<DocumentKept, PortalError> {
        let source = DocumentSource::Attachment(attachment);
        self.wait(Some(call), move |core| async move { core.add_document(matter, &name, source).await }).await
    }

    /// Gives a document a new version, from the file at `path`. Copies in messages stay what they are (R2).
    ///
    /// # Errors
    /// As `add_document`.
    pub async fn add_version(
        &self,
        document: DocumentId,
        path: String,
        call: u64,
    ) -> Result<DocumentKept, PortalError> {
        let source = DocumentSource::File(PathBuf::from(path));
        self.wait(Some(call), move |core| async move { core.add_version(document, source).await }).await
    }

    /// Gives a document another name.
    ///
    /// # Errors
    /// As `people`.
    pub async fn rename_document(
        &self,
        document: DocumentId,
        name: String,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.rename_document(document, &name).await }).await
    }

    /// Removes a document: nobody finds it any more, the firm's record keeps it.
    ///
    /// # Errors
    /// As `people`.
    pub async fn remove_document(&self, document: DocumentId, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.remove_document(document).await }).await
    }

    /// Writes the bytes of a version to `to`: all of them, with their hash, or no file.
    ///
    /// # Errors
    /// As `people`; `DiskFull` where `to` can not be written.
    pub async fn save_document(
        &self,
        document: DocumentId,
        version: u32,
        sha256: Sha256,
        to: String,
        call: u64,
    ) -> Result<(), PortalError> {
        let save = move |core: portico_core::Portal| async move {
            core.save_document(document, version, sha256, Path::new(&to)).await
        };
        self.wait(Some(call), save).await
    }

    /// Queues a message with a copy of each document, in the version that each names, durably; the text may be empty. Works
    /// in airplane mode.
    ///
    /// # Errors
    /// As `send`. A document that is gone by then refuses the message: `document_not_found`.
    pub fn send_documents(
        &self,
        conversation: ConversationId,
        text: String,
        documents: Vec<CopiedDocument>,
    ) -> Result<SendKey, PortalError> {
        self.with(|core| core.send_documents(conversation, &text, documents))
    }
}
