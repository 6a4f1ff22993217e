//! The machine of a sign-in. Pure: what a person does becomes a question to the server, its answer the next state.
//!
//! ```text
//!         begin, invited        code            (several firms)
//! Address ----------> Code ----------> ... ----------------> Firm --- firm --.
//!    ^  ^              ^ `- wrong, malformed: Code                           |
//!    |  |              |                                                     v
//!    |  |              |   (the firm asks for more)   Factor -- prove -----> ... --> signed in
//!    |  |              |                                | `- wrong, used, clock off: Factor
//!    |  |              |   (another device says yes)  Approval -- prove --|
//!    |  |              |                                | `- not yet: Approval
//!    |  |              |   (staff without an app)     SetUp -- prove -----'
//!    |  |              '------ code: typed anew ------- Firm, Factor, Approval, SetUp
//!    |  '--------------------- ended, leave ----------- every state
//!    '------------------------ no connection, busy, locked keystore: the state stays
//! ```
//!
//! Holds (R42): every move is one act of the person and one answer, so nothing loops by itself; from every state [`Act::Leave`]
//! and [`Act::Begin`] lead on; where the firm must let somebody in ([`State::Factor`] without factors), the screen says so, and the
//! same acts lead on once it did. A test explores all of it.

use portico_wire::factor::{ApprovalAwaited, FactorAnswer, FactorKind, RecoveryCode, TotpSetUp};
use portico_wire::ids::FirmId;
use portico_wire::invitation::Invitation;
use portico_wire::signin::{ChallengeAnswered, FirmChoice, OneTimeCode};

use super::driver::PendingSignIn;
use crate::error::PortalError;

/// Where a sign-in stands. What is secret in it is never stored: after a restart of the app the code is typed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Which server, which address?
    Address,
    /// Which code was mailed?
    Code(PendingSignIn),
    /// The person belongs to several firms: which?
    Firm(Given, Vec<FirmChoice>),
    /// The firm asks for one of these besides; of none, it must let them in itself.
    Factor(Given, Vec<FactorKind>),
    /// Another device must say yes, by this number: ask again whether it did, or prove it in another way.
    Approval(Given, ApprovalAwaited),
    /// The firm asks for an authenticator app, and there is none: the first code of one.
    SetUp(Given, TotpSetUp),
}

/// What was given and is right so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pending: PendingSignIn,
    code: OneTimeCode,
    device_name: String,
    firm: Option<FirmId>,
}

/// What the person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Gives a server and an address.
    Begin {
        /// The server.
        server_url: String,
        /// The address.
        email: String,
    },
    /// Follows an invitation.
    Invited(Invitation),
    /// Types the mailed code.
    Code {
        /// As typed.
        code: String,
        /// What a list of devices calls this one.
        device_name: String,
    },
    /// Chooses a firm.
    Firm(FirmId),
    /// Proves themselves beyond the code.
    Prove(FactorAnswer),
    /// Goes back to the beginning.
    Leave,
}

/// What the server is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// For a code by mail.
    Begin {
        /// The server.
        server_url: String,
        /// The address.
        email: String,
    },
    /// For a code by mail, to whoever the invitation stands for.
    Invited(Invitation),
    /// To let this device in.
    Answer {
        /// What was given.
        given: Given,
        /// What proves it besides.
        factor: Option<FactorAnswer>,
    },
    /// Nothing.
    Nothing,
}

impl Given {
    /// The sign-in that is answered.
    #[must_use]
    pub const fn pending(&self) -> &PendingSignIn {
        &self.pending
    }

    /// The mailed code.
    #[must_use]
    pub const fn code(&self) -> &OneTimeCode {
        &self.code
    }

    /// What a list of devices calls this one.
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// The firm that was chosen.
    #[must_use]
    pub const fn firm(&self) -> Option<FirmId> {
        self.firm
    }
}

