//! Events of kinds this version does not know, kept as they came.

use portico_wire::sync::SyncEvent;

use super::values::{from_json, int, to_json};
use super::{Reading, StoreError, Writing};

impl Reading<'_> {
    /// All of them, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unknown_events(&self) -> Result<Vec<SyncEvent>, StoreError> {
        let mut statement = self.0.prepare_cached("SELECT event FROM unknown_events ORDER BY log_seq")?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        texts.iter().map(|text| from_json(text)).collect()
    }
}

impl Writing<'_> {
    /// Keeps one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_unknown_event(&self, event: &SyncEvent) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "INSERT INTO unknown_events (log_seq, event) VALUES (?1, ?2) ON CONFLICT (log_seq) DO UPDATE
                 SET event = excluded.event",
            )?
            .execute((int(event.seq), to_json(event)?))?;
        Ok(())
    }

    /// Forgets one that was applied.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_unknown_event(&self, log_seq: u64) -> Result<(), StoreError> {
        self.0.0.prepare_cached("DELETE FROM unknown_events WHERE log_seq = ?1")?.execute([int(log_seq)])?;
        Ok(())
    }
}
