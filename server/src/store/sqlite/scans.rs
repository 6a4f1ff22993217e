//! What is said of the content of each file: by the firm's scan, or by whoever overrules it.
//!
//! The job is the file that has no verdict; a row in `scan_jobs` only says until when it is left alone. Crash: nobody
//! else scans on this folder, so those rows go when the store opens, and what was being scanned is due at once.

use portico_wire::ids::ContentId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::contents::{self, Content};
use super::row;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::writer::Write;

/// First delay after a scan failed; doubles up to [`RETRY_MS_MAX`].
const RETRY_MS: i64 = 1_000;
/// Longest delay. A file that the scanner can never take costs a whole scan each time, and must not crowd out others.
const RETRY_MS_MAX: i64 = 600_000;

/// What was said of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is served.
    Clean,
    /// It is served to nobody.
    Refused,
}

impl Store {
    /// Claims the oldest file that nobody has judged, and that is not left alone. It is nobody else's for `lease_ms`.
    ///
    /// # Errors
    /// As every write; it stays due.
    pub(crate) async fn claim_scan(&self, lease_ms: i64) -> Result<Option<Content>, StoreError> {
        self.write(move |write| {
            let claimed = write
                .connection
                .prepare_cached(
                    "INSERT INTO scan_jobs (content_id, leased_until_ms, attempts)
                     SELECT c.content_id, ?1 + ?2, 1 FROM contents AS c
                     LEFT JOIN scan_jobs AS j ON j.content_id = c.content_id
                     WHERE c.verdict = 'unscanned' AND coalesce(j.leased_until_ms, 0) <= ?1
                     ORDER BY c.content_id LIMIT 1
                     ON CONFLICT (content_id) DO UPDATE SET
                       leased_until_ms = excluded.leased_until_ms, attempts = attempts + 1
                     RETURNING content_id",
                )?
                .query_row(params![write.now_ms, lease_ms], |row| row.get::<_, [u8; 16]>(0))
                .optional()?;
            let Some(claimed) = claimed else { return Ok(None) };
            let columns = contents::COLUMNS;
            write
                .connection
                .prepare_cached(&format!("SELECT {columns} FROM contents AS c WHERE c.content_id = ?1"))?
                .query_row(params![claimed], contents::read)
                .map(Some)
        })
        .await
    }

    /// The scan has spoken. A verdict that somebody has given meanwhile stands.
    ///
    /// # Errors
    /// As every write; the file is scanned again.
    pub(crate) async fn scan_done(&self, content: ContentId, verdict: Verdict) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE contents SET verdict = ?2 WHERE content_id = ?1 AND verdict = 'unscanned'",
                )?
                .execute(params![content.as_bytes(), row::verdict_text(verdict)])?;
            forget(write, content)
        })
        .await
    }

    /// The scan has failed; the file is due again later.
    ///
    /// # Errors
    /// As every write; its lease runs out instead.
    pub(crate) async fn scan_failed(&self, content: ContentId) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE scan_jobs SET leased_until_ms = ?2 + min(?4, ?3 << min(attempts - 1, 20))
                     WHERE content_id = ?1",
                )?
                .execute(params![content.as_bytes(), write.now_ms, RETRY_MS, RETRY_MS_MAX])?;
            Ok(())
        })
        .await
    }

    /// Overrules the scan, or goes before it. The file is not scanned any more. `file`: as the server's log names it,
    /// or the id of an attachment.
    ///
    /// # Errors
    /// As every write; the verdict is as it was.
    pub async fn set_verdict(&self, file: ContentId, verdict: Verdict) -> Result<Change, StoreError> {
        self.write(move |write| {
            let before = write
                .connection
                .prepare_cached(
                    "SELECT content_id, verdict FROM contents WHERE content_id = coalesce(
                       (SELECT content_id FROM attachments WHERE attachment_id = ?1), ?1)",
                )?
                .query_row(params![file.as_bytes()], |row| {
                    Ok((row::id(row, 0, ContentId::from_bytes)?, row::verdict(row, 1)?))
                })
                .optional()?;
            let content = match before {
                None => return Ok(Change::NotFound),
                Some((_, before)) if before == Some(verdict) => return Ok(Change::AlreadySo),
                Some((content, _)) => content,
            };
            write
                .connection
                .prepare_cached("UPDATE contents SET verdict = ?2 WHERE content_id = ?1")?
                .execute(params![content.as_bytes(), row::verdict_text(verdict)])?;
            forget(write, content)?;
            Ok(Change::Made)
        })
        .await
    }
}

