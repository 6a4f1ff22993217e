//! The steps of signing in: what [`machine`] asks goes to the server, and what it answers comes back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use portico_wire::WIRE_VERSION;
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::factor::{ApprovalAwaited, FactorAnswer, FactorKind, TotpSetUp};
use portico_wire::ids::{ChallengeId, DeviceId, FirmId};
use portico_wire::invitation::{BeginInvited, Invitation};
use portico_wire::problem::ProblemCode;
use portico_wire::push::PushContent;
use portico_wire::server_address::ServerAddress;
use portico_wire::signin::{
    AnswerChallenge, BeginSignIn, ChallengeAnswered, ChallengeBegun, FirmChoice, is_email, possession_bytes,
};
use portico_wire::totp::TotpKey;

use super::machine::{self, Act, Ask, Given, Heard, State};
use super::people::{People, PersonFolder};
use super::shown_secret::ShownSecret;
use super::wipe;
use crate::error::PortalError;
use crate::net::classify::{Miss, read};
use crate::net::codec;
use crate::portal::Portal;
use crate::ports::files::write_durably;
use crate::ports::{Ports, Request, random};
use crate::push::inbox;

/// One installation: a home folder and the ports. Clones share the sign-in that goes on.
#[derive(Debug, Clone)]
pub struct Phone {
    pub(super) home: PathBuf,
    pub(super) ports: Ports,
    flow: Arc<Flow>,
}

/// The sign-in that goes on.
#[derive(Debug, Default)]
struct Flow {
    /// One act at a time: a double tap is two acts in a row.
    acting: tokio::sync::Mutex<()>,
    /// Guards where it stands; none until the file was read.
    state: Mutex<Option<State>>,
}

/// A sign-in that waits for its code. Nothing secret; the phone keeps it while its person reads their mail.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PendingSignIn {
    /// The server, with the root that it is known by, if it has one of its own.
    pub server_url: String,
    /// Which challenge the code answers.
    pub challenge_id: ChallengeId,
    /// When it ends, by the server's clock.
    pub expires_at_ms: i64,
    /// This installation, if the code is right and it is not known yet at the firm that lets it in.
    pub device_id: DeviceId,
    /// SHA-256 of the server's address and the email.
    pub address_hash: Sha256,
    /// How far the server's clock was ahead of this phone's, milliseconds; negative for behind.
    #[serde(default)]
    pub server_ahead_ms: i64,
}

impl std::fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PendingSignIn({})", self.challenge_id)
    }
}

/// What an answer came to.
#[derive(Debug)]
pub enum Answered {
    /// Signed in.
    SignedIn(SignedIn),
    /// The person belongs to several firms: [`Phone::choose_firm`].
    ChooseFirm(Vec<FirmChoice>),
    /// The firm asks for one of these besides: [`Phone::prove`]. An empty list: the firm must let this person in.
    FactorNeeded(Vec<FactorKind>),
    /// Another device must say yes, by this number ([`Portal::approve`]): [`Phone::prove`] with [`FactorAnswer::Approval`] again
    /// asks whether it did.
    ApprovalAwaited(ApprovalAwaited),
    /// The firm asks for an authenticator app: [`Phone::prove`] with its first code, or [`Phone::prove_with_this_phone`].
    SetUpTotp(TotpSetUp),
}

/// A person, signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Their portal.
    pub portal: Portal,
    /// Somebody else was signed in before: their store is sealed, and this many entries wait in it.
    pub sealed: Option<u64>,
    /// The key of this person's store was lost, so a new store was begun; what was unsent in the old one is gone.
    pub began_anew: bool,
}

