//! Intents about files: pick, take out, send, pause, hand over. Copying runs off the async threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use portico_wire::file::check_name;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::seal::BatchKey;
use portico_wire::upload::{CAPABILITY_HEADER, ManifestFile};

use super::{Portal, Room};
use crate::error::PortalError;
use crate::events::PortalEvent;
use crate::net::classify::{Appended, Miss, read_append};
use crate::outbox::entry::{Lane, SendState};
use crate::outbox::machine::{Event, step};
use crate::outbox::turn::{Said, said_of};
use crate::ports::files::make_private_folder;
use crate::ports::{Response, random};
use crate::store::{BatchRow, Fact, PickedFile, StoreError};
use crate::upload::pack::{self, PackError};
use crate::upload::progress::UploadProgress;
use crate::upload::pump::HANDED_MS;
use crate::upload::source::{Opened, PickFault, PickSource};

/// What an operating system needs to carry a batch by itself. Secret: whoever holds it may append to this batch.
#[derive(Clone, PartialEq, Eq)]
pub struct BackgroundTransfer {
    /// Which batch.
    pub send_key: SendKey,
    /// Where to, whole.
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

impl std::fmt::Debug for BackgroundTransfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BackgroundTransfer({}, {} bytes)", self.send_key, self.length_bytes)
    }
}

/// One header of a transfer. Secret like it.
#[derive(Clone, PartialEq, Eq)]
pub struct TransferHeader {
    /// In lower case.
    pub name: String,
    /// As it is sent.
    pub value: String,
}

impl TransferHeader {
    fn of(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

impl std::fmt::Debug for TransferHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TransferHeader({})", self.name)
    }
}

