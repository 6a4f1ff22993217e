//! Mails and pushes that are due. Rows are written in the transaction that causes them, claimed with a lease, and
//! gone when done. Crash: a lease runs out and the row is claimed again; the carriers are idempotent.

use std::sync::Arc;

use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, DeviceId, FirmId, MailId, PersonId};
use portico_wire::signin::OneTimeCode;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::invitations::InvitationMail;
use super::log::{ENTRY_COLUMN_COUNT, ENTRY_COLUMNS, ENTRY_TABLES, read_entry};
use super::notices::{self, NoticeMail};
use super::row;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::access;
use crate::keys::Keys;

/// Mails of this kind hold a code.
pub(super) const CODE: &str = "code";
/// And these a code that confirms another address.
pub(super) const ADDRESS_CODE: &str = "address_code";
/// And these an [`InvitationMail`].
pub(super) const INVITATION: &str = "invitation";

/// A worker that is killed delays its rows by this much.
const LEASE_MS: i64 = 60_000;
/// Claimed at a time: what a carrier does within its lease, many times over.
const CLAIM_MAX: u32 = 50;
/// First delay after a carrier failed; doubles up to [`RETRY_MS_MAX`].
const RETRY_MS: i64 = 1_000;
/// Longest delay: a mail server that comes back is used within a minute.
const RETRY_MS_MAX: i64 = 60_000;

/// A mail that is due.
pub(crate) struct MailJob {
    pub(crate) mail_id: MailId,
    /// None where nobody has the address; the mail goes nowhere.
    pub(crate) to: Option<String>,
    pub(crate) made_at_ms: i64,
    /// None where it does not open any more; the mail goes nowhere.
    pub(crate) content: Option<MailContent>,
}

/// What a mail says.
pub(crate) enum MailContent {
    Code(OneTimeCode),
    /// A code that confirms another address.
    AddressCode(OneTimeCode),
    Notice(NoticeMail),
    Invitation(InvitationMail),
}

/// A push of one message to one device.
pub(crate) struct PushJob {
    pub(crate) job_id: i64,
    pub(crate) firm_id: FirmId,
    pub(crate) person_id: PersonId,
    pub(crate) device_id: DeviceId,
    pub(crate) log_seq: u64,
    /// None where the device or the person may not have it any more.
    pub(crate) content: Option<PushOf>,
}

/// What is pushed, and how it is sealed.
pub(crate) struct PushOf {
    pub(crate) entry: Entry,
    pub(crate) key_id: String,
    pub(crate) sealed_key: Vec<u8>,
}

impl Store {
    /// Claims mails that are due.
    ///
    /// # Errors
    /// As every write; they stay due.
    pub(crate) async fn claim_mails(&self, keys: Arc<Keys>) -> Result<Vec<MailJob>, StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE mail_jobs SET leased_until_ms = ?1 + ?2, attempts = attempts + 1
                     WHERE mail_id IN (SELECT mail_id FROM mail_jobs
                       WHERE due_at_ms <= ?1 AND leased_until_ms <= ?1 ORDER BY due_at_ms, mail_id LIMIT ?3)
                     RETURNING mail_id,
                       coalesce(to_email, (SELECT p.email FROM persons AS p WHERE p.person_id = mail_jobs.person_id)),
                       due_at_ms, kind, key_id, sealed",
                )?
                .query_map(params![write.now_ms, LEASE_MS, CLAIM_MAX], |row| {
                    let mail_id = row::id(row, 0, MailId::from_bytes)?;
                    let (kind, key_id, sealed): (String, String, Vec<u8>) =
                        (row.get(3)?, row.get(4)?, row.get(5)?);
                    let opened = keys.open_column(&key_id, mail_id.as_bytes(), &sealed);
                    Ok(MailJob {
                        mail_id,
                        to: row.get(1)?,
                        made_at_ms: row.get(2)?,
                        content: opened.and_then(|plain| content(&kind, &plain)),
                    })
                })?
                .collect()
        })
        .await
    }

    /// A mail is carried, or goes nowhere.
    ///
    /// # Errors
    /// As every write; it will be carried again.
    pub(crate) async fn mail_done(&self, mail: MailId) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached("DELETE FROM mail_jobs WHERE mail_id = ?1")?
                .execute(params![mail.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// A mail could not be carried; it is due again later.
    ///
    /// # Errors
    /// As every write; its lease runs out instead.
    pub(crate) async fn mail_failed(&self, mail: MailId) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE mail_jobs SET leased_until_ms = ?2 + min(?4, ?3 << min(attempts - 1, 20))
                     WHERE mail_id = ?1",
                )?
                .execute(params![mail.as_bytes(), write.now_ms, RETRY_MS, RETRY_MS_MAX])?;
            Ok(())
        })
        .await
    }

    /// Claims pushes that are due, with what they carry as their reader may see it at this moment.
    ///
    /// # Errors
    /// As every write; they stay due.
    pub(crate) async fn claim_pushes(&self) -> Result<Vec<PushJob>, StoreError> {
        self.write(|write| {
            let mut claimed = write.connection.prepare_cached(
                "UPDATE push_jobs SET leased_until_ms = ?1 + ?2, attempts = attempts + 1
                 WHERE job_id IN (SELECT job_id FROM push_jobs
                   WHERE due_at_ms <= ?1 AND leased_until_ms <= ?1 ORDER BY due_at_ms, job_id LIMIT ?3)
                 RETURNING job_id, firm_id, person_id, device_id, conversation_id, entry_seq, log_seq",
            )?;
            let mut rows = claimed.query(params![write.now_ms, LEASE_MS, CLAIM_MAX])?;
            let mut jobs = Vec::new();
            while let Some(row) = rows.next()? {
                let (conversation, seq) = (row::id(row, 4, ConversationId::from_bytes)?, row::seq(row, 5)?);
                let job = PushJob {
                    job_id: row.get(0)?,
                    firm_id: row::id(row, 1, FirmId::from_bytes)?,
                    person_id: row::id(row, 2, PersonId::from_bytes)?,
                    device_id: row::id(row, 3, DeviceId::from_bytes)?,
                    log_seq: row::seq(row, 6)?,
                    content: None,
                };
                jobs.push((job, conversation, seq));
            }
            drop(rows);
            let filled = jobs.into_iter().map(|(mut job, conversation, seq)| {
                job.content = push_of(write.connection, &job, conversation, seq)?;
                Ok(job)
            });
            filled.collect()
        })
        .await
    }

    /// A push is carried, or may not be any more.
    ///
    /// # Errors
    /// As every write; it will be carried again, under the same name.
    pub(crate) async fn push_done(&self, job_id: i64) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached("DELETE FROM push_jobs WHERE job_id = ?1")?
                .execute(params![job_id])?;
            Ok(())
        })
        .await
    }

    /// A push could not be carried; it is due again later.
    ///
    /// # Errors
    /// As every write; its lease runs out instead.
    pub(crate) async fn push_failed(&self, job_id: i64) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE push_jobs SET leased_until_ms = ?2 + min(?4, ?3 << min(attempts - 1, 20))
                     WHERE job_id = ?1",
                )?
                .execute(params![job_id, write.now_ms, RETRY_MS, RETRY_MS_MAX])?;
            Ok(())
        })
        .await
    }
}

