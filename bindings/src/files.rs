//! Intents about files. A file crosses as a path or as a descriptor, never as bytes.

use std::path::{Path, PathBuf};

use portico_core::PortalError;
use portico_core::portal::{BackgroundTransfer, TransferHeader};
use portico_core::store::PickedFile;
use portico_core::upload::progress::UploadProgress;
use portico_core::upload::source::PickSource;
use portico_wire::ids::{AttachmentId, ConversationId, EntryId, SendKey};

use crate::portal::Portal;

/// What an operating system needs to carry a batch by itself. Secret: whoever holds it may append to this batch.
#[uniffi::remote(Record)]
pub struct BackgroundTransfer {
    /// Which batch.
    pub send_key: SendKey,
    /// Where to.
    pub url: String,
    /// `PUT`: the whole file from its first byte. What the server holds already it drops, so sending again is safe.
    pub method: String,
    /// Headers to send. No session is among them.
    pub headers: Vec<TransferHeader>,
    /// The path of the one file to send, as it lies. It does not change while it is handed over.
    pub file: String,
    /// Its length.
    pub length_bytes: u64,
    /// How much of it the server holds already.
    pub held_bytes: u64,
    /// When the server forgets what was not sent, UTC milliseconds by its clock.
    pub expires_at_ms: i64,
    /// Whether it may go over a metered network.
    pub metered: bool,
}

/// One header.
#[uniffi::remote(Record)]
pub struct TransferHeader {
    /// In lower case.
    pub name: String,
    /// As it is sent.
    pub value: String,
}

#[uniffi::export]
impl Portal {
    /// Copies the file at `path` into what is being picked for `conversation`, sealed (R1). `name`: what to show; none
    /// for the path's own.
    ///
    /// # Errors
    /// `FileUnreadable`, `Refused` over a limit with both numbers, `DiskFull`, `NotHere`: what was picked before stays.
    pub async fn pick(
        &self,
        conversation: ConversationId,
        path: String,
        name: Option<String>,
        call: u64,
    ) -> Result<PickedFile, PortalError> {
        let source = PickSource::Path(PathBuf::from(path));
        self.wait(Some(call), move |core| async move { core.pick(conversation, source, name).await }).await
    }

    /// The same for an open file descriptor, read from where it stands. It stays the caller's, who may close it once this
    /// call has ended, however it ended.
    ///
    /// # Errors
    /// As `pick`; `FileUnreadable` for what is no descriptor.
    pub async fn pick_descriptor(
        &self,
        conversation: ConversationId,
        descriptor: i32,
        name: String,
        call: u64,
    ) -> Result<PickedFile, PortalError> {
        let source = PickSource::Open(duplicate_of(descriptor)?);
        self.wait(Some(call), move |core| async move { core.pick(conversation, source, Some(name)).await })
            .await
    }

