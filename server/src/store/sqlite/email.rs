//! Another address for a person: asked for by somebody who is there, proved by a code that was mailed to it.
//!
//! ```text
//! begun -> wrong (tries left) -> ... -> ended
//! begun -> right -> confirmed; the same answer again changes nothing
//! ```
//! Holds (R7, R10): the person stays the same one, with everything they had. Of somebody who belongs to several firms the address
//! before is asked too, so that no firm, which lets in whom it likes at itself, moves the door of another. Whether an
//! address is somebody else's is told to nobody: no code comes.

use std::sync::Arc;

use portico_wire::ids::{ChallengeId, MailId, PersonId};
use portico_wire::signin::{EmailChangeBegun, OneTimeCode};
use rusqlite::{OptionalExtension as _, params};

use super::factors::Who;
use super::jobs::{self, NewMail};
use super::notices::{self, Notice};
use super::people;
use super::sessions::Caller;
use super::signin::CHALLENGE_MS;
use super::stays::Change;
use super::stepping_up::Stepped;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::keys::Keys;

const TRIES: u32 = 5;

/// What a confirmation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmed {
    Done,
    Wrong {
        tries_left: u32,
    },
    /// There is no such change any more, or the address is somebody else's by now.
    Ended,
}

struct Begun {
    email: String,
    key_id: String,
    mac: Vec<u8>,
    old_mac: Option<Vec<u8>>,
    tries_left: u32,
    is_confirmed: bool,
}

impl Store {
    /// Mails a code to `email`, if nobody else has it; and one to the address before, where that is needed.
    ///
    /// # Errors
    /// As [`Store::write`]; no mail goes out.
    pub(crate) async fn begin_email_change(
        &self,
        caller: Caller,
        email: String,
        keys: Arc<Keys>,
    ) -> Result<Stepped<EmailChangeBegun>, StoreError> {
        self.stepped(caller, move |write| begin(write, &keys, caller.who(), &email).map(Stepped::Done)).await
    }

    /// Changes the address of somebody of the firm who has neither phone nor mailbox left, in the administrator's name. The address
    /// before is told.
    ///
    /// # Errors
    /// As [`Store::write`]; the address stays.
    pub(crate) async fn readdress(
        &self,
        who: Who,
        email: String,
        keys: Arc<Keys>,
    ) -> Result<Change, StoreError> {
        self.write(move |write| {
            if people::current_member(write.connection, who.firm, who.person)?.is_none() {
                return Ok(Change::NotFound);
            }
            let Some(before) = move_to(write, who.person, &email)? else { return Ok(Change::NotAllowed) };
            if before == email {
                return Ok(Change::AlreadySo);
            }
            notices::tell_at(write, &keys, who, Notice::EmailChanged, Some(&before))?;
            Ok(Change::Made)
        })
        .await
    }

    /// Changes the address, where the codes are right. A wrong try is spent for good.
    ///
    /// # Errors
    /// As [`Store::write`]; no try is spent.
    pub(crate) async fn confirm_email_change(
        &self,
        caller: Caller,
        change: ChallengeId,
        code: OneTimeCode,
        old_code: Option<OneTimeCode>,
        keys: Arc<Keys>,
    ) -> Result<Confirmed, StoreError> {
        self.write(move |write| confirm(write, &keys, caller.who(), change, &code, old_code.as_ref())).await
    }
}

fn begin(write: &mut Write<'_>, keys: &Keys, who: Who, email: &str) -> rusqlite::Result<EmailChangeBegun> {
    write
        .connection
        .prepare_cached("DELETE FROM email_changes WHERE expires_at_ms < ?1")?
        .execute(params![write.now_ms])?;
    let change = ChallengeId::from_parts(write.now_ms, write.ports.random());
    let code = OneTimeCode::from_random(write.ports.random());
    let (is_taken, firms): (bool, u32) = write
        .connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM persons WHERE email = ?1 AND person_id <> ?2),
               (SELECT count(*) FROM memberships WHERE person_id = ?2 AND ended_at_ms IS NULL)",
        )?
        .query_row(params![email, who.person.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let to = (!is_taken).then_some(email);
    mail(write, keys, MailId::from_bytes(*change.as_bytes()), None, to, &code)?;
    let old_code = (firms > 1).then(|| OneTimeCode::from_random(write.ports.random()));
    if let Some(old_code) = &old_code {
        let letter = MailId::from_parts(write.now_ms, write.ports.random());
        mail(write, keys, letter, Some(who.person), None, old_code)?;
    }
    let expires_at_ms = write.now_ms + CHALLENGE_MS;
    write
        .connection
        .prepare_cached(
            "INSERT INTO email_changes (change_id, firm_id, person_id, email, key_id, code_mac, old_code_mac, tries_left,
               expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            change.as_bytes(),
            who.firm.as_bytes(),
            who.person.as_bytes(),
            email,
            keys.server_id(),
            keys.code_mac(change, code.as_bytes()),
            old_code.as_ref().map(|code| keys.code_mac(change, code.as_bytes())),
            TRIES,
            expires_at_ms
        ])?;
    Ok(EmailChangeBegun { change_id: change, expires_at_ms, old_code_needed: old_code.is_some() })
}

