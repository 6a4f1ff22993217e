//! Mirrors of what screens show: conversations, entries, pages. Documented for shells here, for the core at the origin.

use portico_core::outbox::entry::Fault;
use portico_core::store::PickedFile;
use portico_core::store::{EntryStanding, SessionFacts};
use portico_core::timeline::item::{
    ConversationRow, Delivery, Echo, FirstScreen, SearchHit, SearchResults, TimelineItem, TimelinePage,
};
use portico_core::upload::progress::UploadProgress;
use portico_wire::conversation::{
    ConversationHead, ConversationKind, ConversationState, Participant, Standing,
};
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::entry::{Entry, EntryFile, EntryKind};
use portico_wire::ids::{
    AttachmentId, ConversationId, DeviceId, EntryId, Epoch, FirmId, MatterId, PersonId, SendKey,
};
use portico_wire::looked_at::SeqRange;
use portico_wire::push::PushContent;
use portico_wire::refusal::Refusal;
use portico_wire::signin::FirmChoice;

/// Who is signed in, where, on which device.
#[uniffi::remote(Record)]
pub struct SessionFacts {
    /// The server's address, with the root that it is known by after a `#`, if it has one of its own.
    pub server_url: String,
    /// Who.
    pub person_id: PersonId,
    /// Their name at this firm.
    pub name: String,
    /// On which side of the firm's door.
    pub standing: Standing,
    /// At which firm.
    pub firm_id: FirmId,
    /// Its name.
    pub firm_name: String,
    /// This installation, as the server knows it.
    pub device_id: DeviceId,
}

/// A firm to choose, for a person of several.
#[uniffi::remote(Record)]
pub struct FirmChoice {
    /// Which.
    pub firm_id: FirmId,
    /// What it is called.
    pub name: String,
}

/// A conversation as its reader may see it. The newest head replaces the one before.
#[uniffi::remote(Record)]
pub struct ConversationHead {
    /// Which.
    pub conversation_id: ConversationId,
    /// Of which kind.
    pub kind: ConversationKind,
    /// What it is called.
    pub title: String,
    /// The matter it belongs to, if its kind has one.
    pub matter_id: Option<MatterId>,
    /// Whether it takes messages.
    pub state: ConversationState,
    /// Whether this reader may post now.
    pub may_post: bool,
    /// Who is in it now, by name.
    pub participants: Vec<Participant>,
    /// The first entry this reader may read.
    pub readable_from_seq: u64,
    /// The newest entry this reader may read; 0 for none.
    pub last_seq: u64,
    /// When that entry was accepted, or the conversation begun, UTC milliseconds.
    pub last_at_ms: i64,
}

/// Somebody in a conversation now.
#[uniffi::remote(Record)]
pub struct Participant {
    /// Who.
    pub person_id: PersonId,
    /// Their name.
    pub name: String,
    /// On which side of the firm's door.
    pub standing: Standing,
}

/// The four kinds of conversations (R39).
#[uniffi::remote(Enum)]
pub enum ConversationKind {
    /// Clients, third parties and staff, about a matter.
    ExternalMatter,
    /// Staff, about a matter.
    InternalMatter,
    /// Staff, about a topic.
    StaffChannel,
    /// Two or more staff; participants only.
    Direct,
    /// A kind of a newer server; show it like an external one.
    Unknown,
}

/// Whether a conversation takes messages.
#[uniffi::remote(Enum)]
pub enum ConversationState {
    /// Takes messages.
    Open,
    /// Clients read on and cannot post; can be undone.
    Archived,
    /// Closed for good.
    Closed,
    /// A state of a newer server; offer no composer.
    Unknown,
}

/// On which side of the firm's door a person stands.
#[uniffi::remote(Enum)]
pub enum Standing {
    /// Works at the firm.
    Staff,
    /// The one the firm acts for.
    Client,
    /// An outside person who is not.
    ThirdParty,
}

