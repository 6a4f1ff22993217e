//! One entry of the outbox, as rules and screens see it.

use std::fmt;

use portico_wire::document::{DocumentCopy, DocumentRow};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{ConversationId, DocumentId, SendKey};
use portico_wire::receipt::Receipt;
use portico_wire::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// Why an attempt failed and will be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No connection, or it broke; nobody knows whether the request arrived.
    NoConnection,
    /// Somebody else answered: a captive portal, a proxy's page, an unknown problem.
    NotPortico,
    /// The server failed (5xx), or answered what this version can not read.
    ServerFault,
    /// The server asked to wait.
    ServerBusy,
    /// This app is too old for the server; reading and the queue live on.
    AppTooOld,
    /// After a restore: the firm must make the conversation again first.
    ConversationMissing,
    /// After a restore: the server lacks the bytes of a document that goes along.
    DocumentMissing,
    /// The keystore is locked or fails.
    KeyUnavailable,
    /// The network costs: the batch waits for another, or for the person's word.
    Metered,
    /// Whoever answered has no certificate that this phone trusts; nothing was said to them.
    Untrusted,
}

impl Fault {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoConnection => "no_connection",
            Self::NotPortico => "not_portico",
            Self::ServerFault => "server_fault",
            Self::ServerBusy => "server_busy",
            Self::AppTooOld => "app_too_old",
            Self::ConversationMissing => "conversation_missing",
            Self::DocumentMissing => "document_missing",
            Self::KeyUnavailable => "key_unavailable",
            Self::Metered => "metered",
            Self::Untrusted => "untrusted",
        }
    }

    /// Reads the word; one of a newer app reads as a fault of the server.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "no_connection" => Self::NoConnection,
            "not_portico" => Self::NotPortico,
            "server_busy" => Self::ServerBusy,
            "app_too_old" => Self::AppTooOld,
            "conversation_missing" => Self::ConversationMissing,
            "document_missing" => Self::DocumentMissing,
            "key_unavailable" => Self::KeyUnavailable,
            "metered" => Self::Metered,
            "untrusted" => Self::Untrusted,
            _ => Self::ServerFault,
        }
    }
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendState {
    /// Waits for its turn.
    Queued,
    /// Is on its way.
    Sending,
    /// Will be tried again.
    Waiting {
        /// When, by the phone's clock.
        until_ms: i64,
        /// Why.
        fault: Fault,
    },
    /// Waits until the person signs in again.
    NeedsSignIn,
    /// The person paused it; it goes on when they say so.
    Paused,
    /// The operating system carries it; this app sends nothing of it until then.
    HandedToOs {
        /// When to take it back if nobody said how it ended, by the phone's clock.
        until_ms: i64,
    },
    /// The person took it back; the server has not answered yet.
    Withdrawing {
        /// When to ask the server again; 0 for at once.
        until_ms: i64,
    },
    /// In the log, for ever.
    Accepted,
    /// Not in the log, for ever; the text is kept until it is discarded.
    Refused(Refusal),
    /// Taken back, for ever.
    Withdrawn,
}

impl SendState {
    /// Whether the entry has no answer yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Accepted | Self::Refused(_) | Self::Withdrawn)
    }
}

/// Which line an entry stands in; each conversation has one of each, side by side (R40).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Messages whose bytes fit one request: texts, and copies of documents.
    Texts,
    /// Messages with files of this phone.
    Batches,
}

impl Lane {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Texts => "texts",
            Self::Batches => "batches",
        }
    }
}

/// Whether a byte of an entry may have left this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Not one.
    Never,
    /// Perhaps.
    Perhaps,
}

/// What the machine knows of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub state: SendState,
    /// Whether it may be at the server already.
    pub tried: Tried,
    /// Attempts since the last nudge; sets the backoff.
    pub attempts: u32,
    /// Faulty answers so far.
    pub server_faults: u32,
    /// Set aside: the server keeps failing on it while others pass. Shown, tried hourly, holds nobody up (R40).
    pub stuck: bool,
}

impl Progress {
    /// A new entry.
    pub const NEW: Self =
        Self { state: SendState::Queued, tried: Tried::Never, attempts: 0, server_faults: 0, stuck: false };
}

/// A document of a matter, a copy of which goes along with a message; its bytes are at the server (R1, R45).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Debug for CopiedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CopiedDocument({}, version {})", self.document_id, self.version)
    }
}

impl From<&DocumentRow> for CopiedDocument {
    fn from(row: &DocumentRow) -> Self {
        Self {
            document_id: row.document_id,
            version: row.version,
            name: row.name.clone(),
            media_type: row.media_type.clone(),
            size_bytes: row.size_bytes,
            sha256: row.sha256,
        }
    }
}

impl CopiedDocument {
    /// As it is asked for.
    #[must_use]
    pub fn wanted(self) -> DocumentCopy {
        let Self { document_id, version, name, sha256, .. } = self;
        DocumentCopy { document_id, version, sha256, name }
    }
}

/// An entry with what it takes to send it. `Debug` hides the text.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its key.
    pub send_key: SendKey,
    /// Where to.
    pub conversation_id: ConversationId,
    /// In which line.
    pub lane: Lane,
    /// The text.
    pub body: String,
    /// Documents that go along.
    pub copies: Vec<CopiedDocument>,
    /// When the person sent it.
    pub composed_at_ms: i64,
    /// Where it stands.
    pub progress: Progress,
    /// The server's word from before a restore.
    pub receipt: Option<Receipt>,
}

impl fmt::Debug for OutboxEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxEntry")
            .field("send_key", &self.send_key)
            .field("body_bytes", &self.body.len())
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
