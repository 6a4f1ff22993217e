//! What proves a person at one firm beyond the mailed code: authenticator apps, recovery codes, presence keys.
//!
//! ```text
//! totp:     shown (set-up) -> a first code -> good -> 50 wrong in a row -> disabled -> shown again
//! recovery: ten made -> each spent once; ten more void the rest
//! ```
//! Holds: a step passes once, by one conditional UPDATE, whatever runs beside it (RFC 6238 section 5.2). Wrong codes count
//! only after the mailed code or in a session: no stranger disables anything. Counts commit and outlive challenges.

use portico_wire::conversation::Standing;
use portico_wire::factor::{FactorAnswer, FactorsHeld, RecoveryCode, TotpHeld, TotpSetUp};
use portico_wire::ids::{DeviceId, FirmId, PersonId};
use portico_wire::totp::{TOTP_STEP_MS, TotpChecked, TotpKey};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::notices::{self, Notice};
use super::row;
use super::writer::Write;
use crate::assurance::{Held, Least, SignInPolicy, TotpState};
use crate::keys::Keys;

/// Wrong codes in a row after which an authenticator proves nothing (NIST SP 800-63B-4 section 3.2.2 allows 100).
const FAILURES_MAX: u32 = 50;
/// So many wrong codes may come at once; then one in [`TRY_EVERY_MS`].
const TRIES_AT_ONCE: u32 = 5;
const TRY_EVERY_MS: i64 = 3 * 60 * 1000;
/// A secret that was shown waits so long for its first code.
const SET_UP_MS: i64 = 60 * 60 * 1000;
/// Codes made at a time.
const RECOVERY_CODES: usize = 10;

/// Somebody at one firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) firm: FirmId,
    pub(crate) person: PersonId,
}

impl Who {
    fn about(self) -> Vec<u8> {
        [self.firm.as_bytes().as_slice(), self.person.as_bytes()].concat()
    }
}

/// Whether something proves the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proved {
    Right,
    Wrong,
    /// The step of this code passed before.
    Used,
    /// It is a code of another time.
    Off {
        off_s: i64,
    },
    /// Too many wrong codes in a short time; none was looked at.
    Wait {
        retry_after_s: u64,
    },
    /// Too many wrong codes in all.
    Disabled,
}

struct TotpRow {
    key: TotpKey,
    drift_steps: i64,
    failures: u32,
    not_before_ms: i64,
}

/// What the firm asks of those who sign in.
pub(super) fn policy(connection: &Connection, firm: FirmId) -> rusqlite::Result<SignInPolicy> {
    let read = |text: String| Least::parse(&text).unwrap_or(Least::SecondFactor);
    connection
        .prepare_cached("SELECT staff_least, clients_least FROM firms WHERE firm_id = ?1")?
        .query_row(params![firm.as_bytes()], |row| {
            Ok(SignInPolicy { staff: read(row.get(0)?), clients: read(row.get(1)?) })
        })
}

/// What the person holds; `device` and `public_key`: which asks, under which session key.
pub(super) fn held(
    connection: &Connection,
    who: Who,
    device: DeviceId,
    public_key: &[u8],
) -> rusqlite::Result<Held> {
    connection
        .prepare_cached(
            "SELECT
               (SELECT failures FROM totps WHERE firm_id = ?1 AND person_id = ?2),
               (SELECT count(*) FROM recovery_codes WHERE firm_id = ?1 AND person_id = ?2 AND used_at_ms IS NULL),
               (SELECT count(*) FROM devices WHERE firm_id = ?1 AND person_id = ?2 AND public_key <> ?4
                 AND (signed_out_at_ms IS NULL OR ended_by_restore)),
               EXISTS (SELECT 1 FROM devices WHERE firm_id = ?1 AND person_id = ?2 AND public_key = ?4
                 AND (signed_out_at_ms IS NULL OR ended_by_restore)),
               EXISTS (SELECT 1 FROM devices WHERE firm_id = ?1 AND person_id = ?2 AND device_id = ?3 AND public_key = ?4
                 AND (signed_out_at_ms IS NULL OR ended_by_restore))",
        )?
        .query_row(
            params![who.firm.as_bytes(), who.person.as_bytes(), device.as_bytes(), public_key],
            |row| {
                let totp = match row.get::<_, Option<u32>>(0)? {
                    None => TotpState::None,
                    Some(failures) if failures < FAILURES_MAX => TotpState::Good,
                    Some(_) => TotpState::Disabled,
                };
                Ok(Held {
                    totp,
                    recovery_codes: row.get(1)?,
                    other_devices: row.get(2)?,
                    same_key: row.get(3)?,
                    same_device: row.get(4)?,
                })
            },
        )
}