/// Tells the copying thread that nobody waits any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Portal {
    /// Copies a file into what is being picked for `conversation`, sealed (R1). `name`: what to show; else the path's.
    ///
    /// Durable once the batch is sent, and against the end of this process before. Dropping the future ends the copying.
    /// # Errors
    /// [`PortalError::FileUnreadable`], [`PortalError::Refused`] over a limit with both numbers (R11-R13),
    /// [`PortalError::DiskFull`], [`PortalError::NotHere`]: what was picked before stays picked.
    pub async fn pick(
        &self,
        conversation: ConversationId,
        source: PickSource,
        name: Option<String>,
    ) -> Result<PickedFile, PortalError> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let _guard = CancelOnDrop(Arc::clone(&cancelled));
        let room = Arc::clone(&self.room);
        let packing =
            move || room.packing.alone(conversation, || room.pick(conversation, source, name, &cancelled));
        let picked = off_thread(packing).await?;
        self.room.hub.tell(&[PortalEvent::TimelineChanged(conversation)]);
        Ok(picked)
    }

    /// Takes a file out of what is being picked.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn take_out(&self, conversation: ConversationId, slot: u32) -> Result<(), PortalError> {
        let taken = self.room.packing.beside(conversation, |somebody_picks| {
            self.room.store.write(|writing| {
                let Some(batch) = writing.composing(conversation)? else { return Ok(false) };
                let taken = writing.take_out(batch.send_key, slot)?;
                if taken && !somebody_picks {
                    writing.drop_composing_if_empty(batch.send_key)?;
                }
                Ok::<_, StoreError>(taken)
            })
        })?;
        if !taken {
            return Err(PortalError::NotHere);
        }
        self.room.hub.tell(&[PortalEvent::TimelineChanged(conversation)]);
        self.sweep_packs()
    }

    /// Queues what was picked for `conversation`, with `text`, which may be empty: one message, visible whole (R37).
    ///
    /// # Errors
    /// [`PortalError::Refused`] with the numbers, also `batch_empty` where nothing was picked and `file_damaged` where
    /// the copy on this phone is; [`PortalError::NotHere`], [`PortalError::DiskFull`]: nothing is queued, all stays picked.
    pub async fn send_files(&self, conversation: ConversationId, text: &str) -> Result<SendKey, PortalError> {
        let (room, text) = (Arc::clone(&self.room), text.to_owned());
        let queueing = move || room.packing.alone(conversation, || room.send_files(conversation, &text));
        let key = off_thread(queueing).await?;
        self.outbox_changed(conversation);
        self.sweep_packs()?;
        Ok(key)
    }

    /// Sends the text and the files of a refused or withdrawn entry as a new one: sealed anew, with a key of its own.
    ///
    /// # Errors
    /// [`PortalError::NotHere`] for an entry that is neither, or has no files here; [`PortalError::DiskFull`].
    pub async fn send_files_again(&self, key: SendKey) -> Result<SendKey, PortalError> {
        let room = Arc::clone(&self.room);
        let old = room.store.read(|reading| reading.batch(key))?.ok_or(PortalError::NotHere)?;
        let copying = move || room.packing.alone(old.conversation_id, || room.send_files_again(key));
        let again = off_thread(copying).await?;
        self.outbox_changed(again.conversation_id);
        self.sweep_packs()?;
        Ok(again.send_key)
    }

    /// Pauses a batch until [`Portal::resume`]. What the server holds, it keeps for 7 days.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn pause(&self, key: SendKey) -> Result<(), PortalError> {
        self.decide(key, &Event::PauseTapped)
    }

    /// Lets a paused batch go on.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn resume(&self, key: SendKey) -> Result<(), PortalError> {
        self.decide(key, &Event::ResumeTapped)
    }

    /// On a metered network, batches with more than `bytes_max` left to send wait for another network, shown as such;
    /// none: everything goes at once, as it does until this is called.
    ///
    /// # Errors
    /// A store fault.
    pub fn allow_metered_within(&self, bytes_max: Option<u64>) -> Result<(), PortalError> {
        self.room.store.write(|writing| match bytes_max {
            Some(bytes_max) => writing.set(Fact::MeteredBytesMax, &bytes_max),
            None => writing.unset(Fact::MeteredBytesMax),
        })?;
        self.nudge()
    }

    /// Lets one batch go over whatever network is here.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn allow_metered(&self, key: SendKey) -> Result<(), PortalError> {
        self.room.store.write(|writing| writing.allow_metered(key))?;
        self.decide(key, &Event::Nudged)
    }

    /// How far a batch is, by what the server holds (R52).
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn upload_progress(&self, key: SendKey) -> Result<UploadProgress, PortalError> {
        self.room.uploads.progress(key)?.ok_or(PortalError::NotHere)
    }

    /// Hands a batch over to the operating system's uploader: this app sends nothing of it until
    /// [`Portal::background_transfer_finished`], or until it has not moved for an hour. Whoever was handed the batch
    /// before is turned away by the server from here on. None where there is nothing left to send.
    ///
    /// # Errors
    /// [`PortalError::NotHere`] for what is no open batch or is paused; [`PortalError::Offline`] and its like: it stays
    /// with this app.
    pub async fn prepare_background_transfer(
        &self,
        key: SendKey,
    ) -> Result<Option<BackgroundTransfer>, PortalError> {
        let until_ms = self.room.ports.clock.now_ms().saturating_add(HANDED_MS);
        self.decide(key, &Event::HandedOver { until_ms })?;
        let state = self.entry_state(key)?;
        if !matches!(state, SendState::HandedToOs { .. }) {
            return Err(PortalError::NotHere);
        }
        let opened = match self.room.uploads.hand_over(key).await? {
            Ok(opened) => opened,
            Err(said) => return self.keep_here(key, said),
        };
        let (batch, metered) = self.room.store.read(|reading| {
            let batch = reading.batch(key)?.ok_or(PortalError::NotHere)?;
            let metered = reading.allowance(&batch)?.covers(batch.left_bytes());
            Ok::<_, PortalError>((batch, metered))
        })?;
        Ok(Some(BackgroundTransfer {
            send_key: key,
            url: format!("{}/v1/uploads", self.room.session.url()),
            method: "PUT".to_owned(),
            headers: vec![
                TransferHeader::of(CAPABILITY_HEADER, &opened.capability.to_string()),
                TransferHeader::of("content-type", "application/octet-stream"),
            ],
            file: self.room.path_of(&batch).display().to_string(),
            length_bytes: batch.length_bytes(),
            held_bytes: opened.offset_bytes,
            expires_at_ms: opened.expires_at_ms,
            metered,
        }))
    }

    /// Takes back what the operating system carried, with the answer it got: `status` and `body` as they came, or 0 and
    /// nothing where it got none. Whatever it was, nothing is lost: a batch that is not in the log goes on here.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn background_transfer_finished(
        &self,
        key: SendKey,
        status: u16,
        media_type: &str,
        body: &[u8],
    ) -> Result<(), PortalError> {
        let media_type = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let response =
            Response { status, media_type, retry_after_s: None, upload_offset: None, body: body.to_vec() };
        match read_append(Ok(response)) {
            Appended::Committed(accepted) => {
                self.room.uploads.settle(key, Said::Accepted(accepted))?;
            }
            Appended::Missed(miss @ Miss::Refused(..)) => {
                self.room.uploads.settle(key, said_of(miss))?;
            }
            Appended::Holds(_) | Appended::Gone | Appended::Missed(_) => {}
        }
        self.decide(key, &Event::HandedBack)?;
        self.sweep_packs()
    }

    /// A hand-over that did not come about. An answer that ends the entry is stored.
    fn keep_here(&self, key: SendKey, said: Said) -> Result<Option<BackgroundTransfer>, PortalError> {
        let error = match &said {
            Said::Accepted(_) => None,
            Said::Other(answer, _) => Some(error_of(answer)),
        };
        self.room.uploads.settle(key, said)?;
        self.decide(key, &Event::HandedBack)?;
        error.map_or(Ok(None), Err)
    }

    fn decide(&self, key: SendKey, event: &Event) -> Result<(), PortalError> {
        let now_ms = self.room.ports.clock.now_ms();
        let conversation = self.room.store.write(|writing| {
            let entry = writing.outbox_entry(key)?.filter(|entry| entry.lane == Lane::Batches);
            let entry = entry.ok_or(PortalError::NotHere)?;
            writing.keep_progress(key, &step(entry.progress, event.clone(), now_ms).0)?;
            Ok::<_, PortalError>(entry.conversation_id)
        })?;
        self.outbox_changed(conversation);
        Ok(())
    }

    /// Removes the packs that no row needs.
    pub(super) fn sweep_packs(&self) -> Result<(), PortalError> {
        let swept = self.room.packing.while_nobody_writes(|| {
            let Ok(packs) = std::fs::read_dir(self.room.folder.packs()) else { return Ok(()) };
            let needed = self.room.store.read(|reading| reading.needed_packs())?;
            for pack in packs.flatten() {
                if !needed.iter().any(|name| pack.file_name() == name.as_str()) {
                    // What can not be removed is tried again at the next opening.
                    drop(std::fs::remove_file(pack.path()));
                }
            }
            Ok(())
        });
        swept.unwrap_or(Ok(()))
    }
}

