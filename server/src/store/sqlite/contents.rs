//! The bytes of files, which attachments and documents share: where each lies, how it is sealed, what was said of it.

use portico_wire::encoding::Sha256;
use portico_wire::ids::{ContentId, FirmId, SegmentId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::row;
use super::scans::Verdict;
use super::store::{Store, StoreError};
use super::writer::Write;

/// The bytes of a file, and where and how they are sealed. Without `Debug`: it holds the file's key.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) content_id: ContentId,
    pub(crate) media_type: String,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
    pub(crate) segment: SegmentId,
    pub(crate) segment_offset: u64,
    pub(crate) slot: u32,
    pub(crate) batch_id: [u8; 16],
    pub(crate) file_key: [u8; 32],
    /// None while nobody has judged it.
    pub(crate) verdict: Option<Verdict>,
}

/// What the bytes of one file have told, and where they lie. Without `Debug`: it holds the file's key.
#[derive(Clone)]
pub(crate) struct StoredFile {
    pub(crate) media_type: &'static str,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
    pub(crate) segment_offset: u64,
    pub(crate) slot: u32,
    pub(crate) file_key: [u8; 32],
}

/// What [`read`] reads, of `contents AS c`.
pub(super) const COLUMNS: &str = "c.content_id, c.media_type, c.size_bytes, c.sha256, c.segment_id,
    c.segment_offset, c.slot, c.batch_id, c.file_key, c.verdict";

/// How many columns [`COLUMNS`] are.
pub(super) const COLUMN_COUNT: usize = 10;

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Content> {
    Ok(Content {
        content_id: row::id(row, 0, ContentId::from_bytes)?,
        media_type: row.get(1)?,
        size_bytes: row::seq(row, 2)?,
        sha256: row::hash(row, 3)?,
        segment: row::id(row, 4, SegmentId::from_bytes)?,
        segment_offset: row::seq(row, 5)?,
        slot: row.get(6)?,
        batch_id: row.get(7)?,
        file_key: row.get(8)?,
        verdict: row::verdict(row, 9)?,
    })
}

impl Store {
    /// Files of every firm above `after` in the order of their ids, at most `limit`, asking nobody: for the proof.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn contents_after(
        &self,
        after: ContentId,
        limit: u32,
    ) -> Result<Vec<Content>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM contents AS c WHERE c.content_id > ?1 ORDER BY c.content_id LIMIT ?2"
            ))?
            .query_map(params![after.as_bytes(), limit], read)?
            .collect()
        })
        .await
    }

    /// Those of `found` that no file and no open batch needs: what a crash has left.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) fn orphans(&self, found: Vec<SegmentId>) -> Result<Vec<SegmentId>, StoreError> {
        self.read_here(move |tx| {
            let mut needed = tx.prepare_cached(
                "SELECT 1 FROM contents WHERE segment_id = ?1
                 UNION ALL SELECT 1 FROM batches WHERE segment_id = ?1",
            )?;
            let mut orphans = Vec::new();
            for segment in found {
                if !needed.exists(params![segment.as_bytes()])? {
                    orphans.push(segment);
                }
            }
            Ok(orphans)
        })
    }
}

/// A file of the firm with these bytes.
pub(super) fn of_hash(
    connection: &Connection,
    firm: FirmId,
    sha256: &Sha256,
) -> rusqlite::Result<Option<Content>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM contents AS c WHERE c.firm_id = ?1 AND c.sha256 = ?2 LIMIT 1"
        ))?
        .query_row(params![firm.as_bytes(), sha256.as_bytes()], read)
        .optional()
}

/// Keeps the files of a segment, sealed under keys of `batch_id`; their ids, in the same order.
pub(super) fn insert(
    write: &mut Write<'_>,
    firm: FirmId,
    segment: SegmentId,
    batch_id: [u8; 16],
    stored: &[StoredFile],
) -> rusqlite::Result<Vec<ContentId>> {
    let mut insert = write.connection.prepare_cached(
        "INSERT INTO contents (firm_id, content_id, media_type, size_bytes, sha256, segment_id, segment_offset, slot,
           batch_id, file_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let mut ids = Vec::new();
    for file in stored {
        let id = ContentId::from_parts(write.now_ms, write.ports.random());
        insert.execute(params![
            firm.as_bytes(),
            id.as_bytes(),
            file.media_type,
            row::stored(file.size_bytes),
            file.sha256.as_bytes(),
            segment.as_bytes(),
            row::stored(file.segment_offset),
            file.slot,
            batch_id,
            file.file_key
        ])?;
        ids.push(id);
    }
    write.scans_due = true;
    Ok(ids)
}
