//! What protects this person's account: factors, devices, this phone as an authenticator. What waits for the server takes
//! the number of its call. `StepUpNeeded`: call `step_up_in_person` or `step_up`, and then the same again.

use portico_core::PortalError;
use portico_core::portal::AuthenticatorCode;
use portico_wire::encoding::Base64;
use portico_wire::factor::{
    ApprovalAsked, FactorAnswer, FactorKind, FactorsHeld, RecoveryCodes, TotpHeld, TotpSetUp,
};
use portico_wire::ids::{ChallengeId, DeviceId};
use portico_wire::signin::{EmailChangeBegun, SignedInDevice};

use crate::portal::Portal;

/// Kinds of what proves somebody beyond the mailed code.
#[uniffi::remote(Enum)]
pub enum FactorKind {
    /// A code of an authenticator app.
    Totp,
    /// One of the codes that were written down.
    RecoveryCode,
    /// Face, finger or PIN on this phone.
    Presence,
    /// A yes on another device, on which this person is signed in.
    Approval,
    /// One of a newer server; never offered.
    Unknown,
}

/// What a person gives to prove themselves.
#[uniffi::remote(Enum)]
pub enum FactorAnswer {
    /// The code that the authenticator app shows.
    Totp {
        /// As typed: six digits.
        code: String,
    },
    /// A recovery code; it is spent.
    RecoveryCode {
        /// As typed.
        code: String,
    },
    /// Asks for a yes on another device, and asks again whether it came.
    Approval,
    /// Made by the core; call `step_up_in_person`.
    Presence {
        /// The server's.
        nonce: Base64,
        /// The presence key's.
        signature: Base64,
    },
}

/// A sign-in on another device that waits for a yes.
#[uniffi::remote(Record)]
pub struct ApprovalAsked {
    /// Which.
    pub challenge_id: ChallengeId,
    /// What the device that signs in calls itself.
    pub device_name: String,
    /// Since when, UTC milliseconds.
    pub asked_at_ms: i64,
    /// When it is over, UTC milliseconds.
    pub expires_at_ms: i64,
}

/// A secret for an authenticator app, shown until one of its codes came back.
#[uniffi::remote(Record)]
pub struct TotpSetUp {
    /// `otpauth://totp/...`, for a QR code or a tap on this phone.
    pub uri: String,
    /// The secret alone, base 32, for those who type.
    pub secret: String,
}

/// What proves this person at this firm.
#[uniffi::remote(Record)]
pub struct FactorsHeld {
    /// The authenticator app, if one was set up.
    pub totp: Option<TotpHeld>,
    /// Recovery codes that are not spent.
    pub recovery_codes_left: u32,
    /// Whether this device has a presence key.
    pub presence: bool,
    /// Whether the firm asks for an authenticator app: then it can be replaced and not removed.
    pub totp_required: bool,
    /// Until when this device is stepped up, UTC milliseconds by the server's clock; past or 0 for not.
    pub stepped_up_until_ms: i64,
}

/// An authenticator app that was set up.
#[uniffi::remote(Record)]
pub struct TotpHeld {
    /// When, UTC milliseconds.
    pub added_at_ms: i64,
    /// When a code of it last passed, UTC milliseconds.
    pub last_used_at_ms: i64,
    /// Seconds that its clock was ahead then; negative for behind.
    pub off_s: i64,
    /// Too many wrong codes came: it must be set up again.
    pub disabled: bool,
}

/// Ten recovery codes, shown this once.
#[uniffi::remote(Record)]
pub struct RecoveryCodes {
    /// As they are shown.
    pub codes: Vec<String>,
}

/// One of a person's devices at one firm.
#[uniffi::remote(Record)]
pub struct SignedInDevice {
    /// Which.
    pub device_id: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// When it signed in, UTC milliseconds.
    pub signed_in_at_ms: i64,
    /// Whether it is this one.
    pub this_device: bool,
    /// Since when it is to be wiped, UTC milliseconds; none for one that is signed in.
    pub wiped_at_ms: Option<i64>,
    /// When it heard so, UTC milliseconds; none while it did not.
    pub wipe_told_at_ms: Option<i64>,
}

/// A code is on its way to a new address, if nobody else has it.
#[uniffi::remote(Record)]
pub struct EmailChangeBegun {
    /// Which change the code confirms.
    pub change_id: ChallengeId,
    /// When it ends, by the server's clock, UTC milliseconds.
    pub expires_at_ms: i64,
    /// Whether a code that was mailed to the address before is needed too.
    pub old_code_needed: bool,
}

/// A code of the authenticator that this phone is.
#[uniffi::remote(Record)]
pub struct AuthenticatorCode {
    /// Six digits.
    pub code: String,
    /// When the next one takes its place, UTC milliseconds by this phone's clock.
    pub until_ms: i64,
    /// Who asks for it.
    pub issuer: String,
}

#[uniffi::export]
impl Portal {
    /// What proves this person at this firm.
    ///
    /// # Errors
    /// `Offline` and its like.
    pub async fn factors(&self, call: u64) -> Result<FactorsHeld, PortalError> {
        self.wait(Some(call), |core| async move { core.factors().await }).await
    }

    /// Proves by face, finger or PIN that the person is there, for five minutes. Until when, UTC milliseconds by the
    /// server's clock.
    ///
    /// # Errors
    /// `PresenceRefused`, `KeyUnavailable`, `WrongFactor` where this phone has no such key; `Offline` and its like.
    pub async fn step_up_in_person(&self, call: u64) -> Result<i64, PortalError> {
        self.wait(Some(call), |core| async move { core.step_up_in_person().await }).await
    }

