//! A P-256 session key in software, kept in the secret store: for terminals and tests, where no chip holds one.

use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::{DeviceKey, SecretFault, SecretStore};

/// The session key under the name `session-key` of a secret store.
pub struct SoftwareDeviceKey {
    secrets: Arc<dyn SecretStore>,
    random: SystemRandom,
    /// Guards the making of the key, so that two calls make one.
    pair: Mutex<Option<Arc<EcdsaKeyPair>>>,
}

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
        Self { secrets, random: SystemRandom::new(), pair: Mutex::new(None) }
    }

    fn pair(&self) -> Result<Arc<EcdsaKeyPair>, SecretFault> {
        let mut held = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = held.as_ref() {
            return Ok(Arc::clone(pair));
        }
        let document = match self.secrets.read(NAME)? {
            Some(document) => document,
            None => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.random)
                    .map_err(|_| SecretFault::Unavailable)?;
                self.secrets.keep(NAME, made.as_ref())?;
                made.as_ref().to_vec().into()
            }
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &document, &self.random)
            .map_err(|_| SecretFault::Unavailable)?;
        Ok(Arc::clone(held.insert(Arc::new(pair))))
    }
}

impl DeviceKey for SoftwareDeviceKey {
    fn session_public_key(&self) -> Result<Vec<u8>, SecretFault> {
        Ok(self.pair()?.public_key().as_ref().to_vec())
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        let signature = self.pair()?.sign(&self.random, bytes).map_err(|_| SecretFault::Unavailable)?;
        Ok(signature.as_ref().to_vec())
    }
}

const NAME: &str = "session-key";
