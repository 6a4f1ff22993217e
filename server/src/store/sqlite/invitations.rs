//! Invitations: a code that stands for somebody's address at a firm, for 30 days. The newest of a person counts.
//!
//! Holds: it opens nothing. Whoever has it can have a code mailed to the person, which whoever knows the address can too.

use std::sync::Arc;

use portico_wire::encoding::Sha256;
use portico_wire::ids::{FirmId, MailId, PersonId};
use portico_wire::invitation::{Invitation, InvitationCode, Invited};
use portico_wire::server_address::ServerAddress;
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::factors::Who;
use super::firm::normal_email;
use super::jobs::{self, NewMail};
use super::people;
use super::row;
use super::sessions::Caller;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::keys::Keys;

const INVITATION_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// An invitation, as it waits to be mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InvitationMail {
    pub(crate) firm: String,
    pub(crate) link: String,
}

impl Store {
    /// One of the staff invites somebody of the firm to `server`; a mail with the link goes out. What was mailed before works no more.
    ///
    /// # Errors
    /// As [`Store::write`]; no mail goes out.
    pub(crate) async fn invite(
        &self,
        caller: Caller,
        person: PersonId,
        server: ServerAddress,
        keys: Arc<Keys>,
    ) -> Result<Result<Invited, Change>, StoreError> {
        self.write(move |write| {
            if let Err(change) = people::current_staff(write.connection, caller.firm_id, caller.person_id)? {
                return Ok(Err(change));
            }
            if people::current_member(write.connection, caller.firm_id, person)?.is_none() {
                return Ok(Err(Change::NotFound));
            }
            invite(write, &keys, Who { firm: caller.firm_id, person }, &server).map(Ok)
        })
        .await
    }

    /// The administrator invites whoever has `email`, at each firm that they belong to, in the order of the firms' ids.
    ///
    /// # Errors
    /// As [`Store::write`]; no mail goes out.
    pub(crate) async fn invite_address(
        &self,
        email: &str,
        server: ServerAddress,
        keys: Arc<Keys>,
    ) -> Result<Vec<Invited>, StoreError> {
        let email = normal_email(email);
        self.write(move |write| {
            let whom = stays_of(write, &email)?;
            whom.into_iter().map(|who| invite(write, &keys, who, &server)).collect()
        })
        .await
    }
}

fn stays_of(write: &Write<'_>, email: &str) -> rusqlite::Result<Vec<Who>> {
    write
        .connection
        .prepare_cached(
            "SELECT firm_id, person_id FROM memberships JOIN persons USING (person_id)
             WHERE email = ?1 AND ended_at_ms IS NULL ORDER BY firm_id",
        )?
        .query_map(params![email], who_of)?
        .collect()
}

fn who_of(found: &rusqlite::Row<'_>) -> rusqlite::Result<Who> {
    Ok(Who { firm: row::id(found, 0, FirmId::from_bytes)?, person: row::id(found, 1, PersonId::from_bytes)? })
}

fn invite(write: &mut Write<'_>, keys: &Keys, who: Who, server: &ServerAddress) -> rusqlite::Result<Invited> {
    let code = InvitationCode::from_random(write.ports.random());
    let expires_at_ms = write.now_ms + INVITATION_MS;
    write
        .connection
        .prepare_cached(
            "DELETE FROM invitations WHERE expires_at_ms <= ?3 OR (firm_id = ?1 AND person_id = ?2)",
        )?
        .execute(params![who.firm.as_bytes(), who.person.as_bytes(), write.now_ms])?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO invitations (code_hash, firm_id, person_id, expires_at_ms) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            hash_of(&code).as_bytes(),
            who.firm.as_bytes(),
            who.person.as_bytes(),
            expires_at_ms
        ])?;
    let firm: String = write
        .connection
        .prepare_cached("SELECT name FROM firms WHERE firm_id = ?1")?
        .query_row(params![who.firm.as_bytes()], |row| row.get(0))?;
    let link = Invitation { server: server.clone(), code }.link();
    let mail_id = MailId::from_parts(write.now_ms, write.ports.random());
    let plain = serde_json::to_vec(&InvitationMail { firm, link: link.clone() }).unwrap_or_default();
    let person = Some(who.person);
    let mail = NewMail { mail_id, kind: jobs::INVITATION, person, to: None, plain: &plain };
    jobs::queue_mail(write, keys, &mail)?;
    Ok(Invited { link, expires_at_ms })
}

/// What the database keeps of a code.
pub(crate) fn hash_of(code: &InvitationCode) -> Sha256 {
    Sha256::of(&[b"portico invitation\0", code.as_bytes()])
}

/// Whom the code of `hash` invites, where; none where it is over, or they left.
pub(super) fn whom(write: &Write<'_>, hash: &Sha256) -> rusqlite::Result<Option<Who>> {
    write
        .connection
        .prepare_cached(
            "SELECT i.firm_id, i.person_id FROM invitations AS i
             JOIN memberships AS m ON m.firm_id = i.firm_id AND m.person_id = i.person_id AND m.ended_at_ms IS NULL
             WHERE i.code_hash = ?1 AND i.expires_at_ms > ?2",
        )?
        .query_row(params![hash.as_bytes(), write.now_ms], who_of)
        .optional()
}
