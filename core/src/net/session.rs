//! The session that requests travel under: one access token, refreshed by the device's key, once at a time.
//!
//! Holds (R42): a refresh whose answer is lost costs nothing, for nothing rotates; only the server's own word
//! `session_ended` signs out, and even that deletes nothing. Only its word `device_wiped`, to a refresh that this device's
//! own key signed, deletes (R55).

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use portico_wire::encoding::Base64;
use portico_wire::ids::DeviceId;
use portico_wire::problem::ProblemCode;
use portico_wire::signin::{Access, Nonce, Refresh, refresh_bytes};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, watch};

use super::classify::{Miss, read};
use super::codec;
use crate::error::PortalError;
use crate::outbox::entry::Fault;
use crate::ports::{
    Carry, CarryTo, Fetch, Fetched, PackBytes, Ports, Request, Response, Transport, TransportFault,
};
use crate::signin::people::{People, PersonFolder};
use crate::signin::wipe;
use crate::store::{Fact, Store};

/// No answer of ours.
#[derive(serde::Deserialize)]
struct Nothing {}

/// Requests of one signed-in person to one server.
pub struct SessionLink {
    transport: Arc<dyn Transport>,
    ports: Ports,
    store: Arc<Store>,
    folder: PersonFolder,
    device_id: DeviceId,
    /// Guards the token, so that one refresh runs at a time.
    access: Mutex<Option<Access>>,
    /// Counts changes of the network; a request that began before one is abandoned.
    network: watch::Sender<u64>,
}

impl std::fmt::Debug for SessionLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionLink({})", self.device_id)
    }
}

impl SessionLink {
    /// A link under the session that `store` holds.
    ///
    /// # Errors
    /// [`PortalError::SignInNeeded`] if nobody ever signed in, [`PortalError::BadServerUrl`], or a store fault.
    pub fn open(store: Arc<Store>, folder: PersonFolder, ports: Ports) -> Result<Self, PortalError> {
        let (session, access) =
            store.read(|reading| Ok::<_, PortalError>((reading.session()?, reading.access()?)))?;
        let session = session.ok_or(PortalError::SignInNeeded)?;
        let transport = ports.network.connect(&session.server_url).map_err(|_| PortalError::BadServerUrl)?;
        let (network, _) = watch::channel(0);
        Ok(Self {
            transport,
            ports,
            store,
            folder,
            device_id: session.device_id,
            access: Mutex::new(access),
            network,
        })
    }

