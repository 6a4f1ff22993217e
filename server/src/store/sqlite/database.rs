//! Opens connections and brings the schema up to date. `PRAGMA user_version` counts the migrations that ran.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

/// Every migration, in order; number n takes the schema from version n - 1 to n. A shipped one never changes.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_first.sql")];

/// Statements one connection keeps prepared: more than the store has. Preparing anew costs 50-70 % more CPU per send.
const STATEMENTS_KEPT: usize = 128;

/// Where the database is and how it opens.
#[derive(Clone)]
pub(super) struct DatabaseFile {
    pub(super) path: PathBuf,
    /// 64 hex digits; none for a plain one.
    pub(super) key: Option<Zeroizing<String>>,
}

/// Why the database does not open. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenDatabaseError {
    /// The file is not a database, or not under this key. SQLCipher can not tell the two apart.
    #[error("{path} is not a database that opens with the configured key", path = .0.display())]
    WrongKey(PathBuf),
    /// A later version of Portico has been at it.
    #[error("the database has schema {found}; this version knows up to {known}")]
    NewerSchema {
        /// What it has.
        found: usize,
        /// The highest we know.
        known: usize,
    },
    /// SQLite refuses.
    #[error("the database does not open: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl DatabaseFile {
    /// Opens for writing and migrates.
    pub(super) fn open_writer(&self) -> Result<Connection, OpenDatabaseError> {
        let mut connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL: an answered message survives a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On a Mac fsync alone leaves the bytes in the disk's cache.
        connection.pragma_update(None, "fullfsync", true)?;
        // A checkpoint every 16 MiB instead of 4: fewer of them stand in a commit's way.
        connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        migrate(&mut connection)?;
        Ok(connection)
    }

    /// Opens for reading only.
    pub(super) fn open_reader(&self) -> Result<Connection, OpenDatabaseError> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Opens an existing file for reading and writing, and leaves its schema alone.
    pub(super) fn open_as_it_is(&self) -> Result<Connection, OpenDatabaseError> {
        self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Makes an empty file under the same key; a backup is copied into it.
    pub(super) fn create(&self) -> Result<Connection, OpenDatabaseError> {
        self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// The same key, another file.
    pub(super) fn at(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), key: self.key.clone() }
    }

    fn open(&self, flags: OpenFlags) -> Result<Connection, OpenDatabaseError> {
        let connection = Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        if let Some(key) = &self.key {
            // A wrong key is told by an error, not by SQLCipher's own lines.
            connection.execute_batch("PRAGMA cipher_log_level = NONE;")?;
            let raw = Zeroizing::new(format!("x'{}'", key.as_str()));
            connection.pragma_update(None, "key", raw.as_str())?;
        }
        // The first read is where a wrong key shows.
        let read: Result<i64, _> =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        read.map_err(|fault| match fault.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenDatabaseError::WrongKey(self.path.clone()),
            _ => OpenDatabaseError::Sqlite(fault),
        })?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        // A plan that does not look at values stays; else statements are prepared anew with each value.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "recursive_triggers", true)?;
        connection.pragma_update(None, "cache_size", -8_000)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    }
}

/// Runs what has not run yet, each in its own transaction.
fn migrate(connection: &mut Connection) -> Result<(), OpenDatabaseError> {
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map(count)?;
    if found > MIGRATIONS.len() {
        return Err(OpenDatabaseError::NewerSchema { found, known: MIGRATIONS.len() });
    }
    for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(found) {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn count(version: i64) -> usize {
    usize::try_from(version).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use crate::testing::World;

    // Without the planner's guarantee, reading took twice the processor time that it takes.
    #[tokio::test]
    async fn kept_statement_is_not_prepared_anew() {
        let world = World::new().await;

        let prepared_anew = world.app.store().read(|tx| {
            let mut prepared_anew = 0;
            for person in [[1; 16], [2; 16], [3; 16]] {
                let mut kept =
                    tx.prepare_cached("SELECT from_seq FROM stays WHERE person_id = ?1 ORDER BY from_seq")?;
                kept.exists([person])?;
                prepared_anew = kept.get_status(StatementStatus::RePrepare);
            }
            Ok(prepared_anew)
        });

        assert_eq!(prepared_anew.await.unwrap(), 0);
    }
}
