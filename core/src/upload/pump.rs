//! The loop that carries batches: the manifest, the bytes from where the server stands, the answer that is the commit.
//!
//! Holds: one batch is on its way at a time; a paused or a handed-over one sends nothing. What the server says it
//! holds is the only progress (R52). An answer counts only if its epoch is this phone's own.
//!
//! Crash: the next attempt opens the batch again under the same key and goes on from the offset it is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use portico_wire::encoding::Base64;
use portico_wire::ids::{Epoch, SendKey};
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::upload::{BatchAnswer, BatchStanding, OpenBatch, OpenedBatch, Seal};
use tokio::sync::watch;

use super::progress::{Began, UploadProgress, progress};
use super::{pack, stream};
use crate::events::{EventHub, PortalEvent};
use crate::net::classify::{Appended, Miss, read_append};
use crate::net::codec;
use crate::net::session::SessionLink;
use crate::outbox::backoff;
use crate::outbox::entry::{Fault, Lane, OutboxEntry, SendState};
use crate::outbox::machine::{Answer, Effect, Event, step};
use crate::outbox::pump::Rest;
use crate::outbox::turn::{Next, Said, Turns, said_of};
use crate::ports::{Carry, CarryTo, Ports};
use crate::store::{BatchRow, LaneHead, Store, StoreError};

/// Carries one person's batches.
#[derive(Debug)]
pub struct UploadPump {
    store: Arc<Store>,
    link: Arc<SessionLink>,
    hub: Arc<EventHub>,
    ports: Ports,
    turns: Turns,
    packs: PathBuf,
    /// Where the present attempt of each batch began. Guards nothing else.
    began: Mutex<BTreeMap<SendKey, Began>>,
    /// Counts what the person or the system decided about batches: an attempt looks again whether it is still wanted.
    decided: watch::Sender<u64>,
    /// Told when the server has answered about a batch: the time of texts behind it begins to count.
    texts: Arc<tokio::sync::Notify>,
}

/// How closely this phone looks at its own pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// Whether it is there, and long enough.
    Length,
    /// Whether every file opens and has its hash.
    Content,
}

/// How an attempt to send the bytes ended.
enum Sent {
    Said(Said),
    /// The person paused or discarded it, or the system took it.
    Unwanted,
}

