//! Problems: every error answer of the server, as `application/problem+json` (RFC 9457).
//!
//! Holds: only a problem with `final: true` decides a send. A proxy's page, an unknown type or a problem
//! without it is transient, whatever its status says.

use serde::{Deserialize, Serialize};

use crate::ids::Epoch;
use crate::refusal::{Refusal, RefusalCode};

/// The media type of a problem.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// What every `type` of ours begins with.
pub const PROBLEM_PREFIX: &str = "urn:portico:problem:";

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Problems that decide no send. Refusals ([`RefusalCode`]) are problems too, with `final: true`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// Every code, as written on the wire and in `docs/errors.md`.
            pub const ALL: &'static [&'static str] = &[$($text),*];

            /// The code as written on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status it travels with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One English sentence for a log or a curl user; shells have their own words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Reads a code; none for one of a newer server.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

problem_codes! {
    /// The access token is missing, unknown or over; refresh once.
    AccessTokenExpired = "access_token_expired", 401, "The access token is missing or over; refresh it.";
    /// The firm's scan, or somebody of the firm, refuses the file. It may be allowed later.
    AttachmentRefused = "attachment_refused", 403, "The firm's scan refuses this file.";
    /// The request is not of the documented form.
    BadRequest = "bad_request", 400, "The request is not of the documented form.";
    /// The writer's queue is full, or a fault hit the whole group; try again later.
    Busy = "busy", 503, "The server is busy; try again.";
    /// The challenge is over, used up or was never made; begin again.
    ChallengeEnded = "challenge_ended", 410, "This sign-in has ended; begin again.";
    /// The wire version of the request is not served.
    ClientTooOld = "client_too_old", 426, "This version of the app is too old for this server.";
    /// A send that was accepted before a restore names a conversation the restored server does not have yet.
    ConversationMissing = "conversation_missing", 409, "The restored server does not have this conversation yet.";
    /// The cursor is of another epoch or was compacted; take the snapshot.
    CursorReset = "cursor_reset", 410, "The cursor is no longer valid; take the snapshot.";
    /// The code is one of the authenticator's of another time: its clock is off by `off_s`.
    ClockOff = "clock_off", 403, "The clock of the authenticator is off.";
    /// The device id is of another person or another firm; answer again with another. The code stays good for that.
    DeviceTaken = "device_taken", 409, "This device id is taken; answer with another.";
    /// This device's person wants everything of theirs gone from it, and says so from another device (R55).
    DeviceWiped = "device_wiped", 401, "This device is to be wiped.";
    /// The disk is full; nothing was stored.
    DiskFull = "disk_full", 507, "The server's disk is full; nothing was stored.";
    /// Too many wrong codes came: this factor proves nothing any more, until it is set up again.
    FactorDisabled = "factor_disabled", 403, "This factor is disabled; use another.";
    /// The code was used; each counts once (RFC 6238 section 5.2). Wait for the next.
    FactorUsed = "factor_used", 403, "This code was used; wait for the next one.";
    /// A bug of the server; it is logged there.
    Internal = "internal", 500, "Something went wrong in the server.";
    /// The person does not belong to the firm any more. Sends are answered on; nothing else is, and a phone removes what it
    /// received (R41, R43).
    MembershipEnded = "membership_ended", 403, "The firm has closed this account.";
    /// A send that was accepted before a restore takes a copy of a document along whose bytes the restored server lacks.
    DocumentMissing = "document_missing", 409, "The restored server does not have the document's bytes.";
    /// The nonce of a refresh is unknown, over or was used; take a new one.
    NonceStale = "nonce_stale", 401, "The nonce is over; take a new one.";
    /// The kind or the state of the thing, or the caller's side of the firm's door, does not allow it.
    NotAllowed = "not_allowed", 409, "The kind or the state of it does not allow that.";
    /// No such thing, or none this person may know of: the two are one answer (R17).
    NotFound = "not_found", 404, "There is no such thing.";
    /// The body of the request is over its limit.
    PayloadTooLarge = "payload_too_large", 413, "The request is too large.";
    /// This device is signed out; only signing in again helps. Nothing on the phone is deleted.
    SessionEnded = "session_ended", 401, "This device is signed out.";
    /// The upload's capability is unknown, over, or was taken back by a newer hand-over; open the batch again.
    UploadGone = "upload_gone", 410, "This upload is over or was handed over; open the batch again.";
    /// A chunk does not open: the bytes were altered on the way. What came before it is kept; `Upload-Offset` says so.
    UploadDamaged = "upload_damaged", 422, "A chunk does not open; go on from the stated offset.";
    /// The upload does not stand where the request says; go on from `Upload-Offset`.
    UploadOffset = "upload_offset", 409, "The upload stands at another offset.";
    /// A signature does not verify with the device's session key.
    SignatureInvalid = "signature_invalid", 403, "The signature does not verify.";
    /// The request states another epoch than the server's; nothing was looked up or stored.
    StaleEpoch = "stale_epoch", 409, "The server was restored; take the snapshot first.";
    /// The person must prove themselves again first; see `POST /v1/step-up`.
    StepUpNeeded = "step_up_needed", 403, "Prove yourself again first.";
    /// Too many requests from this address, account or device; wait.
    Throttled = "throttled", 429, "Too many requests; wait.";
    /// The code is not the one that was mailed for this challenge.
    WrongCode = "wrong_code", 403, "The code is wrong.";
    /// What should prove the person does not.
    WrongFactor = "wrong_factor", 403, "That does not prove it.";
}

