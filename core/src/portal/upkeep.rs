//! Coming up to date and standing still: the loops behind a [`Portal`], and the system's words to it.

use std::sync::atomic::Ordering::Relaxed;

use portico_wire::message::Done;

use super::{Connection, Portal};
use crate::error::PortalError;
use crate::net::classify::Miss;
use crate::net::codec;
use crate::outbox::backoff;
use crate::outbox::entry::Lane;
use crate::outbox::pump::Rest;
use crate::ports::random;
use crate::store::Fact;
use crate::sync::pull::Pulled;

impl Portal {
    // Coming up to date.

    /// Does everything that is due now: one run of the outbox, then pulls until the server has no more; then the
    /// outbox again if the pull adopted a new epoch. For background time, terminals and tests.
    ///
    /// # Errors
    /// A store fault. Faults of the network are in [`Portal::connection`].
    pub async fn catch_up(&self) -> Result<Rest, PortalError> {
        self.note_wipe(self.catch_up_once().await)
    }

    /// Whoever hears first that the phone is wiped: everybody is told.
    fn note_wipe<T>(&self, done: Result<T, PortalError>) -> Result<T, PortalError> {
        if matches!(done, Err(PortalError::Wiped)) {
            self.note_connection(Connection::Wiped);
        }
        done
    }

    async fn catch_up_once(&self) -> Result<Rest, PortalError> {
        let mut rest = self.send_due().await?;
        let mut adopted = rest == Rest::NeedsSnapshot;
        loop {
            match self.pull_once(0).await? {
                Pulled::Applied { more, restored, .. } => {
                    adopted |= restored;
                    if !more {
                        break;
                    }
                }
                Pulled::Transient { .. } => return Ok(rest),
                Pulled::SignedOut => return Ok(Rest::SignedOut),
                Pulled::Closed => return Ok(rest),
                Pulled::Wiped => return Err(PortalError::Wiped),
            }
        }
        if adopted {
            rest = self.send_due().await?;
            self.pull_once(0).await?;
        }
        Ok(rest)
    }

    /// Texts and batches side by side, until nothing of either is due.
    async fn send_due(&self) -> Result<Rest, PortalError> {
        if self.room.store.read(|reading| reading.open_lanes(Lane::Batches))?.is_empty() {
            return self.pump_once().await;
        }
        let mut uploads = std::pin::pin!(self.upload_once());
        let batches = loop {
            let due_ms = self.pump_once().await?.due_ms();
            tokio::select! {
                rest = &mut uploads => break rest?,
                () = self.room.pump_woken.notified() => {}
                () = self.wait_until(due_ms) => {}
            }
        };
        // What stood behind a batch.
        Ok(sooner(self.pump_once().await?, batches))
    }

    /// One run of the batches.
    ///
    /// # Errors
    /// A store fault.
    pub async fn upload_once(&self) -> Result<Rest, PortalError> {
        let _one = self.room.uploading.lock().await;
        let rest = self.room.uploads.run_due().await?;
        self.sweep_packs()?;
        Ok(rest)
    }

    /// One run of the outbox.
    ///
    /// # Errors
    /// A store fault.
    pub async fn pump_once(&self) -> Result<Rest, PortalError> {
        let _one = self.room.pumping.lock().await;
        Ok(self.room.pump.run_due().await?)
    }

    /// One pull, waiting on the server for up to `wait_s` seconds.
    ///
    /// # Errors
    /// A store fault.
    pub async fn pull_once(&self, wait_s: u32) -> Result<Pulled, PortalError> {
        let pulled = self.room.puller.pull(wait_s).await?;
        if let Pulled::Applied { changed, .. } = pulled {
            self.room.pump.passed()?;
            if self.room.limits_due.swap(false, Relaxed) && !self.room.puller.ask_limits().await? {
                self.room.limits_due.store(true, Relaxed);
            }
            if changed {
                // Access may be lost, backups may hold what was kept for them.
                self.sweep_packs()?;
                self.sweep_files()?;
            }
        }
        if pulled == Pulled::Closed {
            self.swept_after_closing()?;
        }
        self.note_connection(match pulled {
            Pulled::Applied { .. } => Connection::Online,
            Pulled::Transient { fault, .. } => Connection::Offline(fault),
            Pulled::SignedOut => Connection::SignedOut,
            Pulled::Closed => Connection::Closed,
            Pulled::Wiped => Connection::Wiped,
        });
        Ok(pulled)
    }

