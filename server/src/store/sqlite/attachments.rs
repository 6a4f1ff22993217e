//! The files of entries: written with their entry, read by whoever may read it.

use portico_wire::entry::Entry;
use portico_wire::ids::{AttachmentId, ContentId, FirmId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::contents::{self, Content};
use super::row;
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::access;

/// A file under the name that it is given out as. Without `Debug`: its content holds a key.
#[derive(Clone)]
pub(crate) struct NamedFile {
    pub(crate) name: String,
    pub(crate) content: Content,
}

impl Store {
    /// One file; none where the caller may not read its entry, or there is none (R17).
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn attachment(
        &self,
        caller: Caller,
        attachment: AttachmentId,
    ) -> Result<Option<NamedFile>, StoreError> {
        self.read(move |tx| readable(tx, caller, attachment)).await
    }
}

/// One file; none where the caller may not read its entry, or there is none (R17).
pub(super) fn readable(
    connection: &Connection,
    caller: Caller,
    attachment: AttachmentId,
) -> rusqlite::Result<Option<NamedFile>> {
    let (columns, readable) = (contents::COLUMNS, access::readable_by("a.conversation_id", "a.seq"));
    connection
        .prepare_cached(&format!(
            "SELECT {columns}, a.name FROM attachments AS a JOIN contents AS c
               ON c.firm_id = a.firm_id AND c.content_id = a.content_id
             WHERE a.firm_id = ?1 AND a.attachment_id = ?3 AND {readable}"
        ))?
        .query_row(
            params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), attachment.as_bytes()],
            |row| Ok(NamedFile { content: contents::read(row)?, name: row.get(contents::COLUMN_COUNT)? }),
        )
        .optional()
}

/// Keeps the files of `entry`, in their order; their bytes are those of `contents`.
pub(super) fn insert(
    write: &Write<'_>,
    firm: FirmId,
    entry: &Entry,
    contents: &[ContentId],
) -> rusqlite::Result<()> {
    let mut insert = write.connection.prepare_cached(
        "INSERT INTO attachments (firm_id, conversation_id, seq, place, attachment_id, name, content_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for ((place, file), content) in (0_u32..).zip(&entry.files).zip(contents) {
        insert.execute(params![
            firm.as_bytes(),
            entry.conversation_id.as_bytes(),
            row::stored(entry.seq),
            place,
            file.attachment_id.as_bytes(),
            file.name,
            content.as_bytes()
        ])?;
    }
    Ok(())
}
