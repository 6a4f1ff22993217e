//! Firms, people, matters, conversations, and who is in them.
//!
//! Invariants: every change of who is in a conversation is an entry of its log. The audience of an entry is read
//! after the conversation is locked, which the single writer does by being single.

use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId};
use rusqlite::params;

use super::row;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::assurance::SignInPolicy;

/// Somebody to invite.
#[derive(Clone)]
pub struct NewPerson {
    /// Their name at this firm.
    pub name: String,
    /// The address that signs in.
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
}

impl std::fmt::Debug for NewPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewPerson({:?})", self.standing)
    }
}

/// A matter to open.
#[derive(Clone)]
pub struct NewMatter {
    /// What it is called.
    pub title: String,
    /// The staff who may know of it; none for all of them.
    pub restricted_to: Option<Vec<PersonId>>,
}

impl std::fmt::Debug for NewMatter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMatter").field("restricted_to", &self.restricted_to).finish_non_exhaustive()
    }
}

/// A conversation to begin.
#[derive(Clone)]
pub struct NewConversation {
    /// Its id where the firm makes it again after a restore; none for a fresh one.
    pub conversation_id: Option<ConversationId>,
    /// Of which kind.
    pub kind: ConversationKind,
    /// What it is called.
    pub title: String,
    /// Its matter, where its kind has one.
    pub matter_id: Option<MatterId>,
    /// Who is in it from the first entry on.
    pub participants: Vec<PersonId>,
}

impl std::fmt::Debug for NewConversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewConversation")
            .field("kind", &self.kind)
            .field("participants", &self.participants)
            .finish_non_exhaustive()
    }
}

/// How an address is compared: as people write it, whatever the case, without blanks around it.
pub(crate) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

impl Store {
    /// Makes a firm.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn add_firm(&self, name: String) -> Result<FirmId, StoreError> {
        self.write(move |write| {
            let firm = FirmId::from_parts(write.now_ms, write.ports.random());
            write
                .connection
                .prepare_cached("INSERT INTO firms (firm_id, name, created_at_ms) VALUES (?1, ?2, ?3)")?
                .execute(params![firm.as_bytes(), name, write.now_ms])?;
            Ok(firm)
        })
        .await
    }

    /// Records what the firm asks of those who sign in. Who is signed in stays so.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn set_sign_in_policy(&self, firm: FirmId, policy: SignInPolicy) -> Result<Change, StoreError> {
        self.write(move |write| {
            let set = write
                .connection
                .prepare_cached("UPDATE firms SET staff_least = ?2, clients_least = ?3 WHERE firm_id = ?1")?
                .execute(params![firm.as_bytes(), policy.staff.as_str(), policy.clients.as_str()])?;
            Ok(if set == 1 { Change::Made } else { Change::NotFound })
        })
        .await
    }

    /// Whether there is any firm yet.
    ///
    /// # Errors
    /// As every read.
    pub async fn has_firms(&self) -> Result<bool, StoreError> {
        self.read(|tx| tx.prepare_cached("SELECT 1 FROM firms")?.exists([])).await
    }

    /// Makes a person a member of the firm. An address that already signs in somewhere is the same person.
    ///
    /// # Errors
    /// As every write, also where they belong to the firm already; nothing is kept.
    pub async fn add_person(&self, firm: FirmId, person: NewPerson) -> Result<PersonId, StoreError> {
        self.write(move |write| add_person(write, firm, person)).await
    }

    /// Opens a matter.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn add_matter(&self, firm: FirmId, matter: NewMatter) -> Result<MatterId, StoreError> {
        self.write(move |write| {
            let id = MatterId::from_parts(write.now_ms, write.ports.random());
            super::matters::insert(write, firm, id, &matter.title, matter.restricted_to.as_deref())?;
            Ok(id)
        })
        .await
    }

    /// Begins a conversation; everybody in it hears of it.
    ///
    /// # Errors
    /// As every write, also where the kind and the matter do not fit; nothing is kept.
    pub async fn add_conversation(
        &self,
        firm: FirmId,
        conversation: NewConversation,
    ) -> Result<ConversationId, StoreError> {
        self.write(move |write| begin(write, firm, conversation)).await
    }
}

/// Makes the rows of a person and of their membership.
pub(super) fn add_person(write: &Write<'_>, firm: FirmId, person: NewPerson) -> rusqlite::Result<PersonId> {
    let fresh = PersonId::from_parts(write.now_ms, write.ports.random());
    let email = normal_email(&person.email);
    let id = write
        .connection
        .prepare_cached(
            "INSERT INTO persons (person_id, email) VALUES (?1, ?2)
             ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING person_id",
        )?
        .query_row(params![fresh.as_bytes(), email], |row| row::id(row, 0, PersonId::from_bytes))?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO memberships (firm_id, person_id, name, standing) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![firm.as_bytes(), id.as_bytes(), person.name, row::standing_text(person.standing)])?;
    Ok(id)
}

pub(super) fn begin(
    write: &mut Write<'_>,
    firm: FirmId,
    new: NewConversation,
) -> rusqlite::Result<ConversationId> {
    let fresh = ConversationId::from_parts(write.now_ms, write.ports.random());
    let id = new.conversation_id.unwrap_or(fresh);
    write
        .connection
        .prepare_cached(
            "INSERT INTO conversations (firm_id, conversation_id, kind, title, matter_id, state, created_at_ms,
               last_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            firm.as_bytes(),
            id.as_bytes(),
            row::kind_text(new.kind),
            new.title,
            new.matter_id.as_ref().map(MatterId::as_bytes),
            row::state_text(ConversationState::Open),
            write.now_ms,
            Sha256::ZERO.as_bytes()
        ])?;
    let mut participants = new.participants;
    participants.sort_unstable();
    for person in &participants {
        super::stays::begin(write, firm, id, *person, 1)?;
    }
    super::stays::tell_heads(write, firm, id, &participants)?;
    Ok(id)
}
