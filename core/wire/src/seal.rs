//! The sealed pack: how the files of one batch lie on the phone's disk, on the wire and on the server's disk.
//!
//! ```text
//! pack  = sealed files, one after another, nothing between them
//! file  = chunks of 65,536 plain bytes, the last one shorter or equal; an empty file has no chunk
//! chunk = AES-256-GCM (NIST SP 800-38D) of the plain bytes, with its 16-byte tag behind
//! ```
//! Key of a file: HKDF-SHA256 (RFC 5869) of the batch's key, salt `"portico seal v1"`, info batch id (16 bytes) and
//! slot (u32 BE). Nonce: four zero bytes and the chunk's index (u64 BE). Associated data: `"portico chunk v1\0"`,
//! batch id, slot (u32 BE), index (u64 BE), last (u8: 1 for a file's last chunk). So a chunk opens only in its own
//! place, of its own file, of its own batch, and a file can be neither cut nor lengthened at a chunk's edge.
//!
//! Holds: a key seals a batch once. Packing again takes a new one, so no nonce repeats under a key.
//! `tests/vectors/seal_v1.json` fixes the bytes for every language.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// Plain bytes in a chunk: a lost tail costs at most this, and 16 bytes of tag in 65,536 are nothing.
pub const CHUNK_BYTES: usize = 65_536;
/// What sealing adds to each chunk.
pub const TAG_BYTES: usize = 16;
/// How long a full chunk is once sealed: the step from one to the next.
pub const SEALED_CHUNK_BYTES: u64 = (CHUNK_BYTES + TAG_BYTES) as u64;

/// The secret of one batch, 32 random bytes. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchKey(Zeroizing<[u8; 32]>);

impl BatchKey {
    /// Takes 32 bytes that nobody can foretell.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 32 bytes, for the store and the manifest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of the file in `slot`.
    #[must_use]
    pub fn file_key(&self, batch: [u8; 16], slot: u32) -> FileKey {
        let secret = Salt::new(HKDF_SHA256, b"portico seal v1").extract(self.0.as_slice());
        let slot_bytes = slot.to_be_bytes();
        let mut key = Zeroizing::new([0; 32]);
        secret
            .expand(&[&batch, &slot_bytes], Aes256)
            .and_then(|material| material.fill(key.as_mut_slice()))
            .expect("32 bytes are far below what HKDF-SHA256 gives");
        FileKey { batch, slot, key }
    }
}

impl fmt::Debug for BatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchKey")
    }
}

struct Aes256;

impl KeyType for Aes256 {
    fn len(&self) -> usize {
        32
    }
}

/// The key of one file, with the place it is bound to. `Debug` shows the place.
#[derive(Clone, PartialEq, Eq)]
pub struct FileKey {
    batch: [u8; 16],
    slot: u32,
    key: Zeroizing<[u8; 32]>,
}

impl FileKey {
    /// A file's key as stored: what [`FileKey::as_bytes`] gave, with the same batch and slot.
    #[must_use]
    pub fn from_parts(batch: [u8; 16], slot: u32, key: [u8; 32]) -> Self {
        Self { batch, slot, key: Zeroizing::new(key) }
    }

    /// The 32 bytes, for the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Ready to seal and open this file's chunks.
    #[must_use]
    pub fn cipher(&self) -> FileCipher {
        let key =
            UnboundKey::new(&AES_256_GCM, self.key.as_slice()).expect("the key is 32 bytes by its type");
        FileCipher { batch: self.batch, slot: self.slot, key: LessSafeKey::new(key) }
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKey(slot {})", self.slot)
    }
}

/// A chunk that is not what was sealed in this place: altered, cut, moved, or under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chunk does not open")]
pub struct ChunkDamaged;

/// Whether a chunk is its file's last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// More follow.
    Inner,
    /// None follows.
    Last,
}

/// Seals and opens the chunks of one file.
pub struct FileCipher {
    batch: [u8; 16],
    slot: u32,
    key: LessSafeKey,
}

impl fmt::Debug for FileCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileCipher(slot {})", self.slot)
    }
}

impl FileCipher {
    /// Seals `plain`, the chunk at `index`, in place; its tag comes behind it.
    pub fn seal(&self, index: u64, place: Chunk, plain: &mut Vec<u8>) {
        self.key
            .seal_in_place_append_tag(nonce(index), self.associated(index, place), plain)
            .expect("a chunk is far below the cipher's limit of 64 GiB");
    }

    /// Opens `sealed`, the chunk at `index` with its tag, in place; the plain bytes are its beginning.
    ///
    /// # Errors
    /// [`ChunkDamaged`]; what `sealed` holds then is nothing.
    pub fn open<'a>(
        &self,
        index: u64,
        place: Chunk,
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], ChunkDamaged> {
        self.key.open_in_place(nonce(index), self.associated(index, place), sealed).map_err(|_| ChunkDamaged)
    }

    fn associated(&self, index: u64, place: Chunk) -> Aad<Vec<u8>> {
        let parts: [&[u8]; 5] = [
            b"portico chunk v1\0",
            &self.batch,
            &self.slot.to_be_bytes(),
            &index.to_be_bytes(),
            &[u8::from(place == Chunk::Last)],
        ];
        Aad::from(parts.concat())
    }
}

