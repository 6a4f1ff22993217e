//! The pack: picked files, sealed as they are copied, one behind the other in one file (see `portico_wire::seal`).
//!
//! Holds: nothing plain is written. At most one chunk more than is sealed is in memory. Crash: what was half written
//! lies behind the last file that a row names, and is cut off by the next append.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use portico_wire::encoding::Sha256;
use portico_wire::file::{TYPE_BYTES, media_type};
use portico_wire::seal::{
    CHUNK_BYTES, Chunk, FileCipher, FileKey, TAG_BYTES, chunk_plain_bytes, chunks, place_of, sealed_bytes,
};
use ring::digest;

use crate::ports::files::{open_private, sync_folder};
use crate::store::{BatchRow, PickedFile};

/// What a copied file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Plain bytes.
    pub size_bytes: u64,
    /// Of the plain bytes.
    pub sha256: Sha256,
    /// What its bytes tell.
    pub media_type: &'static str,
}

/// Why a file did not get into the pack. The pack ends where it ended before.
#[derive(Debug)]
pub enum PackError {
    /// Nobody wants it any more.
    Cancelled,
    /// It is larger than there is room for: it has at least so many bytes.
    TooLarge(u64),
    /// It can not be read.
    Source(io::Error),
    /// The pack can not be written.
    Disk(io::Error),
}

/// Read and written at once: one system call for four chunks.
const BUFFER_BYTES: usize = 256 * 1024;

/// Copies `source` behind byte `at_bytes` of the pack at `path`, sealed under `key`, at most `room_bytes` of it.
///
/// # Errors
/// A [`PackError`].
pub fn append(
    path: &Path,
    at_bytes: u64,
    key: &FileKey,
    source: &mut dyn Read,
    room_bytes: u64,
    cancelled: &AtomicBool,
) -> Result<Packed, PackError> {
    let file = open_private(path).map_err(PackError::Disk)?;
    let copied = copy(&file, at_bytes, &key.cipher(), source, room_bytes, cancelled);
    if copied.is_err() {
        // What fails here is cut off by the next append.
        drop(file.set_len(at_bytes));
    }
    match copied {
        Err(PackError::Source(_)) if cancelled.load(Relaxed) => Err(PackError::Cancelled),
        copied => copied,
    }
}

fn copy(
    file: &File,
    at_bytes: u64,
    cipher: &FileCipher,
    source: &mut dyn Read,
    room_bytes: u64,
    cancelled: &AtomicBool,
) -> Result<Packed, PackError> {
    file.set_len(at_bytes).map_err(PackError::Disk)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    out.seek(SeekFrom::Start(at_bytes)).map_err(PackError::Disk)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let (mut size_bytes, mut index, mut head) = (0, 0, Vec::new());
    let mut chunk = next_chunk(source).map_err(PackError::Source)?;
    while !chunk.is_empty() {
        if cancelled.load(Relaxed) {
            return Err(PackError::Cancelled);
        }
        size_bytes += chunk.len() as u64;
        if size_bytes > room_bytes {
            return Err(PackError::TooLarge(size_bytes));
        }
        if index == 0 {
            head = chunk.get(..TYPE_BYTES).unwrap_or(&chunk).to_vec();
        }
        hash.update(&chunk);
        // Only the next read tells whether this chunk is the last.
        let next = if chunk.len() < CHUNK_BYTES {
            Vec::new()
        } else {
            next_chunk(source).map_err(PackError::Source)?
        };
        cipher.seal(index, if next.is_empty() { Chunk::Last } else { Chunk::Inner }, &mut chunk);
        out.write_all(&chunk).map_err(PackError::Disk)?;
        index += 1;
        chunk = next;
    }
    out.flush().map_err(PackError::Disk)?;
    Ok(Packed { size_bytes, sha256: hash.finish().into(), media_type: media_type(&head) })
}