    /// This installation, under the id with which its person signed in last: another process may have seen to that.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        let session = self.store.read(|reading| reading.session()).ok().flatten();
        session.map_or(self.device_id, |session| session.device_id)
    }

    /// The network changed: what is in flight hangs on a dead connection, so it is abandoned and sent again.
    pub fn network_changed(&self) {
        self.network.send_modify(|count| *count += 1);
    }

    /// Sends `request` under the session, refreshing once if the token is over.
    ///
    /// # Errors
    /// The [`Miss`]; [`Miss::SignedOut`] is stored before it is returned.
    pub async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Miss> {
        let asked = self.ask_with_fresh_token(request).await;
        self.heard(asked).await
    }

    /// Does at once what the server says of this device: that it is signed out, or to be wiped.
    async fn heard<T>(&self, answer: Result<T, Miss>) -> Result<T, Miss> {
        if matches!(answer, Err(Miss::SignedOut)) {
            *self.access.lock().await = None;
            if self.is_this_phones() {
                self.keep_signed_out();
            }
        }
        if matches!(answer, Err(Miss::Wiped)) {
            *self.access.lock().await = None;
            if self.is_this_phones() {
                wipe::wipe(&self.store, &self.folder, &*self.ports.secrets);
            } else {
                self.store.close_for_good();
            }
        }
        answer
    }

    /// Whether the session is the one that this phone has with the person now. It is not where another process wiped the phone
    /// and its person signed in anew, while this one slept: what was said of the old one is nothing to the new.
    fn is_this_phones(&self) -> bool {
        let now = People::read(self.folder.home()).map(|people| people.device_of(self.folder.name()));
        !matches!(now, Ok(Some(now)) if now != self.device_id())
    }

    async fn ask_with_fresh_token<T: DeserializeOwned>(&self, request: Request) -> Result<T, Miss> {
        let token = self.token(None).await?;
        let first = self.ask_with(&request, &token).await;
        if !matches!(first, Err(Miss::Problem(ProblemCode::AccessTokenExpired, _))) {
            return first;
        }
        let fresh = self.token(Some(&token)).await?;
        match self.ask_with(&request, &fresh).await {
            // Twice in a row is no question of time.
            Err(Miss::Problem(ProblemCode::AccessTokenExpired, _)) => {
                Err(Miss::transient(Fault::ServerFault))
            }
            second => second,
        }
    }

    async fn ask_with<T: DeserializeOwned>(&self, request: &Request, token: &Base64) -> Result<T, Miss> {
        let request = Request { bearer: Some(token.to_string()), ..request.clone() };
        read(self.exchange(request).await)
    }

    /// Sends bytes of a batch under their capability. A change of the network abandons it.
    ///
    /// # Errors
    /// The [`TransportFault`]; nobody knows what arrived.
    pub async fn carry(&self, carry: Carry) -> Result<Response, TransportFault> {
        let mut network = self.network.subscribe();
        tokio::select! {
            biased;
            answered = self.transport.carry(carry) => answered,
            _ = network.changed() => Err(TransportFault::Broken),
        }
    }

    /// Puts a whole file at `path`, refreshing once if the token is over. `bytes`: its bytes, from the beginning each time.
    ///
    /// # Errors
    /// The [`Miss`]; nobody knows whether it arrived.
    pub async fn put_whole<T: DeserializeOwned>(
        &self,
        path: &str,
        length_bytes: u64,
        bytes: impl Fn() -> PackBytes + Send,
    ) -> Result<T, Miss> {
        let mut over = None;
        loop {
            let token = match self.token(over.as_ref()).await {
                Ok(token) => token,
                Err(miss) => return self.heard(Err(miss)).await,
            };
            let to = CarryTo::Whole { path: path.to_owned(), bearer: token.to_string() };
            match read(self.carry(Carry { to, length_bytes, bytes: bytes() }).await) {
                Err(Miss::Problem(ProblemCode::AccessTokenExpired, _)) if over.is_none() => {
                    over = Some(token);
                }
                answer => return self.heard(answer).await,
            }
        }
    }

    /// Asks for the bytes of the file at `path` from `from_bytes` on, refreshing once if the token is over.
    ///
    /// # Errors
    /// The [`Miss`].
    pub async fn fetch(
        &self,
        path: String,
        from_bytes: u64,
        etag: &str,
    ) -> Result<(u64, BoxStream<'static, Result<Bytes, TransportFault>>), Miss> {
        let mut over = None;
        loop {
            let token = match self.token(over.as_ref()).await {
                Ok(token) => token,
                Err(miss) => return self.heard(Err(miss)).await,
            };
            let fetch =
                Fetch { path: path.clone(), bearer: token.to_string(), from_bytes, etag: etag.to_owned() };
            let miss = match self.transport.fetch(fetch).await {
                Ok(Fetched::Bytes { from_bytes, bytes }) => return Ok((from_bytes, bytes)),
                Ok(Fetched::Answer(response)) => read::<Nothing>(Ok(response)),
                Err(fault) => read::<Nothing>(Err(fault)),
            };
            match miss {
                Err(Miss::Problem(ProblemCode::AccessTokenExpired, _)) if over.is_none() => {
                    over = Some(token)
                }
                Err(miss) => return self.heard(Err(miss)).await,
                // Bytes were asked for; JSON is nobody's answer to that.
                Ok(Nothing {}) => return Err(Miss::transient(Fault::NotPortico)),
            }
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportFault> {
        let mut network = self.network.subscribe();
        tokio::select! {
            biased;
            exchanged = self.transport.exchange(request) => exchanged,
            _ = network.changed() => Err(TransportFault::Broken),
        }
    }

    /// The token, another one than `over`.
    async fn token(&self, over: Option<&Base64>) -> Result<Base64, Miss> {
        let mut held = self.access.lock().await;
        if let Some(access) = held.as_ref().filter(|access| Some(&access.access_token) != over) {
            return Ok(access.access_token.clone());
        }
        let access = self.refresh().await?;
        let token = access.access_token.clone();
        let ahead_ms = access.server_time_ms.saturating_sub(self.ports.clock.now_ms());
        let kept = self.store.write(|writing| {
            writing.set(Fact::ServerAhead, &ahead_ms)?;
            writing.set(Fact::Access, &access)
        });
        if let Err(fault) = kept {
            tracing::debug!(%fault, "the token serves this process only");
        }
        *held = Some(access);
        Ok(token)
    }

    /// A nonce for a signature of this device.
    ///
    /// # Errors
    /// The [`Miss`].
    pub async fn nonce(&self) -> Result<Nonce, Miss> {
        let asked = read(self.exchange(codec::ask_nonce(self.device_id())).await);
        self.heard(asked).await
    }

    async fn refresh(&self) -> Result<Access, Miss> {
        let device_id = self.device_id();
        let nonce: Nonce = read(self.exchange(codec::ask_nonce(device_id)).await)?;
        let signed = self.ports.device_key.sign(&refresh_bytes(device_id, &nonce.nonce.0));
        let signature = Base64(signed.map_err(|_| Miss::transient(Fault::KeyUnavailable))?);
        let body = Refresh { device_id, nonce: nonce.nonce, signature };
        read(self.exchange(codec::refresh(&body)).await).map_err(|miss| match miss {
            // Another process of this phone used a later nonce; the next attempt takes a new one.
            Miss::Problem(ProblemCode::NonceStale, _) => Miss::transient(Fault::ServerBusy),
            // The keystore made a new key, so this device must sign in again.
            Miss::Problem(ProblemCode::SignatureInvalid, _) => Miss::SignedOut,
            Miss::Problem(ProblemCode::DeviceWiped, _) => Miss::Wiped,
            other => other,
        })
    }

    /// The outbox waits, nothing is deleted (R42).
    fn keep_signed_out(&self) {
        let kept = self.store.write(|writing| {
            writing.set(Fact::SignedOut, &true)?;
            writing.unset(Fact::Access)
        });
        if let Err(fault) = kept {
            tracing::warn!(%fault, "the sign-out could not be stored; the server will say it again");
        }
    }
}