    /// Takes a file out of what is being picked.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn take_out(&self, conversation: ConversationId, slot: u32) -> Result<(), PortalError> {
        self.with(|core| core.take_out(conversation, slot))
    }

    /// Queues what was picked for `conversation`, with `text`, which may be empty: one message, visible whole (R37).
    ///
    /// # Errors
    /// `Refused` with the numbers, `NotHere`, `DiskFull`: nothing is queued, all stays picked.
    pub async fn send_files(
        &self,
        conversation: ConversationId,
        text: String,
        call: u64,
    ) -> Result<SendKey, PortalError> {
        self.wait(Some(call), move |core| async move { core.send_files(conversation, &text).await }).await
    }

    /// Sends the text and the files of a refused or withdrawn entry as a new one, with a key of its own.
    ///
    /// # Errors
    /// `NotHere` for an entry that is neither, or has no files here; `DiskFull`.
    pub async fn send_files_again(&self, key: SendKey, call: u64) -> Result<SendKey, PortalError> {
        self.wait(Some(call), move |core| async move { core.send_files_again(key).await }).await
    }

    /// On a network that `NetworkStatus` calls metered, batches with more than `bytes_max` left to send wait for
    /// another; none: all go at once, as until the first call. Kept over restarts.
    ///
    /// # Errors
    /// A store fault.
    pub fn allow_metered_within(&self, bytes_max: Option<u64>) -> Result<(), PortalError> {
        self.with(|core| core.allow_metered_within(bytes_max))
    }

    /// Lets one batch go over whatever network is here.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn allow_metered(&self, key: SendKey) -> Result<(), PortalError> {
        self.with(|core| core.allow_metered(key))
    }

    /// Brings an attachment onto this phone, from where the last attempt stopped; nothing is asked where it is here. It
    /// lies sealed, and its SHA-256 is that of the entry.
    ///
    /// # Errors
    /// `NotHere` where the entry or its access is gone; `FileRefused`; `Offline` and its like: what came stays; `DiskFull`.
    pub async fn fetch_attachment(
        &self,
        entry: EntryId,
        attachment: AttachmentId,
        call: u64,
    ) -> Result<(), PortalError> {
        self.wait(Some(call), move |core| async move { core.fetch_attachment(entry, attachment).await }).await
    }

    /// Holds at most `bytes_max` of fetched files on this phone; 512 MiB until it is told. What was used least goes first,
    /// and can be fetched again.
    ///
    /// # Errors
    /// A store fault.
    pub fn hold_files_within(&self, bytes_max: u64) -> Result<(), PortalError> {
        self.with(|core| core.hold_files_within(bytes_max))
    }

    /// How many bytes of an attachment are on this phone.
    ///
    /// # Errors
    /// A store fault.
    pub fn held_bytes(&self, attachment: AttachmentId) -> Result<u64, PortalError> {
        self.with(|core| core.held_bytes(attachment))
    }

    /// Writes an attachment that is on this phone to the file `to`, plain: all of it, or no file. Needs no network.
    ///
    /// # Errors
    /// `NotHere` where it must be fetched first; `DiskFull` where `to` can not be written.
    pub fn save_attachment(&self, attachment: AttachmentId, to: String) -> Result<(), PortalError> {
        self.with(|core| core.save_attachment(attachment, Path::new(&to)))
    }

    /// Pauses a batch until `resume`. What the server holds, it keeps for 7 days.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn pause(&self, key: SendKey) -> Result<(), PortalError> {
        self.with(|core| core.pause(key))
    }

    /// Lets a paused batch go on.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn resume(&self, key: SendKey) -> Result<(), PortalError> {
        self.with(|core| core.resume(key))
    }

    /// How far a batch is, by what the server holds (R52).
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn upload_progress(&self, key: SendKey) -> Result<UploadProgress, PortalError> {
        self.with(|core| core.upload_progress(key))
    }

    /// Hands a batch over to the operating system's uploader: this app sends nothing of it until
    /// `background_transfer_finished`, or until it has not moved for an hour. None where nothing is left to send.
    ///
    /// # Errors
    /// `NotHere` for what is no open batch or is paused; `Offline` and its like: it stays with this app.
    pub async fn prepare_background_transfer(
        &self,
        key: SendKey,
        call: u64,
    ) -> Result<Option<BackgroundTransfer>, PortalError> {
        self.wait(Some(call), move |core| async move { core.prepare_background_transfer(key).await }).await
    }

    /// Takes back what the operating system carried, with the answer it got; `status` 0 where it got none. Whatever it
    /// was, nothing is lost: a batch that is not in the log goes on here.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn background_transfer_finished(
        &self,
        key: SendKey,
        status: u16,
        media_type: String,
        body: Vec<u8>,
    ) -> Result<(), PortalError> {
        self.with(|core| core.background_transfer_finished(key, status, &media_type, &body))
    }
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "a descriptor crosses the border as a number")]
fn duplicate_of(descriptor: i32) -> Result<std::fs::File, PortalError> {
    use std::os::fd::BorrowedFd;
    let missing = PortalError::FileUnreadable { why: portico_core::upload::source::PickFault::Missing };
    if descriptor < 0 {
        return Err(missing);
    }
    // SAFETY: the caller holds it open until the call has ended; where they do not, the system refuses its number.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    // Our own: the caller may give up, and close theirs, while a thread still reads.
    borrowed.try_clone_to_owned().map(std::fs::File::from).map_err(|_| missing)
}

#[cfg(not(unix))]
fn duplicate_of(_descriptor: i32) -> Result<std::fs::File, PortalError> {
    Err(PortalError::FileUnreadable { why: portico_core::upload::source::PickFault::Unreadable })
}
