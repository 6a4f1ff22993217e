//! One committed file, read chunk by chunk as plain bytes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use futures_util::{Stream, stream};
use portico_wire::seal::{
    CHUNK_BYTES, FileCipher, FileKey, SEALED_CHUNK_BYTES, TAG_BYTES, chunk_plain_bytes, place_of,
};

use tokio::task::spawn_blocking;

use super::segments::Segments;
use crate::store::Content;

/// Plain bytes read at a time: what one reader holds, twice over while whoever takes them is busy.
const READ_BYTES: u64 = 256 * 1024;

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
    pub(crate) fn open(segments: &Segments, content: &Content) -> io::Result<Self> {
        let cipher = FileKey::from_parts(content.batch_id, content.slot, content.file_key).cipher();
        let file = File::open(segments.path(content.segment))?;
        Ok(Self { file, cipher, offset: content.segment_offset, size_bytes: content.size_bytes })
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

    /// The plain bytes from `from` up to `until`, or to the end of the file, read as they are taken, off the threads that
    /// serve. It ends at the first fault, which is one of [`SealedFile::read`].
    pub(crate) fn stream(self, from: u64, until: u64) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
        let until = until.min(self.size_bytes);
        stream::try_unfold((self, from), move |(mut file, at)| async move {
            if at >= until {
                return Ok(None);
            }
            let read = spawn_blocking(move || {
                let mut plain = Vec::new();
                file.read(at, until.min((at / READ_BYTES + 1) * READ_BYTES), &mut plain)?;
                Ok::<_, io::Error>((plain, file))
            });
            let (plain, file) = read.await.map_err(io::Error::other).flatten()?;
            let next = at + plain.len() as u64;
            Ok(Some((plain, (file, next))))
        })
    }
}
