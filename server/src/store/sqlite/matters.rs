//! Matters: which there are for whom, and which staff may know of them.
//!
//! Invariants (R14, R17): each change of who may know of a matter is an entry of each of its conversations. Whom it shuts
//! out is in none of them any more, and hears nothing but that they lost them.

use std::collections::BTreeSet;

use portico_wire::conversation::ConversationKind;
use portico_wire::entry::{AccessNote, EntryKind, EntrySubject};
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId, SendKey};
use portico_wire::office::MatterRow;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::sessions::Caller;
use super::stays::{self, Change};
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{events, heads, made, people, row};
use crate::access::{self, MatterDoor};

impl Store {
    /// The matters that the caller may know of, the newest first.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn matters(&self, caller: Caller) -> Result<Vec<MatterRow>, StoreError> {
        self.read(move |tx| matters(tx, caller.firm_id, caller.person_id)).await
    }

    /// Opens a matter in the name of the caller; the same key again opens none.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn open_matter(
        &self,
        caller: Caller,
        key: SendKey,
        title: String,
        restricted_to: Option<Vec<PersonId>>,
    ) -> Result<Result<MatterId, Change>, StoreError> {
        self.write(move |write| {
            let firm = caller.firm_id;
            if let Err(change) = people::current_staff(write.connection, firm, caller.person_id)? {
                return Ok(Err(change));
            }
            let matter = MatterId::from_bytes(made::id(caller, key, "matter"));
            if door(write.connection, firm, matter, caller.person_id)?.is_some() {
                return Ok(Ok(matter));
            }
            if !is_list_of_staff(write.connection, firm, restricted_to.as_deref())? {
                return Ok(Err(Change::NotAllowed));
            }
            insert(write, firm, matter, &title, restricted_to.as_deref())?;
            Ok(Ok(matter))
        })
        .await
    }

    /// Changes which staff may know of a matter; none: all of them. `by`: who does it.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn set_matter_access(
        &self,
        firm: FirmId,
        matter: MatterId,
        restricted_to: Option<Vec<PersonId>>,
        by: PersonId,
    ) -> Result<Change, StoreError> {
        self.write(move |write| set_access(write, firm, matter, restricted_to, by)).await
    }
}

/// Makes the rows of a matter.
pub(super) fn insert(
    write: &Write<'_>,
    firm: FirmId,
    matter: MatterId,
    title: &str,
    restricted_to: Option<&[PersonId]>,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "INSERT INTO matters (firm_id, matter_id, title, restricted) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![firm.as_bytes(), matter.as_bytes(), title, restricted_to.is_some()])?;
    list(write, firm, matter, restricted_to.unwrap_or_default())
}

fn list(write: &Write<'_>, firm: FirmId, matter: MatterId, people: &[PersonId]) -> rusqlite::Result<()> {
    let mut add = write.connection.prepare_cached(
        "INSERT OR IGNORE INTO matter_listed (firm_id, matter_id, person_id) VALUES (?1, ?2, ?3)",
    )?;
    for person in people {
        add.execute(params![firm.as_bytes(), matter.as_bytes(), person.as_bytes()])?;
    }
    Ok(())
}

fn matters(connection: &Connection, firm: FirmId, person: PersonId) -> rusqlite::Result<Vec<MatterRow>> {
    let known = access::matter_known_by();
    connection
        .prepare_cached(&format!(
            "SELECT matter_id, title, restricted FROM matters AS place
             WHERE place.firm_id = ?1 AND {known} ORDER BY matter_id DESC"
        ))?
        .query_map(params![firm.as_bytes(), person.as_bytes()], |found| {
            Ok((row::id(found, 0, MatterId::from_bytes)?, found.get(1)?, found.get(2)?))
        })?
        .map(|found| {
            let (matter_id, title, restricted): (_, _, bool) = found?;
            let restricted_to = restricted.then(|| listed(connection, firm, matter_id)).transpose()?;
            Ok(MatterRow { matter_id, title, restricted_to })
        })
        .collect()
}

