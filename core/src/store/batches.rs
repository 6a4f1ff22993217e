//! Upload batches: what was picked, where it lies in the pack, and how much of it the server holds.

use portico_wire::encoding::Sha256;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::seal::{BatchKey, sealed_bytes};
use portico_wire::upload::{ManifestFile, batch_id};
use rusqlite::{OptionalExtension as _, Row};

use super::values::{hash, id, int, uint};
use super::{Fact, Reading, StoreError, Writing};
use crate::outbox::entry::{CopiedDocument, Lane};
use crate::upload::metered::Allowance;

/// A file of a batch. `Debug` shows slot and size.
#[derive(Clone, PartialEq, Eq)]
pub struct PickedFile {
    /// Which one, within its batch; never given out twice.
    pub slot: u32,
    /// As the device names it; for display only (R38).
    pub name: String,
    /// Plain bytes.
    pub size_bytes: u64,
    /// Of the plain bytes.
    pub sha256: Sha256,
    /// What its bytes tell (R38).
    pub media_type: String,
    /// Where its first chunk lies in the pack.
    pub at_bytes: u64,
}

impl std::fmt::Debug for PickedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PickedFile({}, {} bytes)", self.slot, self.size_bytes)
    }
}

impl PickedFile {
    /// The copy of a document at `place` of its message, which is in no pack.
    pub(crate) fn of_copy(place: u32, copy: CopiedDocument) -> Self {
        let CopiedDocument { name, media_type, size_bytes, sha256, .. } = copy;
        Self { slot: place, name, size_bytes, sha256, media_type, at_bytes: 0 }
    }

    /// Where its last chunk ends in the pack.
    #[must_use]
    pub const fn end_bytes(&self) -> u64 {
        self.at_bytes + sealed_bytes(self.size_bytes)
    }

    /// The file as the manifest states it.
    #[must_use]
    pub fn stated(&self) -> ManifestFile {
        ManifestFile { name: self.name.clone(), size_bytes: self.size_bytes, sha256: self.sha256 }
    }
}

/// A batch. `Debug` shows its key's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its send key.
    pub send_key: SendKey,
    /// Where to.
    pub conversation_id: ConversationId,
    /// What seals it.
    pub batch_key: BatchKey,
    /// The name of its pack in the folder of packs.
    pub pack: String,
    /// Of the pack, that the server is known to hold.
    pub server_bytes: u64,
    /// Whether the person said that it may go over a metered network.
    pub metered: bool,
    /// In the order in which they are sent.
    pub files: Vec<PickedFile>,
}

impl std::fmt::Debug for BatchRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchRow({}, {:?})", self.send_key, self.files)
    }
}

impl BatchRow {
    /// Where the next file goes in the pack: behind the last one.
    #[must_use]
    pub fn end_bytes(&self) -> u64 {
        self.files.iter().map(PickedFile::end_bytes).max().unwrap_or(0)
    }

    /// Plain bytes of all files together.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// The length of the representation: of the pack without holes.
    #[must_use]
    pub fn length_bytes(&self) -> u64 {
        self.files.iter().map(|file| sealed_bytes(file.size_bytes)).sum()
    }

    /// Bytes of the representation that the server is not known to hold.
    #[must_use]
    pub fn left_bytes(&self) -> u64 {
        self.length_bytes().saturating_sub(self.server_bytes)
    }

    /// The batch id that seals are bound to.
    #[must_use]
    pub const fn id(&self) -> [u8; 16] {
        batch_id(self.send_key)
    }
}

const COLUMNS: &str = "send_key, conversation_id, batch_key, pack, server_bytes, metered";

fn bare_of(row: &Row<'_>) -> rusqlite::Result<BatchRow> {
    Ok(BatchRow {
        send_key: id(row, "send_key", SendKey::from_bytes)?,
        conversation_id: id(row, "conversation_id", ConversationId::from_bytes)?,
        batch_key: row.get("batch_key").map(BatchKey::from_bytes)?,
        pack: row.get("pack")?,
        server_bytes: uint(row.get("server_bytes")?),
        metered: row.get("metered")?,
        files: Vec::new(),
    })
}

