//! Challenges: which code was mailed, how many tries are left, what a right answer gives.
//!
//! ```text
//! begun -> wrong (tries left) -> ... -> ended
//! begun -> right, several firms, none named -> begun (choose)
//! begun -> right, the firm asks for more -> begun (prove) -> proved -> begun (set an authenticator up) -> right
//! begun -> right -> used by one device and key; the same answer again gives another token
//! ```
//! Holds: a wrong try commits. A challenge of an unknown address is kept and answered like any other. What a firm asks
//! beyond the code is [`crate::assurance`]'s to say.

use std::sync::Arc;

use portico_wire::conversation::Standing;
use portico_wire::encoding::Sha256;
use portico_wire::factor::{FactorAnswer, FactorKind, TotpSetUp};
use portico_wire::ids::{ChallengeId, DeviceId, FirmId, MailId, PersonId};
use portico_wire::signin::{FirmChoice, OneTimeCode};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::assuring::{self, Assured, assure};
use super::factors::{self, Proved, Who};
use super::invitations;
use super::jobs::{self, NewMail};
use super::notices::{self, Notice};
use super::row;
use super::sessions::{FreshToken, STEP_UP_MS, fresh_token};
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::keys::Keys;

/// A code is good for this long.
pub(crate) const CHALLENGE_MS: i64 = 10 * 60 * 1000;
/// Tries for one challenge: 5 of 2^40 codes.
const TRIES: u32 = 5;
/// Tries of a factor in one challenge.
const FACTOR_TRIES: u32 = 5;
/// Ended challenges are kept for a day, so that an answer still hears what became of it.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// A device that answers, parsed and with its possession proved.
#[derive(Clone)]
pub(crate) struct NewDevice {
    pub(crate) device_id: DeviceId,
    pub(crate) name: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) presence_key: Option<Vec<u8>>,
    pub(crate) firm_id: Option<FirmId>,
    /// What proves the person beyond the code.
    pub(crate) factor: Option<FactorAnswer>,
}

/// What an answer gives.
pub(crate) enum Answered {
    /// There is no such challenge any more.
    Ended,
    /// The code is another one.
    Wrong { tries_left: u32 },
    /// The device id is of another person or another firm.
    Taken,
    /// The person belongs to several firms, or to others than the one that was named.
    Choose(Vec<FirmChoice>),
    /// The firm asks for one of these besides.
    FactorNeeded(Vec<FactorKind>),
    /// The firm asks for an authenticator, and there is none.
    SetUpTotp(TotpSetUp),
    /// What came does not prove it; this says why not.
    NotProved { why: Proved, tries_left: u32 },
    /// The device is signed in.
    SignedIn(Box<SignedIn>),
}

/// A signed-in device.
pub(crate) struct SignedIn {
    pub(crate) person_id: PersonId,
    pub(crate) firm_id: FirmId,
    pub(crate) firm_name: String,
    pub(crate) name: String,
    pub(crate) standing: Standing,
    pub(crate) token: FreshToken,
}

struct Challenge {
    person: Option<PersonId>,
    key_id: String,
    mac: Vec<u8>,
    tries_left: u32,
    factor_tries_left: u32,
    /// The firm whose invitation it began with.
    invited_by: Option<FirmId>,
    /// At which firm, by which device and under which key a factor was proved.
    proved: Option<(FirmId, DeviceId, Vec<u8>)>,
    /// By something that is not in the hand that holds the device.
    proved_apart: bool,
    used: Option<(FirmId, DeviceId, Vec<u8>)>,
}

impl Store {
    /// Makes a challenge for whoever signs in with `email`, and the mail that carries its code. The same rows and
    /// the same work for an address that nobody has.
    ///
    /// # Errors
    /// As [`Store::write`]; no mail goes out.
    pub(crate) async fn begin_sign_in(
        &self,
        email: String,
        keys: Arc<Keys>,
    ) -> Result<ChallengeId, StoreError> {
        self.write(move |write| {
            let person = person_of(write.connection, &email)?;
            begin(write, &keys, person, None)
        })
        .await
    }

    /// The same for whoever was invited by the code of `hash`; the same for a code of nobody.
    ///
    /// # Errors
    /// As [`Store::write`]; no mail goes out.
    pub(crate) async fn begin_invited(
        &self,
        hash: Sha256,
        keys: Arc<Keys>,
    ) -> Result<ChallengeId, StoreError> {
        self.write(move |write| {
            let invited = invitations::whom(write, &hash)?;
            begin(write, &keys, invited.map(|who| who.person), invited.map(|who| who.firm))
        })
        .await
    }

