//! One encrypted database per person; all SQL of the phone lives in this room.
//!
//! One connection writes (`synchronous=FULL`, on Apple `fullfsync`: what the person did is durable before the
//! screen says so, R51), one reads for screens. Every change is one [`Store::write`]: all of it or nothing.
//!
//! Holds: SQLCipher with a raw 256-bit key from the platform's keystore (R55); without the key the file is noise.
//!
//! Crash: SQLite rolls back what was not committed. A full disk rolls back too, and is told as
//! [`StoreError::Full`]; nothing that was stored before is lost.

mod adopt;
mod batches;
mod conversations;
mod drafts;
mod entries;
mod facts;
mod held_files;
mod looks;
mod migrate;
mod outbox;
mod previews;
mod search;
mod spans;
#[cfg(test)]
mod tests;
mod timeline;
mod unknown_events;
mod values;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, TransactionBehavior};
use zeroize::Zeroizing;

pub use adopt::Adopted;
pub use batches::{BatchRow, PickedFile};
pub use entries::EntryStanding;
pub use facts::{Fact, SessionFacts};
pub use held_files::HeldFile;
pub use outbox::{Hold, LaneHead};

/// A store that can not do what was asked. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The key does not open this file, or the file is damaged.
    #[error("the key does not open the store")]
    WrongKey,
    /// A page of the file is not as it was written. What it held is not read any more.
    #[error("a page of the store is damaged")]
    PageDamaged,
    /// A newer version of the app wrote this file.
    #[error("a newer version of the app wrote this store")]
    Newer,
    /// Another process is writing.
    #[error("another process holds the store")]
    Locked,
    /// The file system or SQLite fails; the code is SQLite's extended one.
    #[error("the store fails with code {0}")]
    Failed(i32),
    /// The store was wiped: its person said so from another device.
    #[error("the store was wiped")]
    Wiped,
    /// A value in the database is not of its kind.
    #[error("the store holds a value that is not of its kind")]
    Damaged,
}

impl From<rusqlite::Error> for StoreError {
    fn from(fault: rusqlite::Error) -> Self {
        match fault.sqlite_error() {
            Some(code) => match code.code {
                ErrorCode::DiskFull | ErrorCode::CannotOpen => Self::Full,
                ErrorCode::NotADatabase => Self::WrongKey,
                ErrorCode::DatabaseCorrupt => Self::PageDamaged,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
                _ => Self::Failed(code.extended_code),
            },
            None => Self::Damaged,
        }
    }
}

/// A raw key and the salt that stands in the file's clear header, 48 bytes in all.
///
/// The first 32 bytes of the file stay readable, so that iOS sees a WAL database and lets it be (see SQLCipher's
/// `cipher_plaintext_header_size`).
pub struct StoreKey(Zeroizing<[u8; 48]>);

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey")
    }
}

impl StoreKey {
    /// Takes 48 bytes as the keystore kept them; none of another length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    fn pragma(&self) -> Zeroizing<String> {
        use std::fmt::Write as _;
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str("PRAGMA key = \"x'");
        for byte in self.0.iter() {
            // Writing to a String never fails.
            let _ = write!(text, "{byte:02x}");
        }
        text.push_str("'\";");
        text
    }
}

/// One person's store.
pub struct Store {
    path: PathBuf,
    /// Guards the one writing connection; none once the store was wiped.
    writer: Mutex<Option<Connection>>,
    /// Guards the connection that screens read with, so that none waits for a long write.
    reader: Mutex<Option<Connection>>,
    sealing: Sealing,
}

