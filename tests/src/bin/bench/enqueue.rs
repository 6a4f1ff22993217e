//! A message becomes durable: `Portal::send` against a bare commit of the same bytes.

use std::path::Path;

use portico_core::testing::SeededDice;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::figures::{Figure, Sample};
use crate::office::Office;
use crate::table::{Budget, Table};
use crate::{Failed, say, vocabulary};

const ROUNDS: usize = 9;
const EACH: usize = 200;

/// Adds the row.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    say("enqueue");
    let office = Office::open(beside).await?;
    let portal = office.phone("phone", "amina").await?;
    let claim = office.conversation("claim")?;
    let mut bare = bare_store(&office.folder.path().join("bare.db"), true)?;
    let mut plain = bare_store(&office.folder.path().join("plain.db"), false)?;
    let dice = SeededDice::of(2);
    let (mut sends, mut commits, mut plain_commits) =
        (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        let (mut send, mut commit, mut unkeyed) = (Sample::default(), Sample::default(), Sample::default());
        for _ in 0..EACH {
            let text = vocabulary::message(&dice);
            send.time(|| portal.send(claim, &text))?;
            commit.time(|| commit_bare(&mut bare, &text))?;
            unkeyed.time(|| commit_bare(&mut plain, &text))?;
        }
        sends.add(send.median());
        commits.add(commit.median());
        plain_commits.add(unkeyed.median());
    }
    table.add(
        "enqueue a message, durable",
        Figure::Micros(sends.median()),
        Some(("bare SQLite commit of the same bytes, without a key", Figure::Micros(plain_commits.median()))),
        Budget::RatioAtMost(1.5),
    );
    table.add(
        "the same",
        Figure::Micros(sends.median()),
        Some(("bare commit of the same bytes under a key", Figure::Micros(commits.median()))),
        Budget::None,
    );
    Ok(())
}

/// A connection with the cache of the phone's, under the key of 48 bytes of 7 or none.
pub(crate) fn bare_connection(path: &Path, keyed: bool) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    if keyed {
        connection.execute_batch(&format!(
            "PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'{}'\"; PRAGMA cipher_plaintext_header_size = 32;",
            "07".repeat(48)
        ))?;
    }
    connection.execute_batch("PRAGMA cache_size = -16000;")?;
    Ok(connection)
}

/// A store with the settings of the phone's, under a key or not, and one table.
pub(crate) fn bare_store(path: &Path, keyed: bool) -> rusqlite::Result<Connection> {
    let connection = bare_connection(path, keyed)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.execute_batch("CREATE TABLE texts (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")?;
    Ok(connection)
}

/// One transaction, made durable.
pub(crate) fn commit_bare(connection: &mut Connection, text: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.prepare_cached("INSERT INTO texts (body) VALUES (?1)")?.execute(params![text])?;
    transaction.commit()
}