/// The next [`CHUNK_BYTES`] of `source`, or what is left.
fn next_chunk(source: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
    source.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

/// Makes the pack durable, and its name in its folder.
///
/// # Errors
/// Those of the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// The plain bytes of one file of a pack. A chunk that does not open is an error of kind `InvalidData`.
pub struct PlainReader {
    sealed: BufReader<io::Take<File>>,
    cipher: FileCipher,
    size_bytes: u64,
    index: u64,
    chunk: Vec<u8>,
    read_bytes: usize,
}

impl std::fmt::Debug for PlainReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlainReader({} bytes)", self.size_bytes)
    }
}

impl PlainReader {
    /// Reads the file of `size_bytes` that lies sealed at byte `at_bytes` of `path`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(path: &Path, at_bytes: u64, size_bytes: u64, key: &FileKey) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at_bytes))?;
        let sealed = BufReader::with_capacity(BUFFER_BYTES, file.take(sealed_bytes(size_bytes)));
        Ok(Self { sealed, cipher: key.cipher(), size_bytes, index: 0, chunk: Vec::new(), read_bytes: 0 })
    }

    fn open_next(&mut self) -> io::Result<()> {
        let plain_bytes = chunk_plain_bytes(self.size_bytes, self.index);
        self.chunk.resize(plain_bytes + TAG_BYTES, 0);
        self.sealed.read_exact(&mut self.chunk)?;
        let place = place_of(self.size_bytes, self.index);
        self.cipher
            .open(self.index, place, &mut self.chunk)
            .map_err(|damaged| io::Error::new(io::ErrorKind::InvalidData, damaged))?;
        self.chunk.truncate(plain_bytes);
        self.read_bytes = 0;
        self.index += 1;
        Ok(())
    }
}

impl Read for PlainReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.read_bytes == self.chunk.len() {
            if self.index == chunks(self.size_bytes) {
                return Ok(0);
            }
            self.open_next()?;
        }
        let rest = self.chunk.get(self.read_bytes..).unwrap_or(&[]);
        let count = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.read_bytes += count;
        Ok(count)
    }
}

/// The plain bytes of `file` of `batch`, whose pack lies at `path`.
///
/// # Errors
/// Those of the disk.
pub fn plain(path: &Path, batch: &BatchRow, file: &PickedFile) -> io::Result<PlainReader> {
    let key = batch.batch_key.file_key(batch.id(), file.slot);
    PlainReader::open(path, file.at_bytes, file.size_bytes, &key)
}

/// The place of the first file of `batch` that the pack at `path` does not hold as it was picked; none where it holds
/// all of them.
#[must_use]
pub fn damaged_file(path: &Path, batch: &BatchRow) -> Option<u32> {
    let whole = |file: &PickedFile| {
        plain(path, batch, file).and_then(|mut plain| hash_of(&mut plain)).ok() == Some(file.sha256)
    };
    (0..).zip(&batch.files).find(|(_, file)| !whole(file)).map(|(place, _)| place)
}

/// The SHA-256 of everything that `source` gives.
///
/// # Errors
/// Those of `source`.
pub fn hash_of(source: &mut dyn Read) -> io::Result<Sha256> {
    let mut hash = digest::Context::new(&digest::SHA256);
    loop {
        let chunk = next_chunk(source)?;
        if chunk.is_empty() {
            return Ok(hash.finish().into());
        }
        hash.update(&chunk);
    }
}

/// Whether the files of `batch` lie one behind the other from the first byte, as they are to be sent.
#[must_use]
pub fn is_close(batch: &BatchRow) -> bool {
    batch.end_bytes() == batch.length_bytes()
        && batch.files.is_sorted_by(|before, after| before.end_bytes() == after.at_bytes)
}

