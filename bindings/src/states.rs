//! Mirrors of how things stand: connection, outbox, taps, refusals, sign-in.

use portico_core::events::PortalEvent;
use portico_core::outbox::entry::{Fault, SendState};
use portico_core::outbox::pump::Rest;
use portico_core::portal::Connection;
use portico_core::push::tap::{Shown, TapTarget, WhyInbox};
use portico_core::signin::driver::PendingSignIn;
use portico_wire::encoding::Sha256;
use portico_wire::ids::{AttachmentId, ChallengeId, ConversationId, DeviceId, EntryId, SendKey};
use portico_wire::refusal::{Refusal, RefusalCode};

/// Something changed. Ask for the page again: an event never carries the data itself.
#[uniffi::remote(Enum)]
pub enum PortalEvent {
    /// The list of conversations, a head, an unread count or the badge.
    ConversationsChanged,
    /// Entries or unsent messages of one conversation.
    TimelineChanged(#[uniffi(name = "conversation_id")] ConversationId),
    /// The server holds more of a batch than before; see `upload_progress`.
    UploadProgressed(#[uniffi(name = "send_key")] SendKey),
    /// More of an attachment is on this phone than before; see `held_bytes`.
    DownloadProgressed(#[uniffi(name = "attachment_id")] AttachmentId),
    /// Access to a conversation was lost, and everything received of it is gone from this phone (R41).
    AccessLost(#[uniffi(name = "conversation_id")] ConversationId),
    /// The way to the server, or this device's sign-in, changed; see `connection`.
    ConnectionChanged,
    /// The server says that this device is signed out. The outbox waits; nothing is deleted.
    SignInNeeded,
    /// The person wiped this phone from another device. Everything of them is gone from it; end the portal.
    Wiped,
    /// The server was restored from a backup; what it lost of this phone's is being offered again.
    ServerRestored,
}

/// What is known of the way to the server.
#[uniffi::remote(Enum)]
pub enum Connection {
    /// Nothing was tried since this process began.
    Unknown,
    /// The server answered last time.
    Online,
    /// It did not.
    Offline(#[uniffi(name = "fault")] Fault),
    /// It says that this device is signed out.
    SignedOut,
    /// It says that this person does not belong to the firm any more. What this phone received is gone from it.
    Closed,
    /// The person wiped this phone from another device: what it held of them is gone.
    Wiped,
}

/// Why an attempt failed and will be made again.
#[uniffi::remote(Enum)]
pub enum Fault {
    /// No connection, or it broke.
    NoConnection,
    /// Somebody else answered: a captive portal, a proxy's page.
    NotPortico,
    /// The server failed.
    ServerFault,
    /// The server asked to wait.
    ServerBusy,
    /// This app is too old for the server; reading and the queue live on.
    AppTooOld,
    /// After a restore: the server lacks the bytes of a document that goes along. Holds nobody up.
    DocumentMissing,
    /// After a restore: the firm must make the conversation again first.
    ConversationMissing,
    /// The keystore is locked or fails.
    KeyUnavailable,
    /// The network costs: the batch waits for another, or for `allow_metered`.
    Metered,
    /// Whoever answered has no certificate that this phone trusts; nothing was said to them.
    Untrusted,
}

/// Where an entry of this phone stands, also long after its end.
#[uniffi::remote(Enum)]
pub enum SendState {
    /// Waits for its turn.
    Queued,
    /// Is on its way.
    Sending,
    /// Will be tried again.
    Waiting {
        /// When, UTC milliseconds by the phone's clock.
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
        /// When to take it back if nobody said how it ended, UTC milliseconds by the phone's clock.
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
    Refused(#[uniffi(name = "refusal")] Refusal),
    /// Taken back, for ever.
    Withdrawn,
}

/// Why catching up came to rest.
#[uniffi::remote(Enum)]
pub enum Rest {
    /// Nothing is left to do.
    Empty,
    /// Something is due at this time, UTC milliseconds by the phone's clock.
    Until(#[uniffi(name = "due_ms")] i64),
    /// The server was restored: catch up once more.
    NeedsSnapshot,
    /// The person must sign in first.
    SignedOut,
}

/// A refusal with its numbers.
#[uniffi::remote(Record)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// The limit that was passed, in the unit of the code.
    pub limit: Option<u64>,
    /// What was measured, in the same unit.
    pub measured: Option<u64>,
    /// The place of the file it is about in the batch, from 0.
    pub file: Option<u32>,
}

/// Why a send was refused. `docs/errors.md` says what to do.
#[uniffi::remote(Enum)]
pub enum RefusalCode {
    /// The person's membership at this firm has ended.
    AccountClosed,
    /// A batch without a file.
    BatchEmpty,
    /// Files of more than `limit` bytes together; `measured` has the sum.
    BatchTooLarge,
    /// More than `limit` files; `measured` has the count.
    BatchTooManyFiles,
    /// Nothing to send.
    BodyEmpty,
    /// U+0000 in the text.
    BodyHasNul,
    /// The text is not valid Unicode.
    BodyNotUnicode,
    /// More than `limit` bytes; `measured` has the number.
    BodyTooLong,
    /// Archived: clients read on and cannot post.
    ConversationArchived,
    /// Closed for good.
    ConversationClosed,
    /// No such conversation, or none this person may know of.
    ConversationNotFound,
    /// No such version of a document, or none this person may know of; `file` says which of the message's.
    DocumentNotFound,
    /// The bytes of a file are not those of its hash; `file` says which.
    FileDamaged,
    /// A file's name holds U+0000; `file` says which.
    FileNameHasNul,
    /// A file's name has more than `limit` bytes; `file` says which.
    FileNameTooLong,
    /// May read, and must join before posting.
    NotParticipant,
    /// The firm's files would take more than `limit` bytes; `measured` has what they would take.
    QuotaExceeded,
    /// The same send key came with another meaning.
    SendKeyReused,
    /// The author withdrew this key before.
    Withdrawn,
    /// A code of a newer server.
    Unknown(#[uniffi(name = "text")] String),
}

/// Where a tap on a notification leads (R53).
#[uniffi::remote(Enum)]
pub enum TapTarget {
    /// The message, in its conversation.
    Message {
        /// Where.
        conversation_id: ConversationId,
        /// Which.
        entry_id: EntryId,
        /// Its place.
        seq: u64,
        /// What can be shown at once.
        shown: Shown,
    },
    /// The same, once the person has signed in; see `pending_tap`.
    SignInFirst,
    /// The list of conversations.
    Inbox(#[uniffi(name = "why")] WhyInbox),
}

/// What of a tapped message can be shown at once.
#[uniffi::remote(Enum)]
pub enum Shown {
    /// The message itself is in the timeline.
    Message,
    /// What the push said, until sync brings the message.
    Preview {
        /// The text, or its beginning.
        text: String,
        /// Whether it is all of it; else mark it as a beginning.
        complete: bool,
    },
}

/// Why a tap opens the list.
#[uniffi::remote(Enum)]
pub enum WhyInbox {
    /// The payload does not open: foreign, cut, altered, or of a newer server.
    Unreadable,
    /// It is for another person or firm than the one signed in.
    NotThisPerson,
    /// Access to the conversation was lost after the push was sent.
    AccessLost,
}

/// A sign-in that waits for its code. Nothing secret.
#[uniffi::remote(Record)]
pub struct PendingSignIn {
    /// The server, with the root that it is known by, if it has one of its own.
    pub server_url: String,
    /// Which challenge the code answers.
    pub challenge_id: ChallengeId,
    /// When it ends, UTC milliseconds by the server's clock.
    pub expires_at_ms: i64,
    /// This installation, if the code is right.
    pub device_id: DeviceId,
    /// SHA-256 of the server's address and the email; 64 hex digits.
    pub address_hash: Sha256,
    /// How far the server's clock was ahead of this phone's, milliseconds; negative for behind.
    pub server_ahead_ms: i64,
}
