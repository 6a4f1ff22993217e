//! A push: ids and the head of the text, sealed to one device. Apple, Google and a lock screen read nothing (R53).
//!
//! Layout of the sealed bytes: version `1` (u8), nonce (12), ChaCha20-Poly1305 (RFC 8439) of the content with the
//! tag (16). Associated data: `"portico push v1\0"` and the device id, so a push of another device does not open.
//! Content: epoch, firm, person, conversation, entry (16 bytes each), seq, log seq (u64 BE each), complete (u8),
//! the text in UTF-8.
//!
//! A push is a preview and a pointer, never a timeline row; sync replaces it (R4).

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::encoding::Base64;
use crate::ids::{ConversationId, DeviceId, EntryId, Epoch, FirmId, PersonId};
use crate::limits::PUSH_SEALED_BYTES_MAX;

/// What a push says once opened. `Debug` shows ids only.
#[derive(Clone, PartialEq, Eq)]
pub struct PushContent {
    /// The server's epoch.
    pub epoch: Epoch,
    /// At which firm.
    pub firm_id: FirmId,
    /// For whom.
    pub person_id: PersonId,
    /// Where.
    pub conversation_id: ConversationId,
    /// Which message.
    pub entry_id: EntryId,
    /// Its place in the conversation.
    pub seq: u64,
    /// The place of its event in the person's log: older than a loss of access means dropped.
    pub log_seq: u64,
    /// The text, or its beginning.
    pub text: String,
    /// Whether `text` is all of it.
    pub complete: bool,
}

impl fmt::Debug for PushContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushContent")
            .field("conversation_id", &self.conversation_id)
            .field("entry_id", &self.entry_id)
            .field("log_seq", &self.log_seq)
            .field("text_bytes", &self.text.len())
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

/// The JSON that a push provider carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushPayload {
    /// The sealed bytes.
    pub portico: Base64,
}

/// Why a payload does not open. Nothing wrong is opened in any of these cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushOpenError {
    /// Not a payload of ours, or cut short.
    #[error("not a Portico push")]
    Malformed,
    /// Of a version this app does not know.
    #[error("a push of a newer server")]
    NewerVersion,
    /// Sealed to another device, or altered.
    #[error("a push that is not for this device")]
    NotForThisDevice,
}

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Five ids, two seqs and the flag.
const FIXED_BYTES: usize = 5 * 16 + 2 * 8 + 1;
/// What is left for the text.
const TEXT_BYTES_MAX: usize = PUSH_SEALED_BYTES_MAX - 1 - NONCE_BYTES - TAG_BYTES - FIXED_BYTES;

impl PushContent {
    /// The same content with as much of `body` as a push holds, cut between graphemes, never inside one.
    #[must_use]
    pub fn with_head_of(mut self, body: &str) -> Self {
        self.complete = body.len() <= TEXT_BYTES_MAX;
        self.text = if self.complete { body } else { head(body, TEXT_BYTES_MAX) }.to_owned();
        self
    }
}

/// The longest beginning of `text` within `bytes_max` that ends between two graphemes (UAX 29).
fn head(text: &str, bytes_max: usize) -> &str {
    let end = text
        .grapheme_indices(true)
        .map(|(start, grapheme)| start + grapheme.len())
        .take_while(|end| *end <= bytes_max)
        .last()
        .unwrap_or(0);
    text.get(..end).unwrap_or("")
}

/// Seals `content` to the device that holds `key`; at most [`PUSH_SEALED_BYTES_MAX`] bytes.
///
/// `nonce` must never repeat under one key; 12 random bytes are right for the pushes of a device's life.
#[must_use]
pub fn seal(key: &[u8; 32], device: DeviceId, nonce: [u8; 12], content: &PushContent) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(FIXED_BYTES + content.text.len() + TAG_BYTES);
    for id in [
        content.epoch.as_bytes(),
        content.firm_id.as_bytes(),
        content.person_id.as_bytes(),
        content.conversation_id.as_bytes(),
        content.entry_id.as_bytes(),
    ] {
        sealed.extend_from_slice(id);
    }
    sealed.extend_from_slice(&content.seq.to_be_bytes());
    sealed.extend_from_slice(&content.log_seq.to_be_bytes());
    sealed.push(u8::from(content.complete));
    sealed.extend_from_slice(content.text.as_bytes());
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated(device), &mut sealed)
        .expect("a push is far below the cipher's limit of 256 GiB");
    [&[VERSION], nonce.as_slice(), &sealed].concat()
}

