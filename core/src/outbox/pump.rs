//! The loop that drains the outbox: takes what is due, performs the machine's effects, stores the answers.
//!
//! Holds: at most one request per conversation, at most `SIDE_BY_SIDE` in all. An answer counts only if its
//! epoch is this phone's own; on a stale one the pump stands still until the new epoch is adopted.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use portico_wire::document::SendCopies;
use portico_wire::ids::{ConversationId, Epoch};
use portico_wire::limits::LOOKED_AT_RANGES_MAX;
use portico_wire::looked_at::LookedAt;
use portico_wire::message::{Accepted, Done, SendMessage};
use portico_wire::problem::ProblemCode;

use super::backoff;
use super::entry::{CopiedDocument, Lane, OutboxEntry};
use super::lanes::{TextTurn, text_turn};
use super::machine::{Effect, Event, step};
use super::turn::{Next, Said, Turns, said_of};
use crate::events::{EventHub, PortalEvent};
use crate::net::classify::Miss;
use crate::net::codec;
use crate::net::session::SessionLink;
use crate::ports::{Ports, random};
use crate::store::{Fact, LaneHead, Store, StoreError};

/// Why the pump came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is left to do.
    Empty,
    /// Something is due at this time, by the phone's clock.
    Until(i64),
    /// The server was restored, or this phone has no epoch yet: the snapshot comes first.
    NeedsSnapshot,
    /// The person must sign in first.
    SignedOut,
}

impl Rest {
    /// When something is due again by itself, by the phone's clock.
    #[must_use]
    pub const fn due_ms(self) -> Option<i64> {
        match self {
            Self::Until(due_ms) => Some(due_ms),
            Self::Empty | Self::NeedsSnapshot | Self::SignedOut => None,
        }
    }
}

/// Drains one person's outbox.
#[derive(Debug)]
pub struct Pump {
    store: Arc<Store>,
    link: Arc<SessionLink>,
    hub: Arc<EventHub>,
    ports: Ports,
    turns: Turns,
    /// Guards when looks and the push address are tried again: attempts made, and due time.
    small_things: Mutex<(u32, i64)>,
}

impl Pump {
    /// A pump over these.
    #[must_use]
    pub fn new(store: Arc<Store>, link: Arc<SessionLink>, hub: Arc<EventHub>, ports: Ports) -> Self {
        let turns = Turns { store: Arc::clone(&store), link: Arc::clone(&link), ports: ports.clone() };
        Self { store, link, hub, ports, turns, small_things: Mutex::default() }
    }

    /// Does everything that is due, and says what comes next.
    ///
    /// # Errors
    /// [`StoreError`]; what is stored stays, and is taken up at the next run.
    pub async fn run_due(&self) -> Result<Rest, StoreError> {
        let Some(epoch) = self.store.read(|reading| reading.epoch())? else { return Ok(Rest::NeedsSnapshot) };
        if self.store.read(|reading| reading.is_signed_out())? {
            return Ok(Rest::SignedOut);
        }
        let mut lanes: BTreeSet<ConversationId> =
            self.store.read(|reading| reading.open_lanes(Lane::Texts))?.into_iter().collect();
        let mut busy: BTreeSet<ConversationId> = BTreeSet::new();
        let mut stuck_busy = false;
        let mut running = FuturesUnordered::new();
        loop {
            let (due, due_later_ms) =
                self.due(&mut lanes, &busy, SIDE_BY_SIDE.saturating_sub(running.len()))?;
            for head in due {
                busy.insert(head.entry.conversation_id);
                running.push(self.attempt(head, epoch, Berth::Line));
            }
            let room_left = !stuck_busy && running.len() < SIDE_BY_SIDE;
            if let Some(head) = if room_left { self.due_stuck()? } else { None } {
                stuck_busy = true;
                running.push(self.attempt(head, epoch, Berth::Stuck));
            }
            let Some((berth, conversation, next)) = running.next().await.transpose()? else {
                return self.rest(epoch, due_later_ms).await;
            };
            match berth {
                Berth::Line => busy.remove(&conversation),
                Berth::Stuck => std::mem::take(&mut stuck_busy),
            };
            match next {
                Next::GoOn => {}
                Next::NeedsSnapshot => return Ok(Rest::NeedsSnapshot),
                Next::SignedOut => {
                    self.hub.tell(&[PortalEvent::SignInNeeded]);
                    return Ok(Rest::SignedOut);
                }
            }
        }
    }

