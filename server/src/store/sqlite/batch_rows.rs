//! How open batches and spent capabilities lie in their tables.

use portico_wire::encoding::Sha256;
use portico_wire::ids::{ConversationId, DeviceId, Epoch, FirmId, PersonId, SegmentId, SendKey};
use portico_wire::limits::BATCH_KEPT_MS;
use portico_wire::upload::ManifestFile;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::row;
use super::sessions::Caller;
use super::writer::Write;
use crate::access::Membership;
use crate::blobs::Form;
use crate::log::ruling::Receipted;

/// A manifest that was understood.
pub(crate) struct NewBatch {
    pub(crate) conversation_id: ConversationId,
    pub(crate) body: String,
    pub(crate) composed_at_ms: i64,
    pub(crate) digest: Sha256,
    pub(crate) receipted: Receipted,
    pub(crate) seal: NewSeal,
    pub(crate) files: Vec<ManifestFile>,
}

/// How its bytes come.
pub(crate) enum NewSeal {
    /// Sealed by the phone; the slot of each file in the order of the manifest.
    Sealed { batch_key: [u8; 32], slots: Vec<u32> },
    /// Plain; the server seals them under a key that it makes.
    Plain,
}

/// An open batch.
#[derive(Clone)]
pub(crate) struct BatchRow {
    pub(crate) caller: Caller,
    pub(crate) key: SendKey,
    pub(crate) digest: Sha256,
    pub(crate) conversation_id: ConversationId,
    pub(crate) body: String,
    pub(crate) composed_at_ms: i64,
    pub(crate) receipted: Receipted,
    pub(crate) form: Form,
    pub(crate) batch_key: [u8; 32],
    pub(crate) segment: SegmentId,
    pub(crate) capability_hash: Sha256,
    pub(crate) minted_at_ms: i64,
    pub(crate) touched_at_ms: i64,
    /// In the order of the manifest.
    pub(crate) files: Vec<FileRow>,
}

/// A file of an open batch.
#[derive(Clone)]
pub(crate) struct FileRow {
    pub(crate) slot: u32,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
}

/// A capability whose batch is decided.
pub(crate) struct FinishedRow {
    pub(crate) caller: Caller,
    pub(crate) key: SendKey,
    pub(crate) length_bytes: u64,
    pub(crate) expires_at_ms: i64,
}

impl BatchRow {
    /// Whether the bytes that `new` announces are those of this batch.
    pub(super) fn is_packed_as(&self, new: &NewBatch) -> bool {
        match (&new.seal, self.form) {
            (NewSeal::Sealed { batch_key, slots }, Form::Sealed) => {
                *batch_key == self.batch_key
                    && slots.iter().copied().eq(self.files.iter().map(|file| file.slot))
            }
            (NewSeal::Plain, Form::Plain) => true,
            (NewSeal::Sealed { .. }, Form::Plain) | (NewSeal::Plain, Form::Sealed) => false,
        }
    }

    /// The length of the representation.
    pub(crate) fn length_bytes(&self) -> u64 {
        self.files.iter().map(|file| self.form.length_of(file.size_bytes)).sum()
    }

    /// When it is forgotten.
    pub(crate) const fn expires_at_ms(&self) -> i64 {
        self.touched_at_ms + BATCH_KEPT_MS
    }
}

const COLUMNS: &str = "b.firm_id, b.person_id, b.device_id, b.send_key, b.digest, b.conversation_id, b.body,
    b.composed_at_ms, b.receipted, b.form, b.batch_key, b.segment_id, b.capability_hash, b.minted_at_ms,
    b.touched_at_ms";

/// The first three columns of either table: firm, person and device.
fn caller_of(row: &Row<'_>) -> rusqlite::Result<Caller> {
    Ok(Caller {
        firm_id: row::id(row, 0, FirmId::from_bytes)?,
        person_id: row::id(row, 1, PersonId::from_bytes)?,
        device_id: row::id(row, 2, DeviceId::from_bytes)?,
        membership: Membership::Current,
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<BatchRow> {
    Ok(BatchRow {
        caller: caller_of(row)?,
        key: row::id(row, 3, SendKey::from_bytes)?,
        digest: row::hash(row, 4)?,
        conversation_id: row::id(row, 5, ConversationId::from_bytes)?,
        body: row.get(6)?,
        composed_at_ms: row.get(7)?,
        receipted: if row.get(8)? { Receipted::Valid } else { Receipted::No },
        form: if row.get_ref(9)?.as_str()? == PLAIN { Form::Plain } else { Form::Sealed },
        batch_key: row.get(10)?,
        segment: row::id(row, 11, SegmentId::from_bytes)?,
        capability_hash: row::hash(row, 12)?,
        minted_at_ms: row.get(13)?,
        touched_at_ms: row.get(14)?,
        files: Vec::new(),
    })
}

/// The open batch of the caller's key.
pub(super) fn of_key(
    connection: &Connection,
    caller: Caller,
    key: SendKey,
) -> rusqlite::Result<Option<BatchRow>> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM batches AS b WHERE b.firm_id = ?1 AND b.person_id = ?2 AND b.send_key = ?3"
        ))?
        .query_row(params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), key.as_bytes()], read)
        .optional()?;
    found.map(|batch| with_files(connection, batch)).transpose()
}