/// Whether each page is encrypted and carries a proof of what was written.
#[derive(Clone, Copy)]
enum Sealing {
    Keyed,
    #[cfg(feature = "testing")]
    Plain,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens or makes the store at `path`.
    ///
    /// # Errors
    /// A [`StoreError`]; with [`StoreError::WrongKey`] and [`StoreError::Newer`] the file is as it was.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, StoreError> {
        Self::over(path, Sealing::Keyed, || connect(path, key, OpenFlags::default()))
    }

    /// The same without a key: what the key costs is measured against it.
    ///
    /// # Errors
    /// A [`StoreError`].
    #[cfg(feature = "testing")]
    pub fn open_unkeyed(path: &Path) -> Result<Self, StoreError> {
        Self::over(path, Sealing::Plain, || settled(Connection::open(path)?))
    }

    fn over(
        path: &Path,
        sealing: Sealing,
        connect: impl Fn() -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut writer = connect()?;
        writer.pragma_update(None, "journal_mode", "wal")?;
        writer.pragma_update(None, "synchronous", "full")?;
        writer.pragma_update(None, "fullfsync", true)?;
        writer.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        migrate::migrate(&mut writer)?;
        let reader = connect()?;
        reader.pragma_update(None, "query_only", true)?;
        let (writer, reader) = (Mutex::new(Some(writer)), Mutex::new(Some(reader)));
        Ok(Self { path: path.to_owned(), writer, reader, sealing })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `change` in one transaction.
    ///
    /// # Errors
    /// What `change` returns, or a [`StoreError`] of the commit; nothing is stored in either case.
    pub fn write<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut held = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = held.as_mut().ok_or_else(|| E::from(StoreError::Wiped))?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|fault| E::from(fault.into()))?;
        let out = change(&Writing(Reading(&transaction)));
        self.sealing.check(&transaction)?;
        let out = out?;
        transaction.commit().map_err(|fault| E::from(fault.into()))?;
        Ok(out)
    }

    /// Runs `look` on one state of the store.
    ///
    /// # Errors
    /// What `look` returns, or a [`StoreError`].
    pub fn read<T, E: From<StoreError>>(
        &self,
        look: impl FnOnce(&Reading<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut held = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = held.as_mut().ok_or_else(|| E::from(StoreError::Wiped))?;
        let transaction = connection.transaction().map_err(|fault| E::from(fault.into()))?;
        let out = look(&Reading(&transaction));
        self.sealing.check(&transaction)?;
        out
    }

    /// Moves the write-ahead log into the file, so that nothing is open when the system suspends the app.
    ///
    /// # Errors
    /// A [`StoreError`]; the log stays, and the next opening reads it.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let held = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = held.as_ref().ok_or(StoreError::Wiped)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Reads every page of the file, whether or not anybody asks for what it holds.
    ///
    /// # Errors
    /// [`StoreError::PageDamaged`] where one is not as it was written; another fault.
    pub fn verify(&self) -> Result<(), StoreError> {
        self.checkpoint()?;
        let mut held = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = held.as_mut().ok_or(StoreError::Wiped)?;
        // It reads the file past SQLite, and gives a row for each fault: nobody may write meanwhile.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let damaged = transaction.prepare("PRAGMA cipher_integrity_check")?.exists([])?;
        if damaged { Err(StoreError::PageDamaged) } else { Ok(()) }
    }

    /// Closes the file; every later call is answered [`StoreError::Wiped`].
    pub fn close_for_good(&self) {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Lets the file grow by at most `pages` of 4,096 bytes: a full disk, for tests.
    ///
    /// # Errors
    /// A [`StoreError`].
    #[cfg(feature = "testing")]
    pub fn leave_pages(&self, pages: i64) -> Result<(), StoreError> {
        let held = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = held.as_ref().ok_or(StoreError::Wiped)?;
        let used: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        connection.pragma_update(None, "max_page_count", used + pages)?;
        Ok(())
    }
}

impl Sealing {
    /// Whether every page that this connection read was as it was written. SQLCipher gives zeros for one that was not, and
    /// whatever stumbles over them first says something else: that is asked before anything is handed out.
    fn check(self, connection: &Connection) -> Result<(), StoreError> {
        match self {
            Self::Keyed => {
                // Its answer is found while it is prepared, so it is prepared each time.
                let status: String = connection.query_row("PRAGMA cipher_status", [], |row| row.get(0))?;
                if status == "1" { Ok(()) } else { Err(StoreError::PageDamaged) }
            }
            #[cfg(feature = "testing")]
            Self::Plain => Ok(()),
        }
    }
}

/// One state of the store, for reading.
#[derive(Debug)]
pub struct Reading<'a>(&'a Connection);

/// One transaction. Reads what it wrote.
#[derive(Debug)]
pub struct Writing<'a>(Reading<'a>);

impl<'a> std::ops::Deref for Writing<'a> {
    type Target = Reading<'a>;
    fn deref(&self) -> &Reading<'a> {
        &self.0
    }
}

/// Opens a connection in the fixed order: silence, key, header, then anything that touches a page.
fn connect(path: &Path, key: &StoreKey, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    let may_write = !connection.is_readonly(MAIN_DB)?;
    connection.execute_batch("PRAGMA cipher_log_level = NONE;")?;
    connection.execute_batch(&key.pragma())?;
    connection.execute_batch("PRAGMA cipher_plaintext_header_size = 32;")?;
    // A wrong key shows at the first page that is read; with the clear header it looks like damage.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(
        |fault| match fault.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::WrongKey,
            _ => fault.into(),
        },
    )?;
    // The clear header has no proof. A turned bit of it that SQLite can live with forbids to write.
    if may_write && connection.is_readonly(MAIN_DB)? {
        return Err(StoreError::WrongKey);
    }
    settled(connection)
}

/// The settings of every connection.
fn settled(connection: Connection) -> Result<Connection, StoreError> {
    connection.busy_timeout(BUSY)?;
    // 16 MB: with the default of 2 MB, reading decrypts the same pages again and again.
    connection.execute_batch("PRAGMA cache_size = -16000; PRAGMA foreign_keys = ON;")?;
    connection.set_prepared_statement_cache_capacity(64);
    // A plan that does not look at values stays; else a kept statement is prepared anew with each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// How long one process waits for another: a terminal beside a running `watch` writes in milliseconds.
const BUSY: Duration = Duration::from_secs(5);