/// Who stands on a matter's list, ascending.
fn listed(connection: &Connection, firm: FirmId, matter: MatterId) -> rusqlite::Result<Vec<PersonId>> {
    connection
        .prepare_cached(
            "SELECT person_id FROM matter_listed WHERE firm_id = ?1 AND matter_id = ?2 ORDER BY person_id",
        )?
        .query_map(params![firm.as_bytes(), matter.as_bytes()], |found| {
            row::id(found, 0, PersonId::from_bytes)
        })?
        .collect()
}

/// The matter's door for `person`; none where the firm has no such matter.
pub(super) fn door(
    connection: &Connection,
    firm: FirmId,
    matter: MatterId,
    person: PersonId,
) -> rusqlite::Result<Option<MatterDoor>> {
    let shut: Option<bool> = connection
        .prepare_cached(
            "SELECT restricted AND NOT EXISTS (
               SELECT 1 FROM matter_listed AS l
               WHERE l.firm_id = ?1 AND l.matter_id = ?2 AND l.person_id = ?3)
             FROM matters WHERE firm_id = ?1 AND matter_id = ?2",
        )?
        .query_row(params![firm.as_bytes(), matter.as_bytes(), person.as_bytes()], |found| found.get(0))
        .optional()?;
    Ok(shut.map(|shut| if shut { MatterDoor::Shut } else { MatterDoor::Open }))
}

/// Whether a list can be a matter's: nobody's where it is none; else people who work at the firm, at least one.
fn is_list_of_staff(
    connection: &Connection,
    firm: FirmId,
    restricted_to: Option<&[PersonId]>,
) -> rusqlite::Result<bool> {
    let Some(list) = restricted_to else { return Ok(true) };
    for person in list {
        if people::current_staff(connection, firm, *person)?.is_err() {
            return Ok(false);
        }
    }
    Ok(!list.is_empty())
}

fn set_access(
    write: &mut Write<'_>,
    firm: FirmId,
    matter: MatterId,
    restricted_to: Option<Vec<PersonId>>,
    by: PersonId,
) -> rusqlite::Result<Change> {
    // What clients may not know of is not there (R17).
    let Ok(member) = people::current_staff(write.connection, firm, by)? else {
        return Ok(Change::NotFound);
    };
    let known = door(write.connection, firm, matter, by)?
        .is_some_and(|door| access::can_know_of_matter(member.reader, door));
    if !known {
        return Ok(Change::NotFound);
    }
    if !is_list_of_staff(write.connection, firm, restricted_to.as_deref())? {
        return Ok(Change::NotAllowed);
    }
    let wanted = restricted_to.map(BTreeSet::from_iter);
    if wanted == restriction(write.connection, firm, matter)? {
        return Ok(Change::AlreadySo);
    }
    let conversations = conversations(write.connection, firm, matter)?;
    let mut before = holders(write.connection, firm, &conversations)?;
    store_access(write, firm, matter, wanted.as_ref())?;
    for (conversation, kind) in &conversations {
        for gone in shut_out(write, firm, *conversation, wanted.as_ref(), by)? {
            // They have heard of it by leaving.
            before.retain(|(place, person, _)| (place, person) != (conversation, &gone));
        }
        let note = note(write.connection, firm, *kind, wanted.as_ref())?;
        stays::record(write, firm, *conversation, by, EntryKind::AccessChanged, note)?;
    }
    tell(write, firm, &before)?;
    Ok(Change::Made)
}

fn restriction(
    connection: &Connection,
    firm: FirmId,
    matter: MatterId,
) -> rusqlite::Result<Option<BTreeSet<PersonId>>> {
    let restricted: bool = connection
        .prepare_cached("SELECT restricted FROM matters WHERE firm_id = ?1 AND matter_id = ?2")?
        .query_row(params![firm.as_bytes(), matter.as_bytes()], |found| found.get(0))?;
    restricted.then(|| listed(connection, firm, matter).map(BTreeSet::from_iter)).transpose()
}

