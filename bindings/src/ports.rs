//! What the platform gives. Foreign traits are synchronous and small; each has an adapter to the core's port here.
//!
//! The core calls them from threads of its own and from the caller's, and may hold what it needs of its own meanwhile:
//! a port answers at once, and calls nothing of the core.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use portico_core::net::transport::RealNetwork;
use portico_core::ports::{
    BadServerUrl, Carry, Fetch, Fetched, Network, Ports, Reach, Request, Response, SecretFault,
    SoftwareDeviceKey, SystemClock, SystemDice, Transport, TransportFault,
};
use zeroize::Zeroizing;

use crate::error::PortError;

/// The platform's keystore, as far as it keeps bytes. Device-only: never part of a backup of the phone.
#[uniffi::export(foreign)]
pub trait SecretStore: Send + Sync {
    /// The secret of that name; none if there is none.
    ///
    /// # Errors
    /// `PortError`.
    fn read(&self, name: String) -> Result<Option<Vec<u8>>, PortError>;
    /// Keeps `secret` under `name`, durably, in place of an older one.
    ///
    /// # Errors
    /// `PortError`; the older one stays.
    fn keep(&self, name: String, secret: Vec<u8>) -> Result<(), PortError>;
    /// Forgets the secret of that name.
    ///
    /// # Errors
    /// `PortError`; it is still there.
    fn forget(&self, name: String) -> Result<(), PortError>;
}

/// The device's two P-256 keys, which never leave the keystore: the session key, usable after the first unlock without the
/// person, and the presence key, which asks for face, finger or PIN each time.
#[uniffi::export(foreign)]
pub trait DeviceKey: Send + Sync {
    /// The public half of the session key: an uncompressed point, 65 bytes. Makes the key at the first call.
    ///
    /// # Errors
    /// `PortError`.
    fn session_public_key(&self) -> Result<Vec<u8>, PortError>;
    /// ECDSA with SHA-256 over `bytes` by the session key, in ASN.1 DER.
    ///
    /// # Errors
    /// `PortError`.
    fn sign(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// The public half of the presence key, of the same form, made at the first call; none where the device asks for
    /// no face, finger or PIN.
    ///
    /// # Errors
    /// `PortError`.
    fn presence_public_key(&self) -> Result<Option<Vec<u8>>, PortError>;
    /// The same signature by the presence key. May wait for the person, on a thread of its own.
    ///
    /// # Errors
    /// `PortError`; `Cancelled` where they turn it away.
    fn sign_in_person(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PortError>;
}

/// What the system knows of the network.
#[uniffi::remote(Enum)]
pub enum Reach {
    /// No network at all: a request is not even tried.
    Offline,
    /// One that costs, or is to be spared.
    Metered,
    /// One that may be used freely.
    Unmetered,
}

/// Asked before each request. When the answer changes, call `network_changed` of the portal.
#[uniffi::export(foreign)]
pub trait NetworkStatus: Send + Sync {
    /// What the system knows.
    ///
    /// # Errors
    /// `PortError`: then the request is tried.
    fn reach(&self) -> Result<Reach, PortError>;
}

/// The ports of a phone over those of its platform.
pub(crate) fn ports(
    secrets: Arc<dyn SecretStore>,
    device_key: Option<Arc<dyn DeviceKey>>,
    status: Arc<dyn NetworkStatus>,
    real: RealNetwork,
) -> Ports {
    let secrets: Arc<dyn portico_core::ports::SecretStore> = Arc::new(ForeignSecrets(secrets));
    let device_key: Arc<dyn portico_core::ports::DeviceKey> = match device_key {
        Some(key) => Arc::new(ForeignKey(key)),
        None => Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
    };
    Ports {
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice::default()),
        network: Arc::new(AskingNetwork { real, status }),
        secrets,
        device_key,
    }
}

struct ForeignSecrets(Arc<dyn SecretStore>);

impl portico_core::ports::SecretStore for ForeignSecrets {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretFault> {
        Ok(self.0.read(name.to_owned())?.map(Zeroizing::new))
    }

    fn keep(&self, name: &str, secret: &[u8]) -> Result<(), SecretFault> {
        Ok(self.0.keep(name.to_owned(), secret.to_vec())?)
    }

    fn forget(&self, name: &str) -> Result<(), SecretFault> {
        Ok(self.0.forget(name.to_owned())?)
    }
}

struct ForeignKey(Arc<dyn DeviceKey>);

impl portico_core::ports::DeviceKey for ForeignKey {
    fn session_public_key(&self) -> Result<Vec<u8>, SecretFault> {
        Ok(self.0.session_public_key()?)
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        Ok(self.0.sign(bytes.to_vec())?)
    }

    fn presence_public_key(&self) -> Result<Option<Vec<u8>>, SecretFault> {
        Ok(self.0.presence_public_key()?)
    }

    fn sign_in_person(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        Ok(self.0.sign_in_person(bytes.to_vec())?)
    }
}

struct AskingNetwork {
    real: RealNetwork,
    status: Arc<dyn NetworkStatus>,
}

impl Network for AskingNetwork {
    fn connect(&self, url: &str) -> Result<Arc<dyn Transport>, BadServerUrl> {
        Ok(Arc::new(AskingTransport { real: self.real.connect(url)?, status: Arc::clone(&self.status) }))
    }

    fn reach(&self) -> Reach {
        // A shell that can not tell holds nothing back.
        self.status.reach().unwrap_or(Reach::Unmetered)
    }
}

struct AskingTransport {
    real: Arc<dyn Transport>,
    status: Arc<dyn NetworkStatus>,
}

impl Transport for AskingTransport {
    fn exchange(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportFault>> {
        if self.status.reach() == Ok(Reach::Offline) {
            return Box::pin(async { Err(TransportFault::Unreachable) });
        }
        self.real.exchange(request)
    }

    fn carry(&self, carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>> {
        if self.status.reach() == Ok(Reach::Offline) {
            return Box::pin(async { Err(TransportFault::Unreachable) });
        }
        self.real.carry(carry)
    }

    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>> {
        if self.status.reach() == Ok(Reach::Offline) {
            return Box::pin(async { Err(TransportFault::Unreachable) });
        }
        self.real.fetch(fetch)
    }
}