/// The open batch under a capability whose device is signed in still.
pub(super) fn of_capability(
    connection: &Connection,
    capability_hash: &Sha256,
    epoch: Epoch,
    now_ms: i64,
) -> rusqlite::Result<Option<BatchRow>> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM batches AS b
             JOIN devices AS d ON d.device_id = b.device_id AND d.firm_id = b.firm_id AND d.person_id = b.person_id
             WHERE b.capability_hash = ?1 AND b.epoch = ?2 AND b.touched_at_ms > ?3
               AND d.signed_out_at_ms IS NULL AND d.signed_in_at_ms <= b.minted_at_ms"
        ))?
        .query_row(params![capability_hash.as_bytes(), epoch.as_bytes(), now_ms - BATCH_KEPT_MS], read)
        .optional()?;
    found.map(|batch| with_files(connection, batch)).transpose()
}

/// Says that a batch lies in another segment, under another key.
pub(super) fn move_to(
    connection: &Connection,
    from: SegmentId,
    to: SegmentId,
    batch_key: &[u8; 32],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE batches SET segment_id = ?2, batch_key = ?3 WHERE segment_id = ?1")?
        .execute(params![from.as_bytes(), to.as_bytes(), batch_key])?;
    Ok(())
}

fn with_files(connection: &Connection, mut batch: BatchRow) -> rusqlite::Result<BatchRow> {
    let caller = batch.caller;
    batch.files = connection
        .prepare_cached(
            "SELECT slot, name, size_bytes, sha256 FROM batch_files
             WHERE firm_id = ?1 AND person_id = ?2 AND send_key = ?3 ORDER BY place",
        )?
        .query_map(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), batch.key.as_bytes()],
            |row| {
                Ok(FileRow {
                    slot: row.get(0)?,
                    name: row.get(1)?,
                    size_bytes: row::seq(row, 2)?,
                    sha256: row::hash(row, 3)?,
                })
            },
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(batch)
}

const SEALED: &str = "sealed";
const PLAIN: &str = "plain";

/// Keeps a manifest under a fresh segment.
pub(super) fn insert(
    write: &Write<'_>,
    caller: Caller,
    key: SendKey,
    capability: &[u8; 32],
    new: &NewBatch,
) -> rusqlite::Result<()> {
    let (form, batch_key, slots) = match &new.seal {
        NewSeal::Sealed { batch_key, slots } => (SEALED, *batch_key, slots.clone()),
        NewSeal::Plain => {
            (PLAIN, write.ports.random(), (0..).zip(&new.files).map(|(slot, _)| slot).collect())
        }
    };
    let segment = SegmentId::from_parts(write.now_ms, write.ports.random());
    let (firm, person) = (caller.firm_id.as_bytes(), caller.person_id.as_bytes());
    write
        .connection
        .prepare_cached(
            "INSERT INTO batches (firm_id, person_id, send_key, digest, conversation_id, body, composed_at_ms,
               receipted, form, batch_key, segment_id, epoch, capability_hash, device_id, minted_at_ms, touched_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            firm,
            person,
            key.as_bytes(),
            new.digest.as_bytes(),
            new.conversation_id.as_bytes(),
            new.body,
            new.composed_at_ms,
            new.receipted == Receipted::Valid,
            form,
            batch_key,
            segment.as_bytes(),
            write.epoch.as_bytes(),
            Sha256::of(&[capability]).as_bytes(),
            caller.device_id.as_bytes(),
            minted_at_ms(write, caller)?,
            write.now_ms
        ])?;
    let mut insert = write.connection.prepare_cached(
        "INSERT INTO batch_files (firm_id, person_id, send_key, place, slot, name, size_bytes, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for ((place, file), slot) in (0_u32..).zip(&new.files).zip(slots) {
        insert.execute(params![
            firm,
            person,
            key.as_bytes(),
            place,
            slot,
            file.name,
            row::stored(file.size_bytes),
            file.sha256.as_bytes()
        ])?;
    }
    Ok(())
}

/// Hands an open batch over: to the caller's device, under a new capability.
pub(super) fn renew(
    write: &Write<'_>,
    caller: Caller,
    key: SendKey,
    capability: &[u8; 32],
    receipted: Receipted,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "UPDATE batches SET capability_hash = ?4, device_id = ?5, epoch = ?6, receipted = ?7, minted_at_ms = ?8,
               touched_at_ms = ?9
             WHERE firm_id = ?1 AND person_id = ?2 AND send_key = ?3",
        )?
        .execute(params![
            caller.firm_id.as_bytes(),
            caller.person_id.as_bytes(),
            key.as_bytes(),
            Sha256::of(&[capability]).as_bytes(),
            caller.device_id.as_bytes(),
            write.epoch.as_bytes(),
            receipted == Receipted::Valid,
            minted_at_ms(write, caller)?,
            write.now_ms
        ])?;
    Ok(())
}