/// Copies the files of `batch`, still sealed, from the pack at `from` into a new one at `to`, without holes, and says
/// so in the rows.
///
/// # Errors
/// Those of the disk; the old pack is as it was.
pub fn close_up(from: &Path, to: &Path, batch: &mut BatchRow) -> io::Result<()> {
    let source = File::open(from)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, open_private(to)?);
    out.get_ref().set_len(0)?;
    let mut end_bytes = 0;
    for file in &mut batch.files {
        let length = sealed_bytes(file.size_bytes);
        (&source).seek(SeekFrom::Start(file.at_bytes))?;
        if io::copy(&mut (&source).take(length), &mut out)? != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.at_bytes = end_bytes;
        end_bytes += length;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use portico_wire::ids::{ConversationId, SendKey};
    use portico_wire::seal::BatchKey;

    use super::*;

    fn batch() -> BatchRow {
        BatchRow {
            send_key: SendKey::from_bytes([1; 16]),
            conversation_id: ConversationId::from_bytes([2; 16]),
            batch_key: BatchKey::from_bytes([3; 32]),
            pack: "pack".to_owned(),
            server_bytes: 0,
            metered: false,
            files: Vec::new(),
        }
    }

    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
    }

    fn pack(path: &Path, batch: &mut BatchRow, slot: u32, content: &[u8]) {
        let key = batch.batch_key.file_key(batch.id(), slot);
        let at_bytes = batch.end_bytes();
        let packed = append(path, at_bytes, &key, &mut &*content, u64::MAX, &AtomicBool::new(false)).unwrap();
        batch.files.push(PickedFile {
            slot,
            name: format!("{slot}"),
            size_bytes: packed.size_bytes,
            sha256: packed.sha256,
            media_type: packed.media_type.to_owned(),
            at_bytes,
        });
    }

    fn opened(path: &Path, batch: &BatchRow, place: usize) -> Vec<u8> {
        let mut out = Vec::new();
        plain(path, batch, &batch.files[place]).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    // R1, R55: what comes out is what went in, and what lies on the disk is not.
    #[test]
    fn files_of_every_size_come_out_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let mut batch = batch();
        let sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000];
        for (slot, size) in (0..).zip(sizes) {
            pack(&path, &mut batch, slot, &bytes(size));
        }

        for (place, size) in sizes.into_iter().enumerate() {
            assert_eq!(opened(&path, &batch, place), bytes(size));
            assert_eq!(batch.files[place].sha256, Sha256::of(&[&bytes(size)]));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), batch.length_bytes());
        assert!(is_close(&batch));
        let (on_disk, canary) = (std::fs::read(&path).unwrap(), bytes(32));
        assert!(!on_disk.windows(32).any(|window| window == canary));
        assert_eq!(damaged_file(&path, &batch), None);
    }

    #[test]
    fn hole_is_closed_without_sealing_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, closed) = (folder.path().join("pack"), folder.path().join("closed"));
        let mut batch = batch();
        for (slot, size) in [(0, 70_000), (1, 5), (2, 90_000)] {
            pack(&path, &mut batch, slot, &bytes(size));
        }
        batch.files.remove(1);
        assert!(!is_close(&batch));

        close_up(&path, &closed, &mut batch).unwrap();

        assert!(is_close(&batch));
        assert_eq!((opened(&closed, &batch, 0), opened(&closed, &batch, 1)), (bytes(70_000), bytes(90_000)));
        assert_eq!(std::fs::metadata(&closed).unwrap().len(), batch.length_bytes());
    }

    // R13
    #[test]
    fn file_that_is_too_large_or_unwanted_leaves_the_pack_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let mut batch = batch();
        pack(&path, &mut batch, 0, &bytes(10));
        let key = batch.batch_key.file_key(batch.id(), 1);
        let end = batch.end_bytes();
        let attempt = |room, cancelled| {
            append(&path, end, &key, &mut io::repeat(7).take(300_000), room, &AtomicBool::new(cancelled))
        };

        assert!(matches!(attempt(100_000, false), Err(PackError::TooLarge(131_072))));
        assert!(matches!(attempt(u64::MAX, true), Err(PackError::Cancelled)));

        assert_eq!(std::fs::metadata(&path).unwrap().len(), end);
        assert_eq!(opened(&path, &batch, 0), bytes(10));
    }

    #[test]
    fn damaged_file_is_found_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let mut batch = batch();
        for slot in 0..3 {
            pack(&path, &mut batch, slot, &bytes(100_000));
        }
        let mut on_disk = std::fs::read(&path).unwrap();
        let at = usize::try_from(batch.files[1].at_bytes).unwrap() + 70_000;
        on_disk[at] ^= 1;
        std::fs::write(&path, on_disk).unwrap();

        assert_eq!(damaged_file(&path, &batch), Some(1));
    }
}
