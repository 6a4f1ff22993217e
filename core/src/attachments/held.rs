//! Fetching, opening, saving and letting go of attachments.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use portico_wire::encoding::Sha256;
use portico_wire::entry::EntryFile;
use portico_wire::ids::{AttachmentId, ConversationId};

use super::sealed_file::{SealedFile, held_bytes};
use crate::error::PortalError;
use crate::events::{EventHub, PortalEvent};
use crate::net::codec;
use crate::net::session::SessionLink;
use crate::outbox::entry::Fault;
use crate::ports::files::make_private_folder;
use crate::ports::{Ports, random};
use crate::store::{HeldFile, Store, StoreError};
use crate::upload::pack::{PlainReader, hash_of};

/// The attachments of one person on this phone.
#[derive(Debug, Clone)]
pub(crate) struct HeldFiles {
    pub(crate) store: Arc<Store>,
    pub(crate) link: Arc<SessionLink>,
    pub(crate) hub: Arc<EventHub>,
    pub(crate) ports: Ports,
    pub(crate) folder: PathBuf,
}

impl HeldFiles {
    fn path(&self, attachment: AttachmentId) -> PathBuf {
        self.folder.join(format!("{attachment}.sealed"))
    }

    /// How many plain bytes of an attachment are here.
    pub(crate) fn held_bytes(&self, attachment: AttachmentId) -> Result<u64, StoreError> {
        let held = self.store.read(|reading| reading.held_file(attachment))?;
        Ok(held.map_or(0, |held| held_bytes(&self.path(attachment), &held)))
    }

    /// Whether all of it is here.
    pub(crate) fn is_whole(&self, attachment: AttachmentId) -> Result<bool, StoreError> {
        let held = self.store.read(|reading| reading.held_file(attachment))?;
        Ok(held.is_some_and(|held| held.whole && self.path(attachment).exists()))
    }

    /// Fetches what is missing of `file`, and looks whether all of it has its hash.
    pub(crate) async fn fetch(
        &self,
        conversation: ConversationId,
        file: &EntryFile,
    ) -> Result<(), PortalError> {
        let attachment = file.attachment_id;
        if self.is_whole(attachment)? {
            return Ok(());
        }
        let held = self.hold(conversation, file)?;
        let path = self.path(attachment);
        let have = held_bytes(&path, &held);
        if file.size_bytes == 0 {
            // There is nothing to ask for.
            drop(SealedFile::go_on(&path, &held, 0).map_err(|_| PortalError::DiskFull)?);
        } else if have < file.size_bytes {
            self.take_in(&held, &path, have, &file.sha256).await?;
        }
        let (checked, key, size) = (path.clone(), held.key.clone(), file.size_bytes);
        let hash = tokio::task::spawn_blocking(move || {
            PlainReader::open(&checked, 0, size, &key).and_then(|mut plain| hash_of(&mut plain))
        });
        if hash.await.ok().and_then(Result::ok) != Some(file.sha256) {
            // Not what the entry says: nobody is shown it, and the next fetch begins anew.
            drop(std::fs::remove_file(&path));
            return Err(PortalError::RetryLater { after_s: None });
        }
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            writing.complete_held_file(attachment)?;
            writing.use_held_file(attachment, now_ms)
        })?;
        self.hub.tell(&[PortalEvent::DownloadProgressed(attachment)]);
        Ok(())
    }

    fn hold(&self, conversation: ConversationId, file: &EntryFile) -> Result<HeldFile, PortalError> {
        make_private_folder(&self.folder).map_err(|_| PortalError::DiskFull)?;
        let (key, now_ms) = (random(&*self.ports.dice), self.ports.clock.now_ms());
        Ok(self.store.write(|writing| match writing.held_file(file.attachment_id)? {
            Some(held) => Ok::<_, StoreError>(held),
            None => writing.begin_held_file(conversation, file, key, now_ms),
        })?)
    }

    async fn take_in(
        &self,
        held: &HeldFile,
        path: &Path,
        have: u64,
        sha256: &Sha256,
    ) -> Result<(), PortalError> {
        let attachment = held.attachment_id;
        let (from_bytes, mut bytes) =
            self.link.fetch(codec::attachment(attachment), have, &sha256.to_string()).await?;
        let mut file = SealedFile::go_on(path, held, from_bytes).map_err(|_| PortalError::DiskFull)?;
        let mut told = from_bytes;
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map_err(|_| PortalError::from(Fault::NoConnection))?;
            file.take(&chunk).map_err(|fault| match fault.kind() {
                io::ErrorKind::InvalidData => PortalError::NotPortico,
                _ => PortalError::DiskFull,
            })?;
            if file.written_bytes() >= told + TELL_EVERY_BYTES {
                told = file.written_bytes();
                self.hub.tell(&[PortalEvent::DownloadProgressed(attachment)]);
            }
        }
        if file.written_bytes() < held.size_bytes {
            return Err(Fault::NoConnection.into());
        }
        file.sync().map_err(|_| PortalError::DiskFull)
    }

    /// Writes the plain bytes of an attachment that is here to `to`: all of them, or no file.
    pub(crate) fn save(&self, attachment: AttachmentId, to: &Path) -> Result<(), PortalError> {
        let held = self.store.read(|reading| reading.held_file(attachment))?;
        let held = held.filter(|held| held.whole).ok_or(PortalError::NotHere)?;
        let path = self.path(attachment);
        let mut plain =
            PlainReader::open(&path, 0, held.size_bytes, &held.key).map_err(|_| PortalError::NotHere)?;
        let written = File::create(to).and_then(|mut out| {
            io::copy(&mut plain, &mut out)?;
            out.sync_all()
        });
        if let Err(fault) = written {
            drop(std::fs::remove_file(to));
            // The sealed copy is damaged: the next fetch brings it anew.
            if fault.kind() == io::ErrorKind::InvalidData {
                self.store.write(|writing| writing.drop_held_file(attachment))?;
                return Err(PortalError::NotHere);
            }
            return Err(PortalError::DiskFull);
        }
        let now_ms = self.ports.clock.now_ms();
        Ok(self.store.write(|writing| writing.use_held_file(attachment, now_ms))?)
    }

    /// Lets go of what was used least, until all of it together is within `bytes_max`; and of files that no row knows.
    pub(crate) fn sweep(&self, bytes_max: u64) -> Result<(), StoreError> {
        let held = self.store.read(|reading| reading.held_files())?;
        let mut total: u64 = held.iter().map(|(_, size)| size).sum();
        let mut kept = Vec::with_capacity(held.len());
        for (attachment, size) in held {
            if total > bytes_max {
                total -= size;
                self.store.write(|writing| writing.drop_held_file(attachment))?;
            } else {
                kept.push(self.path(attachment));
            }
        }
        for file in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !kept.contains(&file.path()) {
                // Its key is gone, so what can not be removed is noise.
                drop(std::fs::remove_file(file.path()));
            }
        }
        Ok(())
    }
}

/// How often a bar on a screen is told: 16 chunks.
const TELL_EVERY_BYTES: u64 = 1024 * 1024;
