//! Intents of the firm's people who run it, and of a client who begins a conversation (R44). They wait for the server, which
//! decides; what follows from them comes to every phone by its log. Each takes the number of its call.

use portico_core::PortalError;
use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState, Standing};
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, EntryId, Epoch, MatterId, PersonId};
use portico_wire::invitation::Invited;
use portico_wire::office::{AddPerson, Conversations, Look, MatterRow, PersonRow, ReaderLooks};
use portico_wire::search::{FoundMessage, SearchAnswer};

use crate::portal::Portal;

/// Somebody of the firm, or of its clients.
#[uniffi::remote(Record)]
pub struct PersonRow {
    /// Who.
    pub person_id: PersonId,
    /// Their name at this firm.
    pub name: String,
    /// The address that signs in.
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
    /// Whether they have left the firm (R43).
    pub has_left: bool,
}

/// An invitation that is on its way by mail.
#[uniffi::remote(Record)]
pub struct Invited {
    /// The link.
    pub link: String,
    /// Until when it works, UTC milliseconds.
    pub expires_at_ms: i64,
}

/// Somebody to be a contact of the firm, or a colleague.
#[uniffi::remote(Record)]
pub struct AddPerson {
    /// Their name at this firm: one line.
    pub name: String,
    /// The address that signs in. Needed, always (R7).
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
}

/// A matter as staff see it.
#[uniffi::remote(Record)]
pub struct MatterRow {
    /// Which.
    pub matter_id: MatterId,
    /// What it is called.
    pub title: String,
    /// The staff who may know of it; none for all of them.
    pub restricted_to: Option<Vec<PersonId>>,
}

/// Conversations that this person may know of, in them or not (R15).
#[uniffi::remote(Record)]
pub struct Conversations {
    /// The server's epoch.
    pub epoch: Epoch,
    /// The newest begun first.
    pub conversations: Vec<ConversationHead>,
    /// Whether older ones follow, below the last one's id.
    pub more: bool,
}

/// Entries that were on somebody's screen, with the first time.
#[uniffi::remote(Record)]
pub struct Look {
    /// The first.
    pub from_seq: u64,
    /// The last, included.
    pub to_seq: u64,
    /// When it was on screen, by that device's clock, UTC milliseconds.
    pub shown_at_ms: i64,
    /// When the server heard of it, UTC milliseconds.
    pub heard_at_ms: i64,
}

/// What one person has looked at, ascending (R6).
#[uniffi::remote(Record)]
pub struct ReaderLooks {
    /// Who.
    pub person_id: PersonId,
    /// Their name at this firm.
    pub name: String,
    /// What was on screen: only that.
    pub looks: Vec<Look>,
}

/// A message that the server found.
#[uniffi::remote(Record)]
pub struct FoundMessage {
    /// What its conversation is called.
    pub title: String,
    /// The message.
    pub entry: Entry,
}

/// What the server found, the newest first.
#[uniffi::remote(Record)]
pub struct SearchAnswer {
    /// The server's epoch.
    pub epoch: Epoch,
    /// The messages.
    pub hits: Vec<FoundMessage>,
    /// Where to go on; none at the end.
    pub next: Option<EntryId>,
}

#[uniffi::export]
impl Portal {
    /// Everybody of the firm, by name.
    ///
    /// # Errors
    /// `NotHere` for what is not there, or not known to this person; `NotAllowed`, `Malformed`; `Offline` and its like.
    pub async fn people(&self, call: u64) -> Result<Vec<PersonRow>, PortalError> {
        self.wait(Some(call), |core| async move { core.people().await }).await
    }

    /// Makes somebody a contact of the firm, or a colleague (R7). The same again makes nobody.
    ///
    /// # Errors
    /// As `people`.
    pub async fn add_person(&self, person: AddPerson, call: u64) -> Result<PersonId, PortalError> {
        self.wait(Some(call), |core| async move { core.add_person(person).await }).await
    }

