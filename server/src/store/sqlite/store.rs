//! The store itself: the writer, the readers, the lock that keeps a second server out.

use std::sync::{Arc, Mutex, PoisonError};

use portico_wire::ids::Epoch;
use rusqlite::{Connection, Transaction};
use tokio::sync::Semaphore;

use super::backups;
use super::database::{DatabaseFile, OpenDatabaseError};
use super::scans;
use super::wakes::Wakes;
use super::writer::{GroupStats, Write, Writer};
use crate::ports::Ports;
use crate::state::FolderLock;

/// Reading connections: enough to keep two cores busy while one waits for the disk.
const READERS: usize = 4;

/// What a use-case meets besides its own outcomes. Nothing of it is left behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much is waiting, or another process holds the database.
    #[error("the store is busy")]
    Busy,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// SQLite refuses; the text names no content.
    #[error("the store refuses: {0}")]
    Sqlite(String),
    /// A bug of ours.
    #[error("a bug in the store")]
    Bug,
}

impl From<rusqlite::Error> for StoreError {
    fn from(fault: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        match fault.sqlite_error_code() {
            Some(DiskFull) => Self::DiskFull,
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            // The code and SQLite's own words for it: a message text or an address is in neither.
            Some(code) => Self::Sqlite(format!("{code:?}: {fault}")),
            None if matches!(fault, rusqlite::Error::UnwindingPanic) => Self::Bug,
            None => Self::Sqlite(fault.to_string()),
        }
    }
}

/// All use-cases. One method, one transaction.
pub struct Store {
    // Fields drop in this order: the writer ends before the lock is given up.
    writer: Writer,
    readers: Readers,
    wakes: Arc<Wakes>,
    epoch: Epoch,
    _lock: FolderLock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

struct Readers {
    file: DatabaseFile,
    /// Guards the connections that nobody uses; at most [`READERS`].
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Store {
    /// Opens the database under `lock`, which stays held until the store is dropped.
    pub(crate) fn open(
        path: std::path::PathBuf,
        key: Option<zeroize::Zeroizing<String>>,
        ports: &Ports,
        lock: FolderLock,
    ) -> Result<Self, OpenDatabaseError> {
        let file = DatabaseFile { path, key };
        let mut connection = file.open_writer()?;
        let epoch = backups::present_epoch(&mut connection, ports)?;
        scans::begin_anew(&connection)?;
        let wakes = Arc::new(Wakes::default());
        let writer = Writer::start(connection, ports.clone(), epoch, Arc::clone(&wakes))
            .map_err(|_| OpenDatabaseError::Sqlite(rusqlite::Error::UnwindingPanic))?;
        let readers = Readers { file, idle: Arc::default(), places: Arc::new(Semaphore::new(READERS)) };
        Ok(Self { writer, readers, wakes, epoch, _lock: lock })
    }

    /// The server's life between two restores.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn group_stats(&self) -> GroupStats {
        self.writer.stats()
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    /// One reading transaction on this thread, before the server serves.
    pub(super) fn read_here<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let opened = self.readers.file.open_reader();
        let mut connection = opened.map_err(|fault| StoreError::Sqlite(fault.to_string()))?;
        let transaction = connection.transaction()?;
        Ok(work(&transaction)?)
    }

    /// One writing transaction in the next group.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Write<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.write(work).await
    }

    /// One reading transaction: everything in it is of one moment.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let place = Arc::clone(&self.readers.places).acquire_owned().await.map_err(|_| StoreError::Bug)?;
        let (idle, file) = (Arc::clone(&self.readers.idle), self.readers.file.clone());
        let read = move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => file.open_reader().map_err(|fault| StoreError::Sqlite(fault.to_string()))?,
            };
            let transaction = connection.transaction()?;
            let out = work(&transaction).map_err(StoreError::from);
            drop(transaction);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(place);
            out
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Bug)?
    }
}
