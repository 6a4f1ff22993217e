//! Secrets in memory, which a test can lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::ports::{SecretFault, SecretStore};

/// A keystore of one phone; outlives crashes of its app.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    /// Guards the secrets.
    kept: Mutex<BTreeMap<String, Vec<u8>>>,
    locked: AtomicBool,
}

impl MemorySecrets {
    /// Locks or unlocks the phone.
    pub fn set_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }

    fn open(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>>, SecretFault> {
        if self.locked.load(Ordering::Relaxed) {
            return Err(SecretFault::Locked);
        }
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SecretStore for MemorySecrets {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretFault> {
        Ok(self.open()?.get(name).cloned().map(Zeroizing::new))
    }

    fn keep(&self, name: &str, secret: &[u8]) -> Result<(), SecretFault> {
        self.open()?.insert(name.to_owned(), secret.to_vec());
        Ok(())
    }

    fn forget(&self, name: &str) -> Result<(), SecretFault> {
        self.open()?.remove(name);
        Ok(())
    }
}