/// A mail that is to be carried. `plain`: what its kind holds; it lies sealed.
pub(super) struct NewMail<'a> {
    pub(super) mail_id: MailId,
    pub(super) kind: &'static str,
    /// To whom, at the address they have by then; none for nobody, or where `to` says.
    pub(super) person: Option<PersonId>,
    pub(super) to: Option<&'a str>,
    pub(super) plain: &'a [u8],
}

/// Queues a mail in the transaction that causes it.
pub(super) fn queue_mail(write: &mut Write<'_>, keys: &Keys, mail: &NewMail<'_>) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "INSERT INTO mail_jobs (mail_id, kind, person_id, to_email, key_id, sealed, due_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            mail.mail_id.as_bytes(),
            mail.kind,
            mail.person.as_ref().map(PersonId::as_bytes),
            mail.to,
            keys.server_id(),
            keys.seal(write.ports, mail.mail_id.as_bytes(), mail.plain),
            write.now_ms
        ])?;
    write.jobs_due = true;
    Ok(())
}

fn content(kind: &str, plain: &[u8]) -> Option<MailContent> {
    let code = || OneTimeCode::parse(std::str::from_utf8(plain).ok()?).ok();
    match kind {
        CODE => code().map(MailContent::Code),
        ADDRESS_CODE => code().map(MailContent::AddressCode),
        INVITATION => serde_json::from_slice(plain).ok().map(MailContent::Invitation),
        notices::KIND => serde_json::from_slice(plain).ok().map(MailContent::Notice),
        _ => None,
    }
}

/// What the push carries; access is asked again here.
fn push_of(
    connection: &Connection,
    job: &PushJob,
    conversation: ConversationId,
    seq: u64,
) -> rusqlite::Result<Option<PushOf>> {
    let readable = access::readable_by("e.conversation_id", "e.seq");
    connection
        .prepare_cached(&format!(
            "SELECT {ENTRY_COLUMNS}, d.push_key_id, d.push_key FROM {ENTRY_TABLES}
             JOIN devices AS d ON d.firm_id = ?1 AND d.person_id = ?2 AND d.device_id = ?5
             WHERE e.firm_id = ?1 AND e.conversation_id = ?3 AND e.seq = ?4 AND d.push_key IS NOT NULL
               AND d.signed_out_at_ms IS NULL AND {readable}"
        ))?
        .query_row(
            params![
                job.firm_id.as_bytes(),
                job.person_id.as_bytes(),
                conversation.as_bytes(),
                row::stored(seq),
                job.device_id.as_bytes()
            ],
            |row| {
                Ok(PushOf {
                    entry: read_entry(row)?,
                    key_id: row.get(ENTRY_COLUMN_COUNT)?,
                    sealed_key: row.get(ENTRY_COLUMN_COUNT + 1)?,
                })
            },
        )
        .optional()
}
