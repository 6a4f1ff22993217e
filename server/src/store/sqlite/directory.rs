//! What an administrator must name: every firm with its people and conversations, and their ids.

use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::ids::{ConversationId, FirmId, PersonId};
use rusqlite::{Connection, params};
use serde::Serialize;

use super::row;
use super::store::{Store, StoreError};

/// A firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirmListing {
    /// Its id.
    pub firm_id: FirmId,
    /// Its name.
    pub name: String,
    /// Everybody who is or was a member, by name.
    pub people: Vec<PersonListing>,
    /// Every conversation, the oldest first.
    pub conversations: Vec<ConversationListing>,
}

/// Somebody's membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonListing {
    /// Their id.
    pub person_id: PersonId,
    /// Their name at this firm.
    pub name: String,
    /// The address that signs in.
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
    /// When the membership ended; none while it lasts.
    pub ended_at_ms: Option<i64>,
}

/// A conversation, without a word of what was said in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationListing {
    /// Its id.
    pub conversation_id: ConversationId,
    /// Of which kind.
    pub kind: ConversationKind,
    /// What it is called.
    pub title: String,
    /// Whether it is open.
    pub state: ConversationState,
    /// Who is in it now.
    pub participants: Vec<PersonId>,
}

impl Store {
    /// Every firm. For who holds the server's disk, so it asks nobody's leave.
    ///
    /// # Errors
    /// As every read.
    pub async fn list_firms(&self) -> Result<Vec<FirmListing>, StoreError> {
        self.read(|tx| {
            tx.prepare_cached("SELECT firm_id, name FROM firms ORDER BY name")?
                .query_map([], |found| Ok((row::id(found, 0, FirmId::from_bytes)?, found.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(FirmId, String)>>>()?
                .into_iter()
                .map(|(firm_id, name)| {
                    let (people, conversations) = (people(tx, firm_id)?, conversations(tx, firm_id)?);
                    Ok(FirmListing { firm_id, name, people, conversations })
                })
                .collect()
        })
        .await
    }
}

fn people(tx: &Connection, firm: FirmId) -> rusqlite::Result<Vec<PersonListing>> {
    tx.prepare_cached(
        "SELECT person_id, name, email, standing, ended_at_ms FROM memberships JOIN persons USING (person_id)
         WHERE firm_id = ?1 ORDER BY name, person_id",
    )?
    .query_map(params![firm.as_bytes()], |found| {
        Ok(PersonListing {
            person_id: row::id(found, 0, PersonId::from_bytes)?,
            name: found.get(1)?,
            email: found.get(2)?,
            standing: row::standing(found, 3)?,
            ended_at_ms: found.get(4)?,
        })
    })?
    .collect()
}

fn conversations(tx: &Connection, firm: FirmId) -> rusqlite::Result<Vec<ConversationListing>> {
    let mut inside = tx.prepare_cached(
        "SELECT person_id FROM stays WHERE firm_id = ?1 AND conversation_id = ?2 AND until_seq IS NULL
         ORDER BY person_id",
    )?;
    tx.prepare_cached(
        "SELECT conversation_id, kind, title, state FROM conversations WHERE firm_id = ?1
         ORDER BY created_at_ms, conversation_id",
    )?
    .query_map(params![firm.as_bytes()], |found| {
        let conversation_id = row::id(found, 0, ConversationId::from_bytes)?;
        let participants = inside
            .query_map(params![firm.as_bytes(), conversation_id.as_bytes()], |found| {
                row::id(found, 0, PersonId::from_bytes)
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(ConversationListing {
            conversation_id,
            kind: row::kind(found, 1)?,
            title: found.get(2)?,
            state: row::state(found, 3)?,
            participants,
        })
    })?
    .collect()
}

#[cfg(test)]
mod tests {
    use portico_wire::conversation::{ConversationState, Standing};

    use crate::testing::World;

    #[tokio::test]
    async fn listing_gives_an_administrator_every_id_to_name() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let [mara, amina] = ["mara", "amina"].map(|short| world.firm.people[short].person_id);
        world.app.store().remove_participant(firm, claim, amina, mara).await.unwrap();
        world.app.store().end_membership(firm, amina, mara).await.unwrap();

        let listed = world.app.store().list_firms().await.unwrap().remove(0);

        assert_eq!(listed.firm_id, firm);
        assert_eq!(listed.people.len(), world.firm.people.len());
        let gone = listed.people.iter().find(|person| person.person_id == amina).unwrap();
        assert_eq!((gone.standing, gone.ended_at_ms.is_some()), (Standing::Client, true));
        assert_eq!(listed.conversations.len(), world.firm.conversations.len());
        let closed = listed.conversations.iter().find(|row| row.conversation_id == claim).unwrap();
        assert_eq!(closed.state, ConversationState::Closed);
        assert!(!closed.participants.contains(&amina), "she left: {closed:?}");
    }
}