impl State {
    const fn given(&self) -> Option<&Given> {
        match self {
            Self::Firm(given, _)
            | Self::Factor(given, _)
            | Self::Approval(given, _)
            | Self::SetUp(given, _) => Some(given),
            Self::Address | Self::Code(_) => None,
        }
    }

    /// The sign-in that waits.
    #[must_use]
    pub fn pending(&self) -> Option<&PendingSignIn> {
        match self {
            Self::Address => None,
            Self::Code(pending) => Some(pending),
            Self::Firm(..) | Self::Factor(..) | Self::Approval(..) | Self::SetUp(..) => {
                self.given().map(Given::pending)
            }
        }
    }
}

/// What `act` asks of the server in `state`.
///
/// # Errors
/// [`PortalError::CodeMalformed`] for what can be no such code, no try spent; [`PortalError::ChallengeEnded`] for an act
/// that answers nothing which was asked. The state stays.
pub fn ask(state: &State, act: Act) -> Result<Ask, PortalError> {
    match (act, state) {
        (Act::Leave, _) => Ok(Ask::Nothing),
        (Act::Begin { server_url, email }, _) => Ok(Ask::Begin { server_url, email }),
        (Act::Invited(invitation), _) => Ok(Ask::Invited(invitation)),
        (Act::Code { code, device_name }, state) => {
            let pending = state.pending().ok_or(PortalError::ChallengeEnded)?.clone();
            let code = OneTimeCode::parse(&code).map_err(|_| PortalError::CodeMalformed)?;
            Ok(Ask::Answer { given: Given { pending, code, device_name, firm: None }, factor: None })
        }
        (Act::Firm(firm), State::Firm(given, _)) => {
            Ok(Ask::Answer { given: Given { firm: Some(firm), ..given.clone() }, factor: None })
        }
        (
            Act::Prove(factor),
            State::Factor(given, _) | State::Approval(given, _) | State::SetUp(given, _),
        ) => {
            if !is_well_formed(&factor) {
                return Err(PortalError::CodeMalformed);
            }
            Ok(Ask::Answer { given: given.clone(), factor: Some(factor) })
        }
        (Act::Firm(_) | Act::Prove(_), _) => Err(PortalError::ChallengeEnded),
    }
}

/// Whether what was typed can be such a code at all.
#[must_use]
pub fn is_well_formed(factor: &FactorAnswer) -> bool {
    match factor {
        FactorAnswer::Totp { code } => {
            let mut digits = code.chars().filter(|letter| !letter.is_whitespace());
            digits.clone().count() == TOTP_DIGITS && digits.all(|letter| letter.is_ascii_digit())
        }
        FactorAnswer::RecoveryCode { code } => RecoveryCode::parse(code).is_ok(),
        FactorAnswer::Presence { .. } | FactorAnswer::Approval => true,
    }
}

/// Where a sign-in stands once the server has answered `asked`; none where somebody is signed in.
#[must_use]
pub fn hear(state: State, asked: &Ask, heard: &Result<Heard, PortalError>) -> Option<State> {
    match (heard, asked) {
        (_, Ask::Nothing) | (Err(PortalError::ChallengeEnded), _) => Some(State::Address),
        (Err(_), _) => Some(state),
        (Ok(Heard::Begun(pending)), _) => Some(State::Code(pending.clone())),
        (Ok(Heard::Answered(_)), Ask::Begin { .. } | Ask::Invited(_)) => Some(state),
        (Ok(Heard::Answered(answered)), Ask::Answer { given, .. }) => {
            let given = given.clone();
            match answered {
                ChallengeAnswered::SignedIn(_) => None,
                ChallengeAnswered::ChooseFirm { firms } => Some(State::Firm(given, firms.clone())),
                ChallengeAnswered::FactorNeeded { factors } => Some(State::Factor(given, known(factors))),
                ChallengeAnswered::ApprovalAwaited(awaited) => Some(State::Approval(given, awaited.clone())),
                ChallengeAnswered::SetUpTotp(shown) => Some(State::SetUp(given, shown.clone())),
            }
        }
    }
}