    /// Keeps this portal up to date until the future is dropped: drains the outbox, waits for changes.
    ///
    /// # Errors
    /// A store fault ends it; what is stored stays.
    pub async fn run(&self) -> Result<(), PortalError> {
        let ran = tokio::try_join!(self.run_pump(), self.run_uploads(), self.run_pull());
        self.note_wipe(ran.map(|_| ()))
    }

    async fn run_pump(&self) -> Result<(), PortalError> {
        loop {
            self.wait_until_active().await;
            let woken = self.room.pump_woken.notified();
            let due_ms = self.rested(self.pump_once().await?);
            tokio::select! {
                () = woken => {}
                () = self.wait_until(due_ms) => {}
            }
        }
    }

    /// When a loop that rests so is due again; where it needs the snapshot, the puller is woken.
    fn rested(&self, rest: Rest) -> Option<i64> {
        if rest == Rest::NeedsSnapshot {
            self.room.pull_woken.notify_one();
        }
        rest.due_ms()
    }

    async fn run_uploads(&self) -> Result<(), PortalError> {
        loop {
            self.wait_until_active().await;
            let woken = self.room.uploads_woken.notified();
            let due_ms = self.rested(self.upload_once().await?);
            tokio::select! {
                () = woken => {}
                () = self.wait_until(due_ms) => {}
                looked = self.watch_handed() => looked?,
            }
        }
    }

    /// While the system carries a batch, looks now and then how far it is.
    async fn watch_handed(&self) -> Result<(), PortalError> {
        while !self.room.store.read(|reading| reading.handed())?.is_empty() {
            self.room.ports.clock.wait(HANDED_LOOK_MS).await;
            self.room.uploads.look_at_handed().await?;
        }
        std::future::pending().await
    }

    async fn run_pull(&self) -> Result<(), PortalError> {
        let mut attempts = 0;
        loop {
            self.wait_until_active().await;
            let woken = self.room.pull_woken.notified();
            let pulled = tokio::select! {
                pulled = self.pull_once(self.poll_s()) => pulled?,
                // Somebody knows better than a poll that stands still: ask again at once.
                () = woken => continue,
            };
            let wait_ms = match pulled {
                Pulled::Applied { restored, .. } => {
                    attempts = 0;
                    if restored {
                        self.room.pump_woken.notify_one();
                        self.room.uploads_woken.notify_one();
                    }
                    continue;
                }
                Pulled::Transient { retry_after_s, .. } => {
                    let draw = u32::from_be_bytes(random(&*self.room.ports.dice));
                    attempts += 1;
                    Some(backoff::delay_ms(attempts - 1, retry_after_s, draw))
                }
                Pulled::SignedOut | Pulled::Closed => None,
                Pulled::Wiped => return Err(PortalError::Wiped),
            };
            self.wait_or_woken(wait_ms).await;
        }
    }

    /// While the server has not answered, a poll asks and does not wait: the person wants to know.
    fn poll_s(&self) -> u32 {
        if self.connection() == Connection::Online { LONG_POLL_S } else { 0 }
    }

