//! Notices to a person of what happened to their account: a further device, a factor that came or went. Rows of
//! `mail_jobs`, written in the transaction that they tell of; sealed, since they name the firm and a device.

use portico_wire::ids::MailId;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::factors::Who;
use super::jobs::{self, NewMail};
use super::writer::Write;
use crate::keys::Keys;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    /// Somebody signed in on a further device, with this name.
    FurtherDevice(String),
    RecoveryCodeUsed,
    RecoveryCodesMade,
    TotpAdded,
    TotpRemoved,
    TotpDisabled,
    /// Another address signs in from now on; told to the one before.
    EmailChanged,
    /// The firm let the person in again: what proved them before counts no more.
    LetInAgain,
    /// This device is to be wiped.
    DeviceWiped(String),
}

/// A notice, as it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoticeMail {
    pub(crate) firm: String,
    pub(crate) notice: Notice,
}

/// Mails of this kind hold a [`NoticeMail`].
pub(super) const KIND: &str = "notice";

/// Mails `notice` to the person.
pub(super) fn tell(write: &mut Write<'_>, keys: &Keys, who: Who, notice: Notice) -> rusqlite::Result<()> {
    tell_at(write, keys, who, notice, None)
}

/// The same to `address`, where it is another than theirs.
pub(super) fn tell_at(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
    notice: Notice,
    address: Option<&str>,
) -> rusqlite::Result<()> {
    let firm: String = write
        .connection
        .prepare_cached("SELECT name FROM firms WHERE firm_id = ?1")?
        .query_row(params![who.firm.as_bytes()], |row| row.get(0))?;
    let mail_id = MailId::from_parts(write.now_ms, write.ports.random());
    let plain = serde_json::to_vec(&NoticeMail { firm, notice }).unwrap_or_default();
    let person = Some(who.person);
    jobs::queue_mail(write, keys, &NewMail { mail_id, kind: KIND, person, to: address, plain: &plain })
}
