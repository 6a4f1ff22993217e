//! What proves somebody beyond the mailed code: factors, and what a person and a firm may do with them.
//!
//! A factor belongs to a person at one firm, so that no firm touches another's (R7). Kinds that this version does not
//! know parse to [`FactorKind::Unknown`]: a screen leaves them out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::crockford;
use crate::encoding::Base64;
use crate::ids::{ChallengeId, DeviceId};

/// Kinds of factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// One of the codes that were written down.
    RecoveryCode,
    /// The device's presence key: face, finger or PIN. Steps up; never signs in another device.
    Presence,
    /// Somebody says yes on another device, on which this person is signed in.
    Approval,
    /// One of a newer server.
    #[serde(other)]
    Unknown,
}

/// What a person gives to prove themselves. `Debug` shows the kind.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FactorAnswer {
    /// The code that the authenticator app shows.
    Totp {
        /// As typed: six digits.
        code: String,
    },
    /// A recovery code; it is spent.
    RecoveryCode {
        /// As typed; see [`RecoveryCode::parse`].
        code: String,
    },
    /// Asks for a yes on another device, and asks again whether it came.
    Approval,
    /// The device's presence key signed [`step_up_bytes`].
    Presence {
        /// From `POST /v1/sessions/nonce`.
        nonce: Base64,
        /// ECDSA with SHA-256, ASN.1 DER.
        signature: Base64,
    },
}

impl FactorAnswer {
    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> FactorKind {
        match self {
            Self::Totp { .. } => FactorKind::Totp,
            Self::RecoveryCode { .. } => FactorKind::RecoveryCode,
            Self::Approval => FactorKind::Approval,
            Self::Presence { .. } => FactorKind::Presence,
        }
    }
}

impl fmt::Debug for FactorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FactorAnswer({:?})", self.kind())
    }
}

/// What the presence key signs to step up.
#[must_use]
pub fn step_up_bytes(device: DeviceId, nonce: &[u8]) -> Vec<u8> {
    [b"portico step-up v1\0".as_slice(), device.as_bytes(), nonce].concat()
}

/// A sign-in waits for a yes on another device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalAwaited {
    /// Two digits, shown here and typed there: so that nobody says yes to a sign-in that is another one.
    pub number: String,
}

/// The answer of `GET /v1/approvals`: sign-ins that wait for a yes of this person, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approvals {
    /// The sign-ins.
    pub approvals: Vec<ApprovalAsked>,
}

/// A sign-in that waits for a yes. `Debug` hides the name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl fmt::Debug for ApprovalAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApprovalAsked({})", self.challenge_id)
    }
}

/// The body of `POST /v1/approvals/{challenge}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecideApproval {
    /// What the other device shows, for yes; absent for no, which ends that sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// A secret for an authenticator app, shown until one of its codes came back. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TotpSetUp {
    /// `otpauth://totp/...`, for a QR code or a tap on this phone.
    pub uri: String,
    /// The secret alone, base 32, for those who type.
    pub secret: String,
}

impl fmt::Debug for TotpSetUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSetUp")
    }
}

/// The body of `POST /v1/factors/totp/confirm`. `Debug` hides the code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfirmTotp {
    /// The first code that the app shows.
    pub code: String,
}

impl fmt::Debug for ConfirmTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmTotp")
    }
}

/// The answer of `GET /v1/factors`: what proves the caller at this firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactorsHeld {
    /// The authenticator app, if one was set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<TotpHeld>,
    /// Recovery codes that are not spent.
    pub recovery_codes_left: u32,
    /// Whether this device has a presence key.
    pub presence: bool,
    /// Whether the firm asks this person for an authenticator app: then it can be replaced and not removed.
    pub totp_required: bool,
    /// Until when this device is stepped up, UTC milliseconds by the server's clock; past or 0 for not.
    pub stepped_up_until_ms: i64,
}

/// An authenticator app that was set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TotpHeld {
    /// When, UTC milliseconds.
    pub added_at_ms: i64,
    /// When a code of it last passed, UTC milliseconds.
    pub last_used_at_ms: i64,
    /// Seconds that its clock was ahead then; negative for behind.
    pub off_s: i64,
    /// Too many wrong codes came: it proves nothing any more, and must be set up again.
    pub disabled: bool,
}

/// The answer of `POST /v1/step-up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SteppedUp {
    /// Until when, UTC milliseconds by the server's clock.
    pub until_ms: i64,
}

/// Ten fresh recovery codes, shown this once; those before are void. `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryCodes {
    /// As they are shown.
    pub codes: Vec<String>,
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryCodes({})", self.codes.len())
    }
}

crockford::code! {
    /// A recovery code: 120 bits, in six groups. `Debug` hides it.
    RecoveryCode: 15 bytes, 24 letters, ParseRecoveryCodeError
}

/// A text that can not be a recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a recovery code has 24 letters and digits")]
pub struct ParseRecoveryCodeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_code_is_read_as_people_type_it() {
        let code = RecoveryCode::from_random(*b"\xff\x00fifteen bytes");

        assert_eq!(code.shown().len(), 24 + 5);
        assert_eq!(RecoveryCode::parse(&code.shown().to_lowercase().replace('-', " ")), Ok(code.clone()));
        assert_eq!(RecoveryCode::parse(&code.shown().replace('0', "o").replace('1', "l")), Ok(code.clone()));
        assert_eq!(
            RecoveryCode::parse(code.shown().trim_end_matches(char::is_alphanumeric)),
            Err(ParseRecoveryCodeError)
        );
        assert_eq!(format!("{code:?}"), "RecoveryCode(24 letters)");
    }

    // Growth by addition: a newer server's kind is one that this app does not offer.
    #[test]
    fn kind_of_a_newer_server_is_unknown() {
        let kinds: Vec<FactorKind> = serde_json::from_str(r#"["totp","passkey","recovery_code"]"#).unwrap();

        assert_eq!(kinds, [FactorKind::Totp, FactorKind::Unknown, FactorKind::RecoveryCode]);
    }

    #[test]
    fn secrets_are_not_in_debug() {
        let answers = [
            FactorAnswer::Totp { code: "123456".to_owned() },
            FactorAnswer::RecoveryCode { code: "K7QM".to_owned() },
        ];
        assert_eq!(format!("{answers:?}"), "[FactorAnswer(Totp), FactorAnswer(RecoveryCode)]");
        let set_up = TotpSetUp { uri: "otpauth://".to_owned(), secret: "S".to_owned() };
        assert_eq!(format!("{set_up:?}"), "TotpSetUp");
    }
}
