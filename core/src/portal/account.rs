//! What protects this person's account: their factors, their devices, and this phone as an authenticator.

use portico_wire::encoding::Base64;
use portico_wire::factor::{
    ConfirmTotp, FactorAnswer, FactorsHeld, RecoveryCodes, SteppedUp, TotpSetUp, step_up_bytes,
};
use portico_wire::ids::{ChallengeId, DeviceId};
use portico_wire::message::Done;
use portico_wire::signin::{
    ChangeEmail, ConfirmEmail, Devices, EmailChangeBegun, OneTimeCode, SignedInDevice, is_email,
};
use portico_wire::totp::{TOTP_STEP_MS, TotpKey};

use super::Portal;
use crate::error::PortalError;
use crate::net::codec;
use crate::signin::driver::address_hash;
use crate::signin::machine::is_well_formed;
use crate::signin::people::People;
use crate::store::Fact;

/// A code of the authenticator that this phone is. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticatorCode {
    /// Six digits.
    pub code: String,
    /// When the next one takes its place, UTC milliseconds by this phone's clock.
    pub until_ms: i64,
    /// Who asks for it.
    pub issuer: String,
}

impl std::fmt::Debug for AuthenticatorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuthenticatorCode(until {})", self.until_ms)
    }
}

impl Portal {
    // Factors.

    /// What proves this person at this firm.
    ///
    /// # Errors
    /// [`PortalError::Offline`] and its like.
    pub async fn factors(&self) -> Result<FactorsHeld, PortalError> {
        self.office(codec::factors()).await
    }

    /// Proves by face, finger or PIN that the person is there, for five minutes. Until when, UTC milliseconds by the
    /// server's clock.
    ///
    /// # Errors
    /// [`PortalError::PresenceRefused`], [`PortalError::KeyUnavailable`], [`PortalError::WrongFactor`] where this phone
    /// has no such key, [`PortalError::Offline`] and its like.
    pub async fn step_up_in_person(&self) -> Result<i64, PortalError> {
        let nonce = self.room.link.nonce().await?.nonce;
        let key = std::sync::Arc::clone(&self.room.ports.device_key);
        let bytes = step_up_bytes(self.room.link.device_id(), &nonce.0);
        // The person is waited for, which no thread of the loops should do.
        let signed = tokio::task::spawn_blocking(move || key.sign_in_person(&bytes)).await;
        let signature = Base64(signed.map_err(|_| PortalError::KeyUnavailable)??);
        self.prove(FactorAnswer::Presence { nonce, signature }).await
    }

    /// Proves it by a code of an authenticator app or a recovery code, for five minutes. Until when, UTC milliseconds by
    /// the server's clock.
    ///
    /// # Errors
    /// [`PortalError::CodeMalformed`] (no try spent), [`PortalError::WrongFactor`], [`PortalError::FactorUsed`],
    /// [`PortalError::FactorDisabled`], [`PortalError::ClockOff`], [`PortalError::Offline`] and its like.
    pub async fn step_up(&self, factor: FactorAnswer) -> Result<i64, PortalError> {
        if !is_well_formed(&factor) {
            return Err(PortalError::CodeMalformed);
        }
        self.prove(factor).await
    }

    /// Each code counts once, so one whose answer was lost is not sent again: what the server holds says what became of it.
    async fn prove(&self, factor: FactorAnswer) -> Result<i64, PortalError> {
        match self.room.link.ask::<SteppedUp>(codec::step_up(&factor)).await.map_err(PortalError::from) {
            Ok(stepped) => Ok(stepped.until_ms),
            Err(PortalError::Offline) => {
                let until_ms = self.factors().await?.stepped_up_until_ms;
                if until_ms > self.server_ms()? { Ok(until_ms) } else { Err(PortalError::Offline) }
            }
            Err(fault) => Err(fault),
        }
    }

    /// The secret for a new authenticator app. The one before stays good until [`Portal::confirm_totp`].
    ///
    /// # Errors
    /// [`PortalError::StepUpNeeded`], [`PortalError::Offline`] and its like.
    pub async fn show_totp(&self) -> Result<TotpSetUp, PortalError> {
        self.office(codec::show_totp()).await
    }