impl UploadPump {
    /// A pump over these; the packs lie in the folder `packs`. `texts` wakes the pump of the texts.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        link: Arc<SessionLink>,
        hub: Arc<EventHub>,
        ports: Ports,
        packs: PathBuf,
        texts: Arc<tokio::sync::Notify>,
    ) -> Self {
        let turns = Turns { store: Arc::clone(&store), link: Arc::clone(&link), ports: ports.clone() };
        let decided = watch::channel(0).0;
        Self { store, link, hub, ports, turns, packs, began: Mutex::default(), decided, texts }
    }

    /// Something was decided about a batch.
    pub fn look_again(&self) {
        self.decided.send_modify(|count| *count += 1);
    }

    /// How far a batch is; none where there is none of that key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn progress(&self, key: SendKey) -> Result<Option<UploadProgress>, StoreError> {
        let began = self.began().get(&key).copied();
        let batch = self.store.read(|reading| reading.batch(key))?;
        Ok(batch.map(|batch| progress(&batch, began, self.ports.clock.now_ms())))
    }

    fn began(&self) -> std::sync::MutexGuard<'_, BTreeMap<SendKey, Began>> {
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries everything that is due, one batch after the other, and says what comes next.
    ///
    /// # Errors
    /// [`StoreError`]; what is stored stays, and is taken up at the next run.
    pub async fn run_due(&self) -> Result<Rest, StoreError> {
        let Some(epoch) = self.store.read(|reading| reading.epoch())? else { return Ok(Rest::NeedsSnapshot) };
        if self.store.read(|reading| reading.is_signed_out())? {
            return Ok(Rest::SignedOut);
        }
        loop {
            let head = match self.next()? {
                Ok(head) => head,
                Err(rest) => return Ok(rest),
            };
            match self.attempt(head, epoch).await? {
                Next::GoOn => {}
                Next::NeedsSnapshot => return Ok(Rest::NeedsSnapshot),
                Next::SignedOut => {
                    self.hub.tell(&[PortalEvent::SignInNeeded]);
                    return Ok(Rest::SignedOut);
                }
            }
        }
    }

    /// The batch whose turn it is: the first in time of those that are due. Else when the next one is.
    fn next(&self) -> Result<Result<LaneHead, Rest>, StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let heads = self.store.read(|reading| {
            let mut heads = Vec::new();
            for conversation in reading.open_lanes(Lane::Batches)? {
                let Some(head) = reading.lane_head(conversation, Lane::Batches)? else { continue };
                let held = reading.hold_of(head.entry.send_key)?.is_some_and(|hold| hold.reoffered_before);
                if head.entry.progress.state != SendState::Paused && !held {
                    heads.push(head);
                }
            }
            heads.extend(reading.stuck_head(Lane::Batches)?);
            Ok::<_, StoreError>(heads)
        })?;
        let due = heads.iter().filter(|head| backoff::is_due(head.due_ms, now_ms));
        // Keys are made in the order of time.
        if let Some(head) = due.min_by_key(|head| head.entry.send_key) {
            return Ok(Ok(head.clone()));
        }
        Ok(Err(heads.iter().map(|head| head.due_ms).min().map_or(Rest::Empty, Rest::Until)))
    }

    async fn attempt(&self, head: LaneHead, epoch: Epoch) -> Result<Next, StoreError> {
        let (key, conversation) = (head.entry.send_key, head.entry.conversation_id);
        if matches!(head.entry.progress.state, SendState::HandedToOs { .. })
            && let Some(next) = self.look_elsewhere(key).await?
        {
            return Ok(next);
        }
        if self.is_held_back(&head.entry)? {
            let until_ms = self.ports.clock.now_ms().saturating_add(HANDED_MS);
            self.turns.hold_back(key, until_ms)?;
            self.hub.tell(&[PortalEvent::TimelineChanged(conversation)]);
            self.texts.notify_one();
            return Ok(Next::GoOn);
        }
        let (entry, effect) = self.turns.take(key)?;
        let changed = [PortalEvent::TimelineChanged(conversation), PortalEvent::ConversationsChanged];
        self.hub.tell(&changed);
        let sent = match (entry, effect) {
            (Some(entry), Effect::Offer) => self.offer(entry, epoch).await?,
            (Some(_), Effect::PostWithdraw) => Sent::Said(self.turns.withdraw(key, epoch).await),
            _ => return Ok(Next::GoOn),
        };
        self.began().remove(&key);
        let next = match sent {
            Sent::Said(said) => self.turns.settle(key, said)?,
            Sent::Unwanted => Next::GoOn,
        };
        self.hub.tell(&changed);
        self.texts.notify_one();
        Ok(next)
    }

    /// Whether a batch waits for a network that may be used freely.
    fn is_held_back(&self, entry: &OutboxEntry) -> Result<bool, StoreError> {
        // Taking it back costs nothing.
        if matches!(entry.progress.state, SendState::Withdrawing { .. }) {
            return Ok(false);
        }
        let reach = self.ports.network.reach();
        self.store.read(|reading| {
            let Some(batch) = reading.batch(entry.send_key)? else { return Ok(false) };
            Ok(reading.allowance(&batch)?.waits(reach, batch.left_bytes()))
        })
    }

    /// Tells the server of the batch; what it takes to send its bytes, or what the server said instead.
    async fn open(&self, entry: OutboxEntry, batch: &BatchRow, epoch: Epoch) -> Result<OpenedBatch, Said> {
        let request = codec::put_batch(batch.send_key, &manifest(entry, batch, epoch));
        match self.link.ask::<BatchAnswer>(request).await {
            Ok(BatchAnswer::Accepted(accepted)) => Err(Said::Accepted(accepted)),
            Ok(BatchAnswer::Open(opened)) if opened.epoch != epoch => {
                Err(Said::Other(Answer::EpochStale, Some(opened.epoch)))
            }
            Ok(BatchAnswer::Open(opened)) => Ok(opened),
            Err(miss) => Err(said_of(miss)),
        }
    }

    /// Opens the batch at the server, and sends its bytes.
    async fn offer(&self, entry: OutboxEntry, epoch: Epoch) -> Result<Sent, StoreError> {
        let key = entry.send_key;
        let Some(batch) = self.store.read(|reading| reading.batch(key))? else {
            return Err(StoreError::Damaged);
        };
        self.store.write(|writing| writing.note_attempt(key))?;
        let opened = match self.open(entry, &batch, epoch).await {
            Ok(opened) => opened,
            Err(said) => return Ok(Sent::Said(said)),
        };
        let now = Began { at_ms: self.ports.clock.now_ms(), server_bytes: opened.offset_bytes };
        self.began().insert(key, now);
        self.note(key, opened.offset_bytes)?;
        self.texts.notify_one();
        tokio::select! {
            sent = self.send(&batch, &opened, epoch) => sent,
            faulty = self.watch_progress(key, epoch) => faulty,
            () = self.unwanted(key) => Ok(Sent::Unwanted),
        }
    }

    /// Sends the bytes from where the server stands, as often as it takes more each time.
    async fn send(&self, batch: &BatchRow, opened: &OpenedBatch, epoch: Epoch) -> Result<Sent, StoreError> {
        let length_bytes = batch.length_bytes();
        let mut offset_bytes = opened.offset_bytes;
        let mut without_progress = 0;
        loop {
            if offset_bytes > length_bytes || opened.length_bytes != length_bytes {
                return Ok(Sent::Said(transient(Fault::ServerFault)));
            }
            let carry = Carry {
                to: CarryTo::Upload { capability: opened.capability.to_string(), offset_bytes },
                length_bytes: length_bytes - offset_bytes,
                bytes: stream::read(self.packs.join(&batch.pack), offset_bytes, length_bytes),
            };
            match read_append(self.link.carry(carry).await) {
                Appended::Committed(accepted) => {
                    self.note(batch.send_key, length_bytes)?;
                    return Ok(Sent::Said(Said::Accepted(accepted)));
                }
                Appended::Holds(held) => {
                    without_progress = if held > offset_bytes { 0 } else { without_progress + 1 };
                    offset_bytes = held;
                    self.note(batch.send_key, held)?;
                }
                Appended::Gone => return Ok(Sent::Said(transient(Fault::ServerBusy))),
                Appended::Missed(miss) => return self.missed(batch, miss, epoch, Check::Length).await,
            }
            if without_progress == TRIES_AT_ONE_OFFSET {
                let miss = Miss::transient(Fault::ServerFault);
                return self.missed(batch, miss, epoch, Check::Content).await;
            }
        }
    }

    /// The bytes did not arrive. Where this phone's own pack is damaged, no attempt will ever end well.
    async fn missed(
        &self,
        batch: &BatchRow,
        miss: Miss,
        epoch: Epoch,
        check: Check,
    ) -> Result<Sent, StoreError> {
        let path = self.packs.join(&batch.pack);
        let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let damaged = if check == Check::Content || length < batch.length_bytes() {
            let checked = batch.clone();
            let check = tokio::task::spawn_blocking(move || pack::damaged_file(&path, &checked));
            check.await.unwrap_or(None)
        } else {
            None
        };
        Ok(Sent::Said(match damaged {
            Some(place) => {
                let refusal = Refusal::of(RefusalCode::FileDamaged).of_file(place);
                Said::Other(Answer::Refused(refusal), Some(epoch))
            }
            None => said_of(miss),
        }))
    }

    /// Asks now and then how much the server holds, on another connection. Ends only with a fault of the store.
    async fn watch_progress(&self, key: SendKey, epoch: Epoch) -> Result<Sent, StoreError> {
        let mut wait_ms = FIRST_LOOK_MS;
        loop {
            self.ports.clock.wait(wait_ms).await;
            wait_ms = NEXT_LOOK_MS;
            if let Ok(BatchStanding::Open { epoch: stated, offset_bytes, .. }) =
                self.link.ask::<BatchStanding>(codec::ask_batch(key)).await
                && stated == epoch
            {
                self.note(key, offset_bytes)?;
            }
        }
    }

    /// Ends once the entry is no longer to be sent by this app.
    async fn unwanted(&self, key: SendKey) {
        let mut decided = self.decided.subscribe();
        loop {
            let entry = self.store.read(|reading| reading.outbox_entry(key));
            if !matches!(entry, Ok(Some(entry)) if entry.progress.state == SendState::Sending) {
                return;
            }
            // The sender lives as long as this pump.
            let _ = decided.changed().await;
        }
    }

    /// Looks how far the system is with what was handed to it: batches that it is done with are settled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_at_handed(&self) -> Result<(), StoreError> {
        for key in self.store.read(|reading| reading.handed())? {
            self.look_elsewhere(key).await?;
        }
        Ok(())
    }

    /// How a batch stands that the system carries. None where it has not moved since this phone last looked: then it
    /// is this app's again once its time is over.
    async fn look_elsewhere(&self, key: SendKey) -> Result<Option<Next>, StoreError> {
        let Some(before) = self.store.read(|reading| reading.batch(key))? else { return Ok(None) };
        let said = match self.link.ask::<BatchStanding>(codec::ask_batch(key)).await {
            Ok(BatchStanding::Accepted(accepted)) => Said::Accepted(accepted),
            Ok(BatchStanding::Refused { epoch, refusal }) => {
                Said::Other(Answer::Refused(refusal), Some(epoch))
            }
            Ok(BatchStanding::Withdrawn { epoch }) => Said::Other(Answer::Withdrawn, Some(epoch)),
            Ok(BatchStanding::Open { offset_bytes, .. }) if offset_bytes > before.server_bytes => {
                self.note(key, offset_bytes)?;
                self.keep_handed(key)?;
                return Ok(Some(Next::GoOn));
            }
            Ok(BatchStanding::Open { .. } | BatchStanding::Unknown { .. }) | Err(_) => return Ok(None),
        };
        let next = self.turns.settle(key, said)?;
        let conversation = before.conversation_id;
        self.hub.tell(&[PortalEvent::TimelineChanged(conversation), PortalEvent::ConversationsChanged]);
        Ok(Some(next))
    }

    fn keep_handed(&self, key: SendKey) -> Result<(), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            let Some(entry) = writing.outbox_entry(key)? else { return Ok(()) };
            let until_ms = now_ms.saturating_add(HANDED_MS);
            writing.keep_progress(key, &step(entry.progress, Event::HandedOver { until_ms }, now_ms).0)
        })
    }

    /// Notes what the server holds, and tells the screens if that is more than before.
    fn note(&self, key: SendKey, server_bytes: u64) -> Result<(), StoreError> {
        if self.store.write(|writing| writing.note_server_bytes(key, server_bytes))? {
            self.hub.tell(&[PortalEvent::UploadProgressed(key)]);
        }
        Ok(())
    }

    /// Asks the server for the bytes to be sent by the system: the capability that this phone has then is the newest.
    ///
    /// # Errors
    /// A fault of the store; nothing is handed over.
    pub(crate) async fn hand_over(&self, key: SendKey) -> Result<Result<OpenedBatch, Said>, StoreError> {
        let found = self.store.read(|reading| {
            Ok::<_, StoreError>((reading.outbox_entry(key)?, reading.batch(key)?, reading.epoch()?))
        })?;
        let (Some(entry), Some(batch), Some(epoch)) = found else { return Err(StoreError::Damaged) };
        let opened = self.open(entry, &batch, epoch).await;
        if let Ok(opened) = &opened {
            self.note(key, opened.offset_bytes)?;
        }
        Ok(opened)
    }

    /// Stores what an answer says of a batch.
    pub(crate) fn settle(&self, key: SendKey, said: Said) -> Result<Next, StoreError> {
        self.turns.settle(key, said)
    }
}