/// One immutable entry of a conversation's log.
#[uniffi::remote(Record)]
pub struct Entry {
    /// Made by the server.
    pub entry_id: EntryId,
    /// Whose log.
    pub conversation_id: ConversationId,
    /// Place in the log: 1, 2, 3 without a gap.
    pub seq: u64,
    /// The server's epoch when it was accepted.
    pub epoch: Epoch,
    /// What it records.
    pub kind: EntryKind,
    /// Who caused it.
    pub author_id: PersonId,
    /// Their name at that time.
    pub author_name: String,
    /// When the server made it durable, UTC milliseconds.
    pub accepted_at_ms: i64,
    /// When the author's phone says it was sent, UTC milliseconds.
    pub composed_at_ms: i64,
    /// The text, exactly (R4).
    pub body: String,
    /// 16 random bytes, base64url, that keep the body's hash from being guessed.
    pub salt: Base64,
    /// The files, in order.
    pub files: Vec<EntryFile>,
    /// Hash of the entry before it; 64 hex digits.
    pub previous_hash: Sha256,
    /// Hash of this entry; 64 hex digits.
    pub hash: Sha256,
    /// The key it was sent under; only its author's devices see it.
    pub send_key: Option<SendKey>,
}

/// One file of an entry: a copy with an id of its own (R1).
#[uniffi::remote(Record)]
pub struct EntryFile {
    /// Made by the server.
    pub attachment_id: AttachmentId,
    /// As its author's device named it; for display only, never a path (R38).
    pub name: String,
    /// What its bytes tell (R38).
    pub media_type: String,
    /// SHA-256 of the file's bytes; 64 hex digits.
    pub sha256: Sha256,
    /// How many bytes.
    pub size_bytes: u64,
}

