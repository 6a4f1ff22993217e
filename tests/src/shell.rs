//! A shell without a screen: what Kotlin and Swift do around the library, in Rust.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use portico_core::PortalError;
use portico_core::ports::{FileSecretStore, SecretStore as _};
use portico_ffi::{NetworkStatus, PortError, Reach, SecretStore, SignIn};

/// Secrets in files, which a test can lock or break.
#[derive(Debug)]
pub struct ShellSecrets {
    files: FileSecretStore,
    /// Guards what every call answers instead, if anything.
    fault: Mutex<Option<PortError>>,
}

impl ShellSecrets {
    /// Secrets in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { files: FileSecretStore::in_folder(folder), fault: Mutex::new(None) }
    }

    /// Breaks the keystore, or mends it.
    pub fn set_fault(&self, fault: Option<PortError>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn check(&self) -> Result<(), PortError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

impl SecretStore for ShellSecrets {
    fn read(&self, name: String) -> Result<Option<Vec<u8>>, PortError> {
        self.check()?;
        let read = self.files.read(&name).map_err(|_| PortError::Unavailable)?;
        Ok(read.map(|secret| secret.to_vec()))
    }

    fn keep(&self, name: String, secret: Vec<u8>) -> Result<(), PortError> {
        self.check()?;
        self.files.keep(&name, &secret).map_err(|_| PortError::Unavailable)
    }

    fn forget(&self, name: String) -> Result<(), PortError> {
        self.check()?;
        self.files.forget(&name).map_err(|_| PortError::Unavailable)
    }
}

/// What the system says of the network.
#[derive(Debug)]
pub struct ShellNetwork(Mutex<Reach>);

impl Default for ShellNetwork {
    fn default() -> Self {
        Self(Mutex::new(Reach::Unmetered))
    }
}

impl ShellNetwork {
    /// What it says from here on.
    pub fn set(&self, reach: Reach) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reach;
    }
}

impl NetworkStatus for ShellNetwork {
    fn reach(&self) -> Result<Reach, PortError> {
        Ok(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An installation whose home and keys lie in `folder`.
///
/// # Errors
/// What the library says.
pub fn installation(
    folder: &Path,
    secrets: &Arc<ShellSecrets>,
    network: &Arc<ShellNetwork>,
) -> Result<Arc<SignIn>, PortalError> {
    let secrets: Arc<dyn SecretStore> = Arc::clone(secrets) as Arc<dyn SecretStore>;
    let network: Arc<dyn NetworkStatus> = Arc::clone(network) as Arc<dyn NetworkStatus>;
    SignIn::new(folder.join("home").to_string_lossy().into_owned(), secrets, None, network, None)
}
