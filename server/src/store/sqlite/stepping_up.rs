//! What only somebody does who has just proved themselves: factors come and go, other devices are signed out or wiped.
//!
//! Holds: within one transaction, the device is signed in and stepped up; a signed-out one changes nothing. Signing
//! in steps up, for five minutes.

use std::sync::Arc;

use portico_wire::factor::{FactorAnswer, FactorsHeld, RecoveryCode, TotpSetUp};
use portico_wire::ids::{DeviceId, FirmId, PersonId};
use rusqlite::{OptionalExtension as _, params};

use super::assuring;
use super::factors::{self, Proved, Who};
use super::notices::{self, Notice};
use super::people;
use super::sessions::{Caller, STEP_UP_MS};
use super::stays::Change;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::keys::Keys;

/// What becomes of something that needs a person who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stepped<T> {
    Done(T),
    /// They must prove themselves first.
    StepUpNeeded,
    /// There is no such thing, or none of theirs.
    NotFound,
    /// The firm asks for it.
    NotAllowed,
}

/// What becomes of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    SignedOut,
    /// It is told to delete everything of this person at its next contact (R55).
    Wiped,
}

impl Caller {
    pub(super) const fn who(self) -> Who {
        Who { firm: self.firm_id, person: self.person_id }
    }
}

impl Store {
    /// The caller's factors.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn factors(&self, caller: Caller) -> Result<FactorsHeld, StoreError> {
        self.read(move |tx| {
            let standing = factors::standing(tx, caller.who())?;
            factors::list(tx, caller.who(), caller.device_id, standing)
        })
        .await
    }

    /// The presence key of the caller's device, if it has one.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn presence_key(&self, device: DeviceId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |tx| {
            let found = tx
                .prepare_cached("SELECT presence_key FROM devices WHERE device_id = ?1")?
                .query_row(params![device.as_bytes()], |row| row.get(0))
                .optional()?;
            Ok(found.flatten())
        })
        .await
    }

    /// Steps the caller's device up by a code. Until when, or why not. An authenticator that was set up on a device which has
    /// a presence key does not step that device up.
    ///
    /// # Errors
    /// As [`Store::write`]; no code is spent.
    pub(crate) async fn step_up(
        &self,
        caller: Caller,
        answer: FactorAnswer,
        keys: Arc<Keys>,
    ) -> Result<Stepped<Result<i64, Proved>>, StoreError> {
        self.write(move |write| {
            let is_totp = matches!(answer, FactorAnswer::Totp { .. });
            let public_key = public_key_of(write, caller.device_id)?;
            if is_totp && assuring::is_in_the_same_hand(write, caller.who(), &public_key)? {
                return Ok(Stepped::NotAllowed);
            }
            Ok(Stepped::Done(match factors::prove(write, &keys, caller.who(), &answer)? {
                Proved::Right => Ok(step_up(write, caller.device_id)?),
                why => Err(why),
            }))
        })
        .await
    }

    /// The same by a signature of its presence key over the nonce of `issued_at_ms`, which was verified; each nonce
    /// serves once. None where it, or a newer one, did before, or the key is another by now.
    ///
    /// # Errors
    /// As [`Store::write`]; the nonce stays good.
    pub(crate) async fn step_up_in_person(
        &self,
        caller: Caller,
        presence_key: Vec<u8>,
        issued_at_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        self.write(move |write| {
            let spent = write
                .connection
                .prepare_cached(
                    "UPDATE devices SET last_presence_ms = ?2
                     WHERE device_id = ?1 AND last_presence_ms < ?2 AND presence_key = ?3
                       AND signed_out_at_ms IS NULL",
                )?
                .execute(params![caller.device_id.as_bytes(), issued_at_ms, presence_key])?;
            if spent == 0 {
                return Ok(None);
            }
            step_up(write, caller.device_id).map(Some)
        })
        .await
    }

    /// The secret for a new authenticator. The one before stays good until a code of the new one came.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn show_totp(
        &self,
        caller: Caller,
        keys: Arc<Keys>,
    ) -> Result<Stepped<TotpSetUp>, StoreError> {
        self.stepped(caller, move |write| {
            let public_key = public_key_of(write, caller.device_id)?;
            factors::show_totp(write, &keys, caller.who(), &public_key).map(Stepped::Done)
        })
        .await
    }

    /// Takes the new authenticator by its first code.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn confirm_totp(
        &self,
        caller: Caller,
        code: String,
        keys: Arc<Keys>,
    ) -> Result<Stepped<Proved>, StoreError> {
        self.stepped(caller, move |write| {
            let public_key = public_key_of(write, caller.device_id)?;
            let installation = (caller.device_id, public_key.as_slice());
            factors::confirm_totp(write, &keys, caller.who(), installation, &code).map(Stepped::Done)
        })
        .await
    }

    /// Takes the authenticator away, where the firm does not ask for one.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn remove_totp(
        &self,
        caller: Caller,
        keys: Arc<Keys>,
    ) -> Result<Stepped<()>, StoreError> {
        self.stepped(caller, move |write| {
            let standing = factors::standing(write.connection, caller.who())?;
            if factors::policy(write.connection, caller.firm_id)?.requires_totp(standing) {
                return Ok(Stepped::NotAllowed);
            }
            if !factors::remove_totp(write, caller.who())? {
                return Ok(Stepped::NotFound);
            }
            notices::tell(write, &keys, caller.who(), Notice::TotpRemoved)?;
            Ok(Stepped::Done(()))
        })
        .await
    }

    /// Ten fresh recovery codes; those before are void.
    ///
    /// # Errors
    /// As [`Store::write`]; those before stay good.
    pub(crate) async fn make_recovery_codes(
        &self,
        caller: Caller,
        keys: Arc<Keys>,
    ) -> Result<Stepped<Vec<RecoveryCode>>, StoreError> {
        self.stepped(caller, move |write| {
            factors::make_recovery_codes(write, &keys, caller.who()).map(Stepped::Done)
        })
        .await
    }

    /// Ends one of the caller's devices: its tokens end, nothing is pushed to it. The calling device signs itself out without
    /// a word; all else only for somebody who is there.
    ///
    /// # Errors
    /// As [`Store::write`]; it stays signed in.
    pub(crate) async fn end_device(
        &self,
        caller: Caller,
        device: DeviceId,
        ending: Ending,
        keys: Arc<Keys>,
    ) -> Result<Stepped<()>, StoreError> {
        let end = move |write: &mut Write<'_>| end_device(write, &keys, caller, device, ending);
        if device == caller.device_id && ending == Ending::SignedOut {
            self.write(end).await
        } else {
            self.stepped(caller, end).await
        }
    }

    /// One of the staff lets somebody of the firm in again who lost everything that proves them: their devices here are signed
    /// out, and nothing that they held counts any more. Their next sign-in is like their first (R42). Other firms are not
    /// touched (R7).
    ///
    /// # Errors
    /// As [`Store::write`]; everything stays.
    pub(crate) async fn readmit(
        &self,
        caller: Caller,
        person: PersonId,
        keys: Arc<Keys>,
    ) -> Result<Stepped<()>, StoreError> {
        let may = self.read(move |tx| people::current_staff(tx, caller.firm_id, caller.person_id)).await?;
        if may.is_err() {
            return Ok(Stepped::NotAllowed);
        }
        self.stepped(caller, move |write| {
            Ok(if let_in_again(write, &keys, Who { firm: caller.firm_id, person })? {
                Stepped::Done(())
            } else {
                Stepped::NotFound
            })
        })
        .await
    }

    /// The same by the administrator, for a firm whose staff lost everything.
    ///
    /// # Errors
    /// As [`Store::write`]; everything stays.
    pub(crate) async fn let_in_again(
        &self,
        firm: FirmId,
        person: PersonId,
        keys: Arc<Keys>,
    ) -> Result<Change, StoreError> {
        self.write(move |write| {
            let found = let_in_again(write, &keys, Who { firm, person })?;
            Ok(if found { Change::Made } else { Change::NotFound })
        })
        .await
    }

    /// Does `work` for a device that is signed in and stepped up.
    pub(super) async fn stepped<T, F>(&self, caller: Caller, work: F) -> Result<Stepped<T>, StoreError>
    where
        F: FnOnce(&mut Write<'_>) -> rusqlite::Result<Stepped<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.write(move |write| {
            let is_there = write
                .connection
                .prepare_cached(
                    "SELECT 1 FROM devices
                     WHERE device_id = ?1 AND stepped_up_until_ms > ?2 AND signed_out_at_ms IS NULL",
                )?
                .exists(params![caller.device_id.as_bytes(), write.now_ms])?;
            if is_there { work(write) } else { Ok(Stepped::StepUpNeeded) }
        })
        .await
    }
}

