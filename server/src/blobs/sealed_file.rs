//! One committed file, read chunk by chunk as plain bytes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use portico_wire::seal::{
    CHUNK_BYTES, FileCipher, FileKey, SEALED_CHUNK_BYTES, TAG_BYTES, chunk_plain_bytes, place_of,
};

use super::segments::Segments;
use crate::store::AttachmentRow;

/// An open file. Its reads block.
pub(crate) struct SealedFile {
    file: File,
    cipher: FileCipher,
    offset: u64,
    size_bytes: u64,
}

impl SealedFile {
    /// Opens a file.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn open(segments: &Segments, row: &AttachmentRow) -> io::Result<Self> {
        let cipher = FileKey::from_parts(row.batch_id, row.slot, row.file_key).cipher();
        let file = File::open(segments.path(row.segment))?;
        Ok(Self { file, cipher, offset: row.segment_offset, size_bytes: row.size_bytes })
    }

    /// Reads the plain bytes from `from` up to `until`, or to the end of the file, onto the end of `out`.
    ///
    /// # Errors
    /// Those of the disk, and `InvalidData` where a chunk does not open.
    pub(crate) fn read(&mut self, from: u64, until: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let until = until.min(self.size_bytes);
        let mut index = from / CHUNK_BYTES as u64;
        self.file.seek(SeekFrom::Start(self.offset + index * SEALED_CHUNK_BYTES))?;
        let mut chunk = Vec::new();
        while index * (CHUNK_BYTES as u64) < until {
            chunk.resize(chunk_plain_bytes(self.size_bytes, index) + TAG_BYTES, 0);
            self.file.read_exact(&mut chunk)?;
            let place = place_of(self.size_bytes, index);
            let plain = self
                .cipher
                .open(index, place, &mut chunk)
                .map_err(|damaged| io::Error::new(io::ErrorKind::InvalidData, damaged))?;
            let begin = index * CHUNK_BYTES as u64;
            let first = usize::try_from(from.saturating_sub(begin)).unwrap_or(usize::MAX);
            let end = usize::try_from(until - begin).unwrap_or(usize::MAX).min(plain.len());
            out.extend_from_slice(plain.get(first..end).unwrap_or_default());
            index += 1;
        }
        Ok(())
    }
}
