//! Which attachments are on this phone, under which keys, and when they were last used.

use portico_wire::entry::EntryFile;
use portico_wire::ids::{AttachmentId, ConversationId, EntryId};
use portico_wire::seal::FileKey;
use rusqlite::OptionalExtension as _;

use super::values::{from_json, int, uint};
use super::{Reading, StoreError, Writing};

/// An attachment that is on this phone, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Which.
    pub attachment_id: AttachmentId,
    /// Whose conversation: with access to that, it goes.
    pub conversation_id: ConversationId,
    /// What seals it here.
    pub key: FileKey,
    /// Plain bytes of all of it.
    pub size_bytes: u64,
    /// Whether all of it is here, with the right hash.
    pub whole: bool,
}

/// Each attachment has a key of its own; nothing else is bound to it.
fn key_of(attachment: AttachmentId, key: [u8; 32]) -> FileKey {
    FileKey::from_parts(*attachment.as_bytes(), 0, key)
}

impl Reading<'_> {
    /// The attachment of an entry that this phone holds, as the entry names it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn attachment(
        &self,
        entry: EntryId,
        attachment: AttachmentId,
    ) -> Result<Option<(ConversationId, EntryFile)>, StoreError> {
        let row: Option<([u8; 16], String)> = self
            .0
            .prepare_cached("SELECT conversation_id, files FROM entries WHERE entry_id = ?1")?
            .query_row([entry.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((conversation, files)) = row else { return Ok(None) };
        let files: Vec<EntryFile> = from_json(&files)?;
        let found = files.into_iter().find(|file| file.attachment_id == attachment);
        Ok(found.map(|file| (ConversationId::from_bytes(conversation), file)))
    }

    /// What this phone holds of an attachment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held_file(&self, attachment: AttachmentId) -> Result<Option<HeldFile>, StoreError> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT conversation_id, file_key, size_bytes, whole FROM held_files WHERE attachment_id = ?1",
            )?
            .query_row([attachment.as_bytes()], |row| {
                Ok(HeldFile {
                    attachment_id: attachment,
                    conversation_id: ConversationId::from_bytes(row.get(0)?),
                    key: key_of(attachment, row.get(1)?),
                    size_bytes: uint(row.get(2)?),
                    whole: row.get(3)?,
                })
            })
            .optional()?)
    }

    /// Every attachment of which something is here, least used first, with its size.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held_files(&self) -> Result<Vec<(AttachmentId, u64)>, StoreError> {
        self.0
            .prepare_cached(
                "SELECT attachment_id, size_bytes FROM held_files ORDER BY used_at_ms, attachment_id",
            )?
            .query_map([], |row| Ok((AttachmentId::from_bytes(row.get(0)?), uint(row.get(1)?))))?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }
}

impl Writing<'_> {
    /// Begins to hold an attachment under `key`.
    ///
    /// # Errors
    /// [`StoreError`], also where it is held already.
    pub fn begin_held_file(
        &self,
        conversation: ConversationId,
        file: &EntryFile,
        key: [u8; 32],
        now_ms: i64,
    ) -> Result<HeldFile, StoreError> {
        self.0
            .0
            .prepare_cached(
                "INSERT INTO held_files (attachment_id, conversation_id, file_key, size_bytes, used_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                file.attachment_id.as_bytes(),
                conversation.as_bytes(),
                key,
                int(file.size_bytes),
                now_ms,
            ))?;
        Ok(HeldFile {
            attachment_id: file.attachment_id,
            conversation_id: conversation,
            key: key_of(file.attachment_id, key),
            size_bytes: file.size_bytes,
            whole: false,
        })
    }

    /// All of it is here, and has its hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn complete_held_file(&self, attachment: AttachmentId) -> Result<(), StoreError> {
        let sql = "UPDATE held_files SET whole = 1 WHERE attachment_id = ?1";
        self.0.0.prepare_cached(sql)?.execute([attachment.as_bytes()])?;
        Ok(())
    }

    /// It was used: others go first when room is needed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn use_held_file(&self, attachment: AttachmentId, now_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE held_files SET used_at_ms = ?2 WHERE attachment_id = ?1";
        self.0.0.prepare_cached(sql)?.execute((attachment.as_bytes(), now_ms))?;
        Ok(())
    }

    /// Holds it no longer. With its key the bytes are gone, wherever they still lie.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn drop_held_file(&self, attachment: AttachmentId) -> Result<(), StoreError> {
        let sql = "DELETE FROM held_files WHERE attachment_id = ?1";
        self.0.0.prepare_cached(sql)?.execute([attachment.as_bytes()])?;
        Ok(())
    }
}
