//! Whose turn it is on each batch, and which offset is stated.
//!
//! ```text
//! request --take_turn--> waits until the one before has let go --> appends --> puts the opener back, lets go
//! ```
//! Holds: one request at a time appends to a segment, the newest one; asking for the offset stops nobody. The stated
//! offset is durable and opened. Crash: the segment is looked through from its beginning at the first touch.
//! Bounds: [`REMEMBERED_MAX`] batches that nobody touches; a forgotten one is looked through again.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use portico_wire::ids::SegmentId;
use tokio::sync::{Mutex as TurnMutex, OwnedMutexGuard, watch};
use tokio::task::spawn_blocking;

use crate::blobs::{Layout, Opener, Segments, look};
use crate::store::BatchRow;

/// Batches remembered while nobody touches them: a layout of 130 files is about 20 kB.
const REMEMBERED_MAX: usize = 256;

/// All uploads of the server.
pub(crate) struct Uploads {
    segments: Segments,
    /// Guards which batches are remembered.
    remembered: Mutex<BTreeMap<SegmentId, Arc<Upload>>>,
    /// How many requests append.
    running: watch::Sender<usize>,
}

/// One batch.
pub(crate) struct Upload {
    pub(super) segment: SegmentId,
    pub(super) layout: Arc<Layout>,
    segments: Segments,
    /// The newest request's number.
    newest: watch::Sender<u64>,
    /// Guards the segment: who has it may write. None until the segment was looked through.
    opener: Arc<TurnMutex<Option<Opener>>>,
    /// Bytes of the representation that are durable and opened; none until the segment was looked through.
    pub(super) stated: watch::Sender<Option<u64>>,
}

/// A request's turn on its batch.
pub(crate) struct Turn {
    number: u64,
    newest: watch::Receiver<u64>,
    opener: OwnedMutexGuard<Option<Opener>>,
}

/// Counts a request that appends, until it is dropped.
pub(super) struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Uploads {
    pub(crate) fn new(segments: Segments) -> Self {
        Self { segments, remembered: Mutex::default(), running: watch::Sender::new(0) }
    }

    /// The folder.
    pub(crate) const fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The batch as it is remembered.
    pub(crate) fn upload(&self, batch: &BatchRow) -> Arc<Upload> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            // Whoever touches one holds it.
            remembered.retain(|_, upload| Arc::strong_count(upload) > 1);
        }
        Arc::clone(remembered.entry(batch.segment).or_insert_with(|| {
            Arc::new(Upload {
                segment: batch.segment,
                layout: Arc::new(Layout::of(batch)),
                segments: self.segments.clone(),
                newest: watch::Sender::new(0),
                opener: Arc::default(),
                stated: watch::Sender::new(None),
            })
        }))
    }

    /// Forgets a batch whose segment stays.
    pub(super) fn forget(&self, segment: SegmentId) -> Option<Arc<Upload>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).remove(&segment)
    }

    /// Ends whatever appends to a segment that no row needs any more, and removes it. What fails here is removed at
    /// the next start.
    pub(crate) async fn end(&self, segment: SegmentId) {
        let turn = match self.forget(segment) {
            Some(upload) => upload.take_turn().await,
            None => None,
        };
        let segments = self.segments.clone();
        let removed = spawn_blocking(move || segments.remove(segment)).await;
        drop(turn);
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!(%segment, %fault, "a segment was not removed"),
            Err(fault) => tracing::error!(%segment, %fault, "a segment was not removed"),
        }
    }

    /// Whether a request appends to the segment at this moment.
    pub(super) fn is_appended(&self, segment: SegmentId) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(&segment).is_some_and(|upload| upload.opener.try_lock().is_err())
    }

    /// Counts a request that appends.
    pub(super) fn begin(&self) -> Running {
        self.running.send_modify(|count| *count += 1);
        Running(self.running.clone())
    }

    /// Ends when no request appends any more.
    pub(crate) async fn settled(&self) {
        // The sender is ours, so the wait ends by the count alone.
        drop(self.running.subscribe().wait_for(|count| *count == 0).await);
    }
}

impl Upload {
    pub(super) const fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Ends the request that appends, waits until it has let go, and takes its place. None where a newer request has
    /// come meanwhile.
    pub(crate) async fn take_turn(&self) -> Option<Turn> {
        let mut number = 0;
        self.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        let newest = self.newest.subscribe();
        let opener = Arc::clone(&self.opener).lock_owned().await;
        let turn = Turn { number, newest, opener };
        turn.is_newest().then_some(turn)
    }

    /// How many bytes of the representation are durable and opened. Stops nobody.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) async fn offset(&self) -> io::Result<u64> {
        let mut stated = self.stated.subscribe();
        let looked = async {
            let mut opener = Arc::clone(&self.opener).lock_owned().await;
            self.look_through(&mut opener).await
        };
        let known = async { stated.wait_for(Option::is_some).await.ok().and_then(|stated| *stated) };
        match select(pin!(known), pin!(looked)).await {
            Either::Left((Some(stated), _)) => Ok(stated),
            // The sender is ours; the wait does not fail.
            Either::Left((None, looked)) => looked.await,
            Either::Right((looked, _)) => looked,
        }
    }

    /// Looks the segment through, if nobody has; its offset.
    pub(super) async fn look_through(&self, opener: &mut Option<Opener>) -> io::Result<u64> {
        if let Some(opener) = opener {
            return Ok(opener.at().wire_bytes);
        }
        let (segments, segment, layout) = (self.segments.clone(), self.segment, Arc::clone(&self.layout));
        let looked = spawn_blocking(move || look(&segments, segment, layout)).await;
        let looked = looked.map_err(io::Error::other)??;
        let offset = looked.at().wire_bytes;
        *opener = Some(looked);
        self.stated.send_replace(Some(offset));
        Ok(offset)
    }
}

impl Turn {
    /// Whether no newer request has come.
    pub(super) fn is_newest(&self) -> bool {
        *self.newest.borrow() == self.number
    }

    /// Ends when a newer request has come.
    pub(super) async fn passed(&mut self) {
        let number = self.number;
        if self.newest.wait_for(|newest| *newest != number).await.is_err() {
            // The batch is forgotten, and so is the turn.
            std::future::pending::<()>().await;
        }
    }

    /// The segment's opener; none until it was looked through, and after a fault.
    pub(super) fn opener(&mut self) -> &mut Option<Opener> {
        &mut self.opener
    }
}