fn file_of(row: &Row<'_>) -> rusqlite::Result<PickedFile> {
    Ok(PickedFile {
        slot: row.get("slot")?,
        name: row.get("name")?,
        size_bytes: uint(row.get("size_bytes")?),
        sha256: hash(row, "sha256")?,
        media_type: row.get("media_type")?,
        at_bytes: uint(row.get("at_bytes")?),
    })
}

impl Reading<'_> {
    /// The batch of that key, with its files.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn batch(&self, key: SendKey) -> Result<Option<BatchRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM batches WHERE send_key = ?1");
        let bare = self.0.prepare_cached(&sql)?.query_row([key.as_bytes()], bare_of).optional()?;
        bare.map(|bare| self.with_files(bare)).transpose()
    }

    /// What is being picked for a conversation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn composing(&self, conversation: ConversationId) -> Result<Option<BatchRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM batches WHERE conversation_id = ?1 AND composing = 1");
        let bare = self.0.prepare_cached(&sql)?.query_row([conversation.as_bytes()], bare_of).optional()?;
        bare.map(|bare| self.with_files(bare)).transpose()
    }

    fn with_files(&self, bare: BatchRow) -> Result<BatchRow, StoreError> {
        let files = self
            .0
            .prepare_cached("SELECT * FROM batch_files WHERE send_key = ?1 ORDER BY slot")?
            .query_map([bare.send_key.as_bytes()], file_of)?
            .collect::<Result<_, _>>()?;
        Ok(BatchRow { files, ..bare })
    }

    /// What `batch` may cost.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn allowance(&self, batch: &BatchRow) -> Result<Allowance, StoreError> {
        let within_bytes = self.fact(Fact::MeteredBytesMax)?;
        Ok(Allowance { within_bytes, said_of_batch: batch.metered })
    }

    /// Batches that the system carries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn handed(&self) -> Result<Vec<SendKey>, StoreError> {
        self.0
            .prepare_cached("SELECT send_key FROM outbox WHERE is_open = 1 AND state = 'handed_to_os'")?
            .query_map([], |row| row.get(0).map(SendKey::from_bytes))?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }

    /// The packs that are still needed: of what is being picked, of what has no end the person has dismissed, and of
    /// what may have to be offered again after a restore.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn needed_packs(&self) -> Result<Vec<String>, StoreError> {
        self.0
            .prepare_cached(
                "SELECT pack FROM batches LEFT JOIN outbox USING (send_key)
                 WHERE composing = 1 OR is_open = 1 OR dismissed = 0 OR (state = 'accepted' AND held = 1)",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }
}