/// Kinds of a newer server can not be offered.
pub(super) fn known(factors: &[FactorKind]) -> Vec<FactorKind> {
    factors.iter().copied().filter(|kind| *kind != FactorKind::Unknown).collect()
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A code is on its way.
    Begun(PendingSignIn),
    /// The answer to an answer.
    Answered(ChallengeAnswered),
}

/// RFC 6238 codes of ours have six.
const TOTP_DIGITS: usize = 6;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use portico_wire::conversation::Standing;
    use portico_wire::encoding::{Base64, Sha256};
    use portico_wire::ids::{ChallengeId, DeviceId, Epoch, PersonId};
    use portico_wire::invitation::InvitationCode;
    use portico_wire::server_address::ServerAddress;
    use portico_wire::signin::{Access, Session};

    use super::*;

    fn pending() -> PendingSignIn {
        PendingSignIn {
            server_url: "https://portal.example".to_owned(),
            challenge_id: ChallengeId::from_bytes([1; 16]),
            expires_at_ms: 1,
            device_id: DeviceId::from_bytes([2; 16]),
            address_hash: Sha256::ZERO,
            server_ahead_ms: 0,
        }
    }

    fn session() -> Session {
        Session {
            person_id: PersonId::from_bytes([3; 16]),
            firm_id: FirmId::from_bytes([4; 16]),
            firm_name: String::new(),
            name: String::new(),
            standing: Standing::Client,
            access: Access {
                access_token: Base64::default(),
                expires_at_ms: 0,
                server_time_ms: 0,
                epoch: Epoch::from_bytes([5; 16]),
            },
        }
    }

    fn acts() -> Vec<Act> {
        let code = |code: &str| Act::Code { code: code.to_owned(), device_name: String::new() };
        let totp = |code: &str| Act::Prove(FactorAnswer::Totp { code: code.to_owned() });
        vec![
            Act::Begin { server_url: String::new(), email: String::new() },
            Act::Invited(Invitation {
                server: ServerAddress { url: String::new(), root: None },
                code: InvitationCode::from_random([1; 15]),
            }),
            code("K7QM-3RXT"),
            code("K7"),
            Act::Firm(FirmId::from_bytes([4; 16])),
            totp("123 456"),
            totp("12345x"),
            Act::Prove(FactorAnswer::RecoveryCode { code: "0".repeat(24) }),
            Act::Prove(FactorAnswer::RecoveryCode { code: "0".repeat(23) }),
            Act::Prove(FactorAnswer::Approval),
            Act::Leave,
        ]
    }

    /// Everything that a server can say, and every fault on the way.
    fn answers(asked: &Ask) -> Vec<Result<Heard, PortalError>> {
        let faults = [
            PortalError::Offline,
            PortalError::NotPortico,
            PortalError::UntrustedServer,
            PortalError::RetryLater { after_s: Some(3) },
            PortalError::WrongCode { tries_left: Some(1) },
            PortalError::WrongFactor { tries_left: Some(1) },
            PortalError::FactorUsed,
            PortalError::FactorDisabled,
            PortalError::ClockOff { off_s: 90 },
            PortalError::ChallengeEnded,
            PortalError::KeyLocked,
        ];
        let shown = TotpSetUp { uri: String::new(), secret: String::new() };
        let answered = [
            ChallengeAnswered::SignedIn(session()),
            ChallengeAnswered::ChooseFirm { firms: vec![] },
            ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Totp, FactorKind::Unknown] },
            ChallengeAnswered::FactorNeeded { factors: vec![] },
            ChallengeAnswered::ApprovalAwaited(ApprovalAwaited { number: "47".to_owned() }),
            ChallengeAnswered::SetUpTotp(shown),
        ];
        let said: Vec<Heard> = match asked {
            Ask::Begin { .. } | Ask::Invited(_) => vec![Heard::Begun(pending())],
            Ask::Answer { .. } => answered.into_iter().map(Heard::Answered).collect(),
            Ask::Nothing => vec![],
        };
        faults.into_iter().map(Err).chain(said.into_iter().map(Ok)).collect()
    }

    fn name(state: Option<&State>) -> String {
        match state {
            None => "signed in".to_owned(),
            Some(State::Address) => "address".to_owned(),
            Some(State::Code(_)) => "code".to_owned(),
            Some(State::Firm(..)) => "firm".to_owned(),
            Some(State::Factor(_, factors)) => format!("factor {}", factors.len()),
            Some(State::Approval(..)) => "approval".to_owned(),
            Some(State::SetUp(..)) => "set up".to_owned(),
        }
    }

    // R42: the whole machine, explored: from every state the person can go on to being signed in, and back to the
    // beginning; no fault of the network, the keystore or the hand moves it anywhere; a challenge that ended begins again.
    #[test]
    fn every_state_has_a_way_on_and_nothing_moves_without_an_act() {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut waiting = vec![State::Address];
        let mut seen: Vec<State> = Vec::new();
        let mut moves = 0;
        while let Some(state) = waiting.pop() {
            if seen.contains(&state) {
                continue;
            }
            seen.push(state.clone());
            for act in acts() {
                let asked = match ask(&state, act.clone()) {
                    Ok(asked) => asked,
                    Err(PortalError::CodeMalformed | PortalError::ChallengeEnded) => continue,
                    Err(other) => panic!("{act:?} in {state:?}: {other}"),
                };
                for heard in answers(&asked) {
                    let next = hear(state.clone(), &asked, &heard);
                    moves += 1;
                    let stays = matches!(&heard, Err(fault) if *fault != PortalError::ChallengeEnded);
                    if stays && asked != Ask::Nothing {
                        assert_eq!(next.as_ref(), Some(&state), "{act:?}: {heard:?}");
                    }
                    edges.entry(name(Some(&state))).or_default().insert(name(next.as_ref()));
                    waiting.extend(next);
                }
                if act == Act::Leave {
                    assert_eq!(hear(state.clone(), &asked, &Err(PortalError::Offline)), Some(State::Address));
                }
            }
        }

        let states: Vec<&str> = edges.keys().map(String::as_str).collect();
        assert_eq!(states, ["address", "approval", "code", "factor 0", "factor 1", "firm", "set up"]);
        for from in edges.keys() {
            for goal in ["signed in", "address"] {
                assert!(reaches(&edges, from, goal), "{from} never comes to {goal}");
            }
        }
        assert!(moves > 500, "{moves} moves are too few to be all");
    }

    fn reaches(edges: &BTreeMap<String, BTreeSet<String>>, from: &str, goal: &str) -> bool {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(state) = waiting.pop() {
            if state == goal {
                return true;
            }
            if seen.insert(state.clone()) {
                waiting.extend(edges.get(&state).into_iter().flatten().cloned());
            }
        }
        false
    }

    // R42: a slip of the thumb spends no try, and an answer to what nobody asked goes nowhere.
    #[test]
    fn what_can_be_no_code_is_told_before_anybody_is_asked() {
        let given = Given {
            pending: pending(),
            code: OneTimeCode::from_random([1; 5]),
            device_name: String::new(),
            firm: None,
        };
        let factor = State::Factor(given, vec![FactorKind::Totp]);
        let malformed = [
            (State::Code(pending()), acts().swap_remove(3)),
            (factor.clone(), acts().swap_remove(6)),
            (factor, acts().swap_remove(8)),
        ];
        for (state, act) in malformed {
            assert_eq!(ask(&state, act), Err(PortalError::CodeMalformed));
        }
        for act in [acts().swap_remove(2), acts().swap_remove(4), acts().swap_remove(5)] {
            assert_eq!(ask(&State::Address, act), Err(PortalError::ChallengeEnded));
        }
    }
}