fn error_of(answer: &crate::outbox::machine::Answer) -> PortalError {
    use crate::outbox::machine::Answer;
    match answer {
        Answer::Refused(refusal) => PortalError::Refused { refusal: refusal.clone() },
        Answer::SignedOut => PortalError::SignInNeeded,
        Answer::Transient { fault, .. } => (*fault).into(),
        Answer::Accepted | Answer::Withdrawn => PortalError::NotHere,
        Answer::EpochStale => PortalError::RetryLater { after_s: None },
    }
}

/// Runs what reads or writes many bytes where it holds nobody up.
async fn off_thread<T: Send + 'static>(
    body: impl FnOnce() -> Result<T, PortalError> + Send + 'static,
) -> Result<T, PortalError> {
    tokio::task::spawn_blocking(body).await.unwrap_or_else(|_| Err(PortalError::bug("packing")))
}

impl Room {
    fn pick(
        &self,
        conversation: ConversationId,
        source: PickSource,
        name: Option<String>,
        cancelled: &AtomicBool,
    ) -> Result<PickedFile, PortalError> {
        let opened = source.open().map_err(unreadable)?;
        let name = name.or_else(|| opened.name.clone()).unwrap_or_default();
        check_name(&name)?;
        let batch = match self.store.read(|reading| reading.composing(conversation))? {
            Some(batch) => batch,
            None => self.begin_batch(conversation)?,
        };
        let picked = self.pack(&batch, &opened, name, cancelled);
        if picked.is_err() {
            // What was picked before may have been taken out meanwhile.
            let dropped = self.store.write(|writing| writing.drop_composing_if_empty(batch.send_key))?;
            if dropped {
                drop(std::fs::remove_file(self.path_of(&batch)));
            }
        }
        picked
    }

    fn begin_batch(&self, conversation: ConversationId) -> Result<BatchRow, PortalError> {
        make_private_folder(&self.folder.packs()).map_err(|_| PortalError::DiskFull)?;
        let batch = self.new_batch(conversation);
        self.store.write(|writing| {
            writing.head(conversation)?.ok_or(PortalError::NotHere)?;
            Ok::<_, PortalError>(writing.begin_batch(&batch)?)
        })?;
        self.packing.began(batch.send_key);
        Ok(batch)
    }

    fn new_batch(&self, conversation_id: ConversationId) -> BatchRow {
        let send_key = SendKey::from_parts(self.ports.clock.now_ms(), random(&*self.ports.dice));
        BatchRow {
            send_key,
            conversation_id,
            batch_key: BatchKey::from_bytes(random(&*self.ports.dice)),
            pack: format!("{send_key}.pack"),
            server_bytes: 0,
            metered: false,
            files: Vec::new(),
        }
    }

    fn path_of(&self, batch: &BatchRow) -> PathBuf {
        self.folder.packs().join(&batch.pack)
    }

