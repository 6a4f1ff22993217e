//! Asks the server what changed: one long poll, or the snapshot where the cursor no longer holds.

use std::sync::Arc;

use portico_wire::ids::{ConversationId, Epoch};
use portico_wire::limits::{Limits, PAGE_ITEMS_MAX};
use portico_wire::problem::ProblemCode;
use portico_wire::sync::{Cursor, HistoryPage, Snapshot, SyncPage};
use portico_wire::upload::BatchLimits;

use super::apply::{self, ApplyError};
use crate::error::PortalError;
use crate::events::{EventHub, PortalEvent};
use crate::net::classify::Miss;
use crate::net::codec;
use crate::net::session::SessionLink;
use crate::outbox::entry::Fault;
use crate::ports::Ports;
use crate::store::{Fact, Store, StoreError};

/// What one pull came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// Applied; `more` says that the server has more ready.
    Applied {
        /// Whether to ask again at once.
        more: bool,
        /// Whether anything changed.
        changed: bool,
        /// Whether a new epoch was adopted.
        restored: bool,
    },
    /// Nothing applied; try again.
    Transient {
        /// Why.
        fault: Fault,
        /// What the server asked for.
        retry_after_s: Option<u32>,
    },
    /// The person must sign in first.
    SignedOut,
    /// The person does not belong to the firm any more; what this phone received is gone from it (R41, R43).
    Closed,
    /// The person wiped this phone from another device; everything is gone (R55).
    Wiped,
}

/// Pulls for one person.
#[derive(Debug)]
pub struct Puller {
    store: Arc<Store>,
    link: Arc<SessionLink>,
    hub: Arc<EventHub>,
    ports: Ports,
}

impl Puller {
    /// A puller over these.
    #[must_use]
    pub const fn new(store: Arc<Store>, link: Arc<SessionLink>, hub: Arc<EventHub>, ports: Ports) -> Self {
        Self { store, link, hub, ports }
    }

    /// Asks once, waiting on the server for up to `wait_s` seconds if nothing changed.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is applied.
    pub async fn pull(&self, wait_s: u32) -> Result<Pulled, StoreError> {
        let cursor = self.store.read(|reading| {
            let seq = reading.fact(Fact::Cursor)?.unwrap_or(0);
            // Where it was closed once, a page of changes would leave out what was purged.
            let epoch = if reading.is_closed()? { None } else { reading.epoch()? };
            Ok::<_, StoreError>(epoch.map(|epoch| Cursor { epoch, seq }))
        })?;
        let Some(cursor) = cursor else { return self.take_snapshot().await };
        match self.link.ask::<SyncPage>(codec::sync(cursor, wait_s)).await {
            Ok(page) => match apply::apply(&self.store, &page, self.ports.clock.now_ms()) {
                Ok(events) => {
                    self.hub.tell(&events);
                    let changed = !page.events.is_empty();
                    Ok(Pulled::Applied { more: page.more, changed, restored: false })
                }
                Err(ApplyError::Gap) => self.take_snapshot().await,
                Err(ApplyError::Store(fault)) => Err(fault),
            },
            Err(Miss::Problem(ProblemCode::CursorReset | ProblemCode::StaleEpoch, _)) => {
                self.take_snapshot().await
            }
            Err(miss) => self.missed(miss),
        }
    }

    /// Takes the snapshot and adopts it, epoch, cursor and re-offers in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; the phone stays in its epoch.
    pub async fn take_snapshot(&self) -> Result<Pulled, StoreError> {
        let epoch = self.store.read(|reading| reading.epoch())?;
        let snapshot: Snapshot = match self.link.ask(codec::snapshot(epoch)).await {
            Ok(snapshot) => snapshot,
            Err(miss) => return self.missed(miss),
        };
        let now_ms = self.ports.clock.now_ms();
        let adopted = self.store.write(|writing| {
            let adopted = writing.adopt(&snapshot, now_ms)?;
            writing.unset(Fact::Closed)?;
            apply::note_contact(writing, now_ms, snapshot.backed_up_through_ms)?;
            Ok::<_, StoreError>(adopted)
        })?;
        let mut events: Vec<PortalEvent> = snapshot
            .conversations
            .iter()
            .map(|conversation| PortalEvent::TimelineChanged(conversation.head.conversation_id))
            .collect();
        events.extend(adopted.lost.iter().copied().map(PortalEvent::AccessLost));
        events.push(PortalEvent::ConversationsChanged);
        if adopted.restored {
            tracing::info!(reoffered = adopted.reoffered, "the server was restored");
            events.push(PortalEvent::ServerRestored);
        }
        self.hub.tell(&events);
        Ok(Pulled::Applied { more: true, changed: true, restored: adopted.restored })
    }

    /// Asks what one send may hold here, by the firm's setting. Whether the server said so.
    ///
    /// # Errors
    /// [`StoreError`]; what was known stays.
    pub async fn ask_limits(&self) -> Result<bool, StoreError> {
        let Ok(limits) = self.link.ask::<Limits>(codec::limits()).await else { return Ok(false) };
        let told = BatchLimits::MOST.and(limits.batch_files_max, limits.batch_bytes_max);
        self.store.write(|writing| writing.keep_batch_limits(told))?;
        Ok(true)
    }

    /// Fetches what stands below `before_seq` of a conversation. Whether the server has still older entries.
    ///
    /// # Errors
    /// [`PortalError::Offline`] and its like: nothing is stored, the gap stays shown.
    pub async fn fetch_older(
        &self,
        conversation: ConversationId,
        before_seq: u64,
    ) -> Result<bool, PortalError> {
        let request = codec::entries_before(conversation, before_seq, PAGE_ITEMS_MAX);
        let page: HistoryPage = self.link.ask(request).await?;
        let Some(first) = page.entries.first().map(|entry| entry.seq) else { return Ok(page.more) };
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            // A page of another epoch may stand elsewhere; the next pull adopts first.
            if writing.epoch()? == Some(page.epoch)
                && !writing.is_closed()?
                && !writing.is_access_lost(conversation)?
            {
                writing.put_page(conversation, first, before_seq.saturating_sub(1), &page.entries)?;
                writing.repeat_looks(now_ms)?;
            }
            Ok::<_, StoreError>(())
        })?;
        self.hub.tell(&[PortalEvent::TimelineChanged(conversation)]);
        Ok(page.more)
    }

    fn missed(&self, miss: Miss) -> Result<Pulled, StoreError> {
        Ok(match miss {
            Miss::SignedOut => Pulled::SignedOut,
            Miss::Wiped => Pulled::Wiped,
            Miss::Transient { fault, retry_after_s } => Pulled::Transient { fault, retry_after_s },
            Miss::Refused(..) | Miss::Problem(..) => {
                Pulled::Transient { fault: Fault::ServerFault, retry_after_s: None }
            }
            Miss::Closed(epoch) => {
                self.close(epoch)?;
                Pulled::Closed
            }
        })
    }

    /// Purges what this phone received, and tells of it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is purged.
    pub fn close(&self, epoch: Option<Epoch>) -> Result<(), StoreError> {
        let lost = self.store.write(|writing| writing.close(epoch))?;
        if !lost.is_empty() {
            let lost = lost.into_iter().map(PortalEvent::AccessLost);
            self.hub.tell(&lost.chain([PortalEvent::ConversationsChanged]).collect::<Vec<_>>());
        }
        Ok(())
    }
}
