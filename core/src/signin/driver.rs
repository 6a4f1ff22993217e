//! The steps of signing in: ask for a code, answer with it, open the person's store.

use std::path::PathBuf;

use portico_wire::WIRE_VERSION;
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::ids::{ChallengeId, DeviceId, FirmId};
use portico_wire::push::PushContent;
use portico_wire::signin::{
    AnswerChallenge, BeginSignIn, ChallengeAnswered, ChallengeBegun, FirmChoice, OneTimeCode, Session,
    is_email, possession_bytes,
};

use super::people::{KnownPerson, People, PersonFolder};
use crate::error::PortalError;
use crate::net::classify::read;
use crate::net::codec;
use crate::outbox::machine::{Event, step};
use crate::portal::Portal;
use crate::ports::files::write_durably;
use crate::ports::{Ports, TransportFault, random};
use crate::push::inbox;
use crate::store::{Fact, SessionFacts};

/// One installation: a home folder and the ports.
#[derive(Debug, Clone)]
pub struct Phone {
    home: PathBuf,
    ports: Ports,
}

/// A sign-in that waits for its code. Nothing secret; the phone keeps it while its person reads their mail.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PendingSignIn {
    /// The server.
    pub server_url: String,
    /// Which challenge the code answers.
    pub challenge_id: ChallengeId,
    /// When it ends, by the server's clock.
    pub expires_at_ms: i64,
    /// This installation, if the code is right.
    pub device_id: DeviceId,
    /// SHA-256 of the server's address and the email.
    pub address_hash: Sha256,
}

impl std::fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PendingSignIn({})", self.challenge_id)
    }
}