fn forget(write: &Write<'_>, content: ContentId) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached("DELETE FROM scan_jobs WHERE content_id = ?1")?
        .execute(params![content.as_bytes()])?;
    Ok(())
}

/// Whatever was being scanned, by a server that is gone, is due at once.
pub(super) fn begin_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM scan_jobs", []).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Pack, World};

    // R1, R2: what arrived stays as it is; only what is said of it may change.
    #[tokio::test]
    async fn nothing_of_a_file_but_its_verdict_can_change() {
        let world = World::new().await;
        let amina = world.phone("amina").await;
        amina.carry(&Pack::of(&amina, &world, world.conversation("claim"), &[10])).await;

        let columns: Vec<String> = world
            .app
            .store()
            .read(|tx| {
                tx.prepare("SELECT name FROM pragma_table_info('contents')")?
                    .query_map([], |row| row.get(0))?
                    .collect()
            })
            .await
            .unwrap();
        let mut changed = Vec::new();
        for column in columns {
            let update = format!("UPDATE contents SET {column} = {column}");
            let made = world.app.store().write(move |write| write.connection.execute(&update, [])).await;
            changed.extend(made.is_ok().then_some(column));
        }

        assert_eq!(changed, ["verdict"]);
        let unsaid = "UPDATE contents SET verdict = 'maybe'";
        assert!(world.app.store().write(move |write| write.connection.execute(unsaid, [])).await.is_err());
    }

    #[tokio::test]
    async fn verdict_of_a_person_is_given_once_and_of_a_file_that_is_there() {
        let world = World::new().await;
        let amina = world.phone("amina").await;
        let sent = amina.carry(&Pack::of(&amina, &world, world.conversation("claim"), &[10])).await;
        let file = ContentId::from_bytes(*sent.entry.files[0].attachment_id.as_bytes());
        let set = async |file, verdict| world.app.store().set_verdict(file, verdict).await.unwrap();

        assert_eq!(set(ContentId::from_bytes([9; 16]), Verdict::Clean).await, Change::NotFound);
        assert_eq!(set(file, Verdict::Refused).await, Change::Made);
        assert_eq!(set(file, Verdict::Refused).await, Change::AlreadySo);
        assert_eq!(set(file, Verdict::Clean).await, Change::Made);
    }

    #[tokio::test]
    async fn verdict_of_a_person_stands_against_a_scan_in_the_middle() {
        let world = World::new().await;
        let amina = world.phone("amina").await;
        amina.carry(&Pack::of(&amina, &world, world.conversation("claim"), &[10])).await;
        let store = world.app.store();
        let claimed = store.claim_scan(1_000).await.unwrap().unwrap().content_id;
        assert!(store.claim_scan(1_000).await.unwrap().is_none(), "it is somebody's");

        store.set_verdict(claimed, Verdict::Refused).await.unwrap();
        store.scan_done(claimed, Verdict::Clean).await.unwrap();
        store.scan_failed(claimed).await.unwrap();

        assert_eq!(store.set_verdict(claimed, Verdict::Refused).await.unwrap(), Change::AlreadySo);
        world.clock.advance_ms(1_000_000);
        assert!(store.claim_scan(1_000).await.unwrap().is_none(), "it is judged");
    }
}