fn conversations(
    connection: &Connection,
    firm: FirmId,
    matter: MatterId,
) -> rusqlite::Result<Vec<(ConversationId, ConversationKind)>> {
    connection
        .prepare_cached(
            "SELECT conversation_id, kind FROM conversations WHERE firm_id = ?1 AND matter_id = ?2
             ORDER BY conversation_id",
        )?
        .query_map(params![firm.as_bytes(), matter.as_bytes()], |found| {
            Ok((row::id(found, 0, ConversationId::from_bytes)?, row::kind(found, 1)?))
        })?
        .collect()
}

/// Everybody with a stay in one of `conversations`, past ones too, and whether a phone of theirs holds it.
fn holders(
    connection: &Connection,
    firm: FirmId,
    conversations: &[(ConversationId, ConversationKind)],
) -> rusqlite::Result<Vec<(ConversationId, PersonId, bool)>> {
    let mut stays = connection.prepare_cached(
        "SELECT DISTINCT person_id FROM stays WHERE firm_id = ?1 AND conversation_id = ?2 ORDER BY person_id",
    )?;
    let mut holders = Vec::new();
    for (conversation, _) in conversations {
        let people = stays.query_map(params![firm.as_bytes(), conversation.as_bytes()], |found| {
            row::id(found, 0, PersonId::from_bytes)
        })?;
        for person in people {
            let person = person?;
            let held = heads::head(connection, firm, person, *conversation)?.is_some();
            holders.push((*conversation, person, held));
        }
    }
    Ok(holders)
}

fn store_access(
    write: &Write<'_>,
    firm: FirmId,
    matter: MatterId,
    wanted: Option<&BTreeSet<PersonId>>,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached("UPDATE matters SET restricted = ?3 WHERE firm_id = ?1 AND matter_id = ?2")?
        .execute(params![firm.as_bytes(), matter.as_bytes(), wanted.is_some()])?;
    write
        .connection
        .prepare_cached("DELETE FROM matter_listed WHERE firm_id = ?1 AND matter_id = ?2")?
        .execute(params![firm.as_bytes(), matter.as_bytes()])?;
    let people: Vec<PersonId> = wanted.into_iter().flatten().copied().collect();
    list(write, firm, matter, &people)
}

/// Ends the stays of staff who are not on the list: they could not read what is said (R17, R18). Whose.
fn shut_out(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    wanted: Option<&BTreeSet<PersonId>>,
    by: PersonId,
) -> rusqlite::Result<Vec<PersonId>> {
    let Some(list) = wanted else { return Ok(Vec::new()) };
    let mut gone = Vec::new();
    for person in super::facts::participants(write.connection, firm, conversation)? {
        let is_staff = people::current_staff(write.connection, firm, person)?.is_ok();
        if is_staff && !list.contains(&person) {
            stays::leave(write, firm, conversation, person, by)?;
            gone.push(person);
        }
    }
    Ok(gone)
}

/// What the log says of it. Where clients read, it names nobody.
fn note(
    connection: &Connection,
    firm: FirmId,
    kind: ConversationKind,
    wanted: Option<&BTreeSet<PersonId>>,
) -> rusqlite::Result<String> {
    let mut listed = Vec::new();
    if kind == ConversationKind::InternalMatter {
        for person_id in wanted.into_iter().flatten() {
            if let Some(member) = people::member(connection, firm, *person_id)? {
                listed.push(EntrySubject { person_id: *person_id, name: member.name });
            }
        }
    }
    let note = AccessNote { restricted: wanted.is_some(), listed };
    Ok(serde_json::to_string(&note).expect("ids and names are JSON"))
}

/// Tells those who lost or gained a conversation; those who are in it have heard by its log.
fn tell(
    write: &mut Write<'_>,
    firm: FirmId,
    before: &[(ConversationId, PersonId, bool)],
) -> rusqlite::Result<()> {
    for (conversation, person, held) in before {
        let holds = heads::head(write.connection, firm, *person, *conversation)?.is_some();
        if holds != *held {
            let moved = if holds { events::Moved::Conversation } else { events::Moved::AccessLost };
            events::emit(write, firm, *person, *conversation, moved)?;
        }
    }
    Ok(())
}