    fn pack(
        &self,
        batch: &BatchRow,
        opened: &Opened,
        name: String,
        cancelled: &AtomicBool,
    ) -> Result<PickedFile, PortalError> {
        let (limits, before) = (self.store.read(|reading| reading.batch_limits())?, batch.size_bytes());
        let stated = opened.size_bytes().unwrap_or(0);
        limits.check(batch.files.len() as u64 + 1, before.saturating_add(stated))?;
        let slot = self.store.write(|writing| writing.take_slot(batch.send_key))?;
        let (key, at_bytes) = (batch.batch_key.file_key(batch.id(), slot), batch.end_bytes());
        let room_bytes = limits.bytes_max.saturating_sub(before);
        let packed = pack::append(
            &self.path_of(batch),
            at_bytes,
            &key,
            &mut opened.reader(cancelled),
            room_bytes,
            cancelled,
        )
        .map_err(|fault| match fault {
            PackError::Cancelled => PortalError::Ended,
            PackError::TooLarge(least) => PortalError::from(Refusal::over(
                RefusalCode::BatchTooLarge,
                limits.bytes_max,
                before.saturating_add(least.max(stated)),
            )),
            PackError::Source(fault) => unreadable(PickFault::from(&fault)),
            PackError::Disk(_) => PortalError::DiskFull,
        })?;
        if !opened.stood_still(packed.size_bytes) {
            return Err(unreadable(PickFault::Changed));
        }
        let file = PickedFile {
            slot,
            name,
            size_bytes: packed.size_bytes,
            sha256: packed.sha256,
            media_type: packed.media_type.to_owned(),
            at_bytes,
        };
        self.store.write(|writing| writing.keep_picked(batch.send_key, &file))?;
        Ok(file)
    }

    fn send_files(&self, conversation: ConversationId, text: &str) -> Result<SendKey, PortalError> {
        let batch = self.store.read(|reading| {
            reading.head(conversation)?.ok_or(PortalError::NotHere)?;
            Ok::<_, PortalError>(reading.composing(conversation)?)
        })?;
        let mut batch = batch.ok_or(Refusal::of(RefusalCode::BatchEmpty))?;
        let stated: Vec<ManifestFile> = batch.files.iter().map(PickedFile::stated).collect();
        self.store.read(|reading| reading.batch_limits())?.check_manifest(text, &stated)?;
        let path = self.path_of(&batch);
        if !self.packing.is_fresh(batch.send_key)
            && let Some(place) = pack::damaged_file(&path, &batch)
        {
            return Err(Refusal::of(RefusalCode::FileDamaged).of_file(place).into());
        }
        if !pack::is_close(&batch) {
            batch.pack = format!("{}-closed.pack", batch.send_key);
            pack::close_up(&path, &self.path_of(&batch), &mut batch).map_err(|_| PortalError::DiskFull)?;
        }
        pack::sync(&self.path_of(&batch)).map_err(|_| PortalError::DiskFull)?;
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            writing.head(conversation)?.ok_or(PortalError::NotHere)?;
            writing.move_pack(&batch)?;
            writing.enqueue_batch(&batch, text, now_ms)?;
            Ok::<_, PortalError>(writing.forget_draft(conversation)?)
        })?;
        Ok(batch.send_key)
    }

    fn send_files_again(&self, key: SendKey) -> Result<BatchRow, PortalError> {
        let found = self
            .store
            .read(|reading| Ok::<_, StoreError>((reading.outbox_entry(key)?, reading.batch(key)?)))?;
        let (Some(entry), Some(old)) = found else { return Err(PortalError::NotHere) };
        if !matches!(entry.progress.state, SendState::Refused(_) | SendState::Withdrawn) {
            return Err(PortalError::NotHere);
        }
        let mut again = self.new_batch(old.conversation_id);
        let (from, to) = (self.path_of(&old), self.path_of(&again));
        for (slot, file) in (0..).zip(&old.files) {
            let key = again.batch_key.file_key(again.id(), slot);
            let at_bytes = again.end_bytes();
            let mut plain = pack::plain(&from, &old, file).map_err(|_| PortalError::NotHere)?;
            let packed = pack::append(&to, at_bytes, &key, &mut plain, u64::MAX, &AtomicBool::new(false));
            match packed {
                Ok(packed) if packed.sha256 == file.sha256 => {}
                Ok(_) | Err(PackError::Source(_)) => {
                    return Err(Refusal::of(RefusalCode::FileDamaged).of_file(slot).into());
                }
                Err(_) => return Err(PortalError::DiskFull),
            }
            again.files.push(PickedFile { slot, at_bytes, ..file.clone() });
        }
        pack::sync(&to).map_err(|_| PortalError::DiskFull)?;
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            writing.keep_batch(&again)?;
            writing.enqueue_batch(&again, &entry.body, now_ms)?;
            writing.dismiss(key)
        })?;
        Ok(again)
    }
}

const fn unreadable(why: PickFault) -> PortalError {
    PortalError::FileUnreadable { why }
}