/// What a right code came to.
#[derive(Debug)]
pub enum Answered {
    /// Signed in.
    SignedIn(SignedIn),
    /// The person belongs to several firms: answer again with one of them.
    ChooseFirm(Vec<FirmChoice>),
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
        Self { home: home.into(), ports }
    }

    /// The portal of whoever signed in last; none if nobody ever did.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`], [`PortalError::KeyLost`], [`PortalError::StoreNewer`]: nothing is touched.
    pub fn portal(&self) -> Result<Option<Portal>, PortalError> {
        let people = People::read(&self.home)?;
        let Some(person) = people.current() else { return Ok(None) };
        let folder = PersonFolder::of(&self.home, person)?;
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

    /// The sign-in that waits for its code, also after the app was away; none if none was begun or it has ended well.
    #[must_use]
    pub fn pending_sign_in(&self) -> Option<PendingSignIn> {
        // One that can not be read is begun again.
        let bytes = std::fs::read(self.home.join(PENDING)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Asks the server at `server_url` to mail a code to `email`, and keeps what the code will answer. The answer is
    /// the same for any address.
    ///
    /// # Errors
    /// [`PortalError::EmailMalformed`]; every state of a server that is not one: [`PortalError::BadServerUrl`], [`PortalError::Offline`],
    /// [`PortalError::UntrustedServer`], [`PortalError::NotPortico`], [`PortalError::OtherVersion`],
    /// [`PortalError::RetryLater`].
    pub async fn begin_sign_in(&self, server_url: &str, email: &str) -> Result<PendingSignIn, PortalError> {
        let server_url = server_url.trim().trim_end_matches('/').to_owned();
        let email = email.trim().to_owned();
        if !is_email(&email) {
            return Err(PortalError::EmailMalformed);
        }
        let transport = self.ports.network.connect(&server_url).map_err(|_| PortalError::BadServerUrl)?;
        let exchanged = transport.exchange(codec::limits()).await;
        if exchanged == Err(TransportFault::Untrusted) {
            return Err(PortalError::UntrustedServer);
        }
        let spoken: SpokenWire = read(exchanged).map_err(|miss| match PortalError::from(miss) {
            // A Portico server is here, but not at this path of it.
            PortalError::NotHere => PortalError::NotPortico,
            other => other,
        })?;
        if spoken.portico_wire != WIRE_VERSION {
            return Err(PortalError::OtherVersion { server_wire: spoken.portico_wire });
        }
        let begun: ChallengeBegun =
            read(transport.exchange(codec::begin_sign_in(&BeginSignIn { email: email.clone() })).await)?;
        let address_hash = address_hash(&server_url, &email);
        let known =
            People::read(&self.home)?.known.into_iter().find(|known| known.address_hash == address_hash);
        let device_id = known.map_or_else(|| self.new_device_id(), |known| known.device_id);
        let pending = PendingSignIn {
            server_url,
            challenge_id: begun.challenge_id,
            expires_at_ms: begun.expires_at_ms,
            device_id,
            address_hash,
        };
        let bytes = serde_json::to_vec(&pending).map_err(|_| PortalError::bug("pending sign-in"))?;
        write_durably(&self.home, PENDING, &bytes).map_err(|_| PortalError::DiskFull)?;
        Ok(pending)
    }

    fn new_device_id(&self) -> DeviceId {
        DeviceId::from_parts(self.ports.clock.now_ms(), random(&*self.ports.dice))
    }

    /// Answers with the code from the mail, as typed; `firm` if the person was asked to choose.
    ///
    /// # Errors
    /// [`PortalError::CodeMalformed`] (no try spent), [`PortalError::WrongCode`], [`PortalError::ChallengeEnded`],
    /// and those of [`Phone::begin_sign_in`]. The one who was signed in before stays so.
    pub async fn answer(
        &self,
        pending: &PendingSignIn,
        code: &str,
        firm: Option<FirmId>,
        device_name: &str,
    ) -> Result<Answered, PortalError> {
        let code = OneTimeCode::parse(code).map_err(|_| PortalError::CodeMalformed)?;
        let transport =
            self.ports.network.connect(&pending.server_url).map_err(|_| PortalError::BadServerUrl)?;
        let public_key = self.ports.device_key.session_public_key()?;
        let possession = possession_bytes(pending.challenge_id, pending.device_id, &public_key);
        let body = AnswerChallenge {
            code: code.shown(),
            device_id: pending.device_id,
            device_name: device_name.to_owned(),
            signature: Base64(self.ports.device_key.sign(&possession)?),
            session_public_key: Base64(public_key),
            firm_id: firm,
        };
        let exchanged = transport.exchange(codec::answer_challenge(pending.challenge_id, &body)).await;
        match read(exchanged)? {
            ChallengeAnswered::SignedIn(session) => self.admit(pending, session).map(Answered::SignedIn),
            ChallengeAnswered::ChooseFirm { firms } => Ok(Answered::ChooseFirm(firms)),
        }
    }

    /// Opens the person's store, the same as ever or a new one, and makes it the phone's.
    fn admit(&self, pending: &PendingSignIn, session: Session) -> Result<SignedIn, PortalError> {
        let person = KnownPerson {
            person_id: session.person_id,
            firm_id: session.firm_id,
            server_url: pending.server_url.clone(),
            address_hash: pending.address_hash,
            device_id: pending.device_id,
        };
        let mut people = People::read(&self.home)?;
        let other = people.switch_to(person.clone());
        let sealed = other.map(|other| self.open_count_of(&other));
        let folder = PersonFolder::of(&self.home, &person)?;
        let (store, began_anew) = Portal::open_or_begin_store(&folder, &self.ports)?;
        let now_ms = self.ports.clock.now_ms();
        store.write(|writing| {
            writing.set(Fact::Session, &session_facts(pending, &session))?;
            writing.set(Fact::Access, &session.access)?;
            writing.unset(Fact::SignedOut)?;
            writing.set(Fact::PushAddressUntold, &true)?;
            for entry in writing.open_entries()? {
                writing.keep_progress(entry.send_key, &step(entry.progress, Event::SignedIn, now_ms).0)?;
            }
            Ok::<_, PortalError>(())
        })?;
        people.write(&self.home)?;
        // It answers nothing any more, whether it is there or not.
        let _ = std::fs::remove_file(self.home.join(PENDING));
        let portal = Portal::over(store, folder, self.ports.clone())?;
        Ok(SignedIn { portal, sealed, began_anew })
    }

    /// What waits in a store that is being sealed; 0 where it can not be opened to count.
    fn open_count_of(&self, person: &KnownPerson) -> u64 {
        let counted = PersonFolder::of(&self.home, person).and_then(|folder| {
            let store = crate::store::Store::open(&folder.store_path(), &folder.store_key(&self.ports)?)?;
            Ok(store.read(|reading| reading.open_count())?)
        });
        counted.unwrap_or(0)
    }
}

/// Of the answer of `GET /v1/limits` what every version says: the rest may be another one's.
#[derive(serde::Deserialize)]
struct SpokenWire {
    portico_wire: u32,
}

fn session_facts(pending: &PendingSignIn, session: &Session) -> SessionFacts {
    SessionFacts {
        server_url: pending.server_url.clone(),
        person_id: session.person_id,
        name: session.name.clone(),
        standing: session.standing,
        firm_id: session.firm_id,
        firm_name: session.firm_name.clone(),
        device_id: pending.device_id,
    }
}

fn address_hash(server_url: &str, email: &str) -> Sha256 {
    Sha256::of(&[b"portico person\0", server_url.as_bytes(), b"\0", email.to_lowercase().as_bytes()])
}

const PENDING: &str = "pending-sign-in.json";