    /// Takes the new app, by the first code that it shows.
    ///
    /// # Errors
    /// [`PortalError::CodeMalformed`], [`PortalError::WrongFactor`], [`PortalError::ClockOff`],
    /// [`PortalError::StepUpNeeded`], [`PortalError::Offline`] and its like.
    pub async fn confirm_totp(&self, code: &str) -> Result<(), PortalError> {
        let code = code.trim().to_owned();
        if !is_well_formed(&FactorAnswer::Totp { code: code.clone() }) {
            return Err(PortalError::CodeMalformed);
        }
        self.office::<Done>(codec::confirm_totp(&ConfirmTotp { code })).await.map(drop)
    }

    /// Makes this phone the authenticator app: its secret comes, its first code goes, and [`Portal::authenticator`] shows
    /// the later ones.
    ///
    /// # Errors
    /// As [`Portal::show_totp`] and [`Portal::confirm_totp`].
    pub async fn set_up_authenticator(&self) -> Result<(), PortalError> {
        let shown = self.show_totp().await?;
        let key = TotpKey::parse(&shown.uri).map_err(|_| PortalError::NotPortico)?;
        // Kept first: the server may take the code, and this phone be killed before it hears so.
        self.room.store.write(|writing| writing.set(Fact::AuthenticatorShown, &key.uri()))?;
        let server_ms = self.server_ms()?;
        let confirmed = match self.confirm_totp(&key.code(server_ms)).await {
            Err(PortalError::ClockOff { off_s }) => {
                let server_ms = server_ms.saturating_sub(off_s.saturating_mul(1_000));
                self.confirm_totp(&key.code(server_ms)).await
            }
            confirmed => confirmed,
        };
        match confirmed {
            Ok(()) => self.keep_authenticator(&shown.uri),
            // Nobody knows whether it arrived.
            Err(PortalError::Offline) => Err(PortalError::Offline),
            Err(fault) => {
                self.room.store.write(|writing| writing.unset(Fact::AuthenticatorShown))?;
                Err(fault)
            }
        }
    }

    /// Takes the authenticator app away, where the firm asks for none.
    ///
    /// # Errors
    /// [`PortalError::NotAllowed`], [`PortalError::NotHere`], [`PortalError::StepUpNeeded`], [`PortalError::Offline`] and its
    /// like.
    pub async fn remove_totp(&self) -> Result<(), PortalError> {
        let removed = self.office::<Done>(codec::remove_totp()).await;
        // Also where an answer was lost before: the app is gone, and its codes are nobody's.
        if matches!(removed, Ok(_) | Err(PortalError::NotHere)) {
            self.forget_authenticator()?;
        }
        removed.map(drop)
    }

    /// Ten fresh recovery codes, shown this once; those before are void.
    ///
    /// # Errors
    /// [`PortalError::StepUpNeeded`], [`PortalError::Offline`] and its like.
    pub async fn make_recovery_codes(&self) -> Result<RecoveryCodes, PortalError> {
        self.office(codec::make_recovery_codes()).await
    }

    // Devices.

    /// Where this person is signed in, the newest first.
    ///
    /// # Errors
    /// [`PortalError::Offline`] and its like.
    pub async fn devices(&self) -> Result<Vec<SignedInDevice>, PortalError> {
        Ok(self.office::<Devices>(codec::devices()).await?.devices)
    }

    /// Signs another device of this person out. For this one, see [`Portal::sign_out`].
    ///
    /// # Errors
    /// [`PortalError::StepUpNeeded`], [`PortalError::NotHere`], [`PortalError::Offline`] and its like.
    pub async fn end_device(&self, device: DeviceId) -> Result<(), PortalError> {
        self.office::<Done>(codec::sign_out(device)).await.map(drop)
    }

    /// Has everything of this person deleted from another device at its next contact, unsent messages too (R55).
    /// [`Portal::devices`] says whether it has heard of it.
    ///
    /// # Errors
    /// As [`Portal::end_device`].
    pub async fn wipe_device(&self, device: DeviceId) -> Result<(), PortalError> {
        self.office::<Done>(codec::wipe_device(device)).await.map(drop)
    }

    // The address.

    /// Has a code mailed to the address that is to sign in from now on (R10). The answer is the same for an address that
    /// somebody else has; then no code comes.
    ///
    /// # Errors
    /// [`PortalError::EmailMalformed`], [`PortalError::StepUpNeeded`], [`PortalError::Offline`] and its like.
    pub async fn change_email(&self, email: &str) -> Result<EmailChangeBegun, PortalError> {
        let email = email.trim().to_owned();
        if !is_email(&email) {
            return Err(PortalError::EmailMalformed);
        }
        let asked = ChangeEmail { email: email.clone() };
        let begun: EmailChangeBegun = self.office(codec::change_email(&asked)).await?;
        self.room.store.write(|writing| writing.set(Fact::EmailChange, &(begun.change_id, email)))?;
        Ok(begun)
    }

