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
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
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
    /// Whether every chunk of the segment was sealed or received by this process.
    pub(super) is_ours: AtomicBool,
    /// After a fault of the disk: what was durable before it. What lies behind may look whole in the page cache and not
    /// be on the disk. Guards nothing else.
    cut_to: Mutex<Option<u64>>,
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
        self.remember(batch.segment, || Layout::of(batch))
    }

    /// What is remembered of a segment that is laid out like that.
    pub(super) fn remember(&self, segment: SegmentId, layout: impl FnOnce() -> Layout) -> Arc<Upload> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            // Whoever touches one holds it.
            remembered.retain(|_, upload| Arc::strong_count(upload) > 1);
        }
        Arc::clone(remembered.entry(segment).or_insert_with(|| {
            Arc::new(Upload {
                segment,
                layout: Arc::new(layout()),
                segments: self.segments.clone(),
                newest: watch::Sender::new(0),
                opener: Arc::default(),
                stated: watch::Sender::new(None),
                is_ours: AtomicBool::new(false),
                cut_to: Mutex::default(),
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
        let durable = *self.cut_to();
        let looked = spawn_blocking(move || {
            if let Some(durable) = durable {
                segments.cut(segment, layout.disk_bytes_at(durable))?;
            }
            let is_fresh = !segments.path(segment).exists();
            Ok::<_, io::Error>((look(&segments, segment, layout)?, is_fresh))
        });
        let (looked, is_fresh) = looked.await.map_err(io::Error::other)??;
        *self.cut_to() = None;
        self.is_ours.fetch_or(is_fresh, Relaxed);
        let offset = looked.at().wire_bytes;
        *opener = Some(looked);
        self.stated.send_replace(Some(offset));
        Ok(offset)
    }
}

impl Upload {
    /// After a fault of the disk: only what an fsync has vouched for before counts, and is looked through again before
    /// anybody states it.
    pub(super) async fn distrust(&self, opener: &mut Option<Opener>) {
        *opener = None;
        if let Some(durable) = self.stated.send_replace(None) {
            *self.cut_to() = Some(durable);
        }
        // At once, while this process knows; where that fails too, whoever looks next tries again.
        if let Err(fault) = self.look_through(opener).await {
            tracing::warn!(segment = %self.segment, %fault, "a segment can not be looked through");
        }
    }

    fn cut_to(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.cut_to.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use portico_wire::encoding::Sha256;

    use crate::store::Entitled;
    use crate::testing::{Pack, World};

    const CHUNK: usize = 65_552;

    // R52: what an fsync failed on may look whole in the page cache; it does not count, and comes again.
    #[tokio::test]
    async fn only_what_was_durable_counts_after_a_fault_of_the_disk() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let pack = Pack::of(&amina, &world, claim, &[200_000]);
        let opened = amina.opened(&amina.open(&pack).await);
        amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;
        let capability = Sha256::of(&[&opened.capability.0]);
        let entitled = world.app.store().entitled(capability, world.app.now_ms()).await.unwrap();
        let Some(Entitled::Open(batch)) = entitled else { panic!("it is open") };
        let path = world.app.uploads().segments().path(batch.segment);
        let mut unsynced = std::fs::read(&path).unwrap();
        unsynced.extend_from_slice(&pack.bytes[CHUNK..2 * CHUNK]);
        std::fs::write(&path, unsynced).unwrap();

        let upload = world.app.uploads().upload(&batch);
        upload.distrust(upload.take_turn().await.unwrap().opener()).await;

        assert_eq!(amina.head(&opened.capability).await.stands(), (204, CHUNK as u64, "?0"));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), CHUNK as u64);
        let rest = amina.patch(&opened.capability, CHUNK as u64, pack.from(CHUNK as u64)).await;
        assert_eq!(rest.status, 200);
    }
}