/// Opens what a push provider handed over.
///
/// # Errors
/// A [`PushOpenError`]; the payload tells nothing and opens nothing.
pub fn open(key: &[u8; 32], device: DeviceId, sealed: &[u8]) -> Result<PushContent, PushOpenError> {
    let (version, rest) = sealed.split_first().ok_or(PushOpenError::Malformed)?;
    if *version != VERSION {
        return Err(PushOpenError::NewerVersion);
    }
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(PushOpenError::Malformed)?;
    if sealed.len() < FIXED_BYTES + TAG_BYTES {
        return Err(PushOpenError::Malformed);
    }
    let mut plain = sealed.to_vec();
    let plain = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), associated(device), &mut plain)
        .map_err(|_| PushOpenError::NotForThisDevice)?;
    read(plain).ok_or(PushOpenError::Malformed)
}

/// The key under the one algorithm of version 1.
fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key is 32 bytes by its type"))
}

fn associated(device: DeviceId) -> Aad<Vec<u8>> {
    Aad::from([b"portico push v1\0".as_slice(), device.as_bytes()].concat())
}

fn read(plain: &[u8]) -> Option<PushContent> {
    let (epoch, rest) = plain.split_first_chunk()?;
    let (firm, rest) = rest.split_first_chunk()?;
    let (person, rest) = rest.split_first_chunk()?;
    let (conversation, rest) = rest.split_first_chunk()?;
    let (entry, rest) = rest.split_first_chunk()?;
    let (seq, rest) = rest.split_first_chunk()?;
    let (log_seq, rest) = rest.split_first_chunk()?;
    let (complete, text) = rest.split_first()?;
    Some(PushContent {
        epoch: Epoch::from_bytes(*epoch),
        firm_id: FirmId::from_bytes(*firm),
        person_id: PersonId::from_bytes(*person),
        conversation_id: ConversationId::from_bytes(*conversation),
        entry_id: EntryId::from_bytes(*entry),
        seq: u64::from_be_bytes(*seq),
        log_seq: u64::from_be_bytes(*log_seq),
        text: std::str::from_utf8(text).ok()?.to_owned(),
        complete: *complete == 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> PushContent {
        PushContent {
            epoch: Epoch::from_bytes([1; 16]),
            firm_id: FirmId::from_bytes([2; 16]),
            person_id: PersonId::from_bytes([3; 16]),
            conversation_id: ConversationId::from_bytes([4; 16]),
            entry_id: EntryId::from_bytes([5; 16]),
            seq: 6,
            log_seq: 7,
            text: String::new(),
            complete: true,
        }
    }

    const DEVICE: DeviceId = DeviceId::from_bytes([8; 16]);

    // R53
    #[test]
    fn long_text_shows_its_head_cut_between_graphemes() {
        let family = "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}";
        let long = content().with_head_of(&family.repeat(500));

        let sealed = seal(&[9; 32], DEVICE, [1; 12], &long);
        let opened = open(&[9; 32], DEVICE, &sealed).unwrap();

        assert!(sealed.len() <= PUSH_SEALED_BYTES_MAX);
        assert!(!opened.complete);
        assert_eq!(opened.text, family.repeat(opened.text.len() / family.len()));
        assert!(opened.text.len() > 2_600);
    }

    // R53
    #[test]
    fn foreign_cut_and_altered_payloads_open_nothing() {
        let sealed = seal(&[9; 32], DEVICE, [1; 12], &content().with_head_of("meet at noon"));

        let other_device = DeviceId::from_bytes([7; 16]);
        assert_eq!(open(&[9; 32], other_device, &sealed), Err(PushOpenError::NotForThisDevice));
        assert_eq!(open(&[8; 32], DEVICE, &sealed), Err(PushOpenError::NotForThisDevice));
        for length in 0..sealed.len() {
            assert!(open(&[9; 32], DEVICE, &sealed[..length]).is_err());
        }
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(open(&[9; 32], DEVICE, &altered).is_err());
        }
    }

    #[test]
    fn sealed_push_is_that_of_the_vector() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/vectors/push_v1.json")).unwrap();
        let sealed: Base64 = serde_json::from_value(vector["sealed"].clone()).unwrap();

        let content = content().with_head_of(vector["text"].as_str().unwrap());

        assert_eq!(seal(&[9; 32], DEVICE, [1; 12], &content), sealed.0);
        assert_eq!(open(&[9; 32], DEVICE, &sealed.0), Ok(content));
    }
}