    /// Confirms it with the code from the mail, as typed; `old_code`: the one from the mail to the address before, where
    /// [`EmailChangeBegun::old_code_needed`]. The account and all that is in it stay.
    ///
    /// # Errors
    /// [`PortalError::CodeMalformed`] (no try spent), [`PortalError::WrongCode`], [`PortalError::ChallengeEnded`] also where none was
    /// begun, [`PortalError::Offline`] and its like.
    pub async fn confirm_email(&self, code: &str, old_code: Option<&str>) -> Result<(), PortalError> {
        let parse = |text: &str| {
            let code = OneTimeCode::parse(text).map_err(|_| PortalError::CodeMalformed)?;
            Ok::<_, PortalError>(code.shown())
        };
        let confirm = ConfirmEmail { code: parse(code)?, old_code: old_code.map(parse).transpose()? };
        let begun: Option<(ChallengeId, String)> =
            self.room.store.read(|reading| reading.fact(Fact::EmailChange))?;
        let (change, email) = begun.ok_or(PortalError::ChallengeEnded)?;
        self.office::<Done>(codec::confirm_email(change, &confirm)).await?;
        let folder = &self.room.folder;
        let mut people = People::read(folder.home())?;
        let session = &self.room.session;
        let address = address_hash(&session.server_url, &email);
        people.readdress(session.person_id, &session.server_url, address);
        people.write(folder.home())?;
        Ok(self.room.store.write(|writing| writing.unset(Fact::EmailChange))?)
    }

    // This phone as an authenticator.

    /// The code of now, of the server's now: a wrong clock of this phone is corrected (R42). Works offline. None where this
    /// phone is no authenticator.
    ///
    /// # Errors
    /// A store fault.
    pub fn authenticator(&self) -> Result<Option<AuthenticatorCode>, PortalError> {
        let (uri, ahead_ms) = self.room.store.read(|reading| {
            let uri: Option<String> = match reading.fact(Fact::Authenticator)? {
                Some(kept) => Some(kept),
                None => reading.fact(Fact::AuthenticatorShown)?,
            };
            Ok::<_, PortalError>((uri, reading.fact::<i64>(Fact::ServerAhead)?.unwrap_or(0)))
        })?;
        let Some(uri) = uri else { return Ok(None) };
        let key = TotpKey::parse(&uri).map_err(|_| PortalError::bug("authenticator"))?;
        let now_ms = self.room.ports.clock.now_ms();
        let server_ms = now_ms.saturating_add(ahead_ms);
        let left_ms = TOTP_STEP_MS - server_ms.rem_euclid(TOTP_STEP_MS);
        Ok(Some(AuthenticatorCode {
            code: key.code(server_ms),
            until_ms: now_ms.saturating_add(left_ms),
            issuer: key.issuer().to_owned(),
        }))
    }

    /// Keeps the secret of an `otpauth://totp/` URI, as a QR code holds it, in place of the one before.
    ///
    /// # Errors
    /// [`PortalError::Malformed`] where it is none; a store fault.
    pub fn keep_authenticator(&self, uri: &str) -> Result<(), PortalError> {
        let key = TotpKey::parse(uri).map_err(|_| PortalError::Malformed)?;
        Ok(self.room.store.write(|writing| {
            writing.set(Fact::Authenticator, &key.uri())?;
            writing.unset(Fact::AuthenticatorShown)
        })?)
    }

    /// Forgets it. The server still asks for its codes; see [`Portal::remove_totp`].
    ///
    /// # Errors
    /// A store fault.
    pub fn forget_authenticator(&self) -> Result<(), PortalError> {
        Ok(self.room.store.write(|writing| {
            writing.unset(Fact::AuthenticatorShown)?;
            writing.unset(Fact::Authenticator)
        })?)
    }

    /// The server's clock, as far as this phone knows, UTC milliseconds.
    fn server_ms(&self) -> Result<i64, PortalError> {
        let ahead_ms = self.room.store.read(|reading| reading.fact::<i64>(Fact::ServerAhead))?.unwrap_or(0);
        Ok(self.room.ports.clock.now_ms().saturating_add(ahead_ms))
    }
}