    /// Answers a challenge. A wrong try is spent for good, whatever else is in the group.
    ///
    /// # Errors
    /// As [`Store::write`]; no try is spent.
    pub(crate) async fn answer_challenge(
        &self,
        challenge: ChallengeId,
        code: OneTimeCode,
        device: NewDevice,
        keys: Arc<Keys>,
    ) -> Result<Answered, StoreError> {
        self.write(move |write| answer(write, challenge, &code, &device, &keys)).await
    }
}

fn begin(
    write: &mut Write<'_>,
    keys: &Keys,
    person: Option<PersonId>,
    firm: Option<FirmId>,
) -> rusqlite::Result<ChallengeId> {
    let challenge = ChallengeId::from_parts(write.now_ms, write.ports.random());
    let code = OneTimeCode::from_random(write.ports.random());
    // A code that could not be carried in time is worth nothing.
    write
        .connection
        .prepare_cached("DELETE FROM mail_jobs WHERE kind IN (?1, ?2) AND due_at_ms < ?3")?
        .execute(params![jobs::CODE, jobs::ADDRESS_CODE, write.now_ms - CHALLENGE_MS])?;
    write
        .connection
        .prepare_cached("DELETE FROM challenges WHERE expires_at_ms < ?1")?
        .execute(params![write.now_ms - KEPT_MS])?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO challenges (challenge_id, person_id, key_id, code_mac, tries_left, factor_tries_left,
               invited_firm_id, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            challenge.as_bytes(),
            person.as_ref().map(PersonId::as_bytes),
            keys.server_id(),
            keys.code_mac(challenge, code.as_bytes()),
            TRIES,
            FACTOR_TRIES,
            firm.as_ref().map(FirmId::as_bytes),
            write.now_ms + CHALLENGE_MS
        ])?;
    let mail_id = MailId::from_bytes(*challenge.as_bytes());
    let plain = code.as_bytes();
    jobs::queue_mail(write, keys, &NewMail { mail_id, kind: jobs::CODE, person, to: None, plain })?;
    Ok(challenge)
}

fn answer(
    write: &mut Write<'_>,
    id: ChallengeId,
    code: &OneTimeCode,
    device: &NewDevice,
    keys: &Keys,
) -> rusqlite::Result<Answered> {
    let Some(challenge) = challenge(write, id)? else { return Ok(Answered::Ended) };
    let right = keys.code_is(&challenge.key_id, id, code.as_bytes(), &challenge.mac);
    if let Some((firm, used_device, public_key)) = challenge.used {
        let again = right && used_device == device.device_id && public_key == device.public_key;
        return match (again, challenge.person) {
            (true, Some(person)) => again_signed_in(write, keys, Who { firm, person }, device),
            // A phone that has several ids tries them in a row, after a lost answer too.
            (false, Some(person)) if right && is_taken(write, Who { firm, person }, device)? => {
                Ok(Answered::Taken)
            }
            _ => Ok(Answered::Ended),
        };
    }
    if challenge.tries_left == 0 || challenge.factor_tries_left == 0 {
        return Ok(Answered::Ended);
    }
    let Some(person) = challenge.person.filter(|_| right) else {
        let tries_left = challenge.tries_left - 1;
        write
            .connection
            .prepare_cached("UPDATE challenges SET tries_left = ?2 WHERE challenge_id = ?1")?
            .execute(params![id.as_bytes(), tries_left])?;
        return Ok(Answered::Wrong { tries_left });
    };
    let firms = firms_of(write.connection, person)?;
    let firm = match (device.firm_id.or(challenge.invited_by), firms.as_slice()) {
        (Some(named), firms) if firms.iter().any(|firm| firm.firm_id == named) => named,
        (None, [only]) => only.firm_id,
        (_, []) => return Ok(Answered::Ended),
        (_, _) => return Ok(Answered::Choose(firms)),
    };
    let who = Who { firm, person };
    if is_taken(write, who, device)? {
        return Ok(Answered::Taken);
    }
    let is_theirs = challenge
        .proved
        .is_some_and(|(at, by, key)| at == firm && by == device.device_id && key == device.public_key);
    let so_far = Assured { proved: is_theirs, apart: is_theirs && challenge.proved_apart };
    let assured = match assure(write, keys, (id, challenge.factor_tries_left), who, device, so_far)? {
        Ok(assured) => assured,
        Err(asked) => return Ok(asked),
    };
    let signed_in = sign_in(write, keys, who, device, assured)?;
    if matches!(signed_in, Answered::SignedIn(_)) {
        write
            .connection
            .prepare_cached(
                "UPDATE challenges SET used_firm_id = ?2, used_device_id = ?3, used_public_key = ?4
                 WHERE challenge_id = ?1",
            )?
            .execute(params![
                id.as_bytes(),
                firm.as_bytes(),
                device.device_id.as_bytes(),
                device.public_key
            ])?;
    }
    Ok(signed_in)
}

