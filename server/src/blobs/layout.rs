//! Where each chunk of a batch lies, on the wire and on disk. Pure.
//!
//! Holds: the files lie one after another in the order of the manifest, nothing between them. An empty file has no
//! chunk. On disk every chunk is sealed; on the wire it is sealed or plain, by the batch's [`Form`].

use portico_wire::encoding::Sha256;
use portico_wire::seal::{
    BatchKey, Chunk, FileKey, TAG_BYTES, chunk_plain_bytes, chunks, place_of, sealed_bytes,
};
use portico_wire::upload::batch_id;

use crate::store::BatchRow;

/// In which form the bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they will lie on disk.
    Sealed,
    /// Plain; the server seals each chunk.
    Plain,
}

impl Form {
    /// How long a file of `size_bytes` is in this form.
    pub(crate) const fn length_of(self, size_bytes: u64) -> u64 {
        match self {
            Self::Sealed => sealed_bytes(size_bytes),
            Self::Plain => size_bytes,
        }
    }
}

/// One file of the batch.
#[derive(Debug)]
pub(crate) struct LaidFile {
    pub(crate) slot: u32,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
    pub(crate) key: FileKey,
    /// Where it begins on disk.
    pub(crate) disk_offset: u64,
}

/// A batch laid out.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) form: Form,
    /// In the order of the manifest.
    pub(crate) files: Vec<LaidFile>,
}

/// A chunk's edge, and how many bytes lie before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    /// Place of the file in the manifest.
    pub(crate) file: usize,
    /// Index of the chunk in its file.
    pub(crate) chunk: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) disk_bytes: u64,
}

/// One chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    file: usize,
    pub(crate) chunk: u64,
    pub(crate) place: Chunk,
    pub(crate) wire_bytes: usize,
    pub(crate) disk_bytes: usize,
}

impl Layout {
    /// Lays a batch out.
    pub(crate) fn of(batch: &BatchRow) -> Self {
        let (key, id) = (BatchKey::from_bytes(batch.batch_key), batch_id(batch.key));
        let mut disk_offset = 0;
        let files = batch.files.iter().map(|file| {
            let laid = LaidFile {
                slot: file.slot,
                size_bytes: file.size_bytes,
                sha256: file.sha256,
                key: key.file_key(id, file.slot),
                disk_offset,
            };
            disk_offset += sealed_bytes(file.size_bytes);
            laid
        });
        Self { form: batch.form, files: files.collect() }
    }

    /// Lays out one plain file, to be sealed under `key` as slot 0 of batch `id`.
    pub(crate) fn of_one(size_bytes: u64, sha256: Sha256, key: &BatchKey, id: [u8; 16]) -> Self {
        let file = LaidFile { slot: 0, size_bytes, sha256, key: key.file_key(id, 0), disk_offset: 0 };
        Self { form: Form::Plain, files: vec![file] }
    }

    /// The chunk at `cursor`, or at the beginning of the next file that has one; none at the end.
    pub(crate) fn piece(&self, cursor: Cursor) -> Option<Piece> {
        let mut chunk = cursor.chunk;
        for (place, file) in self.files.iter().enumerate().skip(cursor.file) {
            if chunk < chunks(file.size_bytes) {
                let plain_bytes = chunk_plain_bytes(file.size_bytes, chunk);
                let disk_bytes = plain_bytes + TAG_BYTES;
                let wire_bytes = match self.form {
                    Form::Sealed => disk_bytes,
                    Form::Plain => plain_bytes,
                };
                let last = place_of(file.size_bytes, chunk);
                return Some(Piece { file: place, chunk, place: last, wire_bytes, disk_bytes });
            }
            chunk = 0;
        }
        None
    }

    /// How many bytes on disk hold the first `wire_bytes` of the wire, which end at a chunk's edge.
    pub(crate) fn disk_bytes_at(&self, wire_bytes: u64) -> u64 {
        let mut cursor = Cursor::default();
        while cursor.wire_bytes < wire_bytes
            && let Some(piece) = self.piece(cursor)
        {
            cursor = Self::after(cursor, piece);
        }
        cursor.disk_bytes
    }

    /// The edge behind `piece`, which is the one at `cursor`.
    pub(crate) const fn after(cursor: Cursor, piece: Piece) -> Cursor {
        Cursor {
            file: piece.file,
            chunk: piece.chunk + 1,
            wire_bytes: cursor.wire_bytes + piece.wire_bytes as u64,
            disk_bytes: cursor.disk_bytes + piece.disk_bytes as u64,
        }
    }
}
