//! What an answer means. Pure.

use portico_wire::ids::Epoch;
use portico_wire::message::Accepted;
use portico_wire::problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode};
use portico_wire::refusal::{Refusal, RefusalCode};
use serde::de::DeserializeOwned;

use crate::error::PortalError;
use crate::outbox::entry::Fault;
use crate::ports::{Response, TransportFault};

/// Everything but what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// A final refusal, in the epoch it states.
    Refused(Refusal, Option<Epoch>),
    /// A problem of ours that decides no send.
    Problem(ProblemCode, Box<Problem>),
    /// Nothing decided; try again.
    Transient {
        /// What happened.
        fault: Fault,
        /// What the server asked for.
        retry_after_s: Option<u32>,
    },
    /// The server says that this device is signed out.
    SignedOut,
    /// The person wiped this device from another (R55).
    Wiped,
    /// The server says, in the epoch it states, that this person does not belong to the firm any more.
    Closed(Option<Epoch>),
}

impl Miss {
    /// A transient one without a wish for when.
    #[must_use]
    pub const fn transient(fault: Fault) -> Self {
        Self::Transient { fault, retry_after_s: None }
    }
}

impl From<Miss> for PortalError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Refused(refusal, _) => Self::Refused { refusal },
            Miss::Problem(code, problem) => error_of(code, &problem),
            Miss::Transient { fault: Fault::ServerBusy, retry_after_s } => {
                Self::RetryLater { after_s: retry_after_s }
            }
            Miss::Transient { fault, .. } => fault.into(),
            Miss::SignedOut => Self::SignInNeeded,
            Miss::Wiped => Self::Wiped,
            Miss::Closed(_) => Self::Refused { refusal: Refusal::of(RefusalCode::AccountClosed) },
        }
    }
}

fn error_of(code: ProblemCode, problem: &Problem) -> PortalError {
    match code {
        ProblemCode::WrongCode => PortalError::WrongCode { tries_left: problem.tries_left },
        ProblemCode::WrongFactor => PortalError::WrongFactor { tries_left: problem.tries_left },
        ProblemCode::FactorUsed => PortalError::FactorUsed,
        ProblemCode::FactorDisabled => PortalError::FactorDisabled,
        ProblemCode::ClockOff => PortalError::ClockOff { off_s: problem.off_s.unwrap_or(0) },
        ProblemCode::StepUpNeeded => PortalError::StepUpNeeded,
        ProblemCode::ChallengeEnded => PortalError::ChallengeEnded,
        ProblemCode::SessionEnded | ProblemCode::AccessTokenExpired => PortalError::SignInNeeded,
        ProblemCode::MembershipEnded => {
            PortalError::Refused { refusal: Refusal::of(RefusalCode::AccountClosed) }
        }
        ProblemCode::NotFound => PortalError::NotHere,
        ProblemCode::NotAllowed => PortalError::NotAllowed,
        ProblemCode::AttachmentRefused => PortalError::FileRefused,
        // Said to anything but a refresh that this device signed, it is nobody's word.
        ProblemCode::DeviceWiped
        // The sign-in answers with another id itself.
        | ProblemCode::DeviceTaken
        | ProblemCode::Busy
        | ProblemCode::ConversationMissing
        | ProblemCode::DocumentMissing
        | ProblemCode::CursorReset
        | ProblemCode::DiskFull
        | ProblemCode::Internal
        | ProblemCode::NonceStale
        | ProblemCode::StaleEpoch
        | ProblemCode::Throttled
        | ProblemCode::UploadDamaged
        | ProblemCode::UploadGone
        | ProblemCode::UploadOffset => PortalError::RetryLater { after_s: None },
        ProblemCode::ClientTooOld => PortalError::OtherVersion { server_wire: 0 },
        ProblemCode::BadRequest | ProblemCode::PayloadTooLarge | ProblemCode::SignatureInvalid => {
            PortalError::bug("request")
        }
    }
}

/// Reads what came back, expecting a `T`.
///
/// # Errors
/// The [`Miss`].
pub fn read<T: DeserializeOwned>(exchanged: Result<Response, TransportFault>) -> Result<T, Miss> {
    let response = exchanged.map_err(|fault| match fault {
        TransportFault::TooLarge => Miss::transient(Fault::NotPortico),
        TransportFault::Untrusted => Miss::transient(Fault::Untrusted),
        TransportFault::Unreachable | TransportFault::Broken => Miss::transient(Fault::NoConnection),
    })?;
    match (response.status, response.media_type.as_str()) {
        (200..=299, "application/json") => {
            serde_json::from_slice(&response.body).map_err(|_| Miss::transient(Fault::NotPortico))
        }
        (_, PROBLEM_MEDIA_TYPE) => Err(read_problem(&response)),
        _ => Err(Miss::Transient { fault: Fault::NotPortico, retry_after_s: response.retry_after_s }),
    }
}

