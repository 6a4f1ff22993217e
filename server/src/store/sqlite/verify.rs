//! The log's own proof: every hash computed anew, every chain walked from its first entry.

use portico_wire::encoding::Sha256;
use portico_wire::entry::Entry;
use portico_wire::ids::{ContentId, ConversationId, FirmId};
use rusqlite::{Connection, params};

use super::log::{ENTRY_COLUMNS, ENTRY_TABLES, read_entry};
use super::row;
use super::store::{Store, StoreError};

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogReport {
    /// Conversations walked.
    pub conversations: u64,
    /// Entries computed anew.
    pub entries: u64,
    /// Event logs counted through.
    pub event_logs: u64,
    /// Files opened and hashed; [`crate::App::verify`] does that.
    pub files: u64,
    /// Everything that does not fit; empty where the log proves itself.
    pub faults: Vec<LogFault>,
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// A seq is missing or doubled before this one.
    #[error("conversation {0}: entry {1} is not where it should be")]
    Gap(ConversationId, u64),
    /// The content does not give the stored hash.
    #[error("conversation {0}: entry {1} does not have its hash")]
    Hash(ConversationId, u64),
    /// The stored link is not the hash of the entry before.
    #[error("conversation {0}: entry {1} does not follow the one before")]
    Chain(ConversationId, u64),
    /// The log does not end where the conversation says.
    #[error("conversation {0}: the log does not end at entry {1}")]
    Tail(ConversationId, u64),
    /// A person's event log has a hole or does not end where the membership says.
    #[error("an event log of firm {0} has a hole")]
    EventHole(FirmId),
    /// A file is missing, does not open, or does not have its hash.
    #[error("file {0} is missing or damaged")]
    File(ContentId),
}

struct Log {
    firm: FirmId,
    conversation: ConversationId,
    last_seq: u64,
    last_hash: Sha256,
}

impl Store {
    /// Walks every log.
    ///
    /// # Errors
    /// As every read.
    pub async fn verify(&self) -> Result<LogReport, StoreError> {
        self.read(|tx| {
            let mut report = LogReport::default();
            for log in logs(tx)? {
                report.conversations += 1;
                walk(tx, &log, &mut report)?;
            }
            count_events(tx, &mut report)?;
            Ok(report)
        })
        .await
    }

    /// The whole log of one conversation, asking nobody: for oracles and exports of the firm itself.
    ///
    /// # Errors
    /// As every read.
    pub async fn read_log(&self, conversation: ConversationId) -> Result<Vec<Entry>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!(
                "SELECT {ENTRY_COLUMNS} FROM {ENTRY_TABLES} WHERE e.conversation_id = ?1 ORDER BY e.seq"
            ))?
            .query_map(params![conversation.as_bytes()], read_entry)?
            .collect()
        })
        .await
    }
}

fn logs(connection: &Connection) -> rusqlite::Result<Vec<Log>> {
    connection
        .prepare("SELECT firm_id, conversation_id, last_seq, last_hash FROM conversations ORDER BY 1, 2")?
        .query_map([], |row| {
            Ok(Log {
                firm: row::id(row, 0, FirmId::from_bytes)?,
                conversation: row::id(row, 1, ConversationId::from_bytes)?,
                last_seq: row::seq(row, 2)?,
                last_hash: row::hash(row, 3)?,
            })
        })?
        .collect()
}

fn walk(connection: &Connection, log: &Log, report: &mut LogReport) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENTRY_COLUMNS} FROM {ENTRY_TABLES}
         WHERE e.firm_id = ?1 AND e.conversation_id = ?2 ORDER BY e.seq"
    ))?;
    let mut rows = statement.query(params![log.firm.as_bytes(), log.conversation.as_bytes()])?;
    let (mut seq, mut hash) = (0, Sha256::ZERO);
    while let Some(row) = rows.next()? {
        let entry = read_entry(row)?;
        report.entries += 1;
        if entry.seq != seq + 1 {
            report.faults.push(LogFault::Gap(log.conversation, entry.seq));
        }
        if entry.previous_hash != hash {
            report.faults.push(LogFault::Chain(log.conversation, entry.seq));
        }
        if entry.computed_hash(log.firm) != entry.hash {
            report.faults.push(LogFault::Hash(log.conversation, entry.seq));
        }
        (seq, hash) = (entry.seq, entry.hash);
    }
    if (seq, hash) != (log.last_seq, log.last_hash) {
        report.faults.push(LogFault::Tail(log.conversation, log.last_seq));
    }
    Ok(())
}

/// A log without a hole has as many rows as its newest seq, and that is the membership's own count.
fn count_events(connection: &Connection, report: &mut LogReport) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT m.firm_id, m.last_event_seq,
                (SELECT count(*) FROM events AS e WHERE e.firm_id = m.firm_id AND e.person_id = m.person_id),
                (SELECT coalesce(max(seq), 0) FROM events AS e
                 WHERE e.firm_id = m.firm_id AND e.person_id = m.person_id)
         FROM memberships AS m ORDER BY 1, m.person_id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.event_logs += 1;
        let (last, count, newest) = (row::seq(row, 1)?, row::seq(row, 2)?, row::seq(row, 3)?);
        if last != count || last != newest {
            report.faults.push(LogFault::EventHole(row::id(row, 0, FirmId::from_bytes)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    // R21
    #[tokio::test]
    async fn altered_log_gives_itself_away() {
        let world = World::new().await;
        let claim = world.conversation("claim");
        assert_eq!(world.app.store().verify().await.unwrap().faults, []);

        // Somebody with the file and without its triggers.
        let alter = "DROP TRIGGER bodies_stand; UPDATE bodies SET body = 'forged' WHERE seq = 2";
        world.app.store().write(move |write| write.connection.execute_batch(alter)).await.unwrap();

        let report = world.app.store().verify().await.unwrap();
        assert_eq!((report.conversations, report.entries), (5, 6));
        assert_eq!(report.faults, [LogFault::Hash(claim, 2)]);
    }

    #[tokio::test]
    async fn shortened_log_gives_itself_away() {
        let world = World::new().await;
        let claim = world.conversation("claim");

        let alter = "DROP TRIGGER bodies_keep; DROP TRIGGER entries_keep; DROP TRIGGER outcomes_keep;
             DELETE FROM outcomes; DELETE FROM bodies WHERE seq = 2; DELETE FROM entries WHERE seq = 2";
        world.app.store().write(move |write| write.connection.execute_batch(alter)).await.unwrap();

        assert_eq!(world.app.store().verify().await.unwrap().faults, [LogFault::Tail(claim, 2)]);
    }
}