/// One problem, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// [`PROBLEM_PREFIX`] and a code.
    #[serde(rename = "type")]
    pub kind: String,
    /// One English sentence.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// Whether this answer decides the send, for ever.
    #[serde(rename = "final", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// The server's epoch, on every answer to a write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The limit that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<u64>,
    /// The place of the file it is about in the batch, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// Tries left for a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// Seconds that a clock is ahead; negative for behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_s: Option<i64>,
}

impl Problem {
    /// A problem that decides nothing.
    #[must_use]
    pub fn of(code: ProblemCode) -> Self {
        Self {
            kind: format!("{PROBLEM_PREFIX}{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            is_final: false,
            epoch: None,
            limit: None,
            measured: None,
            file: None,
            tries_left: None,
            off_s: None,
        }
    }

    /// The final answer that `refusal` is, in `epoch`.
    #[must_use]
    pub fn refused(refusal: &Refusal, epoch: Epoch) -> Self {
        Self {
            kind: format!("{PROBLEM_PREFIX}{}", refusal.code),
            title: format!("The message was refused: {}.", refusal.code),
            status: refusal_status(&refusal.code),
            is_final: true,
            epoch: Some(epoch),
            limit: refusal.limit,
            measured: refusal.measured,
            file: refusal.file,
            tries_left: None,
            off_s: None,
        }
    }

    /// The same problem, stating the server's epoch.
    #[must_use]
    pub const fn in_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// The code behind the prefix; none if the type is not ours.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.kind.strip_prefix(PROBLEM_PREFIX)
    }

    /// The refusal that a final problem of ours states.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let code = self.code().filter(|_| self.is_final)?;
        Some(Refusal {
            code: RefusalCode::from(code),
            limit: self.limit,
            measured: self.measured,
            file: self.file,
        })
    }
}

/// A denied conversation and an absent one share status and body (R17).
const fn refusal_status(code: &RefusalCode) -> u16 {
    match code {
        RefusalCode::BodyTooLong
        | RefusalCode::BatchTooLarge
        | RefusalCode::BatchTooManyFiles
        | RefusalCode::QuotaExceeded => 413,
        RefusalCode::ConversationNotFound | RefusalCode::DocumentNotFound => 404,
        RefusalCode::SendKeyReused | RefusalCode::Withdrawn => 409,
        RefusalCode::AccountClosed
        | RefusalCode::ConversationArchived
        | RefusalCode::ConversationClosed
        | RefusalCode::NotParticipant => 403,
        RefusalCode::BatchEmpty
        | RefusalCode::FileDamaged
        | RefusalCode::FileNameHasNul
        | RefusalCode::FileNameTooLong
        | RefusalCode::BodyEmpty
        | RefusalCode::BodyHasNul
        | RefusalCode::BodyNotUnicode
        | RefusalCode::Unknown(_) => 422,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_final_problem_of_ours_is_a_refusal() {
        let epoch = Epoch::from_bytes([1; 16]);
        let refusal = Refusal::over(RefusalCode::BodyTooLong, 65_536, 65_537);

        let ours = Problem::refused(&refusal, epoch);
        let foreign = Problem { kind: "about:blank".to_owned(), ..ours.clone() };

        assert_eq!(ours.refusal(), Some(refusal));
        assert_eq!(foreign.refusal(), None);
        assert_eq!(Problem::of(ProblemCode::NotFound).refusal(), None);
    }
}