/// What a person sees of their own factors.
pub(super) fn list(
    connection: &Connection,
    who: Who,
    device: DeviceId,
    standing: Standing,
) -> rusqlite::Result<FactorsHeld> {
    let totp = connection
        .prepare_cached(
            "SELECT added_at_ms, last_used_at_ms, drift_steps, failures FROM totps
             WHERE firm_id = ?1 AND person_id = ?2",
        )?
        .query_row(params![who.firm.as_bytes(), who.person.as_bytes()], |row| {
            Ok(TotpHeld {
                added_at_ms: row.get(0)?,
                last_used_at_ms: row.get(1)?,
                off_s: row.get::<_, i64>(2)? * (TOTP_STEP_MS / 1_000),
                disabled: row.get::<_, u32>(3)? >= FAILURES_MAX,
            })
        })
        .optional()?;
    let (recovery_codes_left, presence, stepped_up_until_ms) = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM recovery_codes WHERE firm_id = ?1 AND person_id = ?2 AND used_at_ms IS NULL),
               presence_key IS NOT NULL, stepped_up_until_ms
             FROM devices WHERE device_id = ?3",
        )?
        .query_row(params![who.firm.as_bytes(), who.person.as_bytes(), device.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let totp_required = policy(connection, who.firm)?.requires_totp(standing);
    Ok(FactorsHeld { totp, recovery_codes_left, presence, totp_required, stepped_up_until_ms })
}

/// Whether `answer` proves the person. A presence signature proves nothing here: it is bound to a device, see
/// [`super::stepping_up`].
pub(super) fn prove(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
    answer: &FactorAnswer,
) -> rusqlite::Result<Proved> {
    match answer {
        FactorAnswer::Totp { code } => prove_totp(write, keys, who, code),
        FactorAnswer::RecoveryCode { code } => spend_recovery_code(write, keys, who, code),
        FactorAnswer::Presence { .. } => Ok(Proved::Wrong),
    }
}

fn prove_totp(write: &mut Write<'_>, keys: &Keys, who: Who, code: &str) -> rusqlite::Result<Proved> {
    let Some(totp) = totp(write, keys, who)? else { return Ok(Proved::Wrong) };
    if totp.failures >= FAILURES_MAX {
        return Ok(Proved::Disabled);
    }
    if totp.not_before_ms > write.now_ms {
        let wait_ms = u64::try_from(totp.not_before_ms - write.now_ms).unwrap_or(0);
        return Ok(Proved::Wait { retry_after_s: wait_ms.div_ceil(1_000) });
    }
    match totp.key.check(code, write.now_ms, totp.drift_steps) {
        TotpChecked::Right { step, off_steps } => pass(write, who, step, off_steps),
        TotpChecked::Off { step, off_s } => {
            tell(write, who, step)?;
            Ok(if fail(write, keys, who)? { Proved::Disabled } else { Proved::Off { off_s } })
        }
        TotpChecked::Wrong => Ok(if fail(write, keys, who)? { Proved::Disabled } else { Proved::Wrong }),
    }
}

fn totp(write: &Write<'_>, keys: &Keys, who: Who) -> rusqlite::Result<Option<TotpRow>> {
    let found = write
        .connection
        .prepare_cached(
            "SELECT key_id, sealed_secret, drift_steps, failures, not_before_ms FROM totps
             WHERE firm_id = ?1 AND person_id = ?2",
        )?
        .query_row(params![who.firm.as_bytes(), who.person.as_bytes()], |row| {
            let (key_id, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok((key_id, sealed, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    Ok(found.and_then(|(key_id, sealed, drift_steps, failures, not_before_ms)| {
        let key = opened(keys, &key_id, who, &sealed)?;
        Some(TotpRow { key, drift_steps, failures, not_before_ms })
    }))
}

/// The secret of a row; none where it was sealed for another, or under keys that are gone.
fn opened(keys: &Keys, key_id: &str, who: Who, sealed: &[u8]) -> Option<TotpKey> {
    let secret = keys.open_column(key_id, &who.about(), sealed)?;
    Some(TotpKey::of(secret.try_into().ok()?, "", ""))
}

/// Takes the step, once; not one that was told.
fn pass(write: &Write<'_>, who: Who, step: i64, off_steps: i64) -> rusqlite::Result<Proved> {
    let taken = write
        .connection
        .prepare_cached(
            "UPDATE totps SET last_step = ?3, drift_steps = ?4, last_used_at_ms = ?5, failures = 0, not_before_ms = 0
             WHERE firm_id = ?1 AND person_id = ?2 AND last_step < ?3 AND failures < ?6
               AND NOT EXISTS (SELECT 1 FROM totp_told AS t
                 WHERE t.firm_id = totps.firm_id AND t.person_id = totps.person_id AND t.step = ?3)",
        )?
        .execute(params![
            who.firm.as_bytes(),
            who.person.as_bytes(),
            step,
            off_steps,
            write.now_ms,
            FAILURES_MAX
        ])?;
    Ok(if taken == 1 { Proved::Right } else { Proved::Used })
}

/// Keeps that the code of `step` was said to be of another time.
fn tell(write: &Write<'_>, who: Who, step: i64) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached("DELETE FROM totp_told WHERE firm_id = ?1 AND person_id = ?2 AND step < ?3")?
        .execute(params![
            who.firm.as_bytes(),
            who.person.as_bytes(),
            portico_wire::totp::step_of(write.now_ms) - 100
        ])?;
    write
        .connection
        .prepare_cached("INSERT OR IGNORE INTO totp_told (firm_id, person_id, step) VALUES (?1, ?2, ?3)")?
        .execute(params![who.firm.as_bytes(), who.person.as_bytes(), step])?;
    Ok(())
}

/// Counts a wrong code. Whether it was the one that disables.
fn fail(write: &mut Write<'_>, keys: &Keys, who: Who) -> rusqlite::Result<bool> {
    let failures: u32 = write
        .connection
        .prepare_cached(
            "UPDATE totps SET failures = failures + 1,
               not_before_ms = CASE WHEN failures + 1 < ?3 THEN 0 ELSE ?4 END
             WHERE firm_id = ?1 AND person_id = ?2 RETURNING failures",
        )?
        .query_row(
            params![who.firm.as_bytes(), who.person.as_bytes(), TRIES_AT_ONCE, write.now_ms + TRY_EVERY_MS],
            |row| row.get(0),
        )?;
    if failures == FAILURES_MAX {
        notices::tell(write, keys, who, Notice::TotpDisabled)?;
    }
    Ok(failures >= FAILURES_MAX)
}

fn spend_recovery_code(write: &mut Write<'_>, keys: &Keys, who: Who, code: &str) -> rusqlite::Result<Proved> {
    let Ok(code) = RecoveryCode::parse(code) else { return Ok(Proved::Wrong) };
    let mut kept = write.connection.prepare_cached(
        "SELECT ordinal, key_id, code_mac, used_at_ms IS NOT NULL FROM recovery_codes
         WHERE firm_id = ?1 AND person_id = ?2",
    )?;
    let mut rows = kept.query(params![who.firm.as_bytes(), who.person.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let (ordinal, key_id, mac): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !keys.recovery_is(&key_id, &who.about(), &code, &mac) {
            continue;
        }
        if row.get(3)? {
            return Ok(Proved::Used);
        }
        let spent = write
            .connection
            .prepare_cached(
                "UPDATE recovery_codes SET used_at_ms = ?4
                 WHERE firm_id = ?1 AND person_id = ?2 AND ordinal = ?3 AND used_at_ms IS NULL",
            )?
            .execute(params![who.firm.as_bytes(), who.person.as_bytes(), ordinal, write.now_ms])?;
        notices::tell(write, keys, who, Notice::RecoveryCodeUsed)?;
        return Ok(if spent == 1 { Proved::Right } else { Proved::Used });
    }
    Ok(Proved::Wrong)
}

/// The secret to show for a new authenticator. The same one again to the same key until a code of it came back or an hour is over:
/// a lost answer, and an app that was set up before it, stay good.
pub(super) fn show_totp(
    write: &Write<'_>,
    keys: &Keys,
    who: Who,
    public_key: &[u8],
) -> rusqlite::Result<TotpSetUp> {
    let secret = match shown(write, keys, who, public_key)? {
        Some(secret) => secret,
        None => {
            let secret: [u8; 20] = write.ports.random();
            write
                .connection
                .prepare_cached(
                    "INSERT INTO totp_set_ups (firm_id, person_id, key_id, sealed_secret, made_at_ms, public_key)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (firm_id, person_id, public_key) DO UPDATE SET key_id = excluded.key_id,
                       sealed_secret = excluded.sealed_secret, made_at_ms = excluded.made_at_ms",
                )?
                .execute(params![
                    who.firm.as_bytes(),
                    who.person.as_bytes(),
                    keys.server_id(),
                    keys.seal(write.ports, &who.about(), &secret),
                    write.now_ms,
                    public_key
                ])?;
            secret
        }
    };
    let (firm, email): (String, String) = write
        .connection
        .prepare_cached(
            "SELECT f.name, p.email FROM firms AS f, persons AS p WHERE f.firm_id = ?1 AND p.person_id = ?2",
        )?
        .query_row(params![who.firm.as_bytes(), who.person.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let key = TotpKey::of(secret, &firm, &email);
    Ok(TotpSetUp { uri: key.uri(), secret: key.secret() })
}

fn shown(write: &Write<'_>, keys: &Keys, who: Who, public_key: &[u8]) -> rusqlite::Result<Option<[u8; 20]>> {
    let found = write
        .connection
        .prepare_cached(
            "SELECT key_id, sealed_secret FROM totp_set_ups
             WHERE firm_id = ?1 AND person_id = ?2 AND public_key = ?3 AND made_at_ms > ?4",
        )?
        .query_row(
            params![who.firm.as_bytes(), who.person.as_bytes(), public_key, write.now_ms - SET_UP_MS],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )
        .optional()?;
    Ok(found.and_then(|(key_id, sealed)| keys.open_column(&key_id, &who.about(), &sealed)?.try_into().ok()))
}

/// Takes the authenticator whose secret was shown and whose first code is `code`, in place of the one before.
pub(super) fn confirm_totp(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
    (device, public_key): (DeviceId, &[u8]),
    code: &str,
) -> rusqlite::Result<Proved> {
    let Some(secret) = shown(write, keys, who, public_key)? else {
        return confirmed_before(write, keys, who, code);
    };
    let (step, drift) = match TotpKey::of(secret, "", "").check(code, write.now_ms, 0) {
        TotpChecked::Right { step, off_steps } => (step, off_steps),
        TotpChecked::Off { off_s, .. } => return Ok(Proved::Off { off_s }),
        TotpChecked::Wrong => return Ok(Proved::Wrong),
    };
    remove_totp(write, who)?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO totps (firm_id, person_id, key_id, sealed_secret, added_at_ms, last_used_at_ms, last_step,
               drift_steps, device_id)
             SELECT firm_id, person_id, key_id, sealed_secret, ?3, ?3, ?4, ?5, ?6 FROM totp_set_ups
             WHERE firm_id = ?1 AND person_id = ?2 AND public_key = ?7",
        )?
        .execute(params![
            who.firm.as_bytes(),
            who.person.as_bytes(),
            write.now_ms,
            step,
            drift,
            device.as_bytes(),
            public_key
        ])?;
    write
        .connection
        .prepare_cached("DELETE FROM totp_set_ups WHERE firm_id = ?1 AND person_id = ?2")?
        .execute(params![who.firm.as_bytes(), who.person.as_bytes()])?;
    notices::tell(write, keys, who, Notice::TotpAdded)?;
    Ok(Proved::Right)
}

/// A confirmation whose answer was lost: the same code again, and none of the app's passed since.
fn confirmed_before(write: &Write<'_>, keys: &Keys, who: Who, code: &str) -> rusqlite::Result<Proved> {
    let Some(totp) = totp(write, keys, who)? else { return Ok(Proved::Wrong) };
    let checked = totp.key.check(code, write.now_ms, totp.drift_steps);
    let TotpChecked::Right { step, .. } = checked else { return Ok(Proved::Wrong) };
    let is_first = write
        .connection
        .prepare_cached(
            "SELECT 1 FROM totps WHERE firm_id = ?1 AND person_id = ?2 AND last_step = ?3
               AND last_used_at_ms = added_at_ms",
        )?
        .exists(params![who.firm.as_bytes(), who.person.as_bytes(), step])?;
    Ok(if is_first { Proved::Right } else { Proved::Wrong })
}

/// The firm lets the person in again: nothing that they held proves anything any more, and no device of theirs is signed in.
pub(super) fn forget_all(write: &Write<'_>, who: Who) -> rusqlite::Result<()> {
    for statement in [
        "DELETE FROM totps WHERE firm_id = ?1 AND person_id = ?2",
        "DELETE FROM totp_set_ups WHERE firm_id = ?1 AND person_id = ?2",
        "DELETE FROM recovery_codes WHERE firm_id = ?1 AND person_id = ?2",
        "DELETE FROM access_tokens WHERE device_id IN (SELECT device_id FROM devices
           WHERE firm_id = ?1 AND person_id = ?2)",
    ] {
        write
            .connection
            .prepare_cached(statement)?
            .execute(params![who.firm.as_bytes(), who.person.as_bytes()])?;
    }
    write
        .connection
        .prepare_cached(
            "UPDATE devices SET signed_out_at_ms = coalesce(signed_out_at_ms, ?3), ended_by_restore = 0,
               presence_key = NULL, push_token = NULL, push_key = NULL, push_key_id = NULL
             WHERE firm_id = ?1 AND person_id = ?2",
        )?
        .execute(params![who.firm.as_bytes(), who.person.as_bytes(), write.now_ms])?;
    Ok(())
}

/// Takes the authenticator away. Whether there was one.
pub(super) fn remove_totp(write: &Write<'_>, who: Who) -> rusqlite::Result<bool> {
    let removed = write
        .connection
        .prepare_cached("DELETE FROM totps WHERE firm_id = ?1 AND person_id = ?2")?
        .execute(params![who.firm.as_bytes(), who.person.as_bytes()])?;
    Ok(removed == 1)
}

/// Makes ten recovery codes; those before are void.
pub(super) fn make_recovery_codes(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
) -> rusqlite::Result<Vec<RecoveryCode>> {
    write
        .connection
        .prepare_cached("DELETE FROM recovery_codes WHERE firm_id = ?1 AND person_id = ?2")?
        .execute(params![who.firm.as_bytes(), who.person.as_bytes()])?;
    let codes: Vec<RecoveryCode> =
        (0..RECOVERY_CODES).map(|_| RecoveryCode::from_random(write.ports.random())).collect();
    let mut insert = write.connection.prepare_cached(
        "INSERT INTO recovery_codes (firm_id, person_id, ordinal, key_id, code_mac) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (ordinal, code) in (1_i64..).zip(&codes) {
        insert.execute(params![
            who.firm.as_bytes(),
            who.person.as_bytes(),
            ordinal,
            keys.server_id(),
            keys.recovery_mac(&who.about(), code)
        ])?;
    }
    notices::tell(write, keys, who, Notice::RecoveryCodesMade)?;
    Ok(codes)
}

/// The person's standing at the firm.
pub(super) fn standing(connection: &Connection, who: Who) -> rusqlite::Result<Standing> {
    connection
        .prepare_cached("SELECT standing FROM memberships WHERE firm_id = ?1 AND person_id = ?2")?
        .query_row(params![who.firm.as_bytes(), who.person.as_bytes()], |found| row::standing(found, 0))
}
