//! Receipts: the server's signed word that it accepted a send. Its key survives a restore, its log may not.
//!
//! Holds: a send with a valid receipt is accepted whatever archive, access or limits say by now. So a restore
//! from an older backup loses no message whose author's phone still holds it (R51).

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::encoding::{Base64, Sha256};
use crate::ids::{ConversationId, Epoch, PersonId, SendKey};

/// An Ed25519 signature (RFC 8032) over [`Receipt::signed_bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Which of the server's receipt keys signed.
    pub key_id: String,
    /// The conversation, under its id for ever.
    pub conversation_id: ConversationId,
    /// The epoch of the acceptance.
    pub epoch: Epoch,
    /// The place it was given in that epoch.
    pub seq: u64,
    /// When it was accepted, UTC milliseconds.
    pub accepted_at_ms: i64,
    /// 64 bytes.
    pub signature: Base64,
}

impl Receipt {
    /// What is signed: `"portico receipt v1\0"`, person, send key (16 bytes each), digest (32), conversation,
    /// epoch (16 each), seq (u64 BE), accepted at (i64 BE).
    #[must_use]
    pub fn signed_bytes(&self, person: PersonId, key: SendKey, digest: &Sha256) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        out.extend_from_slice(b"portico receipt v1\0");
        out.extend_from_slice(person.as_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(digest.as_bytes());
        out.extend_from_slice(self.conversation_id.as_bytes());
        out.extend_from_slice(self.epoch.as_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.accepted_at_ms.to_be_bytes());
        out
    }

    /// Whether `public_key` (32 bytes) signed exactly this for exactly that send.
    #[must_use]
    pub fn verifies(&self, public_key: &[u8], person: PersonId, key: SendKey, digest: &Sha256) -> bool {
        UnparsedPublicKey::new(&ED25519, public_key)
            .verify(&self.signed_bytes(person, key, digest), &self.signature.0)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    #[test]
    fn receipt_of_another_send_does_not_verify() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let (person, key) = (PersonId::from_bytes([1; 16]), SendKey::from_bytes([2; 16]));
        let digest = Sha256::of(&[b"meaning"]);
        let mut receipt = Receipt {
            key_id: "r1".to_owned(),
            conversation_id: ConversationId::from_bytes([4; 16]),
            epoch: Epoch::from_bytes([5; 16]),
            seq: 7,
            accepted_at_ms: 1_700_000_000_000,
            signature: Base64::default(),
        };
        receipt.signature = Base64(pair.sign(&receipt.signed_bytes(person, key, &digest)).as_ref().to_vec());
        let public = pair.public_key().as_ref();

        assert!(receipt.verifies(public, person, key, &digest));
        assert!(!receipt.verifies(public, PersonId::from_bytes([9; 16]), key, &digest));
        assert!(!receipt.verifies(public, person, SendKey::from_bytes([9; 16]), &digest));
        assert!(!receipt.verifies(public, person, key, &Sha256::of(&[b"other"])));
        assert!(!Receipt { seq: 8, ..receipt }.verifies(public, person, key, &digest));
    }
}