impl Phone {
    /// A phone with its home in `home`.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>, ports: Ports) -> Self {
        Self { home: home.into(), ports, flow: Arc::default() }
    }

    /// The portal of whoever signed in last; none if nobody ever did.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`], [`PortalError::KeyLost`], [`PortalError::StoreNewer`]: nothing is touched.
    pub fn portal(&self) -> Result<Option<Portal>, PortalError> {
        wipe::sweep(&self.home, &*self.ports.secrets);
        let people = People::read(&self.home)?;
        let Some(person) = people.current() else { return Ok(None) };
        let folder = PersonFolder::of(&self.home, person)?;
        if folder.is_wiped() {
            return Ok(None);
        }
        Portal::open(folder, self.ports.clone()).map(Some)
    }

    /// Opens a push and keeps it, still sealed, for the portal. All that a notification extension does: no store is
    /// opened, nothing is sent.
    ///
    /// # Errors
    /// [`PortalError::NotHere`] where nobody is signed in or it does not open, [`PortalError::KeyLocked`],
    /// [`PortalError::DiskFull`].
    pub fn receive_push(&self, payload: &str) -> Result<PushContent, PortalError> {
        let people = People::read(&self.home)?;
        let folder = PersonFolder::of(&self.home, people.current().ok_or(PortalError::NotHere)?)?;
        let key = folder.push_key(&*self.ports.secrets)?.ok_or(PortalError::NotHere)?;
        inbox::receive(&key, &folder.push_inbox(), payload)
    }

    /// The sign-in that waits, also after the app was away; none if none was begun or it has ended.
    #[must_use]
    pub fn pending_sign_in(&self) -> Option<PendingSignIn> {
        self.sign_in_state().pending().cloned()
    }

    /// Where the sign-in stands.
    #[must_use]
    pub fn sign_in_state(&self) -> State {
        let mut held = self.flow.state.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_with(|| self.pending_in_file().map_or(State::Address, State::Code)).clone()
    }

    fn pending_in_file(&self) -> Option<PendingSignIn> {
        // One that can not be read is begun again.
        let bytes = std::fs::read(self.home.join(PENDING)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Asks the server at `server_url` to mail a code to `email`, and keeps what the code will answer. The answer is
    /// the same for any address. A server with a root of its own shows a link that names the root: it goes here whole.
    ///
    /// # Errors
    /// [`PortalError::EmailMalformed`]; every state of a server that is not one: [`PortalError::BadServerUrl`], [`PortalError::Offline`],
    /// [`PortalError::UntrustedServer`], [`PortalError::NotPortico`], [`PortalError::OtherVersion`],
    /// [`PortalError::RetryLater`].
    pub async fn begin_sign_in(&self, server_url: &str, email: &str) -> Result<PendingSignIn, PortalError> {
        let act = Act::Begin { server_url: server_url.to_owned(), email: email.to_owned() };
        self.act(act).await?;
        self.pending_sign_in().ok_or(PortalError::ChallengeEnded)
    }

    /// The same by an invitation, as its link was tapped, scanned or pasted.
    ///
    /// # Errors
    /// [`PortalError::Malformed`] where it is none, or names a server and nobody; and those of [`Phone::begin_sign_in`].
    pub async fn begin_invited(&self, link: &str) -> Result<PendingSignIn, PortalError> {
        let invitation = Invitation::parse(link).map_err(|_| PortalError::Malformed)?;
        self.act(Act::Invited(invitation)).await?;
        self.pending_sign_in().ok_or(PortalError::ChallengeEnded)
    }

    async fn begin(&self, server_url: &str, email: &str) -> Result<PendingSignIn, PortalError> {
        let email = email.trim().to_owned();
        if !is_email(&email) {
            return Err(PortalError::EmailMalformed);
        }
        let request = codec::begin_sign_in(&BeginSignIn { email: email.clone() });
        self.ask_for_a_code(server_url, &email, request).await
    }

    async fn begin_by(&self, invitation: &Invitation) -> Result<PendingSignIn, PortalError> {
        let code = invitation.code.shown();
        let request = codec::begin_invited(&BeginInvited { invitation: code.clone() });
        self.ask_for_a_code(&invitation.server.to_string(), &code, request).await
    }

    /// `who`: the address, or what stands for it.
    async fn ask_for_a_code(
        &self,
        server_url: &str,
        who: &str,
        request: Request,
    ) -> Result<PendingSignIn, PortalError> {
        // With the root that it is known by, if it has one of its own: so it is kept, and so every later connection finds it.
        let server: ServerAddress = server_url.parse().map_err(|_| PortalError::BadServerUrl)?;
        let server_url = server.to_string();
        let transport = self.ports.network.connect(&server_url).map_err(|_| PortalError::BadServerUrl)?;
        let exchanged = transport.exchange(codec::limits()).await;
        let spoken: SpokenWire = read(exchanged).map_err(|miss| match PortalError::from(miss) {
            // A Portico server is here, but not at this path of it.
            PortalError::NotHere => PortalError::NotPortico,
            other => other,
        })?;
        if spoken.portico_wire != WIRE_VERSION {
            return Err(PortalError::OtherVersion { server_wire: spoken.portico_wire });
        }
        let begun: ChallengeBegun = read(transport.exchange(request).await)?;
        let pending = PendingSignIn {
            challenge_id: begun.challenge_id,
            expires_at_ms: begun.expires_at_ms,
            device_id: DeviceId::from_parts(self.ports.clock.now_ms(), random(&*self.ports.dice)),
            address_hash: address_hash(&server_url, who),
            server_url,
            server_ahead_ms: begun.server_time_ms.saturating_sub(self.ports.clock.now_ms()),
        };
        let bytes = serde_json::to_vec(&pending).map_err(|_| PortalError::bug("pending sign-in"))?;
        write_durably(&self.home, PENDING, &bytes).map_err(|_| PortalError::DiskFull)?;
        Ok(pending)
    }

    /// Answers with the code from the mail, as typed.
    ///
    /// # Errors
    /// [`PortalError::CodeMalformed`] (no try spent), [`PortalError::WrongCode`], [`PortalError::ChallengeEnded`],
    /// and those of [`Phone::begin_sign_in`]. The one who was signed in before stays so.
    pub async fn answer(&self, code: &str, device_name: &str) -> Result<Answered, PortalError> {
        let act = Act::Code { code: code.to_owned(), device_name: device_name.to_owned() };
        self.act(act).await?.ok_or_else(|| PortalError::bug("answer"))
    }

    /// Chooses one of the firms that were offered.
    ///
    /// # Errors
    /// As [`Phone::answer`].
    pub async fn choose_firm(&self, firm: FirmId) -> Result<Answered, PortalError> {
        self.act(Act::Firm(firm)).await?.ok_or_else(|| PortalError::bug("choose firm"))
    }

    /// Proves the person beyond the code.
    ///
    /// # Errors
    /// [`PortalError::WrongFactor`], [`PortalError::FactorUsed`] (wait for the next code), [`PortalError::ClockOff`],
    /// [`PortalError::FactorDisabled`], and those of [`Phone::answer`]. The sign-in stands where it stood.
    pub async fn prove(&self, factor: FactorAnswer) -> Result<Answered, PortalError> {
        if matches!(self.sign_in_state(), State::SetUp(..)) {
            // Another app takes the secret that is shown.
            ShownSecret::forget(&*self.ports.secrets);
        }
        self.act(Act::Prove(factor)).await?.ok_or_else(|| PortalError::bug("prove"))
    }

    /// Makes this phone the authenticator app that the firm asks for: its first code goes by itself, and later ones
    /// are in [`Portal::authenticator`]. Where it was about to be, and the app was killed, it goes on where a factor is asked.
    ///
    /// # Errors
    /// As [`Phone::prove`]; [`PortalError::ChallengeEnded`] where nothing is to be proved, [`PortalError::NotHere`] where this
    /// phone never was about to be the app that is asked for.
    pub async fn prove_with_this_phone(&self) -> Result<Answered, PortalError> {
        let secrets = &*self.ports.secrets;
        let (pending, uri) = match self.sign_in_state() {
            State::SetUp(given, shown) => (given.pending().clone(), shown.uri),
            State::Factor(given, _) | State::Approval(given, _) => {
                let shown = ShownSecret::of(secrets, given.pending())?.ok_or(PortalError::NotHere)?;
                (given.pending().clone(), shown.uri)
            }
            State::Address | State::Code(_) | State::Firm(..) => return Err(PortalError::ChallengeEnded),
        };
        let key = TotpKey::parse(&uri).map_err(|_| PortalError::NotPortico)?;
        ShownSecret::keep(secrets, &pending, &uri)?;
        let server_ms = self.ports.clock.now_ms().saturating_add(pending.server_ahead_ms);
        let totp = |server_ms| Act::Prove(FactorAnswer::Totp { code: key.code(server_ms) });
        let answered = match self.act(totp(server_ms)).await {
            // This phone's clock was set since it asked; the server says by how much.
            Err(PortalError::ClockOff { off_s }) => {
                self.act(totp(server_ms.saturating_sub(off_s.saturating_mul(1_000)))).await
            }
            answered => answered,
        };
        answered?.ok_or_else(|| PortalError::bug("prove"))
    }

    /// Goes back to the beginning. What was mailed answers nothing on this phone any more.
    ///
    /// # Errors
    /// None that a person can mend.
    pub async fn leave_sign_in(&self) -> Result<(), PortalError> {
        self.act(Act::Leave).await.map(drop)
    }

    /// One act, its question and its answer. What an answer came to; none for an act that answers nothing.
    async fn act(&self, act: Act) -> Result<Option<Answered>, PortalError> {
        let _one = self.flow.acting.lock().await;
        let state = self.sign_in_state();
        let asked = machine::ask(&state, act)?;
        let (heard, outcome) = match &asked {
            Ask::Nothing => (Err(PortalError::ChallengeEnded), Ok(None)),
            Ask::Begin { server_url, email } => begun(self.begin(server_url, email).await),
            Ask::Invited(invitation) => begun(self.begin_by(invitation).await),
            Ask::Answer { given, factor } => self.carry(given, factor.clone()).await,
        };
        let next = machine::hear(state, &asked, &heard);
        if next.as_ref().is_none_or(|next| *next == State::Address) {
            // It answers nothing any more, whether it is there or not.
            let _ = std::fs::remove_file(self.home.join(PENDING));
        }
        *self.flow.state.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(next.unwrap_or(State::Address));
        outcome
    }

    /// Sends an answer; whoever is let in finds their store. A store that does not open is a fault like any other: the same
    /// answer lets them in again.
    async fn carry(
        &self,
        given: &Given,
        factor: Option<FactorAnswer>,
    ) -> (Result<Heard, PortalError>, Result<Option<Answered>, PortalError>) {
        let (device_id, answered) = match self.send(given, factor).await {
            Ok(answered) => answered,
            Err(fault) => return (Err(fault.clone()), Err(fault)),
        };
        let outcome = match &answered {
            ChallengeAnswered::SignedIn(session) => match self.admit(given.pending(), device_id, session) {
                Ok(signed_in) => Answered::SignedIn(signed_in),
                Err(fault) => return (Err(fault.clone()), Err(fault)),
            },
            ChallengeAnswered::ChooseFirm { firms } => Answered::ChooseFirm(firms.clone()),
            ChallengeAnswered::FactorNeeded { factors } => Answered::FactorNeeded(machine::known(factors)),
            ChallengeAnswered::ApprovalAwaited(awaited) => Answered::ApprovalAwaited(awaited.clone()),
            ChallengeAnswered::SetUpTotp(shown) => Answered::SetUpTotp(shown.clone()),
        };
        (Ok(Heard::Answered(answered)), Ok(Some(outcome)))
    }

    /// Sends it under the id that this phone has at the firm. Which firm that is, a person of one firm hears only by being let
    /// in: an id that is another's is not taken, and the next one goes. The last is new. The same order after a lost answer.
    async fn send(
        &self,
        given: &Given,
        factor: Option<FactorAnswer>,
    ) -> Result<(DeviceId, ChallengeAnswered), PortalError> {
        let pending = given.pending();
        let transport =
            self.ports.network.connect(&pending.server_url).map_err(|_| PortalError::BadServerUrl)?;
        let people = People::read(&self.home)?;
        let known = people.devices_of(pending.address_hash, given.firm());
        let mut device_ids = known.chain([pending.device_id]).peekable();
        while let Some(device_id) = device_ids.next() {
            let body = self.signed(given, device_id, factor.clone())?;
            let exchanged = transport.exchange(codec::answer_challenge(pending.challenge_id, &body)).await;
            match read(exchanged) {
                Err(Miss::Problem(ProblemCode::DeviceTaken, _)) if device_ids.peek().is_some() => {}
                answered => return Ok((device_id, answered?)),
            }
        }
        Err(PortalError::bug("device id"))
    }

    fn signed(
        &self,
        given: &Given,
        device_id: DeviceId,
        factor: Option<FactorAnswer>,
    ) -> Result<AnswerChallenge, PortalError> {
        let challenge_id = given.pending().challenge_id;
        let public_key = self.ports.device_key.session_public_key()?;
        let presence = self.ports.device_key.presence_public_key()?;
        let possession = possession_bytes(challenge_id, device_id, &public_key, presence.as_deref());
        Ok(AnswerChallenge {
            code: given.code().shown(),
            device_id,
            device_name: given.device_name().to_owned(),
            signature: Base64(self.ports.device_key.sign(&possession)?),
            session_public_key: Base64(public_key),
            presence_public_key: presence.map(Base64),
            firm_id: given.firm(),
            factor,
        })
    }
}

/// What was heard, and what it came to: a beginning answers nothing.
fn begun(
    begun: Result<PendingSignIn, PortalError>,
) -> (Result<Heard, PortalError>, Result<Option<Answered>, PortalError>) {
    let outcome = begun.as_ref().map(|_| None).map_err(Clone::clone);
    (begun.map(Heard::Begun), outcome)
}

/// Of the answer of `GET /v1/limits` what every version says: the rest may be another one's.
#[derive(serde::Deserialize)]
struct SpokenWire {
    portico_wire: u32,
}

/// Who signs in with `email` at that server, without keeping it in clear.
pub(crate) fn address_hash(server_url: &str, email: &str) -> Sha256 {
    Sha256::of(&[b"portico person\0", server_url.as_bytes(), b"\0", email.to_lowercase().as_bytes()])
}

const PENDING: &str = "pending-sign-in.json";
