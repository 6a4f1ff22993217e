//! Epochs, the ledger of backups, and what a restore does to a database.
//!
//! ```text
//! epoch 1 --b1----b2--x          x: left behind by the restore of b1; b2 is of an abandoned branch
//!           \
//!            epoch 2 --b3--      the present line: b1 and b3 may be restored
//! ```
//! Invariants: an epoch is fresh and never derived. The history of restores and the ledger survive restores. A
//! lapsed backup never comes back, so `backed_up_through` holds what it once promised.

use std::path::Path;

use portico_wire::ids::{BackupId, Epoch, SegmentId};
use rusqlite::backup::Backup;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use super::database::{DatabaseFile, OpenDatabaseError};
use super::row;
use super::store::{Store, StoreError};
use crate::ports::Ports;

/// One backup, as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRow {
    /// Which.
    pub backup_id: BackupId,
    /// The epoch it was taken in.
    pub epoch: Epoch,
    /// Its number within that epoch.
    pub number: i64,
    /// When its copying began, UTC milliseconds.
    pub taken_at_ms: i64,
    /// Whether it may not be restored any more.
    pub lapsed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Life {
    epoch: Epoch,
    /// Epoch and number of the backup it came from, and the time that went back to; none for the first.
    restored: Option<(Epoch, i64, i64)>,
    began_at_ms: i64,
}

/// Why a backup may not be restored. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreRefused {
    /// Phones were told that they need not keep what it lacks.
    #[error("the backup is older than those that are kept; phones no longer hold what it lacks")]
    Lapsed,
    /// A restore has left its branch before it was taken.
    #[error("the backup is of an abandoned branch: a restore went back to before it was taken")]
    AbandonedBranch,
    /// The ledger of this server has no such backup.
    #[error(
        "the server in this folder has not taken that backup; restore into a folder that holds the keys alone"
    )]
    Unknown,
}

impl Store {
    /// Before this, everything is in every backup that may still be restored; none without a backup.
    ///
    /// # Errors
    /// As every read.
    pub async fn backed_up_through_ms(&self) -> Result<Option<i64>, StoreError> {
        self.read(|tx| backed_up_through_ms(tx)).await
    }
}

/// The present epoch; the first one is made here.
pub(super) fn present_epoch(connection: &mut Connection, ports: &Ports) -> rusqlite::Result<Epoch> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let epoch = match lives(&transaction)?.last() {
        Some(life) => life.epoch,
        None => {
            let now_ms = ports.clock.now_ms();
            let life = Life {
                epoch: Epoch::from_parts(now_ms, ports.random()),
                restored: None,
                began_at_ms: now_ms,
            };
            insert_life(&transaction, &life)?;
            life.epoch
        }
    };
    transaction.commit()?;
    Ok(epoch)
}

/// The taking time of the oldest backup that may still be restored.
pub(super) fn backed_up_through_ms(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let lives = lives(connection)?;
    let restorable = ledger(connection)?.into_iter().filter(|backup| judge(&lives, backup).is_ok());
    Ok(restorable.map(|backup| backup.taken_at_ms).min())
}

/// The lowest time that a restore since `asked` went back to; none if `asked` is the present epoch, 0 if unknown.
pub(super) fn restored_to_since(connection: &Connection, asked: Epoch) -> rusqlite::Result<Option<i64>> {
    let lives = lives(connection)?;
    let Some(at) = lives.iter().position(|life| life.epoch == asked) else { return Ok(Some(0)) };
    Ok(lives.iter().skip(at + 1).filter_map(|life| life.restored).map(|(_, _, to_ms)| to_ms).min())
}

/// Whether `backup` lies on the line that led to the present epoch, and has not lapsed.
fn judge(lives: &[Life], backup: &LedgerRow) -> Result<(), RestoreRefused> {
    if backup.lapsed {
        return Err(RestoreRefused::Lapsed);
    }
    let mut life = lives.last();
    let mut newest = i64::MAX;
    while let Some(present) = life {
        if present.epoch == backup.epoch {
            return if backup.number <= newest { Ok(()) } else { Err(RestoreRefused::AbandonedBranch) };
        }
        let Some((from, number, _)) = present.restored else { break };
        newest = number;
        life = lives.iter().find(|earlier| earlier.epoch == from);
    }
    Err(RestoreRefused::AbandonedBranch)
}

