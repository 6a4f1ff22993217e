//! Ids, hashes and JSON as SQLite values.

use portico_wire::encoding::Sha256;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// Reads a 16-byte id.
pub(super) fn id<T>(row: &Row<'_>, column: &str, make: fn([u8; 16]) -> T) -> rusqlite::Result<T> {
    row.get::<_, [u8; 16]>(column).map(make)
}

/// Reads a hash.
pub(super) fn hash(row: &Row<'_>, column: &str) -> rusqlite::Result<Sha256> {
    row.get::<_, [u8; 32]>(column).map(Sha256::from_bytes)
}

/// Writes `value` as JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Damaged)
}

/// Reads JSON that this store wrote.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged)
}

/// A seq as SQLite holds it.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A seq as SQLite held it.
pub(super) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
