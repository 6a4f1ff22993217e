//! Who belongs to a firm.

use portico_wire::conversation::Standing;
use portico_wire::ids::{FirmId, PersonId};
use portico_wire::office::PersonRow;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::firm::{NewPerson, normal_email};
use super::sessions::Caller;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::{firm, row};
use crate::access::{Membership, Reader};

/// A person at a firm.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) reader: Reader,
}

impl Store {
    /// Everybody who is or was of the firm, by name; none for who does not work there.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn people(&self, caller: Caller) -> Result<Option<Vec<PersonRow>>, StoreError> {
        self.read(move |tx| match current_staff(tx, caller.firm_id, caller.person_id)? {
            Ok(_) => everybody(tx, caller.firm_id).map(Some),
            Err(_) => Ok(None),
        })
        .await
    }

    /// Makes somebody a contact of the firm, or one of its staff. The same again makes nobody (R7).
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn add_contact(
        &self,
        caller: Caller,
        new: NewPerson,
    ) -> Result<Result<PersonId, Change>, StoreError> {
        self.write(move |write| {
            let firm = caller.firm_id;
            if let Err(change) = current_staff(write.connection, firm, caller.person_id)? {
                return Ok(Err(change));
            }
            let email = normal_email(&new.email);
            let known = everybody(write.connection, firm)?.into_iter().find(|known| known.email == email);
            match known {
                // An address belongs to one contact, who has one name and one side here.
                Some(known) if known.has_left || known.name != new.name || known.standing != new.standing => {
                    Ok(Err(Change::NotAllowed))
                }
                Some(known) => Ok(Ok(known.person_id)),
                None => firm::add_person(write, firm, new).map(Ok),
            }
        })
        .await
    }
}

fn everybody(connection: &Connection, firm: FirmId) -> rusqlite::Result<Vec<PersonRow>> {
    connection
        .prepare_cached(
            "SELECT person_id, name, email, standing, ended_at_ms IS NOT NULL
             FROM memberships JOIN persons USING (person_id) WHERE firm_id = ?1 ORDER BY name, person_id",
        )?
        .query_map(params![firm.as_bytes()], |found| {
            Ok(PersonRow {
                person_id: row::id(found, 0, PersonId::from_bytes)?,
                name: found.get(1)?,
                email: found.get(2)?,
                standing: row::standing(found, 3)?,
                has_left: found.get(4)?,
            })
        })?
        .collect()
}

/// The person at the firm, also when they have left it.
pub(super) fn member(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
) -> rusqlite::Result<Option<Member>> {
    connection
        .prepare_cached(
            "SELECT name, standing, ended_at_ms IS NOT NULL FROM memberships WHERE firm_id = ?1 AND person_id = ?2",
        )?
        .query_row(params![firm.as_bytes(), person.as_bytes()], |row| {
            let standing: Standing = row::standing(row, 1)?;
            let membership = if row.get(2)? { Membership::Ended } else { Membership::Current };
            Ok(Member { name: row.get(0)?, reader: Reader { standing, membership } })
        })
        .optional()
}

/// Somebody who works at the firm now, or what they hear instead.
pub(super) fn current_staff(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
) -> rusqlite::Result<Result<Member, Change>> {
    Ok(match current_member(connection, firm, person)? {
        Some(member) if member.reader.standing == Standing::Staff => Ok(member),
        Some(_) => Err(Change::NotAllowed),
        None => Err(Change::NotFound),
    })
}

/// The same, while they belong to the firm.
pub(super) fn current_member(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
) -> rusqlite::Result<Option<Member>> {
    let member = member(connection, firm, person)?;
    Ok(member.filter(|member| member.reader.membership == Membership::Current))
}
