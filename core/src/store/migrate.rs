//! Numbered migrations, each in one transaction; the number is SQLite's `user_version`.
//!
//! Holds: no migration deletes an outbox row (R51).

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;
use super::values::int;

/// Every migration, in order. A file is never edited once it shipped.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_first.sql")];

/// Brings the database to this version's schema.
///
/// # Errors
/// - [`StoreError::Newer`]: a newer app wrote it; nothing is touched.
/// - Others: the database stays at the last whole migration.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, MIGRATIONS.len())
}

/// The same, up to migration number `last`: a schema as an older app left it.
pub(super) fn migrate_to(connection: &mut Connection, last: usize) -> Result<(), StoreError> {
    let done: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Newer);
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().take(last).skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", int(number as u64 + 1))?;
        transaction.commit()?;
    }
    Ok(())
}
