//! An attachment on its way onto the disk: plain bytes come in, whole chunks are sealed and written.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use portico_wire::seal::{
    CHUNK_BYTES, FileCipher, SEALED_CHUNK_BYTES, chunk_plain_bytes, place_of, sealed_bytes,
};

use crate::ports::files::open_private;
use crate::store::HeldFile;

/// A sealed file that grows.
pub(crate) struct SealedFile {
    file: File,
    cipher: FileCipher,
    size_bytes: u64,
    index: u64,
    gathered: Vec<u8>,
}

/// How many plain bytes of `held` lie whole in the file at `path`.
pub(crate) fn held_bytes(path: &Path, held: &HeldFile) -> u64 {
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length >= sealed_bytes(held.size_bytes) {
        return held.size_bytes;
    }
    length / SEALED_CHUNK_BYTES * CHUNK_BYTES as u64
}

impl SealedFile {
    /// Goes on behind plain byte `from_bytes`, which lies at a chunk's edge; what was half written there is cut off.
    pub(crate) fn go_on(path: &Path, held: &HeldFile, from_bytes: u64) -> io::Result<Self> {
        let mut file = open_private(path)?;
        let index = from_bytes / CHUNK_BYTES as u64;
        let at_bytes = index * SEALED_CHUNK_BYTES;
        file.set_len(at_bytes)?;
        file.seek(SeekFrom::Start(at_bytes))?;
        let cipher = held.key.cipher();
        Ok(Self { file, cipher, size_bytes: held.size_bytes, index, gathered: Vec::new() })
    }

    /// Takes the next plain bytes. More than the file has is an error of kind `InvalidData`.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let wanted = chunk_plain_bytes(self.size_bytes, self.index);
            if wanted == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let (now, later) = bytes.split_at(bytes.len().min(wanted - self.gathered.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
            if self.gathered.len() == wanted {
                self.cipher.seal(self.index, place_of(self.size_bytes, self.index), &mut self.gathered);
                self.file.write_all(&self.gathered)?;
                self.gathered.clear();
                self.index += 1;
            }
        }
        Ok(())
    }

    /// How many plain bytes are written.
    pub(crate) fn written_bytes(&self) -> u64 {
        (self.index * CHUNK_BYTES as u64).min(self.size_bytes)
    }

    /// Makes it durable.
    pub(crate) fn sync(self) -> io::Result<()> {
        self.file.sync_all()
    }
}
