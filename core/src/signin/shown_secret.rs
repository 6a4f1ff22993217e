//! The secret of the authenticator that this phone is about to be, kept before the server hears its first code.
//!
//! One at a time, in the keystore: whose store it goes into is known once the server has let them in. Crash: the server took
//! the code and the phone died before its store had the secret; typing the mailed code again lets in, and brings it there.

use portico_wire::encoding::Sha256;
use portico_wire::ids::ChallengeId;
use serde::{Deserialize, Serialize};

use super::driver::PendingSignIn;
use crate::error::PortalError;
use crate::ports::SecretStore;

/// A secret that was shown in a sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownSecret {
    /// In the last sign-in that this phone answered with a code of it.
    pub challenge_id: ChallengeId,
    /// Of whom.
    pub address_hash: Sha256,
    /// As the server shows it: an `otpauth://` URI.
    pub uri: String,
}

impl ShownSecret {
    /// Keeps it, in place of the one before.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`] and its like; the one before stays.
    pub fn keep(secrets: &dyn SecretStore, pending: &PendingSignIn, uri: &str) -> Result<(), PortalError> {
        let shown = Self {
            challenge_id: pending.challenge_id,
            address_hash: pending.address_hash,
            uri: uri.to_owned(),
        };
        let bytes = serde_json::to_vec(&shown).map_err(|_| PortalError::bug("shown secret"))?;
        Ok(secrets.keep(NAME, &bytes)?)
    }

    /// The one that is kept for whoever `pending` signs in.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`] and its like.
    pub fn of(secrets: &dyn SecretStore, pending: &PendingSignIn) -> Result<Option<Self>, PortalError> {
        let kept = secrets.read(NAME)?.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        Ok(kept.filter(|shown| shown.address_hash == pending.address_hash))
    }

    /// Forgets it. One that stays for a fault is of no use to anybody, and goes with the next.
    pub fn forget(secrets: &dyn SecretStore) {
        if let Err(fault) = secrets.forget(NAME) {
            tracing::warn!(%fault, "a secret that was shown could not be forgotten");
        }
    }
}

impl std::fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShownSecret({})", self.challenge_id)
    }
}

const NAME: &str = "shown-totp";
