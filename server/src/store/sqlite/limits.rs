//! How much a firm's sends may hold, and how much it stores.

use portico_wire::ids::{FirmId, SendKey};
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::upload::BatchLimits;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::row;
use super::sessions::Caller;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::writer::Write;

/// What a firm has set for itself; none is the product's own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FirmLimits {
    /// Files in one send; at most [`BatchLimits::MOST`] has.
    pub batch_files_max: Option<u32>,
    /// Plain bytes of files in one send; at most [`BatchLimits::MOST`] has.
    pub batch_bytes_max: Option<u64>,
    /// Plain bytes of all files of the firm together.
    pub storage_bytes_max: Option<u64>,
}

impl FirmLimits {
    /// The limits of one send.
    #[must_use]
    pub fn batch(self) -> BatchLimits {
        let most = BatchLimits::MOST;
        BatchLimits {
            files_max: self.batch_files_max.map_or(most.files_max, |files| files.min(most.files_max)),
            bytes_max: self.batch_bytes_max.map_or(most.bytes_max, |bytes| bytes.min(most.bytes_max)),
        }
    }
}

impl Store {
    /// Sets all limits of a firm. What is over them already stays.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn set_limits(&self, firm: FirmId, limits: FirmLimits) -> Result<Change, StoreError> {
        let batch = limits.batch();
        let raises = limits.batch_files_max.is_some_and(|files| files > batch.files_max)
            || limits.batch_bytes_max.is_some_and(|bytes| bytes > batch.bytes_max);
        if raises {
            return Ok(Change::NotAllowed);
        }
        self.write(move |write| {
            let set = write
                .connection
                .prepare_cached(
                    "UPDATE firms SET batch_files_max = ?2, batch_bytes_max = ?3, storage_bytes_max = ?4
                     WHERE firm_id = ?1",
                )?
                .execute(params![
                    firm.as_bytes(),
                    limits.batch_files_max,
                    limits.batch_bytes_max.map(row::stored),
                    limits.storage_bytes_max.map(row::stored)
                ])?;
            Ok(if set == 1 { Change::Made } else { Change::NotFound })
        })
        .await
    }

    /// The limits of a firm.
    ///
    /// # Errors
    /// As every read.
    pub async fn limits(&self, firm: FirmId) -> Result<FirmLimits, StoreError> {
        self.read(move |tx| of_firm(tx, firm)).await
    }
}

/// The limits of a firm.
pub(super) fn of_firm(connection: &Connection, firm: FirmId) -> rusqlite::Result<FirmLimits> {
    let found = connection
        .prepare_cached(
            "SELECT batch_files_max, batch_bytes_max, storage_bytes_max FROM firms WHERE firm_id = ?1",
        )?
        .query_row(params![firm.as_bytes()], |row| {
            let bytes = |column| row.get::<_, Option<i64>>(column).map(|bytes| bytes.map(i64::unsigned_abs));
            Ok(FirmLimits {
                batch_files_max: row.get(0)?,
                batch_bytes_max: bytes(1)?,
                storage_bytes_max: bytes(2)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Whether `bytes` more fit into what the firm may store. Open batches count whole: their bytes are coming. That of
/// `key` itself does not.
pub(super) fn quota(
    connection: &Connection,
    caller: Caller,
    key: SendKey,
    limits: FirmLimits,
    bytes: u64,
) -> rusqlite::Result<Result<(), Refusal>> {
    let Some(limit) = limits.storage_bytes_max else { return Ok(Ok(())) };
    let used = connection
        .prepare_cached(
            "SELECT f.stored_bytes + coalesce((
               SELECT sum(b.size_bytes) FROM batch_files AS b
               WHERE b.firm_id = f.firm_id AND NOT (b.person_id = ?2 AND b.send_key = ?3)), 0)
             FROM firms AS f WHERE f.firm_id = ?1",
        )?
        .query_row(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), key.as_bytes()],
            |row| row::seq(row, 0),
        )?;
    let measured = used.saturating_add(bytes);
    Ok(if measured <= limit {
        Ok(())
    } else {
        Err(Refusal::over(RefusalCode::QuotaExceeded, limit, measured))
    })
}

/// Counts bytes that the firm stores from now on.
pub(super) fn count(write: &Write<'_>, firm: FirmId, bytes: u64) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached("UPDATE firms SET stored_bytes = stored_bytes + ?2 WHERE firm_id = ?1")?
        .execute(params![firm.as_bytes(), row::stored(bytes)])?;
    Ok(())
}
