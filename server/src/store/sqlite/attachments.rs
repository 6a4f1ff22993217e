//! The files of entries: written with their entry, read by whoever may read it.

use portico_wire::encoding::Sha256;
use portico_wire::entry::Entry;
use portico_wire::ids::{AttachmentId, FirmId, SegmentId};
use portico_wire::upload::batch_id;
use rusqlite::{OptionalExtension as _, Row, params};

use super::batch_rows::BatchRow;
use super::batches::StoredFile;
use super::row;
use super::scans::Verdict;
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::access;

/// A file of an entry, and where and how it is sealed.
#[derive(Clone)]
pub(crate) struct AttachmentRow {
    pub(crate) attachment_id: AttachmentId,
    pub(crate) name: String,
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

pub(super) const COLUMNS: &str =
    "a.attachment_id, a.name, a.media_type, a.size_bytes, a.sha256, a.segment_id,
    a.segment_offset, a.slot, a.batch_id, a.file_key, a.verdict";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<AttachmentRow> {
    Ok(AttachmentRow {
        attachment_id: row::id(row, 0, AttachmentId::from_bytes)?,
        name: row.get(1)?,
        media_type: row.get(2)?,
        size_bytes: row::seq(row, 3)?,
        sha256: row::hash(row, 4)?,
        segment: row::id(row, 5, SegmentId::from_bytes)?,
        segment_offset: row::seq(row, 6)?,
        slot: row.get(7)?,
        batch_id: row.get(8)?,
        file_key: row.get(9)?,
        verdict: row::verdict(row, 10)?,
    })
}

impl Store {
    /// One file; none where the caller may not read its entry, or there is none (R17).
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn attachment(
        &self,
        caller: Caller,
        attachment: AttachmentId,
    ) -> Result<Option<AttachmentRow>, StoreError> {
        let readable = access::readable_by("a.conversation_id", "a.seq");
        self.read(move |tx| {
            tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM attachments AS a
                 WHERE a.firm_id = ?1 AND a.attachment_id = ?3 AND {readable}"
            ))?
            .query_row(
                params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), attachment.as_bytes()],
                read,
            )
            .optional()
        })
        .await
    }

    /// Files of every firm above `after` in the order of their ids, at most `limit`, asking nobody: for the proof.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn attachments_after(
        &self,
        after: AttachmentId,
        limit: u32,
    ) -> Result<Vec<AttachmentRow>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM attachments AS a WHERE a.attachment_id > ?1 ORDER BY a.attachment_id LIMIT ?2"
            ))?
            .query_map(params![after.as_bytes(), limit], read)?
            .collect()
        })
        .await
    }

    /// Those of `found` that no attachment and no open batch needs: what a crash has left.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) fn orphans(&self, found: Vec<SegmentId>) -> Result<Vec<SegmentId>, StoreError> {
        self.read_here(move |tx| {
            let mut needed = tx.prepare_cached(
                "SELECT 1 FROM attachments WHERE segment_id = ?1
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

/// Keeps the files of `entry`, in their order; where each lies in the batch's segment is in `stored`.
pub(super) fn insert(
    write: &mut Write<'_>,
    firm: FirmId,
    batch: &BatchRow,
    entry: &Entry,
    stored: &[StoredFile],
) -> rusqlite::Result<()> {
    let mut insert = write.connection.prepare_cached(
        "INSERT INTO attachments (firm_id, conversation_id, seq, place, attachment_id, name, media_type, size_bytes,
           sha256, segment_id, segment_offset, slot, batch_id, file_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    for ((place, file), stored) in (0_u32..).zip(&entry.files).zip(stored) {
        insert.execute(params![
            firm.as_bytes(),
            entry.conversation_id.as_bytes(),
            row::stored(entry.seq),
            place,
            file.attachment_id.as_bytes(),
            file.name,
            file.media_type,
            row::stored(file.size_bytes),
            file.sha256.as_bytes(),
            batch.segment.as_bytes(),
            row::stored(stored.segment_offset),
            stored.slot,
            batch_id(batch.key),
            stored.file_key
        ])?;
    }
    write.scans_due = true;
    Ok(())
}