fn step_up(write: &Write<'_>, device: DeviceId) -> rusqlite::Result<i64> {
    let until_ms = write.now_ms + STEP_UP_MS;
    write
        .connection
        .prepare_cached("UPDATE devices SET stepped_up_until_ms = ?2 WHERE device_id = ?1")?
        .execute(params![device.as_bytes(), until_ms])?;
    Ok(until_ms)
}

/// Whether they belong to the firm.
fn let_in_again(write: &mut Write<'_>, keys: &Keys, who: Who) -> rusqlite::Result<bool> {
    if people::current_member(write.connection, who.firm, who.person)?.is_none() {
        return Ok(false);
    }
    factors::forget_all(write, who)?;
    notices::tell(write, keys, who, Notice::LetInAgain)?;
    Ok(true)
}

fn end_device(
    write: &mut Write<'_>,
    keys: &Keys,
    caller: Caller,
    device: DeviceId,
    ending: Ending,
) -> rusqlite::Result<Stepped<()>> {
    let wiped_at_ms = (ending == Ending::Wiped).then_some(write.now_ms);
    let ended: Option<String> = write
        .connection
        .prepare_cached(
            "UPDATE devices SET signed_out_at_ms = coalesce(signed_out_at_ms, ?4), ended_by_restore = 0,
               wiped_at_ms = coalesce(wiped_at_ms, ?5), push_token = NULL, push_key = NULL, push_key_id = NULL
             WHERE firm_id = ?1 AND person_id = ?2 AND device_id = ?3 RETURNING name",
        )?
        .query_row(
            params![
                caller.firm_id.as_bytes(),
                caller.person_id.as_bytes(),
                device.as_bytes(),
                write.now_ms,
                wiped_at_ms
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(name) = ended else { return Ok(Stepped::NotFound) };
    if ending == Ending::Wiped {
        // A token that is unknown is refreshed, and a refresh hears of the wipe, under the device's own key.
        write
            .connection
            .prepare_cached("DELETE FROM access_tokens WHERE device_id = ?1")?
            .execute(params![device.as_bytes()])?;
        notices::tell(write, keys, caller.who(), Notice::DeviceWiped(name))?;
    }
    Ok(Stepped::Done(()))
}

fn public_key_of(write: &Write<'_>, device: DeviceId) -> rusqlite::Result<Vec<u8>> {
    write
        .connection
        .prepare_cached("SELECT public_key FROM devices WHERE device_id = ?1")?
        .query_row(params![device.as_bytes()], |row| row.get(0))
}
