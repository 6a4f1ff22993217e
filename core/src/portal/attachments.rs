//! Intents about attachments of messages: fetch, look how far, save.

use std::path::Path;

use portico_wire::ids::{AttachmentId, EntryId};

use super::Portal;
use crate::error::PortalError;
use crate::store::Fact;

/// How much of others' files a phone holds unless it is told otherwise: a dozen full batches would fill a small one.
const HELD_BYTES_MAX: u64 = 512 * 1024 * 1024;

impl Portal {
    /// Brings an attachment onto this phone, from where the last attempt stopped; nothing is asked where it is here.
    /// It is sealed, and its SHA-256 is that of the entry. The least used ones go when all together pass
    /// [`Portal::hold_files_within`].
    ///
    /// # Errors
    /// [`PortalError::NotHere`] where the entry or its access is gone; [`PortalError::FileRefused`] by the firm's scan;
    /// [`PortalError::Offline`] and its like: what came stays, and the next call goes on there, also where the scan has
    /// not seen the file yet; [`PortalError::DiskFull`].
    pub async fn fetch_attachment(
        &self,
        entry: EntryId,
        attachment: AttachmentId,
    ) -> Result<(), PortalError> {
        let found = self.room.store.read(|reading| reading.attachment(entry, attachment))?;
        let (conversation, file) = found.ok_or(PortalError::NotHere)?;
        self.room.held_files.fetch(conversation, &file).await?;
        Ok(self.room.held_files.sweep(self.held_bytes_max()?.max(file.size_bytes))?)
    }

    /// Removes files that no row knows: those of conversations whose access was lost.
    pub(super) fn sweep_files(&self) -> Result<(), PortalError> {
        Ok(self.room.held_files.sweep(self.held_bytes_max()?)?)
    }

    fn held_bytes_max(&self) -> Result<u64, PortalError> {
        Ok(self.room.store.read(|reading| reading.fact(Fact::HeldBytesMax))?.unwrap_or(HELD_BYTES_MAX))
    }

    /// Holds at most `bytes_max` of fetched files on this phone, from now on; 512 MiB until it is told. What was used least
    /// goes first; it can be fetched again. What this phone sends is not among them.
    ///
    /// # Errors
    /// A store fault.
    pub fn hold_files_within(&self, bytes_max: u64) -> Result<(), PortalError> {
        self.room.store.write(|writing| writing.set(Fact::HeldBytesMax, &bytes_max))?;
        self.sweep_files()
    }

    /// How many bytes of an attachment are on this phone.
    ///
    /// # Errors
    /// A store fault.
    pub fn held_bytes(&self, attachment: AttachmentId) -> Result<u64, PortalError> {
        Ok(self.room.held_files.held_bytes(attachment)?)
    }

    /// Writes an attachment that is on this phone to the file `to`, plain: all of it, or no file. Needs no network.
    ///
    /// # Errors
    /// [`PortalError::NotHere`] where it must be fetched first; [`PortalError::DiskFull`] where `to` can not be written.
    pub fn save_attachment(&self, attachment: AttachmentId, to: &Path) -> Result<(), PortalError> {
        self.room.held_files.save(attachment, to)
    }
}