/// When a capability is made for the caller: not before their device has signed in, whatever a clock that was set back
/// says. It would be dead at once.
fn minted_at_ms(write: &Write<'_>, caller: Caller) -> rusqlite::Result<i64> {
    write
        .connection
        .prepare_cached("SELECT max(signed_in_at_ms, ?2) FROM devices WHERE device_id = ?1")?
        .query_row(params![caller.device_id.as_bytes(), write.now_ms], |row| row.get(0))
}

/// Ends an open batch; its segment, if there was one.
pub(super) fn delete(
    connection: &Connection,
    caller: Caller,
    key: SendKey,
) -> rusqlite::Result<Option<SegmentId>> {
    connection
        .prepare_cached(
            "DELETE FROM batches WHERE firm_id = ?1 AND person_id = ?2 AND send_key = ?3 RETURNING segment_id",
        )?
        .query_row(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), key.as_bytes()],
            |row| row::id(row, 0, SegmentId::from_bytes),
        )
        .optional()
}

/// Keeps the capability of a batch that is decided.
pub(super) fn insert_finished(
    write: &Write<'_>,
    batch: &BatchRow,
    expires_at_ms: i64,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "INSERT INTO finished_uploads (capability_hash, firm_id, person_id, send_key, device_id, minted_at_ms,
               epoch, length_bytes, expires_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            batch.capability_hash.as_bytes(),
            batch.caller.firm_id.as_bytes(),
            batch.caller.person_id.as_bytes(),
            batch.key.as_bytes(),
            batch.caller.device_id.as_bytes(),
            batch.minted_at_ms,
            write.epoch.as_bytes(),
            row::stored(batch.length_bytes()),
            expires_at_ms
        ])?;
    Ok(())
}

/// What a spent capability was for, while its device is signed in still.
pub(super) fn finished(
    connection: &Connection,
    capability_hash: &Sha256,
    epoch: Epoch,
    now_ms: i64,
) -> rusqlite::Result<Option<FinishedRow>> {
    connection
        .prepare_cached(
            "SELECT f.firm_id, f.person_id, f.device_id, f.send_key, f.length_bytes, f.expires_at_ms
             FROM finished_uploads AS f
             JOIN devices AS d ON d.device_id = f.device_id AND d.firm_id = f.firm_id AND d.person_id = f.person_id
             WHERE f.capability_hash = ?1 AND f.epoch = ?2 AND f.expires_at_ms > ?3
               AND d.signed_out_at_ms IS NULL AND d.signed_in_at_ms <= f.minted_at_ms",
        )?
        .query_row(params![capability_hash.as_bytes(), epoch.as_bytes(), now_ms], |row| {
            Ok(FinishedRow {
                caller: caller_of(row)?,
                key: row::id(row, 3, SendKey::from_bytes)?,
                length_bytes: row::seq(row, 4)?,
                expires_at_ms: row.get(5)?,
            })
        })
        .optional()
}

/// The segments of batches that are over, at most `limit`, and whether any capability is.
pub(super) fn expired(
    connection: &Connection,
    now_ms: i64,
    limit: u32,
) -> rusqlite::Result<(Vec<SegmentId>, bool)> {
    let segments = connection
        .prepare_cached(
            "SELECT segment_id FROM batches WHERE touched_at_ms <= ?1 ORDER BY touched_at_ms LIMIT ?2",
        )?
        .query_map(params![now_ms - BATCH_KEPT_MS, limit], |row| row::id(row, 0, SegmentId::from_bytes))?
        .collect::<rusqlite::Result<_>>()?;
    let finished = connection
        .prepare_cached("SELECT 1 FROM finished_uploads WHERE expires_at_ms <= ?1 LIMIT 1")?
        .exists(params![now_ms])?;
    Ok((segments, finished))
}

/// Ends a batch that is over still; whether it was.
pub(super) fn delete_expired(
    connection: &Connection,
    segment: SegmentId,
    now_ms: i64,
) -> rusqlite::Result<bool> {
    let deleted = connection
        .prepare_cached("DELETE FROM batches WHERE segment_id = ?1 AND touched_at_ms <= ?2")?
        .execute(params![segment.as_bytes(), now_ms - BATCH_KEPT_MS])?;
    Ok(deleted == 1)
}

/// Drops capabilities that are over.
pub(super) fn delete_finished(connection: &Connection, now_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM finished_uploads WHERE expires_at_ms <= ?1")?
        .execute(params![now_ms])?;
    Ok(())
}