impl Writing<'_> {
    /// Begins a batch for a conversation, as the one that is being picked there.
    ///
    /// # Errors
    /// [`StoreError`], also where one is being picked there already.
    pub fn begin_batch(&self, batch: &BatchRow) -> Result<(), StoreError> {
        self.insert_batch(batch, true)
    }

    /// Keeps a batch that is whole already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_batch(&self, batch: &BatchRow) -> Result<(), StoreError> {
        self.insert_batch(batch, false)?;
        batch.files.iter().try_for_each(|file| self.keep_picked(batch.send_key, file))
    }

    fn insert_batch(&self, batch: &BatchRow, composing: bool) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "INSERT INTO batches (send_key, conversation_id, batch_key, pack, composing)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                batch.send_key.as_bytes(),
                batch.conversation_id.as_bytes(),
                batch.batch_key.as_bytes(),
                &batch.pack,
                composing,
            ))?;
        Ok(())
    }

    /// Gives a slot out, once and durably: what was half written under it is never written again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_slot(&self, key: SendKey) -> Result<u32, StoreError> {
        let sql = "UPDATE batches SET next_slot = next_slot + 1 WHERE send_key = ?1 RETURNING next_slot - 1";
        Ok(self.0.0.prepare_cached(sql)?.query_row([key.as_bytes()], |row| row.get(0))?)
    }

    /// Keeps a file that lies in the pack.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_picked(&self, key: SendKey, file: &PickedFile) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "INSERT INTO batch_files (send_key, slot, name, size_bytes, sha256, media_type, at_bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                key.as_bytes(),
                file.slot,
                &file.name,
                int(file.size_bytes),
                file.sha256.as_bytes(),
                &file.media_type,
                int(file.at_bytes),
            ))?;
        Ok(())
    }

    /// Takes a file out of what is being picked; its bytes stay as a hole until the batch is sealed. Whether it was
    /// there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_out(&self, key: SendKey, slot: u32) -> Result<bool, StoreError> {
        let sql = "DELETE FROM batch_files WHERE send_key = ?1 AND slot = ?2";
        Ok(self.0.0.prepare_cached(sql)?.execute((key.as_bytes(), slot))? > 0)
    }

    /// Notes that the batch lies in another pack, with its files at other places.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn move_pack(&self, batch: &BatchRow) -> Result<(), StoreError> {
        let sql = "UPDATE batches SET pack = ?2 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute((batch.send_key.as_bytes(), &batch.pack))?;
        let sql = "UPDATE batch_files SET at_bytes = ?3 WHERE send_key = ?1 AND slot = ?2";
        let mut statement = self.0.0.prepare_cached(sql)?;
        for file in &batch.files {
            statement.execute((batch.send_key.as_bytes(), file.slot, int(file.at_bytes)))?;
        }
        Ok(())
    }

    /// Puts the batch that was picked at the tail of its conversation's lane, with its text.
    ///
    /// # Errors
    /// [`StoreError`]; nothing written, and the files stay picked.
    pub fn enqueue_batch(&self, batch: &BatchRow, body: &str, composed_at_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE batches SET composing = 0 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute([batch.send_key.as_bytes()])?;
        self.line_up(batch.send_key, batch.conversation_id, Lane::Batches, body, composed_at_ms)
    }

    /// Drops what is being picked where no file of it is left. Whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn drop_composing_if_empty(&self, key: SendKey) -> Result<bool, StoreError> {
        let dropped = self
            .0
            .0
            .prepare_cached(
                "DELETE FROM batches WHERE send_key = ?1 AND composing = 1
                 AND NOT EXISTS (SELECT 1 FROM batch_files WHERE batch_files.send_key = batches.send_key)",
            )?
            .execute([key.as_bytes()])?;
        Ok(dropped > 0)
    }

    /// Notes how much of the pack the server holds, in an attempt in which it has answered. Whether that is other than it
    /// was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_server_bytes(&self, key: SendKey, server_bytes: u64) -> Result<bool, StoreError> {
        let known = (key.as_bytes(), int(server_bytes));
        let sql = "SELECT 1 FROM batches WHERE send_key = ?1 AND server_bytes = ?2";
        let moved = !self.0.0.prepare_cached(sql)?.exists(known)?;
        let sql = "UPDATE batches SET server_bytes = ?2, reached = 1 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute(known)?;
        Ok(moved)
    }

    /// Notes that the person lets the batch go over a metered network.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn allow_metered(&self, key: SendKey) -> Result<(), StoreError> {
        let sql = "UPDATE batches SET metered = 1 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute([key.as_bytes()])?;
        Ok(())
    }

    /// Notes that an attempt begins in which the server has not answered yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_attempt(&self, key: SendKey) -> Result<(), StoreError> {
        let sql = "UPDATE batches SET reached = 0 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute([key.as_bytes()])?;
        Ok(())
    }

    /// A new epoch: what the server held before is nobody's knowledge any more.
    pub(super) fn forget_server_bytes(&self) -> Result<(), StoreError> {
        self.0.0.execute_batch("UPDATE batches SET server_bytes = 0, reached = 0")?;
        Ok(())
    }
}
