//! Documents of a matter (R45): what the firm's people keep there, and how a message takes a copy of one.
//!
//! A document is a list of changes that only grows; what is shown is what they come to. For the staff who may know of the
//! matter; for everybody else there is none (R17).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::encoding::Sha256;
use crate::ids::{AttachmentId, ConversationId, DocumentId, Epoch, MatterId, PersonId, SendKey};
use crate::receipt::Receipt;

/// A document as it is now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentRow {
    /// Which.
    pub document_id: DocumentId,
    /// Whose.
    pub matter_id: MatterId,
    /// Its name now: [`crate::office::is_title`].
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

impl fmt::Debug for DocumentRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentRow({}, version {})", self.document_id, self.version)
    }
}

/// The answer of `GET /v1/matters/{id}/documents`: those that nobody has removed, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Documents {
    /// The server's epoch.
    pub epoch: Epoch,
    /// The documents.
    pub documents: Vec<DocumentRow>,
    /// Whether older ones follow, below the last one's id.
    pub more: bool,
}

/// What was done to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DocumentAct {
    /// It came, as version 1.
    Added,
    /// A new version came.
    Versioned,
    /// It got another name.
    Renamed,
    /// Something that a newer server knows of.
    #[serde(other)]
    Unknown,
}

/// One change of a document.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl fmt::Debug for DocumentChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentChange({:?}, version {})", self.act, self.version)
    }
}

/// The answer of `GET /v1/documents/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Document {
    /// The server's epoch.
    pub epoch: Epoch,
    /// As it is now.
    pub document: DocumentRow,
    /// Everything that was done to it, the first first.
    pub changes: Vec<DocumentChange>,
}

/// The body of `POST /v1/matters/{id}/documents`: a file of a conversation becomes a document.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileDocument {
    /// The maker's key.
    pub key: SendKey,
    /// What it is called: [`crate::office::is_title`].
    pub name: String,
    /// A file of an entry that the maker may read.
    pub attachment_id: AttachmentId,
}

impl fmt::Debug for FileDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileDocument({})", self.key)
    }
}

/// The body of `POST /v1/documents/{id}/versions`: a file of a conversation becomes the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileVersion {
    /// The maker's key.
    pub key: SendKey,
    /// A file of an entry that the maker may read.
    pub attachment_id: AttachmentId,
}

/// The body of `PUT /v1/documents/{id}/name`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentName {
    /// [`crate::office::is_title`].
    pub name: String,
}

impl fmt::Debug for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentName({} bytes)", self.name.len())
    }
}

/// The answer to whatever keeps bytes as a document or a version of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentKept {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Made by the server.
    pub document_id: DocumentId,
    /// Which version the bytes are, counted from 1.
    pub version: u32,
}

/// A copy of a document, as its sender chose it. The bytes are named by their hash: a version's number may mean other bytes
/// after a restore.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentCopy {
    /// Which document.
    pub document_id: DocumentId,
    /// Which version, counted from 1.
    pub version: u32,
    /// Of that version.
    pub sha256: Sha256,
    /// What the copy is called: the document's name, as its sender saw it.
    pub name: String,
}

impl fmt::Debug for DocumentCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentCopy({}, version {})", self.document_id, self.version)
    }
}

/// The body of `PUT /v1/copies/{send_key}`: a message that takes a copy of each document along (R1, R2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendCopies {
    /// The epoch the sender lives in; outside the digest.
    pub epoch: Epoch,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text, exactly; may be empty.
    pub body: String,
    /// When the person sent it, by the sender's clock, UTC milliseconds.
    pub composed_at_ms: i64,
    /// At least one, in the order of the message's files.
    pub documents: Vec<DocumentCopy>,
    /// After a restore: the server's signed word that it had accepted this before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl fmt::Debug for SendCopies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendCopies({} bytes, {} documents)", self.body.len(), self.documents.len())
    }
}

impl SendCopies {
    /// The digest of this request's meaning: what the same send key must mean for ever.
    ///
    /// SHA-256 over `"portico copies v1\0"`, conversation (16 bytes), composed at (i64 BE), count of documents (u32 BE),
    /// each one's id (16 bytes), version (u32 BE), hash (32 bytes), length of its name (u32 BE) and name, then body. Epoch and
    /// receipt are outside.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let mut documents = length(self.documents.len()).to_vec();
        for copy in &self.documents {
            documents.extend_from_slice(copy.document_id.as_bytes());
            documents.extend_from_slice(&copy.version.to_be_bytes());
            documents.extend_from_slice(copy.sha256.as_bytes());
            documents.extend_from_slice(&length(copy.name.len()));
            documents.extend_from_slice(copy.name.as_bytes());
        }
        Sha256::of(&[
            b"portico copies v1\0",
            self.conversation_id.as_bytes(),
            &self.composed_at_ms.to_be_bytes(),
            &documents,
            self.body.as_bytes(),
        ])
    }
}
