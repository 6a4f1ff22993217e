//! P-256 keys in software, kept in the secret store: for terminals and tests, where no chip holds one. Nobody is asked
//! before the presence key signs: whoever sits at a terminal is there.

use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::{DeviceKey, SecretFault, SecretStore};

/// The keys under the names `session-key` and `presence-key` of a secret store.
pub struct SoftwareDeviceKey {
    secrets: Arc<dyn SecretStore>,
    random: SystemRandom,
    session: Slot,
    presence: Slot,
}

/// Guards the making of a key, so that two calls make one.
type Slot = Mutex<Option<Arc<EcdsaKeyPair>>>;

impl std::fmt::Debug for SoftwareDeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SoftwareDeviceKey")
    }
}

impl SoftwareDeviceKey {
    /// The key kept in `secrets`.
    #[expect(clippy::disallowed_methods, reason = "ring signs with nothing but its own generator")]
    #[must_use]
    pub fn in_store(secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets, random: SystemRandom::new(), session: Slot::default(), presence: Slot::default() }
    }

    fn pair(&self, slot: &Slot, name: &str) -> Result<Arc<EcdsaKeyPair>, SecretFault> {
        let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = held.as_ref() {
            return Ok(Arc::clone(pair));
        }
        let document = match self.secrets.read(name)? {
            Some(document) => document,
            None => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.random)
                    .map_err(|_| SecretFault::Unavailable)?;
                self.secrets.keep(name, made.as_ref())?;
                made.as_ref().to_vec().into()
            }
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &document, &self.random)
            .map_err(|_| SecretFault::Unavailable)?;
        Ok(Arc::clone(held.insert(Arc::new(pair))))
    }

    fn signed(&self, pair: &EcdsaKeyPair, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        let signature = pair.sign(&self.random, bytes).map_err(|_| SecretFault::Unavailable)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl DeviceKey for SoftwareDeviceKey {
    fn session_public_key(&self) -> Result<Vec<u8>, SecretFault> {
        Ok(self.pair(&self.session, SESSION)?.public_key().as_ref().to_vec())
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        self.signed(&*self.pair(&self.session, SESSION)?, bytes)
    }

    fn presence_public_key(&self) -> Result<Option<Vec<u8>>, SecretFault> {
        Ok(Some(self.pair(&self.presence, PRESENCE)?.public_key().as_ref().to_vec()))
    }

    fn sign_in_person(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        self.signed(&*self.pair(&self.presence, PRESENCE)?, bytes)
    }
}

const SESSION: &str = "session-key";
const PRESENCE: &str = "presence-key";