fn lives(connection: &Connection) -> rusqlite::Result<Vec<Life>> {
    connection
        .prepare_cached(
            "SELECT epoch, from_epoch, from_number, restored_to_ms, began_at_ms FROM epochs ORDER BY ordinal",
        )?
        .query_map([], |row| {
            let (number, to_ms): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            let from = row::id_opt(row, 1, Epoch::from_bytes)?;
            Ok(Life {
                epoch: row::id(row, 0, Epoch::from_bytes)?,
                restored: from.zip(number).zip(to_ms).map(|((from, number), to_ms)| (from, number, to_ms)),
                began_at_ms: row.get(4)?,
            })
        })?
        .collect()
}

fn insert_life(connection: &Connection, life: &Life) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO epochs (epoch, from_epoch, from_number, restored_to_ms, began_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            life.epoch.as_bytes(),
            life.restored.as_ref().map(|(from, ..)| from.as_bytes()),
            life.restored.map(|(_, number, _)| number),
            life.restored.map(|(.., to_ms)| to_ms),
            life.began_at_ms
        ],
    )?;
    Ok(())
}

fn ledger(connection: &Connection) -> rusqlite::Result<Vec<LedgerRow>> {
    connection
        .prepare_cached(
            "SELECT backup_id, epoch, number, taken_at_ms, lapsed FROM backups
             ORDER BY taken_at_ms, epoch, number",
        )?
        .query_map([], |row| {
            Ok(LedgerRow {
                backup_id: row::id(row, 0, BackupId::from_bytes)?,
                epoch: row::id(row, 1, Epoch::from_bytes)?,
                number: row.get(2)?,
                taken_at_ms: row.get(3)?,
                lapsed: row.get(4)?,
            })
        })?
        .collect()
}

fn insert_backup(connection: &Connection, backup: &LedgerRow) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO backups (backup_id, epoch, number, taken_at_ms, lapsed) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (backup_id) DO UPDATE SET lapsed = max(lapsed, excluded.lapsed)",
        params![
            backup.backup_id.as_bytes(),
            backup.epoch.as_bytes(),
            backup.number,
            backup.taken_at_ms,
            backup.lapsed
        ],
    )?;
    Ok(())
}

/// Records a backup, then copies the database as it is then into `copy`. Works beside a running server.
pub(crate) fn take_backup(
    path: &Path,
    key: Option<Zeroizing<String>>,
    copy: &Path,
    kept: u32,
    ports: &Ports,
) -> Result<LedgerRow, OpenDatabaseError> {
    let file = DatabaseFile { path: path.to_owned(), key };
    let mut source = file.open_as_it_is()?;
    let row = record_backup(&mut source, kept, ports)?;
    let mut target = file.at(copy).create()?;
    // One step copies everything under one read lock: a moment of the log, whatever is being written.
    Backup::new(&source, &mut target)?.step(-1)?;
    close_whole(target)?;
    Ok(row)
}

fn record_backup(source: &mut Connection, kept: u32, ports: &Ports) -> rusqlite::Result<LedgerRow> {
    let transaction = source.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let taken_at_ms = ports.clock.now_ms();
    let epoch =
        lives(&transaction)?.last().map(|life| life.epoch).ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let number = transaction.query_row(
        "SELECT coalesce(max(number), 0) + 1 FROM backups WHERE epoch = ?1",
        params![epoch.as_bytes()],
        |row| row.get(0),
    )?;
    let backup_id = BackupId::from_parts(taken_at_ms, ports.random());
    let row = LedgerRow { backup_id, epoch, number, taken_at_ms, lapsed: false };
    insert_backup(&transaction, &row)?;
    transaction.execute(
        "UPDATE backups SET lapsed = 1 WHERE backup_id NOT IN (
           SELECT backup_id FROM backups ORDER BY taken_at_ms DESC, number DESC LIMIT ?1)",
        params![kept],
    )?;
    transaction.commit()?;
    Ok(row)
}