fn manifest(entry: OutboxEntry, batch: &BatchRow, epoch: Epoch) -> OpenBatch {
    let slots: Vec<u32> = batch.files.iter().map(|file| file.slot).collect();
    let in_order = slots.iter().copied().eq(0..);
    OpenBatch {
        epoch,
        conversation_id: entry.conversation_id,
        body: entry.body,
        composed_at_ms: entry.composed_at_ms,
        seal: Seal::Sealed {
            batch_key: Base64(batch.batch_key.as_bytes().to_vec()),
            slots: (!in_order).then_some(slots),
        },
        files: batch.files.iter().map(crate::store::PickedFile::stated).collect(),
        receipt: entry.receipt,
    }
}

const fn transient(fault: Fault) -> Said {
    Said::Other(Answer::Transient { fault, retry_after_s: None }, None)
}

/// A batch that is done by then costs two requests and no look.
const FIRST_LOOK_MS: u64 = 2_000;
/// As often as a bar on a screen is worth a request.
const NEXT_LOOK_MS: u64 = 1_000;
/// Bytes that are damaged on the line arrive at a second attempt; those damaged on the disk at none.
const TRIES_AT_ONE_OFFSET: u32 = 3;
/// How long the system has a batch before this app looks whether it moves, in milliseconds.
pub(crate) const HANDED_MS: i64 = backoff::LONGEST_MS as i64;
