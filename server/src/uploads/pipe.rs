//! Chunks into a segment: written, opened and made durable side by side.
//!
//! ```text
//! request --write--> page cache        request --chunks--> opener's thread --edge--> fsync's thread --> stated
//! ```
//! The thread of the request writes to the page cache itself: so it copies while the opener opens. The opener takes
//! the chunks in groups and has no thread between two of them, so an upload that stands still holds none.
//! Bounds: [`GROUP_CHUNKS`] chunks being gathered and as many being opened; [`BEHIND_BYTES`] waiting for an fsync.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::desk::Upload;
use crate::blobs::{Form, Opener};

/// Chunks opened at a time, 1 MiB: large beside what a hand-over to a thread costs, and little to hold where
/// hundreds upload at a time.
const GROUP_CHUNKS: usize = 16;
/// An fsync at least every so many bytes: what a power cut can cost, and short enough to hide behind the network.
const SYNC_BYTES: u64 = 8 * 1024 * 1024;
/// Past so many bytes without an fsync the request waits for the one that runs.
const BEHIND_BYTES: u64 = 4 * SYNC_BYTES;

/// Whether more chunks are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    GoOn,
    /// A chunk does not open, or a file is not that of the manifest.
    Stop,
}

/// One request's way into its segment.
pub(super) struct Pipe {
    upload: Arc<Upload>,
    file: Arc<File>,
    /// None while a thread has it.
    opener: Option<Opener>,
    gathered: Vec<Vec<u8>>,
    opening: Option<JoinHandle<io::Result<Opened>>>,
    syncing: Option<JoinHandle<io::Result<()>>>,
    /// Up to where an fsync has been asked for, in bytes of the representation.
    sync_asked: u64,
    /// Buffers to be filled again.
    spare: Vec<Vec<u8>>,
    damaged: bool,
}

struct Opened {
    opener: Opener,
    chunks: Vec<Vec<u8>>,
    damaged: bool,
}

impl Pipe {
    /// Opens the segment where `opener` stands, and makes it if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) async fn open(upload: Arc<Upload>, opener: Opener) -> io::Result<Self> {
        let (segments, segment, at) = (upload.segments().clone(), upload.segment, opener.at());
        let open = move || segments.open_to_append(segment, at.disk_bytes);
        let file = spawn_blocking(open).await.map_err(io::Error::other)??;
        Ok(Self {
            upload,
            file: Arc::new(file),
            opener: Some(opener),
            gathered: Vec::new(),
            opening: None,
            syncing: None,
            sync_asked: at.wire_bytes,
            spare: Vec::new(),
            damaged: false,
        })
    }

    /// An empty buffer for a chunk.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes one whole chunk of the wire.
    ///
    /// # Errors
    /// Those of the disk; the segment has to be looked through again.
    pub(super) async fn push(&mut self, chunk: Vec<u8>) -> io::Result<Flow> {
        if self.upload.layout.form == Form::Sealed {
            (&*self.file).write_all(&chunk)?;
        }
        self.gathered.push(chunk);
        if self.gathered.len() >= GROUP_CHUNKS {
            self.hand_over().await?;
        }
        Ok(if self.damaged { Flow::Stop } else { Flow::GoOn })
    }

    /// Takes the opener back from its thread, and gives it what was gathered.
    async fn hand_over(&mut self) -> io::Result<()> {
        self.take_back().await?;
        let Some(opener) = self.opener.take_if(|_| !self.gathered.is_empty() && !self.damaged) else {
            return Ok(());
        };
        let (file, form) = (Arc::clone(&self.file), self.upload.layout.form);
        let chunks = std::mem::take(&mut self.gathered);
        self.opening = Some(spawn_blocking(move || open_group(opener, &file, form, chunks)));
        Ok(())
    }

    async fn take_back(&mut self) -> io::Result<()> {
        let Some(opening) = self.opening.take() else { return Ok(()) };
        let opened = opening.await.map_err(io::Error::other)??;
        self.spare.extend(opened.chunks.into_iter().map(|mut chunk| {
            chunk.clear();
            chunk
        }));
        self.damaged |= opened.damaged;
        let opened_bytes = opened.opener.at().wire_bytes;
        self.opener = Some(opened.opener);
        let behind = opened_bytes - self.sync_asked;
        let idle = self.syncing.as_ref().is_none_or(JoinHandle::is_finished);
        if behind >= BEHIND_BYTES || (behind >= SYNC_BYTES && idle) {
            self.synced().await?;
            self.sync(opened_bytes);
        }
        Ok(())
    }

    /// Asks for an fsync of everything that was written so far, of which `opened_bytes` are opened.
    fn sync(&mut self, opened_bytes: u64) {
        let (file, upload) = (Arc::clone(&self.file), Arc::clone(&self.upload));
        self.sync_asked = opened_bytes;
        self.syncing = Some(spawn_blocking(move || {
            file.sync_data()?;
            metrics::counter!("portico_upload_fsyncs_total").increment(1);
            upload.stated.send_replace(Some(opened_bytes));
            Ok(())
        }));
    }

    async fn synced(&mut self) -> io::Result<()> {
        match self.syncing.take() {
            Some(syncing) => syncing.await.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }

    /// Opens what is left, cuts away what did not open, and makes the rest durable. Whether a chunk did not open or a
    /// file is not that of the manifest, and the opener.
    ///
    /// # Errors
    /// Those of the disk; the segment has to be looked through again.
    pub(super) async fn finish(mut self) -> io::Result<(bool, Opener)> {
        self.hand_over().await?;
        self.take_back().await?;
        self.synced().await?;
        let opener = self.opener.take().ok_or_else(|| io::Error::other("the opener is gone"))?;
        let at = opener.at();
        if self.damaged {
            let file = Arc::clone(&self.file);
            spawn_blocking(move || file.set_len(at.disk_bytes)).await.map_err(io::Error::other)??;
        }
        if self.damaged || at.wire_bytes > self.sync_asked {
            self.sync(at.wire_bytes);
            self.synced().await?;
        }
        Ok((self.damaged, opener))
    }
}

/// Opens a group of chunks, or seals and writes them.
fn open_group(
    mut opener: Opener,
    mut file: &File,
    form: Form,
    mut chunks: Vec<Vec<u8>>,
) -> io::Result<Opened> {
    let mut damaged = false;
    for chunk in &mut chunks {
        match form {
            Form::Sealed => damaged = opener.open(chunk).is_err(),
            Form::Plain => {
                opener.seal(chunk);
                file.write_all(chunk)?;
            }
        }
        damaged |= opener.damaged().is_some();
        if damaged {
            break;
        }
    }
    Ok(Opened { opener, chunks, damaged })
}