/// The segments that the database at `path` needs for its files: those of open batches are not among them.
pub(crate) fn needed_segments(
    path: &Path,
    key: Option<Zeroizing<String>>,
) -> Result<Vec<SegmentId>, OpenDatabaseError> {
    let connection = DatabaseFile { path: path.to_owned(), key }.open_as_it_is()?;
    let needed = connection
        .prepare("SELECT DISTINCT segment_id FROM contents ORDER BY segment_id")?
        .query_map([], |row| row::id(row, 0, SegmentId::from_bytes))?
        .collect::<rusqlite::Result<_>>()?;
    close_whole(connection)?;
    Ok(needed)
}

/// One file without a journal beside it, on disk.
fn close_whole(connection: Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.close().map_err(|(_, fault)| fault)
}

/// Turns `copy`, a copy of backup `backup`, into the database that goes on: history and ledger of the database at
/// `present` (if it opens) merged in, a fresh epoch begun, sessions ended, due mails, pushes and open batches lapsed.
///
/// # Errors
/// The outer error: `copy` is unusable. The inner one: the backup may not be restored.
pub(crate) fn restore_database(
    present: &Path,
    key: Option<Zeroizing<String>>,
    copy: &Path,
    backup: BackupId,
    ports: &Ports,
) -> Result<Result<Epoch, RestoreRefused>, OpenDatabaseError> {
    let file = DatabaseFile { path: copy.to_owned(), key };
    let known = read_present(&file.at(present), present);
    let mut restored = file.open_writer()?;
    let transaction = restored.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if let Some((lives, ledger)) = known {
        if !ledger.iter().any(|row| row.backup_id == backup) {
            return Ok(Err(RestoreRefused::Unknown));
        }
        transaction.execute_batch("DELETE FROM epochs")?;
        for life in &lives {
            insert_life(&transaction, life)?;
        }
        for backup in &ledger {
            insert_backup(&transaction, backup)?;
        }
    }
    let lives = lives(&transaction)?;
    let row = ledger(&transaction)?.into_iter().find(|row| row.backup_id == backup);
    let Some(row) = row else { return Ok(Err(RestoreRefused::Unknown)) };
    if let Err(refused) = judge(&lives, &row) {
        return Ok(Err(refused));
    }
    let now_ms = ports.clock.now_ms();
    let life = Life {
        epoch: Epoch::from_parts(now_ms, ports.random()),
        restored: Some((row.epoch, row.number, row.taken_at_ms)),
        began_at_ms: now_ms,
    };
    insert_life(&transaction, &life)?;
    // A code that was used after the backup must not work again. Bytes of open batches are in no backup: their phones
    // open them again.
    transaction.execute_batch(
        "DELETE FROM access_tokens; DELETE FROM mail_jobs; DELETE FROM challenges; DELETE FROM push_jobs;
         DELETE FROM batches; DELETE FROM finished_uploads;",
    )?;
    // Whoever has left the firm has nothing that a session opens, and a phone of theirs must go on hearing so.
    transaction.execute(
        "UPDATE devices SET ended_by_restore = ended_by_restore OR signed_out_at_ms IS NULL,
           signed_out_at_ms = coalesce(signed_out_at_ms, ?1) WHERE EXISTS (
           SELECT 1 FROM memberships AS m WHERE m.firm_id = devices.firm_id AND m.person_id = devices.person_id
             AND m.ended_at_ms IS NULL)",
        params![now_ms],
    )?;
    transaction.commit()?;
    close_whole(restored)?;
    Ok(Ok(life.epoch))
}

/// History and ledger of the present database, its journal folded in; none where it does not open.
fn read_present(file: &DatabaseFile, path: &Path) -> Option<(Vec<Life>, Vec<LedgerRow>)> {
    if !path.exists() {
        return None;
    }
    let read = || -> rusqlite::Result<(Vec<Life>, Vec<LedgerRow>)> {
        let connection = file.open_as_it_is().map_err(|_| rusqlite::Error::QueryReturnedNoRows)?;
        let known = (lives(&connection)?, ledger(&connection)?);
        close_whole(connection)?;
        Ok(known)
    };
    match read() {
        Ok(known) => Some(known),
        Err(fault) => {
            tracing::warn!(%fault, "the present database does not open; its history of restores is not taken over");
            None
        }
    }
}
