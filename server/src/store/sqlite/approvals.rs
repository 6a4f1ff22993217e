//! Sign-ins that wait for a yes on another device of the person, who types there the number that is shown here.
//!
//! ```text
//! asked -> yes, with the number -> the same device goes on
//!       -> no, or another number -> the sign-in has ended
//! ```
//! Holds: one decision for ever. A yes is said on a device under another key, by somebody who is there, and counts for the device
//! and key that asked.

use portico_wire::factor::ApprovalAsked;
use portico_wire::ids::ChallengeId;
use rusqlite::{OptionalExtension as _, params};

use super::factors::Who;
use super::row;
use super::sessions::Caller;
use super::signin::NewDevice;
use super::stepping_up::Stepped;
use super::store::{Store, StoreError};
use super::writer::Write;

/// Where a sign-in stands that asks for a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Approval {
    Given,
    TurnedDown,
    /// Nobody decided; this is the number.
    Awaited(String),
}

impl Store {
    /// Sign-ins that wait for a yes of the caller, the oldest first; not one under the caller's own key.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn approvals(
        &self,
        caller: Caller,
        now_ms: i64,
    ) -> Result<Vec<ApprovalAsked>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT a.challenge_id, a.device_name, a.asked_at_ms, a.expires_at_ms FROM approvals AS a
                 WHERE a.firm_id = ?1 AND a.person_id = ?2 AND a.approved IS NULL AND a.expires_at_ms > ?4
                   AND a.public_key <> (SELECT public_key FROM devices WHERE device_id = ?3)
                 ORDER BY a.asked_at_ms, a.challenge_id",
            )?
            .query_map(
                params![
                    caller.firm_id.as_bytes(),
                    caller.person_id.as_bytes(),
                    caller.device_id.as_bytes(),
                    now_ms
                ],
                |row| {
                    Ok(ApprovalAsked {
                        challenge_id: row::id(row, 0, ChallengeId::from_bytes)?,
                        device_name: row.get(1)?,
                        asked_at_ms: row.get(2)?,
                        expires_at_ms: row.get(3)?,
                    })
                },
            )?
            .collect()
        })
        .await
    }

    /// Says yes, by the number that the other device shows, or no, which wants nobody to prove anything. Whether the number was
    /// right: another one ends that sign-in.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is decided.
    pub(crate) async fn decide_approval(
        &self,
        caller: Caller,
        challenge: ChallengeId,
        number: Option<String>,
    ) -> Result<Stepped<bool>, StoreError> {
        let says_no = number.is_none();
        let decided = move |write: &mut Write<'_>| decide(write, caller, challenge, number.as_deref());
        if says_no { self.write(decided).await } else { self.stepped(caller, decided).await }
    }
}

/// Asks for a yes, or says what became of it. Asking again shows the same number.
pub(super) fn ask(
    write: &mut Write<'_>,
    id: ChallengeId,
    who: Who,
    device: &NewDevice,
) -> rusqlite::Result<Approval> {
    let found: Option<(bool, u32, Option<bool>)> = write
        .connection
        .prepare_cached(
            "SELECT device_id = ?2 AND public_key = ?3 AND firm_id = ?4, number, approved FROM approvals
             WHERE challenge_id = ?1",
        )?
        .query_row(
            params![id.as_bytes(), device.device_id.as_bytes(), device.public_key, who.firm.as_bytes()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    match found {
        Some((_, _, Some(false))) => return Ok(Approval::TurnedDown),
        Some((true, _, Some(true))) => return Ok(Approval::Given),
        Some((true, number, None)) => return Ok(Approval::Awaited(number.to_string())),
        // The yes is another device's.
        Some((false, _, Some(true))) => return Ok(Approval::TurnedDown),
        // Another device asks by the same code: what was shown on the first is another number.
        Some((false, _, None)) | None => {}
    }
    let drawn: [u8; 8] = write.ports.random();
    // 2^64 is so many times 90 that no number is likelier than another by anything that counts.
    let number = 10 + u64::from_be_bytes(drawn) % 90;
    write
        .connection
        .prepare_cached("DELETE FROM approvals WHERE expires_at_ms <= ?1")?
        .execute(params![write.now_ms])?;
    write
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO approvals (challenge_id, firm_id, person_id, device_id, public_key, device_name,
               number, asked_at_ms, expires_at_ms)
             SELECT challenge_id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, expires_at_ms FROM challenges WHERE challenge_id = ?1",
        )?
        .execute(params![
            id.as_bytes(),
            who.firm.as_bytes(),
            who.person.as_bytes(),
            device.device_id.as_bytes(),
            device.public_key,
            device.name,
            i64::try_from(number).unwrap_or(10),
            write.now_ms
        ])?;
    Ok(Approval::Awaited(number.to_string()))
}

fn decide(
    write: &mut Write<'_>,
    caller: Caller,
    id: ChallengeId,
    number: Option<&str>,
) -> rusqlite::Result<Stepped<bool>> {
    let found: Option<(u32, Option<bool>)> = write
        .connection
        .prepare_cached(
            "SELECT number, approved FROM approvals
             WHERE challenge_id = ?1 AND firm_id = ?2 AND person_id = ?3 AND expires_at_ms > ?4
               AND public_key <> (SELECT public_key FROM devices WHERE device_id = ?5)",
        )?
        .query_row(
            params![
                id.as_bytes(),
                caller.firm_id.as_bytes(),
                caller.person_id.as_bytes(),
                write.now_ms,
                caller.device_id.as_bytes()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((shown, decided)) = found else { return Ok(Stepped::NotFound) };
    let is_right = number.is_some_and(|number| number.trim() == shown.to_string());
    if let Some(approved) = decided {
        // A lost answer is given again; what was decided stays.
        let same = approved == is_right;
        return Ok(if same { Stepped::Done(is_right || number.is_none()) } else { Stepped::NotFound });
    }
    write
        .connection
        .prepare_cached("UPDATE approvals SET approved = ?2 WHERE challenge_id = ?1")?
        .execute(params![id.as_bytes(), is_right])?;
    Ok(Stepped::Done(is_right || number.is_none()))
}