fn challenge(write: &Write<'_>, id: ChallengeId) -> rusqlite::Result<Option<Challenge>> {
    write
        .connection
        .prepare_cached(
            "SELECT person_id, key_id, code_mac, tries_left, used_firm_id, used_device_id, used_public_key,
               factor_tries_left, proved_firm_id, proved_device_id, proved_public_key,
               invited_firm_id, proved_apart
             FROM challenges WHERE challenge_id = ?1 AND expires_at_ms > ?2",
        )?
        .query_row(params![id.as_bytes(), write.now_ms], |row| {
            let firm = row::id_opt(row, 4, FirmId::from_bytes)?;
            let device = row::id_opt(row, 5, DeviceId::from_bytes)?;
            let public_key: Option<Vec<u8>> = row.get(6)?;
            Ok(Challenge {
                person: row::id_opt(row, 0, PersonId::from_bytes)?,
                key_id: row.get(1)?,
                mac: row.get(2)?,
                tries_left: row.get(3)?,
                factor_tries_left: row.get(7)?,
                invited_by: row::id_opt(row, 11, FirmId::from_bytes)?,
                proved_apart: row.get(12)?,
                proved: row::id_opt(row, 8, FirmId::from_bytes)?
                    .zip(row::id_opt(row, 9, DeviceId::from_bytes)?)
                    .zip(row.get(10)?)
                    .map(|((firm, device), key)| (firm, device, key)),
                used: firm.zip(device).zip(public_key).map(|((firm, device), key)| (firm, device, key)),
            })
        })
        .optional()
}

/// A lost answer is given again to a device that is still signed in; one that was signed out or wiped since is not.
fn again_signed_in(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
    device: &NewDevice,
) -> rusqlite::Result<Answered> {
    let held = factors::held(write.connection, who, device.device_id, &device.public_key)?;
    let nothing = Assured { proved: false, apart: false };
    if held.same_device { sign_in(write, keys, who, device, nothing) } else { Ok(Answered::Ended) }
}

/// Binds the device to the person at the firm, under its present keys, and gives it a token. An installation that is new here
/// counts as just proved, and so does one whose person proved themselves by something apart from it. Any other keeps its
/// presence key, which must say who is there: whoever holds it unlocked may read the mail on it too, and the codes of an app.
fn sign_in(
    write: &mut Write<'_>,
    keys: &Keys,
    who: Who,
    device: &NewDevice,
    assured: Assured,
) -> rusqlite::Result<Answered> {
    let Some((firm_name, name, standing)) = membership(write.connection, who.firm, who.person)? else {
        return Ok(Answered::Ended);
    };
    let held = factors::held(write.connection, who, device.device_id, &device.public_key)?;
    let is_there = assured.apart || !assuring::has_presence(write, who, &device.public_key)?;
    if !held.same_device {
        bind(write, who, device)?;
        if held.other_devices > 0 {
            notices::tell(write, keys, who, Notice::FurtherDevice(device.name.clone()))?;
        }
    }
    write
        .connection
        .prepare_cached(
            "UPDATE devices SET signed_out_at_ms = NULL, ended_by_restore = 0,
               presence_key = CASE WHEN ?4 THEN ?2 ELSE coalesce(presence_key, (
                 SELECT max(d.presence_key) FROM devices AS d WHERE d.firm_id = devices.firm_id
                   AND d.person_id = devices.person_id AND d.public_key = devices.public_key)) END,
               stepped_up_until_ms = CASE WHEN ?4 THEN ?3 ELSE stepped_up_until_ms END
             WHERE device_id = ?1",
        )?
        .execute(params![
            device.device_id.as_bytes(),
            device.presence_key,
            write.now_ms + STEP_UP_MS,
            is_there
        ])?;
    let token = fresh_token(write, who.firm, device.device_id)?;
    Ok(Answered::SignedIn(Box::new(SignedIn {
        person_id: who.person,
        firm_id: who.firm,
        firm_name,
        name,
        standing,
        token,
    })))
}