fn mail(
    write: &mut Write<'_>,
    keys: &Keys,
    mail_id: MailId,
    person: Option<PersonId>,
    to: Option<&str>,
    code: &OneTimeCode,
) -> rusqlite::Result<()> {
    let plain = code.as_bytes();
    jobs::queue_mail(write, keys, &NewMail { mail_id, kind: jobs::ADDRESS_CODE, person, to, plain })
}

fn confirm(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
    id: ChallengeId,
    code: &OneTimeCode,
    old_code: Option<&OneTimeCode>,
) -> rusqlite::Result<Confirmed> {
    let Some(change) = change(write, who, id)?.filter(|change| change.tries_left > 0) else {
        return Ok(Confirmed::Ended);
    };
    let is = |code: &OneTimeCode, mac: &[u8]| keys.code_is(&change.key_id, id, code.as_bytes(), mac);
    let old_is_right = match (&change.old_mac, old_code) {
        (None, _) => true,
        (Some(mac), Some(code)) => is(code, mac),
        (Some(_), None) => false,
    };
    if !is(code, &change.mac) || !old_is_right {
        let tries_left = change.tries_left - 1;
        write
            .connection
            .prepare_cached("UPDATE email_changes SET tries_left = ?2 WHERE change_id = ?1")?
            .execute(params![id.as_bytes(), tries_left])?;
        return Ok(Confirmed::Wrong { tries_left });
    }
    if change.is_confirmed {
        return Ok(Confirmed::Done);
    }
    let Some(before) = move_to(write, who.person, &change.email)? else { return Ok(Confirmed::Ended) };
    write
        .connection
        .prepare_cached("UPDATE email_changes SET confirmed_at_ms = ?2 WHERE change_id = ?1")?
        .execute(params![id.as_bytes(), write.now_ms])?;
    notices::tell_at(write, keys, who, Notice::EmailChanged, Some(&before))?;
    Ok(Confirmed::Done)
}

/// The address signs the person in from now on. The one before; none where somebody else has the new one, and nothing is changed.
fn move_to(write: &Write<'_>, person: PersonId, email: &str) -> rusqlite::Result<Option<String>> {
    let before: String = write
        .connection
        .prepare_cached("SELECT email FROM persons WHERE person_id = ?1")?
        .query_row(params![person.as_bytes()], |row| row.get(0))?;
    let changed = write
        .connection
        .prepare_cached(
            "UPDATE persons SET email = ?2 WHERE person_id = ?1
               AND NOT EXISTS (SELECT 1 FROM persons WHERE email = ?2 AND person_id <> ?1)",
        )?
        .execute(params![person.as_bytes(), email])?;
    Ok((changed == 1).then_some(before))
}

fn change(write: &Write<'_>, who: Who, id: ChallengeId) -> rusqlite::Result<Option<Begun>> {
    write
        .connection
        .prepare_cached(
            "SELECT email, key_id, code_mac, old_code_mac, tries_left, confirmed_at_ms IS NOT NULL FROM email_changes
             WHERE change_id = ?1 AND firm_id = ?2 AND person_id = ?3 AND expires_at_ms > ?4",
        )?
        .query_row(
            params![id.as_bytes(), who.firm.as_bytes(), who.person.as_bytes(), write.now_ms],
            |row| {
                Ok(Begun {
                    email: row.get(0)?,
                    key_id: row.get(1)?,
                    mac: row.get(2)?,
                    old_mac: row.get(3)?,
                    tries_left: row.get(4)?,
                    is_confirmed: row.get(5)?,
                })
            },
        )
        .optional()
}
