//! Intents of the firm's people who run it. They need the server, which decides; what follows from them comes to every
//! phone by its log.

use portico_wire::conversation::{ConversationKind, ConversationState};
use portico_wire::ids::{ConversationId, EntryId, MatterId, PersonId, SendKey};
use portico_wire::invitation::Invited;
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
use crate::outbox::entry::Fault;
use crate::ports::{Request, random};

impl Portal {
    /// Everybody of the firm, by name.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn people(&self) -> Result<Vec<PersonRow>, PortalError> {
        Ok(self.office::<People>(codec::people()).await?.people)
    }

    /// Makes somebody a contact of the firm, or a colleague (R7). The same again makes nobody.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn add_person(&self, person: AddPerson) -> Result<PersonId, PortalError> {
        Ok(self.office::<PersonAdded>(codec::add_person(&person)).await?.person_id)
    }

    /// Somebody leaves: a client every conversation (R19), one of the staff the firm (R43).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn depart(&self, person: PersonId) -> Result<(), PortalError> {
        self.office::<Done>(codec::depart(person)).await.map(drop)
    }

    /// Mails somebody of the firm a link with which they need type neither server nor address; it is answered too, for a QR code on
    /// a desk. It proves nothing: a code is mailed to them all the same. The one before works no more.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn invite(&self, person: PersonId) -> Result<Invited, PortalError> {
        self.office(codec::invite(person)).await
    }

    /// Lets somebody of the firm in again who lost every device and factor: what they had here counts no more, and their
    /// next sign-in is like their first (R42). They are told by mail.
    ///
    /// # Errors
    /// [`PortalError::StepUpNeeded`], or another [`PortalError`].
    pub async fn readmit(&self, person: PersonId) -> Result<(), PortalError> {
        self.office::<Done>(codec::readmit(person)).await.map(drop)
    }

    /// The matters that this person may know of, the newest first.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn matters(&self) -> Result<Vec<MatterRow>, PortalError> {
        Ok(self.office::<Matters>(codec::matters()).await?.matters)
    }

    /// Opens a matter; `restricted_to`: the staff who may know of it, none for all of them.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn open_matter(
        &self,
        title: &str,
        restricted_to: Option<Vec<PersonId>>,
    ) -> Result<MatterId, PortalError> {
        let open = OpenMatter { key: self.fresh_key(), title: title.to_owned(), restricted_to };
        Ok(self.office::<MatterOpened>(codec::open_matter(&open)).await?.matter_id)
    }

    /// Changes which staff may know of a matter (R14, R17).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn set_matter_access(
        &self,
        matter: MatterId,
        restricted_to: Option<Vec<PersonId>>,
    ) -> Result<(), PortalError> {
        let access = MatterAccess { restricted_to };
        self.office::<Done>(codec::set_matter_access(matter, &access)).await.map(drop)
    }

    /// What this person may know of, in it or not, the newest begun first, below `before` (R15).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn known_conversations(
        &self,
        before: Option<ConversationId>,
    ) -> Result<Conversations, PortalError> {
        self.office(codec::known_conversations(before)).await
    }

    /// Begins a conversation; this person is in it (R39, R44).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn begin_conversation(
        &self,
        kind: ConversationKind,
        title: &str,
        matter_id: Option<MatterId>,
        participants: Vec<PersonId>,
    ) -> Result<ConversationId, PortalError> {
        let (key, title) = (self.fresh_key(), title.to_owned());
        let begin = BeginConversation { key, kind, title, matter_id, participants };
        Ok(self.office::<ConversationBegun>(codec::begin_conversation(&begin)).await?.conversation_id)
    }

    /// Adds somebody to a conversation, or this person themself (R15).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn add_participant(
        &self,
        conversation: ConversationId,
        person: PersonId,
    ) -> Result<(), PortalError> {
        self.office::<Done>(codec::add_participant(conversation, person)).await.map(drop)
    }

    /// Ends somebody's stay in a conversation, or this person's own.
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn remove_participant(
        &self,
        conversation: ConversationId,
        person: PersonId,
    ) -> Result<(), PortalError> {
        self.office::<Done>(codec::remove_participant(conversation, person)).await.map(drop)
    }

    /// Archives a conversation, or undoes it (R21).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn set_conversation_state(
        &self,
        conversation: ConversationId,
        state: ConversationState,
    ) -> Result<(), PortalError> {
        let wanted = StateWanted { state };
        self.office::<Done>(codec::set_conversation_state(conversation, &wanted)).await.map(drop)
    }

    /// Who has read what of a conversation, and when (R6).
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn readers(&self, conversation: ConversationId) -> Result<Vec<ReaderLooks>, PortalError> {
        Ok(self.office::<Readers>(codec::readers(conversation)).await?.readers)
    }

    /// Searches everything that this person may read on the server, on this phone or not, newest first, before `before`
    /// (R15). The grammar is that of [`Portal::search`].
    ///
    /// # Errors
    /// A [`PortalError`].
    pub async fn search_server(
        &self,
        text: &str,
        before: Option<EntryId>,
    ) -> Result<SearchAnswer, PortalError> {
        self.office(codec::search(text, before)).await
    }

    pub(super) async fn office<T: DeserializeOwned>(&self, request: Request) -> Result<T, PortalError> {
        let mut tries = 0;
        loop {
            // Each of these requests may be made twice: it sets a state, or carries its maker's key.
            match self.room.link.ask(request.clone()).await {
                Err(Miss::Transient { fault: Fault::NoConnection, .. }) if tries < TRIES_MORE => tries += 1,
                answer => return answer.map_err(malformed),
            }
        }
    }

    pub(super) fn fresh_key(&self) -> SendKey {
        SendKey::from_parts(self.room.ports.clock.now_ms(), random(&*self.room.ports.dice))
    }
}

/// What of these requests is not of the documented form is what the person typed.
pub(super) fn malformed(miss: Miss) -> PortalError {
    match miss {
        Miss::Problem(ProblemCode::BadRequest, _) => PortalError::Malformed,
        miss => miss.into(),
    }
}

/// How often a request whose answer was lost is made again: a train leaves a tunnel, or it does not.
const TRIES_MORE: u32 = 2;
