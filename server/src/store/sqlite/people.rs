//! Who belongs to a firm.

use portico_wire::conversation::Standing;
use portico_wire::ids::{FirmId, PersonId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::row;
use crate::access::{Membership, Reader};

/// A person at a firm.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) reader: Reader,
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

/// The same, while they belong to the firm.
pub(super) fn current_member(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
) -> rusqlite::Result<Option<Member>> {
    let member = member(connection, firm, person)?;
    Ok(member.filter(|member| member.reader.membership == Membership::Current))
}
