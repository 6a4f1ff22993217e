//! Opens the chunks of a batch in their order, hashes each file, and reads its type from its first bytes.
//!
//! Holds: what was counted has opened in its own place. A file whose every chunk opened and whose hash is another one
//! stops the count for good: its bytes are not those of the manifest.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use portico_wire::file::{TYPE_BYTES, media_type};
use portico_wire::ids::SegmentId;
use portico_wire::seal::{ChunkDamaged, FileCipher, TAG_BYTES, chunks};
use ring::digest;

use super::layout::{Cursor, LaidFile, Layout, Piece};
use super::segments::Segments;
use crate::store::StoredFile;

/// A batch, as far as it has come.
pub(crate) struct Opener {
    layout: Arc<Layout>,
    at: Cursor,
    /// The file at the cursor; none at the end.
    open: Option<OpenFile>,
    /// The media types of the files before it.
    told: Vec<&'static str>,
    damaged: Option<u32>,
}

struct OpenFile {
    cipher: FileCipher,
    hash: digest::Context,
    head: Vec<u8>,
}

impl OpenFile {
    fn of(file: &LaidFile) -> Self {
        Self { cipher: file.key.cipher(), hash: digest::Context::new(&digest::SHA256), head: Vec::new() }
    }

    fn count(&mut self, plain: &[u8]) {
        self.hash.update(plain);
        let wanted = TYPE_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(plain.get(..wanted).unwrap_or(plain));
    }
}

impl Opener {
    /// At the beginning of the batch.
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        let open = layout.files.first().map(OpenFile::of);
        let mut opener = Self { layout, at: Cursor::default(), open, told: Vec::new(), damaged: None };
        opener.settle();
        opener
    }

    /// How far it has come.
    pub(crate) const fn at(&self) -> Cursor {
        self.at
    }

    /// The place of a file whose bytes are not those of the manifest.
    pub(crate) const fn damaged(&self) -> Option<u32> {
        self.damaged
    }

    /// The chunk that is due; none at the end, and none after a damaged file.
    pub(crate) fn due(&self) -> Option<Piece> {
        self.layout.piece(self.at).filter(|_| self.damaged.is_none())
    }

    /// Opens the chunk that is due, in place, and counts it.
    ///
    /// # Errors
    /// [`ChunkDamaged`]: nothing is counted.
    pub(crate) fn open(&mut self, sealed: &mut [u8]) -> Result<(), ChunkDamaged> {
        let (Some(piece), Some(file)) = (self.due(), &mut self.open) else { return Err(ChunkDamaged) };
        let plain = file.cipher.open(piece.chunk, piece.place, sealed)?;
        file.count(plain);
        self.pass(piece);
        Ok(())
    }

    /// Counts the chunk that is due, and seals it in place.
    pub(crate) fn seal(&mut self, plain: &mut Vec<u8>) {
        let (Some(piece), Some(file)) = (self.due(), &mut self.open) else { return };
        file.count(plain);
        file.cipher.seal(piece.chunk, piece.place, plain);
        self.pass(piece);
    }

    fn pass(&mut self, piece: Piece) {
        self.at = Layout::after(self.at, piece);
        self.settle();
    }

    /// Closes every file that is whole: the one at the cursor, and empty ones behind it.
    fn settle(&mut self) {
        while let (Some(file), Some(open)) = (self.layout.files.get(self.at.file), &self.open) {
            if self.at.chunk < chunks(file.size_bytes) {
                return;
            }
            if open.hash.clone().finish().as_ref() != file.sha256.as_bytes() {
                self.damaged = u32::try_from(self.at.file).ok();
                return;
            }
            self.told.push(media_type(&open.head));
            self.at = Cursor { file: self.at.file + 1, chunk: 0, ..self.at };
            self.open = self.layout.files.get(self.at.file).map(OpenFile::of);
        }
    }

    /// What to keep of each file; none before every file is whole.
    pub(crate) fn stored(&self) -> Option<Vec<StoredFile>> {
        if self.told.len() != self.layout.files.len() {
            return None;
        }
        let stored = self.layout.files.iter().zip(&self.told).map(|(file, media_type)| StoredFile {
            media_type,
            size_bytes: file.size_bytes,
            sha256: file.sha256,
            segment_offset: file.disk_offset,
            slot: file.slot,
            file_key: *file.key.as_bytes(),
        });
        Some(stored.collect())
    }
}

/// Finds how far a segment opens, and cuts away what lies behind: half a chunk, or what never reached the disk.
///
/// Afterwards what is left is durable. Blocks for as long as it takes to read the segment.
/// # Errors
/// Those of the disk; what opens is still there.
pub(crate) fn look(segments: &Segments, segment: SegmentId, layout: Arc<Layout>) -> io::Result<Opener> {
    let mut opener = Opener::new(layout);
    let Some(mut file) = segments.open_present(segment)? else { return Ok(opener) };
    let mut chunk = Vec::new();
    while let Some(piece) = opener.due() {
        chunk.resize(piece.disk_bytes, 0);
        match file.read_exact(&mut chunk) {
            Ok(()) => {}
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(fault) => return Err(fault),
        }
        if opener.open(&mut chunk).is_err() {
            break;
        }
    }
    file.set_len(opener.at.disk_bytes)?;
    file.sync_all()?;
    Ok(opener)
}

/// Copies what opens of the segment `from`, laid out as `old`, into the segment `to`, sealed as `new` says: the same
/// files under other keys. Durable when it returns. Blocks for as long as it takes to read it.
///
/// # Errors
/// Those of the disk; `from` is as it was.
pub(crate) fn reseal(
    segments: &Segments,
    (from, old): (SegmentId, Arc<Layout>),
    (to, new): (SegmentId, Arc<Layout>),
) -> io::Result<()> {
    let (mut opener, mut sealer) = (Opener::new(old), Opener::new(new));
    let Some(mut file) = segments.open_present(from)? else { return Ok(()) };
    let mut out = segments.open_to_append(to, 0)?;
    let mut chunk = Vec::new();
    while let Some(piece) = opener.due() {
        chunk.resize(piece.disk_bytes, 0);
        match file.read_exact(&mut chunk) {
            Ok(()) => {}
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(fault) => return Err(fault),
        }
        if opener.open(&mut chunk).is_err() {
            break;
        }
        chunk.truncate(piece.disk_bytes - TAG_BYTES);
        sealer.seal(&mut chunk);
        out.write_all(&chunk)?;
    }
    out.sync_all()
}