/// Whether the device id is of another person, or of the same at another firm: a refresh of it would let that one in.
fn is_taken(write: &Write<'_>, who: Who, device: &NewDevice) -> rusqlite::Result<bool> {
    write
        .connection
        .prepare_cached("SELECT 1 FROM devices WHERE device_id = ?1 AND (firm_id <> ?2 OR person_id <> ?3)")?
        .exists(params![device.device_id.as_bytes(), who.firm.as_bytes(), who.person.as_bytes()])
}

/// A device that signs in anew, or under another key: what it had before ends. Signing in again under
/// the same key keeps its push address and its nonces.
fn bind(write: &Write<'_>, who: Who, device: &NewDevice) -> rusqlite::Result<()> {
    for ended in
        ["DELETE FROM access_tokens WHERE device_id = ?1", "DELETE FROM push_jobs WHERE device_id = ?1"]
    {
        write.connection.prepare_cached(ended)?.execute(params![device.device_id.as_bytes()])?;
    }
    write
        .connection
        .prepare_cached(
            "INSERT INTO devices (device_id, firm_id, person_id, name, public_key, signed_in_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (device_id) DO UPDATE SET name = excluded.name, public_key = excluded.public_key,
               signed_in_at_ms = excluded.signed_in_at_ms,
               signed_out_at_ms = NULL, wiped_at_ms = NULL, wipe_told_at_ms = NULL, push_token = NULL,
               push_key = NULL, push_key_id = NULL",
        )?
        .execute(params![
            device.device_id.as_bytes(),
            who.firm.as_bytes(),
            who.person.as_bytes(),
            device.name,
            device.public_key,
            write.now_ms
        ])?;
    // The same installation under an id that it had before is signed in once.
    write
        .connection
        .prepare_cached(
            "UPDATE devices SET signed_out_at_ms = coalesce(signed_out_at_ms, ?5), ended_by_restore = 0, push_token = NULL,
               push_key = NULL, push_key_id = NULL
             WHERE firm_id = ?1 AND person_id = ?2 AND public_key = ?3 AND device_id <> ?4
               AND (signed_out_at_ms IS NULL OR ended_by_restore)",
        )?
        .execute(params![
            who.firm.as_bytes(),
            who.person.as_bytes(),
            device.public_key,
            device.device_id.as_bytes(),
            write.now_ms
        ])?;
    Ok(())
}

/// Whose address it is, if they belong to a firm. For one that nobody has the same is read of somebody else: what is read
/// and what is not showed as a hundredth of the time of an answer, which is enough for whoever asks often (R42).
fn person_of(connection: &Connection, email: &str) -> rusqlite::Result<Option<PersonId>> {
    let found = connection
        .prepare_cached(
            "SELECT p.person_id, p.email = ?1, EXISTS (
               SELECT 1 FROM memberships AS m WHERE m.person_id = p.person_id AND m.ended_at_ms IS NULL)
             FROM persons AS p WHERE p.person_id = coalesce(
               (SELECT o.person_id FROM persons AS o WHERE o.email = ?1), (SELECT min(person_id) FROM persons))",
        )?
        .query_row(params![email], |row| {
            let (is_theirs, belongs): (bool, bool) = (row.get(1)?, row.get(2)?);
            Ok((is_theirs && belongs).then_some(row::id(row, 0, PersonId::from_bytes)?))
        })
        .optional()?;
    Ok(found.flatten())
}

fn firms_of(connection: &Connection, person: PersonId) -> rusqlite::Result<Vec<FirmChoice>> {
    connection
        .prepare_cached(
            "SELECT f.firm_id, f.name FROM memberships AS m JOIN firms AS f ON f.firm_id = m.firm_id
             WHERE m.person_id = ?1 AND m.ended_at_ms IS NULL ORDER BY f.name, f.firm_id",
        )?
        .query_map(params![person.as_bytes()], |row| {
            Ok(FirmChoice { firm_id: row::id(row, 0, FirmId::from_bytes)?, name: row.get(1)? })
        })?
        .collect()
}

fn membership(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
) -> rusqlite::Result<Option<(String, String, Standing)>> {
    connection
        .prepare_cached(
            "SELECT f.name, m.name, m.standing FROM memberships AS m JOIN firms AS f ON f.firm_id = m.firm_id
             WHERE m.firm_id = ?1 AND m.person_id = ?2 AND m.ended_at_ms IS NULL",
        )?
        .query_row(params![firm.as_bytes(), person.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row::standing(row, 2)?))
        })
        .optional()
}
