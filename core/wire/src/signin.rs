//! Signing in: an emailed code proves the address, the device's session key keeps it proved.
//!
//! The session key is P-256, held by the platform's keystore; signatures are ECDSA with SHA-256 in ASN.1 DER,
//! which is what Secure Enclave and Android Keystore make.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conversation::Standing;
use crate::crockford;
use crate::encoding::Base64;
use crate::factor::{ApprovalAwaited, FactorAnswer, FactorKind, TotpSetUp};
use crate::ids::{ChallengeId, DeviceId, Epoch, FirmId, PersonId};
use crate::limits::EMAIL_BYTES_MAX;

crockford::code! {
    /// An emailed code: 40 bits, shown `K7QM-3RXT`. `Debug` hides it.
    OneTimeCode: 5 bytes, 8 letters, ParseCodeError
}

/// A text that can not be a code, whatever was mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has 8 letters and digits")]
pub struct ParseCodeError;

/// The body of `POST /v1/sign-in`. The answer is the same for known and unknown addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BeginSignIn {
    /// The address that was invited.
    pub email: String,
}

/// Whether `text` can be an email address at all; whether somebody is invited under it only the server knows.
#[must_use]
pub fn is_email(text: &str) -> bool {
    text.contains('@') && text.len() <= EMAIL_BYTES_MAX && !text.chars().any(char::is_control)
}

impl fmt::Debug for BeginSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BeginSignIn({} bytes)", self.email.len())
    }
}

/// The question: which code did we mail?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChallengeBegun {
    /// Which challenge the code answers.
    pub challenge_id: ChallengeId,
    /// When it ends, by the server's clock, UTC milliseconds.
    pub expires_at_ms: i64,
    /// The server's clock, UTC milliseconds.
    pub server_time_ms: i64,
}

/// The body of `POST /v1/sign-in/{challenge}/answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerChallenge {
    /// What the person typed; see [`OneTimeCode::parse`].
    pub code: String,
    /// This installation; made by the phone, the same for every sign-in on it.
    pub device_id: DeviceId,
    /// What a list of devices calls it.
    pub device_name: String,
    /// The session key's public half: an uncompressed P-256 point, 65 bytes (SEC 1 section 2.3.3).
    pub session_public_key: Base64,
    /// The presence key's public half, of the same form; absent where the device asks for no face, finger or PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_public_key: Option<Base64>,
    /// Proof that the phone holds the session key's other half: a signature over [`possession_bytes`].
    pub signature: Base64,
    /// Which firm, for a person of several; absent to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firm_id: Option<FirmId>,
    /// What proves them beyond the mailed code; absent to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorAnswer>,
}

/// What the phone signs to prove that it holds the session key it registers, and to vouch for its presence key.
#[must_use]
pub fn possession_bytes(
    challenge: ChallengeId,
    device: DeviceId,
    public_key: &[u8],
    presence_key: Option<&[u8]>,
) -> Vec<u8> {
    let head = [b"portico sign-in v1\0".as_slice(), challenge.as_bytes(), device.as_bytes(), public_key];
    [head.concat().as_slice(), presence_key.unwrap_or_default()].concat()
}

/// What the phone signs to refresh.
#[must_use]
pub fn refresh_bytes(device: DeviceId, nonce: &[u8]) -> Vec<u8> {
    [b"portico refresh v1\0".as_slice(), device.as_bytes(), nonce].concat()
}

/// A firm that a person of several can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirmChoice {
    /// Which.
    pub firm_id: FirmId,
    /// What it is called.
    pub name: String,
}

/// A signed-in device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Who.
    pub person_id: PersonId,
    /// At which firm.
    pub firm_id: FirmId,
    /// What the firm is called.
    pub firm_name: String,
    /// The person's name there.
    pub name: String,
    /// On which side of the door.
    pub standing: Standing,
    /// The short-lived secret that every request carries.
    pub access: Access,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} at {})", self.person_id, self.firm_id)
    }
}

/// An access token. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Access {
    /// 32 random bytes, sent as `Authorization: Bearer BASE64URL`.
    pub access_token: Base64,
    /// When it ends, by the server's clock, UTC milliseconds.
    pub expires_at_ms: i64,
    /// The server's clock, UTC milliseconds.
    pub server_time_ms: i64,
    /// The server's epoch.
    pub epoch: Epoch,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access(until {})", self.expires_at_ms)
    }
}