fn nonce(index: u64) -> Nonce {
    let bytes = u128::from(index).to_be_bytes();
    Nonce::assume_unique_for_key(*bytes.last_chunk().expect("12 of 16 bytes"))
}

/// How many chunks a file of `size_bytes` has.
#[must_use]
pub const fn chunks(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(CHUNK_BYTES as u64)
}

/// How long a file of `size_bytes` is once sealed.
#[must_use]
pub const fn sealed_bytes(size_bytes: u64) -> u64 {
    size_bytes + chunks(size_bytes) * TAG_BYTES as u64
}

/// How many plain bytes chunk `index` of a file of `size_bytes` holds; 0 past its end.
#[must_use]
pub const fn chunk_plain_bytes(size_bytes: u64, index: u64) -> usize {
    let left = size_bytes.saturating_sub(index.saturating_mul(CHUNK_BYTES as u64));
    if left < CHUNK_BYTES as u64 { left as usize } else { CHUNK_BYTES }
}

/// Whether chunk `index` is the last one of a file of `size_bytes`.
#[must_use]
pub const fn place_of(size_bytes: u64, index: u64) -> Chunk {
    if index + 1 == chunks(size_bytes) { Chunk::Last } else { Chunk::Inner }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::encoding::{Base64, Sha256};

    #[derive(Deserialize)]
    struct Vector {
        batch_key: Base64,
        batch_id: crate::ids::SendKey,
        slot: u32,
        /// The plain bytes: byte `i` is `i * 31 mod 251`.
        size_bytes: u64,
        file_key: Base64,
        plain_sha256: Sha256,
        sealed_bytes: u64,
        sealed_sha256: Sha256,
        #[serde(default)]
        sealed: Option<Base64>,
    }

    fn plain(size: u64) -> Vec<u8> {
        (0..size).map(|i| u8::try_from(i * 31 % 251).unwrap()).collect()
    }

    fn seal_whole(cipher: &FileCipher, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        for (index, chunk) in (0..).zip(plain.chunks(CHUNK_BYTES)) {
            let mut chunk = chunk.to_vec();
            cipher.seal(index, place_of(plain.len() as u64, index), &mut chunk);
            sealed.extend_from_slice(&chunk);
        }
        sealed
    }

    fn key(byte: u8) -> FileKey {
        BatchKey::from_bytes([byte; 32]).file_key([7; 16], 3)
    }

    #[test]
    fn sealed_files_are_those_of_the_vectors() {
        let vectors: Vec<Vector> =
            serde_json::from_str(include_str!("../../../tests/vectors/seal_v1.json")).unwrap();

        assert!(vectors.len() >= 5);
        for vector in vectors {
            let batch = BatchKey::from_bytes(vector.batch_key.0.try_into().unwrap());
            let file = batch.file_key(*vector.batch_id.as_bytes(), vector.slot);
            let plain = plain(vector.size_bytes);
            let sealed = seal_whole(&file.cipher(), &plain);

            assert_eq!(file.as_bytes().as_slice(), vector.file_key.0);
            assert_eq!(Sha256::of(&[&plain]), vector.plain_sha256);
            assert_eq!(sealed.len() as u64, vector.sealed_bytes);
            assert_eq!(sealed_bytes(vector.size_bytes), vector.sealed_bytes);
            assert_eq!(Sha256::of(&[&sealed]), vector.sealed_sha256);
            assert!(vector.sealed.is_none_or(|known| known.0 == sealed));
        }
    }

    // R55
    #[test]
    fn chunk_opens_in_its_own_place_only() {
        let cipher = key(9).cipher();
        let mut sealed = b"privileged".to_vec();
        cipher.seal(4, Chunk::Inner, &mut sealed);

        assert_eq!(cipher.open(4, Chunk::Inner, &mut sealed.clone()).unwrap(), b"privileged");
        let other_slot = BatchKey::from_bytes([9; 32]).file_key([7; 16], 2).cipher();
        let other_batch = BatchKey::from_bytes([9; 32]).file_key([8; 16], 3).cipher();
        let elsewhere = [
            cipher.open(5, Chunk::Inner, &mut sealed.clone()).is_err(),
            cipher.open(4, Chunk::Last, &mut sealed.clone()).is_err(),
            other_slot.open(4, Chunk::Inner, &mut sealed.clone()).is_err(),
            other_batch.open(4, Chunk::Inner, &mut sealed.clone()).is_err(),
            key(8).cipher().open(4, Chunk::Inner, &mut sealed.clone()).is_err(),
        ];
        assert_eq!(elsewhere, [true; 5]);
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert_eq!(cipher.open(4, Chunk::Inner, &mut altered), Err(ChunkDamaged));
        }
    }

    #[test]
    fn sizes_of_chunks_add_up_at_every_edge() {
        for size in [0, 1, 65_535, 65_536, 65_537, 131_072, 104_857_600] {
            let count = chunks(size);
            let plain: u64 = (0..count).map(|index| chunk_plain_bytes(size, index) as u64).sum();

            assert_eq!(plain, size);
            assert_eq!(sealed_bytes(size), size + 16 * count);
            assert_eq!(chunk_plain_bytes(size, count), 0);
            assert!(count == 0 || place_of(size, count - 1) == Chunk::Last);
            assert!(count < 2 || place_of(size, count - 2) == Chunk::Inner);
        }
    }
}