    /// Heads of idle lanes that are due, at most `most`; and when the next one is. Forgets empty lanes.
    fn due(
        &self,
        lanes: &mut BTreeSet<ConversationId>,
        busy: &BTreeSet<ConversationId>,
        most: usize,
    ) -> Result<(Vec<LaneHead>, Option<i64>), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let mut due = Vec::new();
        let mut later: Option<i64> = None;
        let idle: Vec<ConversationId> = lanes.difference(busy).copied().collect();
        for conversation in idle {
            if due.len() == most {
                break;
            }
            let Some(head) = self.store.read(|reading| reading.lane_head(conversation, Lane::Texts))? else {
                lanes.remove(&conversation);
                continue;
            };
            let due_ms = match self.turn_of(&head, now_ms)? {
                Some(held_ms) => held_ms,
                None if backoff::is_due(head.due_ms, now_ms) => {
                    due.push(head);
                    continue;
                }
                None => head.due_ms,
            };
            later = Some(later.map_or(due_ms, |other| other.min(due_ms)));
        }
        Ok((due, later))
    }

    /// Until when a text is held by what stands before it; none where it may go. Notes what began or ended.
    fn turn_of(&self, head: &LaneHead, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let key = head.entry.send_key;
        let Some(hold) = self.store.read(|reading| reading.hold_of(key))? else { return Ok(None) };
        if hold.reoffered_before {
            // The answer to what stands before it wakes this pump.
            return Ok(Some(now_ms.saturating_add(backoff::LONGEST_MS as i64)));
        }
        match text_turn(Some(&hold.before), hold.since_ms, now_ms) {
            TextTurn::Now => {
                if !hold.passed {
                    self.store.write(|writing| writing.note_passed(key))?;
                }
                Ok(None)
            }
            TextTurn::Until(until_ms) => {
                if hold.since_ms.is_none() {
                    self.store.write(|writing| writing.note_held(key, now_ms))?;
                }
                Ok(Some(until_ms))
            }
            TextTurn::WhileOffline => Ok(Some(now_ms.saturating_add(backoff::LONGEST_MS as i64))),
        }
    }

    fn due_stuck(&self) -> Result<Option<LaneHead>, StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let head = self.store.read(|reading| reading.stuck_head(Lane::Texts))?;
        Ok(head.filter(|head| backoff::is_due(head.due_ms, now_ms)))
    }

    /// The texts are done for the moment: looks and the push address, then rest.
    async fn rest(&self, epoch: Epoch, texts_due_ms: Option<i64>) -> Result<Rest, StoreError> {
        let stuck_due_ms =
            self.store.read(|reading| reading.stuck_head(Lane::Texts))?.map(|head| head.due_ms);
        let small_due_ms = match self.do_small_things(epoch).await? {
            Ok(due_ms) => due_ms,
            Err(rest) => return Ok(rest),
        };
        let next = [texts_due_ms, stuck_due_ms, small_due_ms].into_iter().flatten().min();
        Ok(next.map_or(Rest::Empty, Rest::Until))
    }

    /// One attempt of the head of a lane.
    async fn attempt(
        &self,
        head: LaneHead,
        epoch: Epoch,
        berth: Berth,
    ) -> Result<(Berth, ConversationId, Next), StoreError> {
        let conversation = head.entry.conversation_id;
        let key = head.entry.send_key;
        let (entry, effect) = self.turns.take(key)?;
        let said = match (entry, effect) {
            (Some(entry), Effect::Offer) => self.put(entry, epoch).await,
            (Some(_), Effect::PostWithdraw) => self.turns.withdraw(key, epoch).await,
            _ => return Ok((berth, conversation, Next::GoOn)),
        };
        let next = self.turns.settle(key, said)?;
        self.hub.tell(&[PortalEvent::TimelineChanged(conversation), PortalEvent::ConversationsChanged]);
        Ok((berth, conversation, next))
    }

    async fn put(&self, entry: OutboxEntry, epoch: Epoch) -> Said {
        let OutboxEntry { send_key, conversation_id, body, copies, composed_at_ms, receipt, .. } = entry;
        let request = if copies.is_empty() {
            let message = SendMessage { epoch, conversation_id, body, composed_at_ms, receipt };
            codec::put_message(send_key, &message)
        } else {
            let documents = copies.into_iter().map(CopiedDocument::wanted).collect();
            let message = SendCopies { epoch, conversation_id, body, composed_at_ms, documents, receipt };
            codec::put_copies(send_key, &message)
        };
        match self.link.ask::<Accepted>(request).await {
            Ok(accepted) => Said::Accepted(Box::new(accepted)),
            Err(miss) => said_of(miss),
        }
    }

    /// Notes a good answer of the server to anything: what fails meanwhile fails by itself (R40).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn passed(&self) -> Result<(), StoreError> {
        // Mostly nothing fails, and then nothing is written.
        if self.store.read(|reading| reading.awaits_a_pass())? {
            self.store.write(|writing| writing.note_pass(None))?;
        }
        Ok(())
    }

    /// What waits is due: the network changed, or the app came to the front.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn nudge(&self) -> Result<(), StoreError> {
        *self.small_things.lock().unwrap_or_else(PoisonError::into_inner) = (0, 0);
        self.step_open(&Event::Nudged)
    }

    /// A new process: requests of the last one are forgotten, never their keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_requests(&self) -> Result<(), StoreError> {
        self.step_open(&Event::RequestForgotten)
    }

    fn step_open(&self, event: &Event) -> Result<(), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            for entry in writing.open_entries()? {
                let next = step(entry.progress.clone(), event.clone(), now_ms).0;
                if next != entry.progress {
                    writing.keep_progress(entry.send_key, &next)?;
                }
            }
            Ok(())
        })
    }

    /// Tells the server of looks and of the push address. When to try again, if something is left; or why to rest.
    async fn do_small_things(&self, epoch: Epoch) -> Result<Result<Option<i64>, Rest>, StoreError> {
        if self.store.read(|reading| reading.is_closed())? {
            return Ok(Ok(None));
        }
        let now_ms = self.ports.clock.now_ms();
        let (attempts, due_ms) = *self.small_things.lock().unwrap_or_else(PoisonError::into_inner);
        if !backoff::is_due(due_ms, now_ms) {
            return Ok(Ok(self.has_small_things()?.then_some(due_ms)));
        }
        let outcome = match self.tell_looks(epoch).await? {
            Ok(()) => self.tell_push_address().await?,
            missed => missed,
        };
        let (retry_after_s, rest) = match outcome {
            Ok(()) => {
                *self.small_things.lock().unwrap_or_else(PoisonError::into_inner) = (0, 0);
                return Ok(Ok(None));
            }
            Err(Miss::SignedOut | Miss::Wiped) => (None, Some(Rest::SignedOut)),
            Err(Miss::Problem(ProblemCode::StaleEpoch, _)) => (None, Some(Rest::NeedsSnapshot)),
            Err(Miss::Transient { retry_after_s, .. }) => (retry_after_s, None),
            Err(Miss::Refused(..) | Miss::Problem(..) | Miss::Closed(_)) => (None, None),
        };
        if let Some(rest) = rest {
            return Ok(Err(rest));
        }
        let draw = u32::from_be_bytes(random(&*self.ports.dice));
        let wait_ms = backoff::delay_ms(attempts, retry_after_s, draw);
        let due_ms = now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        *self.small_things.lock().unwrap_or_else(PoisonError::into_inner) =
            (attempts.saturating_add(1), due_ms);
        Ok(Ok(Some(due_ms)))
    }

    fn has_small_things(&self) -> Result<bool, StoreError> {
        self.store.read(|reading| {
            Ok(reading.untold_push_address()?.is_some() || reading.untold_looks(1)?.is_some())
        })
    }

    async fn tell_looks(&self, epoch: Epoch) -> Result<Result<(), Miss>, StoreError> {
        while let Some((conversation, ranges, newest)) =
            self.store.read(|reading| reading.untold_looks(LOOKED_AT_RANGES_MAX))?
        {
            let request = codec::look_at(conversation, &LookedAt { epoch, ranges });
            match self.link.ask::<Done>(request).await {
                // The server does not let this person know of it (any more), so the look means nothing there.
                Ok(_) | Err(Miss::Problem(ProblemCode::NotFound, _) | Miss::Refused(..)) => {
                    self.store.write(|writing| {
                        writing.note_pass(None)?;
                        writing.told_looks(conversation, newest)
                    })?;
                }
                Err(miss) => return Ok(Err(miss)),
            }
        }
        Ok(Ok(()))
    }

    async fn tell_push_address(&self) -> Result<Result<(), Miss>, StoreError> {
        let Some(address) = self.store.read(|reading| reading.untold_push_address())? else {
            return Ok(Ok(()));
        };
        let request = codec::put_push_address(self.link.device_id(), &address);
        match self.link.ask::<Done>(request).await {
            Ok(_) => {
                self.store.write(|writing| {
                    writing.note_pass(None)?;
                    writing.unset(Fact::PushAddressUntold)
                })?;
                Ok(Ok(()))
            }
            Err(miss) => Ok(Err(miss)),
        }
    }
}

/// Which queue an attempt belongs to.
#[derive(Clone, Copy)]
enum Berth {
    Line,
    Stuck,
}

/// Requests on their way at once: one connection's worth on HTTP/1.1, and no flood after a tunnel.
const SIDE_BY_SIDE: usize = 4;
