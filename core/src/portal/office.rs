//! Intents of the firm's people who run it. They need the server, which decides; what follows from them comes to every
//! phone by its log.

use portico_wire::conversation::{ConversationKind, ConversationState};
use portico_wire::ids::{ConversationId, EntryId, MatterId, PersonId, SendKey};
use portico_wire::message::Done;
use portico_wire::office::{
    AddPerson, BeginConversation, ConversationBegun, Conversations, MatterAccess, MatterOpened, MatterRow,
    Matters, OpenMatter, People, PersonAdded, PersonRow, ReaderLooks, Readers, StateWanted,
};
use portico_wire::problem::ProblemCode;
use portico_wire::search::SearchAnswer;
use serde::de::DeserializeOwned;

use super::Portal;
use crate::error::PortalError;
use crate::net::classify::Miss;
use crate::net::codec;
use crate::ports::{Request, random};

/// Why the server did not do it. Nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficeError {
    /// The kind or the state of it, or this person's side of the firm's door, does not allow it.
    #[error("that is not allowed")]
    NotAllowed,
    /// What was given is not of the documented form: an address that is none, a title of two lines.
    #[error("that is not of the right form")]
    Malformed,
    /// [`PortalError::NotHere`] for what is not there, or not known to this person; [`PortalError::Offline`] and its like.
    #[error(transparent)]
    Portal(#[from] PortalError),
}

impl From<Miss> for OfficeError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Problem(ProblemCode::NotAllowed, _) => Self::NotAllowed,
            Miss::Problem(ProblemCode::BadRequest, _) => Self::Malformed,
            miss => Self::Portal(miss.into()),
        }
    }
}

impl Portal {
    /// Everybody of the firm, by name.
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn people(&self) -> Result<Vec<PersonRow>, OfficeError> {
        Ok(self.office::<People>(codec::people()).await?.people)
    }

    /// Makes somebody a contact of the firm, or a colleague (R7). The same again makes nobody.
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn add_person(&self, person: AddPerson) -> Result<PersonId, OfficeError> {
        Ok(self.office::<PersonAdded>(codec::add_person(&person)).await?.person_id)
    }

    /// Somebody leaves: a client every conversation (R19), one of the staff the firm (R43).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn depart(&self, person: PersonId) -> Result<(), OfficeError> {
        self.office::<Done>(codec::depart(person)).await.map(drop)
    }

    /// The matters that this person may know of, the newest first.
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn matters(&self) -> Result<Vec<MatterRow>, OfficeError> {
        Ok(self.office::<Matters>(codec::matters()).await?.matters)
    }

    /// Opens a matter; `restricted_to`: the staff who may know of it, none for all of them.
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn open_matter(
        &self,
        title: &str,
        restricted_to: Option<Vec<PersonId>>,
    ) -> Result<MatterId, OfficeError> {
        let open = OpenMatter { key: self.fresh_key(), title: title.to_owned(), restricted_to };
        Ok(self.office::<MatterOpened>(codec::open_matter(&open)).await?.matter_id)
    }

    /// Changes which staff may know of a matter (R14, R17).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn set_matter_access(
        &self,
        matter: MatterId,
        restricted_to: Option<Vec<PersonId>>,
    ) -> Result<(), OfficeError> {
        let access = MatterAccess { restricted_to };
        self.office::<Done>(codec::set_matter_access(matter, &access)).await.map(drop)
    }

    /// What this person may know of, in it or not, the newest begun first, below `before` (R15).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn known_conversations(
        &self,
        before: Option<ConversationId>,
    ) -> Result<Conversations, OfficeError> {
        self.office(codec::known_conversations(before)).await
    }

    /// Begins a conversation; this person is in it (R39, R44).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn begin_conversation(
        &self,
        kind: ConversationKind,
        title: &str,
        matter_id: Option<MatterId>,
        participants: Vec<PersonId>,
    ) -> Result<ConversationId, OfficeError> {
        let (key, title) = (self.fresh_key(), title.to_owned());
        let begin = BeginConversation { key, kind, title, matter_id, participants };
        Ok(self.office::<ConversationBegun>(codec::begin_conversation(&begin)).await?.conversation_id)
    }

    /// Adds somebody to a conversation, or this person themself (R15).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn add_participant(
        &self,
        conversation: ConversationId,
        person: PersonId,
    ) -> Result<(), OfficeError> {
        self.office::<Done>(codec::add_participant(conversation, person)).await.map(drop)
    }

    /// Ends somebody's stay in a conversation, or this person's own.
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn remove_participant(
        &self,
        conversation: ConversationId,
        person: PersonId,
    ) -> Result<(), OfficeError> {
        self.office::<Done>(codec::remove_participant(conversation, person)).await.map(drop)
    }

    /// Archives a conversation, or undoes it (R21).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn set_conversation_state(
        &self,
        conversation: ConversationId,
        state: ConversationState,
    ) -> Result<(), OfficeError> {
        let wanted = StateWanted { state };
        self.office::<Done>(codec::set_conversation_state(conversation, &wanted)).await.map(drop)
    }

    /// Who has read what of a conversation, and when (R6).
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn readers(&self, conversation: ConversationId) -> Result<Vec<ReaderLooks>, OfficeError> {
        Ok(self.office::<Readers>(codec::readers(conversation)).await?.readers)
    }

    /// Searches everything that this person may read on the server, on this phone or not, newest first, before `before`
    /// (R15). The grammar is that of [`Portal::search`].
    ///
    /// # Errors
    /// An [`OfficeError`].
    pub async fn search_server(
        &self,
        text: &str,
        before: Option<EntryId>,
    ) -> Result<SearchAnswer, OfficeError> {
        self.office(codec::search(text, before)).await
    }

    pub(super) async fn office<T: DeserializeOwned>(&self, request: Request) -> Result<T, OfficeError> {
        self.room.link.ask(request).await.map_err(OfficeError::from)
    }

    pub(super) fn fresh_key(&self) -> SendKey {
        SendKey::from_parts(self.room.ports.clock.now_ms(), random(&*self.room.ports.dice))
    }
}