/// What an append came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The last byte arrived, and the batch is in the log.
    Committed(Box<Accepted>),
    /// The server holds so much; go on from there.
    Holds(u64),
    /// The capability is over, or was taken back by a newer hand-over.
    Gone,
    /// Anything else.
    Missed(Miss),
}

/// Reads the answer to an append.
#[must_use]
pub fn read_append(exchanged: Result<Response, TransportFault>) -> Appended {
    match exchanged {
        Ok(Response { status: 204, upload_offset: Some(offset), .. }) => Appended::Holds(offset),
        exchanged => {
            let offset = exchanged.as_ref().ok().and_then(|response| response.upload_offset);
            match (read::<Accepted>(exchanged), offset) {
                (Ok(accepted), _) => Appended::Committed(Box::new(accepted)),
                (
                    Err(Miss::Problem(ProblemCode::UploadOffset | ProblemCode::UploadDamaged, _)),
                    Some(offset),
                ) => Appended::Holds(offset),
                (Err(Miss::Problem(ProblemCode::UploadGone, _)), _) => Appended::Gone,
                (Err(miss), _) => Appended::Missed(miss),
            }
        }
    }
}

fn read_problem(response: &Response) -> Miss {
    let transient = |fault| Miss::Transient { fault, retry_after_s: response.retry_after_s };
    let Ok(problem) = serde_json::from_slice::<Problem>(&response.body) else {
        return transient(Fault::NotPortico);
    };
    if let Some(refusal) = problem.refusal() {
        return Miss::Refused(refusal, problem.epoch);
    }
    match problem.code().map(ProblemCode::parse) {
        None => transient(Fault::NotPortico),
        Some(None | Some(ProblemCode::Internal)) => transient(Fault::ServerFault),
        Some(Some(ProblemCode::SessionEnded)) => Miss::SignedOut,
        Some(Some(ProblemCode::MembershipEnded)) => Miss::Closed(problem.epoch),
        Some(Some(ProblemCode::Busy | ProblemCode::DiskFull | ProblemCode::Throttled)) => {
            transient(Fault::ServerBusy)
        }
        Some(Some(ProblemCode::ClientTooOld)) => transient(Fault::AppTooOld),
        Some(Some(ProblemCode::ConversationMissing)) => transient(Fault::ConversationMissing),
        Some(Some(ProblemCode::DocumentMissing)) => transient(Fault::DocumentMissing),
        Some(Some(code)) => Miss::Problem(code, Box::new(problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, media_type: &str, body: &str) -> Result<Response, TransportFault> {
        Ok(Response {
            status,
            media_type: media_type.to_owned(),
            retry_after_s: None,
            upload_offset: None,
            body: body.as_bytes().to_vec(),
        })
    }

    fn problem(problem: &Problem) -> Result<Response, TransportFault> {
        answer(problem.status, PROBLEM_MEDIA_TYPE, &serde_json::to_string(problem).unwrap())
    }

    // R51: whoever is not the server decides nothing.
    #[test]
    fn pages_of_proxies_and_captive_portals_are_transient() {
        let foreign = [
            answer(200, "text/html", "<h1>Free Wi-Fi</h1>"),
            answer(200, "application/json", "{\"ok\":true}"),
            answer(403, "text/html", "blocked"),
            answer(404, "application/json", "{}"),
            answer(
                403,
                PROBLEM_MEDIA_TYPE,
                "{\"type\":\"about:blank\",\"title\":\"x\",\"status\":403,\"final\":true}",
            ),
            answer(502, "", ""),
        ];
        for exchanged in foreign {
            assert_eq!(read::<Problem>(exchanged), Err(Miss::transient(Fault::NotPortico)));
        }
        assert_eq!(read::<Problem>(Err(TransportFault::Broken)), Err(Miss::transient(Fault::NoConnection)));
        assert_eq!(read::<Problem>(Err(TransportFault::Untrusted)), Err(Miss::transient(Fault::Untrusted)));
    }

    #[test]
    fn final_problem_of_ours_is_a_refusal_with_its_numbers() {
        let refusal = Refusal::over(RefusalCode::BodyTooLong, 65_536, 70_000);
        let epoch = Epoch::from_bytes([1; 16]);

        let reply = read::<Problem>(problem(&Problem::refused(&refusal, epoch)));

        assert_eq!(reply, Err(Miss::Refused(refusal, Some(epoch))));
    }

    // R42: only the server's own word signs a phone out.
    #[test]
    fn only_session_ended_signs_out() {
        assert_eq!(read::<Problem>(problem(&Problem::of(ProblemCode::SessionEnded))), Err(Miss::SignedOut));
        assert_eq!(
            read::<Problem>(answer(401, "text/html", "who are you?")),
            Err(Miss::transient(Fault::NotPortico))
        );
    }
}