    /// Somebody leaves: a client every conversation (R19), one of the staff the firm (R43).
    ///
    /// # Errors
    /// As `people`.
    pub async fn depart(&self, person: PersonId, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.depart(person).await }).await
    }

    /// Mails somebody of the firm a link with which they need type neither server nor address; it is answered too, for a QR code on
    /// a desk. It proves nothing: a code is mailed to them all the same. The one before works no more.
    ///
    /// # Errors
    /// As `people`.
    pub async fn invite(&self, person: PersonId, call: u64) -> Result<Invited, PortalError> {
        self.wait(Some(call), move |core| async move { core.invite(person).await }).await
    }

    /// Lets somebody of the firm in again who lost every device and factor: what they had here counts no more, and their
    /// next sign-in is like their first (R42). They are told by mail.
    ///
    /// # Errors
    /// `StepUpNeeded`, and as `people`.
    pub async fn readmit(&self, person: PersonId, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.readmit(person).await }).await
    }

    /// The matters that this person may know of, the newest first.
    ///
    /// # Errors
    /// As `people`.
    pub async fn matters(&self, call: u64) -> Result<Vec<MatterRow>, PortalError> {
        self.wait(Some(call), |core| async move { core.matters().await }).await
    }

    /// Opens a matter; `restricted_to`: the staff who may know of it, none for all of them.
    ///
    /// # Errors
    /// As `people`.
    pub async fn open_matter(
        &self,
        title: String,
        restricted_to: Option<Vec<PersonId>>,
        call: u64,
    ) -> Result<MatterId, PortalError> {
        self.wait(Some(call), move |core| async move { core.open_matter(&title, restricted_to).await }).await
    }

    /// Changes which staff may know of a matter (R14, R17).
    ///
    /// # Errors
    /// As `people`.
    pub async fn set_matter_access(
        &self,
        matter: MatterId,
        restricted_to: Option<Vec<PersonId>>,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.set_matter_access(matter, restricted_to).await })
            .await
    }

    /// What this person may know of, in it or not, the newest begun first, below `before` (R15).
    ///
    /// # Errors
    /// As `people`.
    pub async fn known_conversations(
        &self,
        before: Option<ConversationId>,
        call: u64,
    ) -> Result<Conversations, PortalError> {
        self.wait(Some(call), move |core| async move { core.known_conversations(before).await }).await
    }

    /// Begins a conversation; this person is in it (R39). A client begins one with the firm in a matter that they are on, and
    /// names nobody (R44).
    ///
    /// # Errors
    /// As `people`.
    pub async fn begin_conversation(
        &self,
        kind: ConversationKind,
        title: String,
        matter: Option<MatterId>,
        participants: Vec<PersonId>,
        call: u64,
    ) -> Result<ConversationId, PortalError> {
        let begun = move |core: portico_core::Portal| async move {
            core.begin_conversation(kind, &title, matter, participants).await
        };
        self.wait(Some(call), begun).await
    }

    /// Adds somebody to a conversation, or this person themself (R15).
    ///
    /// # Errors
    /// As `people`.
    pub async fn add_participant(
        &self,
        conversation: ConversationId,
        person: PersonId,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.add_participant(conversation, person).await })
            .await
    }

    /// Ends somebody's stay in a conversation, or this person's own.
    ///
    /// # Errors
    /// As `people`.
    pub async fn remove_participant(
        &self,
        conversation: ConversationId,
        person: PersonId,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.remove_participant(conversation, person).await })
            .await
    }

    /// Archives a conversation, or undoes it (R21).
    ///
    /// # Errors
    /// As `people`.
    pub async fn set_conversation_state(
        &self,
        conversation: ConversationId,
        state: ConversationState,
        call: u64,
    ) -> Result<(), PortalError> {
        let set = move |core: portico_core::Portal| async move {
            core.set_conversation_state(conversation, state).await
        };
        self.wait(Some(call), set).await
    }

    /// Who has read what of a conversation, and when (R6). For staff.
    ///
    /// # Errors
    /// As `people`.
    pub async fn readers(
        &self,
        conversation: ConversationId,
        call: u64,
    ) -> Result<Vec<ReaderLooks>, PortalError> {
        self.wait(Some(call), move |core| async move { core.readers(conversation).await }).await
    }

    /// Searches everything that this person may read on the server, on this phone or not, the newest first, before `before`
    /// (R15). The grammar is that of `search`.
    ///
    /// # Errors
    /// As `people`.
    pub async fn search_server(
        &self,
        text: String,
        before: Option<EntryId>,
        call: u64,
    ) -> Result<SearchAnswer, PortalError> {
        self.wait(Some(call), move |core| async move { core.search_server(&text, before).await }).await
    }
}
