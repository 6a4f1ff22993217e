//! Secrets in memory, which a test can lock or break.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::ports::{SecretFault, SecretStore};

/// A keystore of one phone; outlives crashes of its app.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    /// Guards the secrets.
    kept: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Guards what every call answers instead, if anything.
    fault: Mutex<Option<SecretFault>>,
}

impl MemorySecrets {
    /// Locks or unlocks the phone.
    pub fn set_locked(&self, locked: bool) {
        self.set_fault(locked.then_some(SecretFault::Locked));
    }

    /// Breaks the keystore, or mends it.
    pub fn set_fault(&self, fault: Option<SecretFault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn open(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>>, SecretFault> {
        if let Some(fault) = *self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(fault);
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