/// What an entry records.
#[uniffi::remote(Enum)]
pub enum EntryKind {
    /// A person's text; the body is the text.
    Message,
    /// Somebody became a participant; the body names them, as JSON.
    Joined,
    /// Somebody stopped being one; the body names them, as JSON.
    Left,
    /// Archived.
    Archived,
    /// No longer archived.
    Restored,
    /// Closed for good; the body is the reason.
    Closed,
    /// Which staff may know of the matter was changed; the body says how, as JSON.
    AccessChanged,
    /// A kind of a newer server; show a placeholder.
    Unknown(#[uniffi(name = "text")] String),
}

/// A row of the list of conversations.
#[uniffi::remote(Record)]
pub struct ConversationRow {
    /// The head.
    pub head: ConversationHead,
    /// Its newest message, if one is here.
    pub newest: Option<Entry>,
    /// Messages of others that were not looked at, on any device.
    pub unread: u64,
    /// Entries of this phone that have no answer yet, or an end the person has not seen.
    pub unsent: u64,
}

/// The first screen, in one call.
#[uniffi::remote(Record)]
pub struct FirstScreen {
    /// Newest first.
    pub conversations: Vec<ConversationRow>,
    /// The sum over all conversations: what the app's badge shows.
    pub unread: u64,
}

/// A page of one conversation, in one call.
#[uniffi::remote(Record)]
pub struct TimelinePage {
    /// The head.
    pub head: ConversationHead,
    /// From older to newer; unsent ones last.
    pub items: Vec<TimelineItem>,
    /// Whether something older can be read, here or on the server.
    pub has_older: bool,
    /// What the person has begun to write.
    pub draft: Option<String>,
    /// What the person has picked to send with it.
    pub picked: Vec<PickedFile>,
}

/// One thing in a conversation.
#[uniffi::remote(Enum)]
pub enum TimelineItem {
    /// An entry of the log.
    Logged {
        /// The entry.
        entry: Box<Entry>,
        /// How it stands to the server's log.
        standing: EntryStanding,
        /// Whether this person has looked at it.
        looked_at: bool,
        /// Whether it is this phone's own, on its way again after a restore.
        offered_again: bool,
    },
    /// Entries that are not here yet: show a gap, never skip it.
    Gap {
        /// The first.
        from_seq: u64,
        /// The last.
        to_seq: u64,
    },
    /// Something of this phone that the log does not have (yet).
    Unsent(#[uniffi(name = "echo")] Echo),
}

/// How a stored entry stands to the server's log.
#[uniffi::remote(Enum)]
pub enum EntryStanding {
    /// The server has it in this place.
    Held,
    /// Not seen again since a restore; scrolling there asks.
    Unconfirmed,
    /// A restored server lacks it; kept, and to be marked so.
    Missing,
}

/// An unsent message, shown in place.
#[uniffi::remote(Record)]
pub struct Echo {
    /// Its key.
    pub send_key: SendKey,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text.
    pub body: String,
    /// When the person sent it, UTC milliseconds.
    pub composed_at_ms: i64,
    /// How it stands.
    pub delivery: Delivery,
    /// Its files, in the order in which they are sent.
    pub files: Vec<PickedFile>,
    /// Of its plain bytes, how many the server is known to hold; 0 for a text.
    pub held_bytes: u64,
}

/// A file that was picked, or that is on its way.
#[uniffi::remote(Record)]
pub struct PickedFile {
    /// Which one, within its message: for taking it out again.
    pub slot: u32,
    /// As the device names it; for display only (R38).
    pub name: String,
    /// Plain bytes.
    pub size_bytes: u64,
    /// Of the plain bytes; 64 hex digits.
    pub sha256: Sha256,
    /// What its bytes tell (R38).
    pub media_type: String,
    /// Where it lies in the sealed pack.
    pub at_bytes: u64,
}

/// How far a batch of files is. Never more than its size.
#[uniffi::remote(Record)]
pub struct UploadProgress {
    /// Plain bytes that the server holds.
    pub held_bytes: u64,
    /// Plain bytes of the whole batch.
    pub size_bytes: u64,
    /// Files that the server holds whole.
    pub files_held: u32,
    /// How fast it goes, by what the server holds; none until that is known.
    pub bytes_per_s: Option<u64>,
    /// How long it will take at that rate, in milliseconds.
    pub left_ms: Option<u64>,
}

/// How an unsent message stands, as the person sees it.
#[uniffi::remote(Enum)]
pub enum Delivery {
    /// Durable here, waits for its turn.
    Queued,
    /// On its way.
    Sending,
    /// Will be tried again.
    Waiting {
        /// When, UTC milliseconds by the phone's clock.
        until_ms: i64,
        /// Why.
        fault: Fault,
        /// Set aside: holds up nobody.
        stuck: bool,
    },
    /// Waits until the person signs in.
    NeedsSignIn,
    /// Paused by the person.
    Paused,
    /// The operating system carries it.
    HandedToOs,
    /// Taken back; the server has not answered.
    Withdrawing,
    /// Not in the log, for ever; the text is here: send again, or discard.
    Refused(#[uniffi(name = "refusal")] Refusal),
    /// Taken back, for ever.
    Withdrawn {
        /// Found undecided in an old copy of this phone: ask the person whether to send it again.
        offer_again: bool,
    },
}

/// What was found: unsent messages, and messages of the log, newest first.
#[uniffi::remote(Record)]
pub struct SearchResults {
    /// Unsent messages of this phone that match.
    pub unsent: Vec<Echo>,
    /// Messages of the log.
    pub hits: Vec<SearchHit>,
}

/// A message that was found.
#[uniffi::remote(Record)]
pub struct SearchHit {
    /// Where in time it stands: ask again before the last one's to page on.
    pub place: i64,
    /// The message.
    pub entry: Entry,
}

/// Entries `from_seq..=to_seq` of one conversation.
#[uniffi::remote(Record)]
pub struct SeqRange {
    /// The first.
    pub from_seq: u64,
    /// The last, included.
    pub to_seq: u64,
}

/// What a push says once opened.
#[uniffi::remote(Record)]
pub struct PushContent {
    /// The server's epoch.
    pub epoch: Epoch,
    /// At which firm.
    pub firm_id: FirmId,
    /// For whom.
    pub person_id: PersonId,
    /// Where.
    pub conversation_id: ConversationId,
    /// Which message.
    pub entry_id: EntryId,
    /// Its place in the conversation.
    pub seq: u64,
    /// The place of its event in the person's log.
    pub log_seq: u64,
    /// The text, or its beginning.
    pub text: String,
    /// Whether `text` is all of it.
    pub complete: bool,
}