    async fn wait_or_woken(&self, wait_ms: Option<u64>) {
        let wait = async {
            match wait_ms {
                Some(wait_ms) => self.room.ports.clock.wait(wait_ms).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = self.room.pull_woken.notified() => {}
        }
    }

    async fn wait_until(&self, due_ms: Option<i64>) {
        let Some(due_ms) = due_ms else { return std::future::pending().await };
        let wait_ms =
            due_ms.saturating_sub(self.room.ports.clock.now_ms()).clamp(0, backoff::LONGEST_MS as i64);
        self.room.ports.clock.wait(u64::try_from(wait_ms).unwrap_or(0)).await;
    }

    async fn wait_until_active(&self) {
        let mut active = self.room.active.subscribe();
        // The sender lives as long as this portal.
        let _ = active.wait_for(|active| *active).await;
    }

    // The system's words.

    /// The network changed: what is in flight is abandoned and sent again, what waits is due.
    ///
    /// # Errors
    /// A store fault.
    pub fn network_changed(&self) -> Result<(), PortalError> {
        self.room.link.network_changed();
        self.nudge()
    }

    /// The app came to the front: what waits is due, pushes of the extension are taken in.
    ///
    /// # Errors
    /// A store fault.
    pub fn became_active(&self) -> Result<(), PortalError> {
        self.room.active.send_replace(true);
        self.room.limits_due.store(true, Relaxed);
        self.take_in_pushes()?;
        self.nudge()
    }

    pub(super) fn nudge(&self) -> Result<(), PortalError> {
        self.room.pump.nudge()?;
        self.room.pump_woken.notify_one();
        self.room.uploads_woken.notify_one();
        self.room.pull_woken.notify_one();
        Ok(())
    }

    /// The system is about to suspend the app: no request starts, those in flight are abandoned, and the store's log
    /// is moved into its file. Ends within `deadline_ms`; [`Portal::became_active`] goes on.
    ///
    /// # Errors
    /// [`PortalError::RetryLater`] if the deadline passed before the pump stood still.
    pub async fn suspend(&self, deadline_ms: u64) -> Result<(), PortalError> {
        self.room.active.send_replace(false);
        self.room.link.network_changed();
        tokio::select! {
            _still = self.standing_still() => Ok(self.room.store.checkpoint()?),
            () = self.room.ports.clock.wait(deadline_ms) => Err(PortalError::RetryLater { after_s: None }),
        }
    }

    fn swept_after_closing(&self) -> Result<(), PortalError> {
        self.sweep_packs()?;
        self.sweep_files()
    }

    async fn standing_still(&self) {
        drop((self.room.pumping.lock().await, self.room.uploading.lock().await));
    }

    /// Signs this device out on the server. The store stays, sealed by its key; signing in again opens it.
    ///
    /// # Errors
    /// [`PortalError::Offline`] and its like: still signed in.
    pub async fn sign_out(&self) -> Result<(), PortalError> {
        let request = codec::sign_out(self.room.link.device_id());
        match self.room.link.ask::<Done>(request).await {
            Ok(_) | Err(Miss::SignedOut) => {}
            Err(Miss::Wiped) => return self.note_wipe(Err(PortalError::Wiped)),
            Err(Miss::Closed(epoch)) => {
                self.room.puller.close(epoch)?;
                self.swept_after_closing()?;
            }
            Err(miss) => return Err(miss.into()),
        }
        self.room.store.write(|writing| {
            writing.set(Fact::SignedOut, &true)?;
            writing.unset(Fact::Access)
        })?;
        self.note_connection(Connection::SignedOut);
        Ok(())
    }
}

/// Of two rests, the one that ends sooner, or that needs somebody.
fn sooner(texts: Rest, batches: Rest) -> Rest {
    match (texts, batches) {
        (Rest::SignedOut, _) | (_, Rest::SignedOut) => Rest::SignedOut,
        (Rest::NeedsSnapshot, _) | (_, Rest::NeedsSnapshot) => Rest::NeedsSnapshot,
        (Rest::Until(one), Rest::Until(other)) => Rest::Until(one.min(other)),
        (Rest::Until(due_ms), Rest::Empty) | (Rest::Empty, Rest::Until(due_ms)) => Rest::Until(due_ms),
        (Rest::Empty, Rest::Empty) => Rest::Empty,
    }
}

/// How often a batch that the system carries is looked at, in milliseconds.
const HANDED_LOOK_MS: u64 = 5_000;
/// How long one long poll waits, in seconds.
const LONG_POLL_S: u32 = portico_wire::limits::SYNC_WAIT_S_MAX;