    /// Proves it by a code of an authenticator app or a recovery code, for five minutes. Until when.
    ///
    /// # Errors
    /// `CodeMalformed` (no try spent), `WrongFactor`, `FactorUsed`, `FactorDisabled`, `ClockOff`; `Offline` and its like.
    pub async fn step_up(&self, factor: FactorAnswer, call: u64) -> Result<i64, PortalError> {
        self.wait(Some(call), |core| async move { core.step_up(factor).await }).await
    }

    /// Sign-ins on other devices that wait for this person's yes, the oldest first.
    ///
    /// # Errors
    /// `Offline` and its like.
    pub async fn approvals(&self, call: u64) -> Result<Vec<ApprovalAsked>, PortalError> {
        self.wait(Some(call), |core| async move { core.approvals().await }).await
    }

    /// Says yes to one, by the number that the other device shows, as typed. Another number ends that sign-in.
    ///
    /// # Errors
    /// `CodeMalformed` for what is not two digits (nothing is decided), `WrongFactor` for another number, `NotHere` for one that is
    /// over or decided, `StepUpNeeded`; `Offline` and its like.
    pub async fn approve(
        &self,
        challenge: ChallengeId,
        number: String,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.approve(challenge, &number).await }).await
    }

    /// Says no to one, which ends that sign-in.
    ///
    /// # Errors
    /// `NotHere` for one that is over or decided; `Offline` and its like.
    pub async fn turn_down(&self, challenge: ChallengeId, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.turn_down(challenge).await }).await
    }

    /// The secret for a new authenticator app. The one before stays good until `confirm_totp`.
    ///
    /// # Errors
    /// `StepUpNeeded`; `Offline` and its like.
    pub async fn show_totp(&self, call: u64) -> Result<TotpSetUp, PortalError> {
        self.wait(Some(call), |core| async move { core.show_totp().await }).await
    }

    /// Takes the new app, by the first code that it shows.
    ///
    /// # Errors
    /// `CodeMalformed`, `WrongFactor`, `ClockOff`, `StepUpNeeded`; `Offline` and its like.
    pub async fn confirm_totp(&self, code: String, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), |core| async move { core.confirm_totp(&code).await }).await
    }

    /// Makes this phone the authenticator app; `authenticator` shows its codes.
    ///
    /// # Errors
    /// `ClockOff`, `StepUpNeeded`; `Offline` and its like.
    pub async fn set_up_authenticator(&self, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), |core| async move { core.set_up_authenticator().await }).await
    }

    /// Takes the authenticator app away, where the firm asks for none.
    ///
    /// # Errors
    /// `NotAllowed`, `NotHere`, `StepUpNeeded`; `Offline` and its like.
    pub async fn remove_totp(&self, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), |core| async move { core.remove_totp().await }).await
    }

    /// Ten fresh recovery codes, shown this once; those before are void.
    ///
    /// # Errors
    /// `StepUpNeeded`; `Offline` and its like.
    pub async fn make_recovery_codes(&self, call: u64) -> Result<RecoveryCodes, PortalError> {
        self.wait(Some(call), |core| async move { core.make_recovery_codes().await }).await
    }

    /// Where this person is signed in, the newest first.
    ///
    /// # Errors
    /// `Offline` and its like.
    pub async fn devices(&self, call: u64) -> Result<Vec<SignedInDevice>, PortalError> {
        self.wait(Some(call), |core| async move { core.devices().await }).await
    }

    /// Signs another device of this person out. For this one, see `sign_out`.
    ///
    /// # Errors
    /// `StepUpNeeded`, `NotHere`; `Offline` and its like.
    pub async fn end_device(&self, device: DeviceId, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.end_device(device).await }).await
    }

    /// Has everything of this person deleted from another device at its next contact, unsent messages too. `devices` says
    /// whether it has heard of it.
    ///
    /// # Errors
    /// As `end_device`.
    pub async fn wipe_device(&self, device: DeviceId, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.wipe_device(device).await }).await
    }

    /// Has a code mailed to the address that is to sign in from now on (R10). The answer is the same for an address that
    /// somebody else has; then no code comes.
    ///
    /// # Errors
    /// `EmailMalformed`, `StepUpNeeded`; `Offline` and its like.
    pub async fn change_email(&self, email: String, call: u64) -> Result<EmailChangeBegun, PortalError> {
        self.wait(Some(call), |core| async move { core.change_email(&email).await }).await
    }

    /// Confirms it with the code from the mail, as typed; `old_code`: the one from the mail to the address before, where it is
    /// needed. The account and all that is in it stay.
    ///
    /// # Errors
    /// `CodeMalformed` (no try spent), `WrongCode`, `ChallengeEnded` also where none was begun; `Offline` and its like.
    pub async fn confirm_email(
        &self,
        code: String,
        old_code: Option<String>,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), |core| async move { core.confirm_email(&code, old_code.as_deref()).await })
            .await
    }

    /// The code of now, by the server's clock. Works offline. None where this phone is no authenticator.
    ///
    /// # Errors
    /// A store fault.
    pub fn authenticator(&self) -> Result<Option<AuthenticatorCode>, PortalError> {
        self.with(|core| core.authenticator())
    }

    /// Keeps the secret of an `otpauth://totp/` URI, as a QR code holds it, in place of the one before.
    ///
    /// # Errors
    /// `Malformed` where it is none; a store fault.
    pub fn keep_authenticator(&self, uri: String) -> Result<(), PortalError> {
        self.with(|core| core.keep_authenticator(&uri))
    }

    /// Forgets it. The server still asks for its codes; see `remove_totp`.
    ///
    /// # Errors
    /// A store fault.
    pub fn forget_authenticator(&self) -> Result<(), PortalError> {
        self.with(|core| core.forget_authenticator())
    }
}