/// The answer to a right code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ChallengeAnswered {
    /// The device is signed in.
    SignedIn(Session),
    /// The person belongs to several firms: answer again with `firm_id`. The code stays good for that.
    ChooseFirm {
        /// What there is to choose.
        firms: Vec<FirmChoice>,
    },
    /// The firm asks for more than the mailed code: answer again with a `factor`. The code stays good for that. An
    /// empty list: nothing that this person holds helps, and the firm must let them in.
    FactorNeeded {
        /// What proves them, any one of these.
        factors: Vec<FactorKind>,
    },
    /// Another device must say yes: answer again with [`FactorAnswer::Approval`] once it did. The code stays good for that.
    ApprovalAwaited(ApprovalAwaited),
    /// The firm asks for an authenticator app, and there is none: answer again with the first code of one that knows
    /// this secret.
    SetUpTotp(TotpSetUp),
}

/// The body of `POST /v1/sessions/nonce`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AskNonce {
    /// The device that wants to refresh.
    pub device_id: DeviceId,
}

/// A nonce, good for one refresh of one device within two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nonce {
    /// Opaque bytes.
    pub nonce: Base64,
}

/// The body of `POST /v1/sessions/refresh`; the answer is an [`Access`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// The device.
    pub device_id: DeviceId,
    /// The nonce it was given.
    pub nonce: Base64,
    /// The session key's signature over [`refresh_bytes`].
    pub signature: Base64,
}

/// The answer of `GET /v1/devices`: where somebody is signed in, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Devices {
    /// The devices.
    pub devices: Vec<SignedInDevice>,
}

/// One of a person's devices at one firm.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedInDevice {
    /// Which.
    pub device_id: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// When it signed in, UTC milliseconds.
    pub signed_in_at_ms: i64,
    /// Whether it is the one that asks.
    pub this_device: bool,
    /// Since when it is to be wiped, UTC milliseconds; absent for a device that is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wiped_at_ms: Option<i64>,
    /// When it was told, UTC milliseconds, in answer to a refresh that its own key signed. Absent while it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wipe_told_at_ms: Option<i64>,
}

impl fmt::Debug for SignedInDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedInDevice({})", self.device_id)
    }
}

/// The body of `POST /v1/email`: the address that is to sign in from now on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeEmail {
    /// The new address.
    pub email: String,
}

impl fmt::Debug for ChangeEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeEmail({} bytes)", self.email.len())
    }
}

/// The answer: a code is on its way to the new address, if nobody else has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmailChangeBegun {
    /// Which change the code confirms.
    pub change_id: ChallengeId,
    /// When it ends, by the server's clock, UTC milliseconds.
    pub expires_at_ms: i64,
    /// Whether a code that was mailed to the address before is needed too: the person belongs to several firms, and none of them
    /// alone may move their address (R7).
    pub old_code_needed: bool,
}

/// The body of `POST /v1/email/{change}/confirm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfirmEmail {
    /// What the mail to the new address says, as typed.
    pub code: String,
    /// What the mail to the address before says, where it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_code: Option<String>,
}

/// The body of `PUT /v1/devices/{id}/push`: where and sealed with what the server reaches this device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushAddress {
    /// The device's address at its push provider.
    pub push_token: String,
    /// The 32-byte key that only this device and the server hold; see [`crate::push`].
    pub push_key: Base64,
}

impl fmt::Debug for PushAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushAddress")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_read_as_people_type_it() {
        let code = OneTimeCode::from_random([0xFF, 0x00, 0x12, 0x34, 0x56]);

        assert_eq!(OneTimeCode::parse(&code.shown()), Ok(code.clone()));
        assert_eq!(OneTimeCode::parse(&code.shown().to_lowercase().replace('-', " ")), Ok(code));
        assert_eq!(OneTimeCode::parse("oil0-OIL0").unwrap().shown(), "0110-0110");
        assert_eq!(OneTimeCode::parse("K7QM-3RX"), Err(ParseCodeError));
        assert_eq!(OneTimeCode::parse("K7QM-3RXTT"), Err(ParseCodeError));
        assert_eq!(OneTimeCode::parse("K7QM-3RXU"), Err(ParseCodeError));
    }
}
