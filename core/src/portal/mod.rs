//! The only door: one method per intent. Rules and effects are in the rooms behind it.
//!
//! A portal belongs to one person. Calls that only read or queue never touch the network and work in airplane mode
//! (R50); [`Portal::run`] is what brings the outbox and the log up to date, for as long as it runs.

mod account;
mod attachments;
mod documents;
mod files;
mod office;
mod upkeep;

pub use account::AuthenticatorCode;
pub use documents::DocumentSource;
pub use files::{BackgroundTransfer, TransferHeader};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use portico_wire::encoding::Base64;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::limits::PUSH_TOKEN_BYTES_MAX;
use portico_wire::looked_at::SeqRange;
use portico_wire::push::PushContent;
use portico_wire::search::Query;
use portico_wire::signin::PushAddress;
use tokio::sync::{Notify, watch};

use crate::attachments::held::HeldFiles;
use crate::compose::draft;
use crate::error::PortalError;
use crate::events::{EventHub, EventStream, PortalEvent};
use crate::net::session::SessionLink;
use crate::outbox::entry::{Fault, Lane, SendState};
use crate::outbox::machine::{Event, step};
use crate::outbox::pump::Pump;
use crate::ports::Ports;
use crate::push::inbox;
use crate::push::tap::{self, TapTarget, WhyInbox};
use crate::signin::generation;
use crate::signin::people::PersonFolder;
use crate::store::{Fact, SessionFacts, Store, StoreError};
use crate::sync::apply;
use crate::sync::pull::Puller;
use crate::timeline::item::{Echo, FirstScreen, SearchResults, TimelinePage};
use crate::upload::packing::Packing;
use crate::upload::pump::UploadPump;

/// What is known of the way to the server. Screens say it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Nothing was tried since this process began.
    Unknown,
    /// The server answered last time.
    Online,
    /// It did not.
    Offline(Fault),
    /// It says that this device is signed out.
    SignedOut,
    /// It says that this person does not belong to the firm any more. What this phone received is gone from it; what was
    /// written here and not accepted is not (R41, R43).
    Closed,
    /// The person wiped this phone from another device: what it held of them is gone, and this portal with it (R55).
    Wiped,
}

/// One person's portal.
#[derive(Debug, Clone)]
pub struct Portal {
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    folder: PersonFolder,
    ports: Ports,
    store: Arc<Store>,
    link: Arc<SessionLink>,
    hub: Arc<EventHub>,
    pump: Pump,
    uploads: UploadPump,
    packing: Packing,
    held_files: HeldFiles,
    /// Whether the server is to be asked at the next contact what one send may hold: once since this process began or
    /// the app came to the front.
    limits_due: AtomicBool,
    puller: Puller,
    session: SessionFacts,
    /// Wakes the pump: something was queued, signed, nudged.
    pump_woken: Arc<Notify>,
    /// Wakes the loop of the batches.
    uploads_woken: Notify,
    /// Wakes the puller out of its backoff.
    pull_woken: Notify,
    connection: watch::Sender<Connection>,
    /// Whether loops may work; false while suspended.
    active: watch::Sender<bool>,
    /// One pump run at a time; suspending waits for it.
    pumping: tokio::sync::Mutex<()>,
    /// One run of the batches at a time; suspending waits for it.
    uploading: tokio::sync::Mutex<()>,
    /// Tells by its end that the store is closed: fields are dropped in the order in which they stand.
    closing: watch::Sender<()>,
}

impl Portal {
    /// Opens the store in `folder`.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`], [`PortalError::KeyLost`], [`PortalError::StoreNewer`], [`PortalError::SignInNeeded`].
    pub(crate) fn open(folder: PersonFolder, ports: Ports) -> Result<Self, PortalError> {
        let store = Store::open(&folder.store_path(), &folder.store_key(&ports)?)?;
        Self::over(store, folder, ports)
    }

    /// The store in `folder`; a new one where its key is lost or a page of it is damaged, also one that nobody asked for
    /// yet: signing in is the one way on from both. Whether it is new because of that.
    pub(crate) fn open_or_begin_store(
        folder: &PersonFolder,
        ports: &Ports,
    ) -> Result<(Store, bool), PortalError> {
        let opened = folder.store_key(ports).and_then(|key| {
            let store = Store::open(&folder.store_path(), &key)?;
            store.verify()?;
            Ok(store)
        });
        match opened {
            Err(PortalError::KeyLost) => {
                folder.lay_store_aside(ports.clock.now_ms())?;
                Ok((Store::open(&folder.store_path(), &folder.store_key(ports)?)?, true))
            }
            opened => Ok((opened?, false)),
        }
    }

    /// A portal over an open store.
    pub(crate) fn over(store: Store, folder: PersonFolder, ports: Ports) -> Result<Self, PortalError> {
        let store = Arc::new(store);
        generation::count_opening(&store, &*ports.secrets, &folder.generation_name())?;
        apply::replay_unknown(&store)?;
        let session = store.read(|reading| reading.session())?.ok_or(PortalError::SignInNeeded)?;
        let link = Arc::new(SessionLink::open(Arc::clone(&store), folder.clone(), ports.clone())?);
        let hub = Arc::new(EventHub::default());
        let pump = Pump::new(Arc::clone(&store), Arc::clone(&link), Arc::clone(&hub), ports.clone());
        pump.forget_requests()?;
        let pump_woken = Arc::new(Notify::new());
        let uploads = UploadPump::new(
            Arc::clone(&store),
            Arc::clone(&link),
            Arc::clone(&hub),
            ports.clone(),
            folder.packs(),
            Arc::clone(&pump_woken),
        );
        let held_files = HeldFiles {
            store: Arc::clone(&store),
            link: Arc::clone(&link),
            hub: Arc::clone(&hub),
            ports: ports.clone(),
            folder: folder.files(),
        };
        let puller = Puller::new(Arc::clone(&store), Arc::clone(&link), Arc::clone(&hub), ports.clone());
        let portal = Self {
            room: Arc::new(Room {
                folder,
                ports,
                store,
                link,
                hub,
                pump,
                uploads,
                packing: Packing::default(),
                held_files,
                limits_due: AtomicBool::new(true),
                puller,
                session,
                pump_woken,
                uploads_woken: Notify::new(),
                pull_woken: Notify::new(),
                connection: watch::channel(Connection::Unknown).0,
                active: watch::channel(true).0,
                pumping: tokio::sync::Mutex::new(()),
                uploading: tokio::sync::Mutex::new(()),
                closing: watch::channel(()).0,
            }),
        };
        portal.take_in_pushes()?;
        portal.sweep_packs()?;
        Ok(portal)
    }

    /// Who this is.
    #[must_use]
    pub fn session(&self) -> &SessionFacts {
        &self.room.session
    }

    /// A channel that ends once every clone of this portal is gone and its store is closed: then its folder may be
    /// removed.
    #[must_use]
    pub fn closing(&self) -> watch::Receiver<()> {
        self.room.closing.subscribe()
    }

    /// What is known of the way to the server.
    #[must_use]
    pub fn connection(&self) -> Connection {
        *self.room.connection.borrow()
    }

    /// When the server last answered, UTC milliseconds by the phone's clock; none if it never did.
    ///
    /// # Errors
    /// A store fault.
    pub fn last_contact_ms(&self) -> Result<Option<i64>, PortalError> {
        Ok(self.room.store.read(|reading| reading.fact(Fact::LastContact))?)
    }

    /// Hears of what changes from here on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        self.room.hub.subscribe()
    }

    // Screens.

    /// The newest `most` conversations and the badge, in one call.
    ///
    /// # Errors
    /// A store fault.
    pub fn first_screen(&self, most: usize) -> Result<FirstScreen, PortalError> {
        Ok(self.room.store.read(|reading| reading.first_screen(most))?)
    }

    /// One page of a conversation: at most `most` entries below `before_seq`; none for the newest.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn timeline(
        &self,
        conversation: ConversationId,
        before_seq: Option<u64>,
        most: usize,
    ) -> Result<TimelinePage, PortalError> {
        let page = self.room.store.read(|reading| reading.timeline(conversation, before_seq, most))?;
        page.ok_or(PortalError::NotHere)
    }

    /// Brings what stands below `before_seq` from the server. Whether there is still more.
    ///
    /// # Errors
    /// [`PortalError::Offline`] and its like; the gap stays shown.
    pub async fn fetch_older(
        &self,
        conversation: ConversationId,
        before_seq: u64,
    ) -> Result<bool, PortalError> {
        self.room.puller.fetch_older(conversation, before_seq).await
    }

    /// Finds messages on this phone, newest first, and unsent ones. `before`: the last hit's place, to page on.
    ///
    /// # Errors
    /// A store fault. A query of nothing finds nothing.
    pub fn search(&self, text: &str, before: Option<i64>, most: usize) -> Result<SearchResults, PortalError> {
        let Some(query) = Query::parse(text) else {
            return Ok(SearchResults { unsent: Vec::new(), hits: Vec::new() });
        };
        Ok(self.room.store.read(|reading| {
            let hits = reading.search(&query, before, most)?;
            let unsent = if before.is_none() { reading.echoes(None)? } else { Vec::new() };
            let me = &self.room.session.name;
            let unsent = unsent.into_iter().filter(|echo| query.matches(&echo.searchable(me))).collect();
            Ok::<_, StoreError>(SearchResults { unsent, hits })
        })?)
    }

    /// Everything of this phone that has no answer yet, or an end the person has not dismissed.
    ///
    /// # Errors
    /// A store fault.
    pub fn outbox(&self) -> Result<Vec<Echo>, PortalError> {
        Ok(self.room.store.read(|reading| reading.echoes(None))?)
    }

    /// How an entry of this phone stands, also long after its end.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn entry_state(&self, key: SendKey) -> Result<SendState, PortalError> {
        let entry = self.room.store.read(|reading| reading.outbox_entry(key))?.ok_or(PortalError::NotHere)?;
        Ok(entry.progress.state)
    }

    // Intents.

    /// Queues `text`, exactly as it is, durably, and shows its echo; the draft is gone in the same transaction.
    ///
    /// # Errors
    /// [`PortalError::Refused`] with the numbers, [`PortalError::NotHere`], [`PortalError::DiskFull`]: nothing is
    /// queued, the draft stays.
    pub fn send(&self, conversation: ConversationId, text: &str) -> Result<SendKey, PortalError> {
        let draft = draft::parse(conversation, text, &*self.room.ports.clock, &*self.room.ports.dice)?;
        self.room.store.write(|writing| {
            writing.head(conversation)?.ok_or(PortalError::NotHere)?;
            writing.enqueue(&draft)?;
            Ok::<_, PortalError>(writing.forget_draft(conversation)?)
        })?;
        self.outbox_changed(conversation);
        Ok(draft.send_key)
    }

    /// Takes an entry back, or dismisses its end. An untried one is gone at once; the server decides about others.
    ///
    /// # Errors
    /// [`PortalError::NotHere`], or a store fault.
    pub fn discard(&self, key: SendKey) -> Result<(), PortalError> {
        let now_ms = self.room.ports.clock.now_ms();
        let conversation = self.room.store.write(|writing| {
            let entry = writing.outbox_entry(key)?.ok_or(PortalError::NotHere)?;
            if matches!(entry.progress.state, SendState::Refused(_) | SendState::Withdrawn) {
                writing.dismiss(key)?;
            }
            writing.keep_progress(key, &step(entry.progress, Event::DiscardTapped, now_ms).0)?;
            Ok::<_, PortalError>(entry.conversation_id)
        })?;
        self.outbox_changed(conversation);
        self.sweep_packs()
    }

    /// Sends a refused or withdrawn entry as a new one, with a key of its own. For one with files of this phone, see
    /// [`Portal::send_files_again`].
    ///
    /// # Errors
    /// As [`Portal::send`]; [`PortalError::NotHere`] for an entry that is neither.
    pub fn send_again(&self, key: SendKey) -> Result<SendKey, PortalError> {
        let entry = self.room.store.read(|reading| reading.outbox_entry(key))?.ok_or(PortalError::NotHere)?;
        let ended = matches!(entry.progress.state, SendState::Refused(_) | SendState::Withdrawn);
        if !ended || entry.lane != Lane::Texts {
            return Err(PortalError::NotHere);
        }
        let (conversation, clock, dice) =
            (entry.conversation_id, &*self.room.ports.clock, &*self.room.ports.dice);
        let again = if entry.copies.is_empty() {
            let again = draft::parse(conversation, &entry.body, clock, dice)?;
            self.room.store.write(|writing| writing.enqueue(&again).and_then(|()| writing.dismiss(key)))?;
            again.send_key
        } else {
            let again = self.parse_copies(conversation, &entry.body, entry.copies)?;
            self.room
                .store
                .write(|writing| writing.enqueue_copies(&again).and_then(|()| writing.dismiss(key)))?;
            again.send_key
        };
        self.outbox_changed(conversation);
        Ok(again)
    }

    /// Keeps what the person has begun to write; an empty text forgets it.
    ///
    /// # Errors
    /// A store fault.
    pub fn keep_draft(&self, conversation: ConversationId, text: &str) -> Result<(), PortalError> {
        let now_ms = self.room.ports.clock.now_ms();
        Ok(self.room.store.write(|writing| writing.keep_draft(conversation, text, now_ms))?)
    }

    /// Notes that entries `range` were on screen. Only those (R6).
    ///
    /// # Errors
    /// A store fault.
    pub fn look_at(&self, conversation: ConversationId, range: SeqRange) -> Result<(), PortalError> {
        let now_ms = self.room.ports.clock.now_ms();
        if self.room.store.write(|writing| writing.look_at(conversation, range, now_ms))? {
            self.outbox_changed(conversation);
        }
        Ok(())
    }

    // Pushes and taps.

    /// Registers this device's address at its push provider; the server hears of it when it can.
    ///
    /// # Errors
    /// [`PortalError::Bug`] where the provider's address is none; a fault of the keystore or the store.
    pub fn keep_push_token(&self, push_token: &str) -> Result<(), PortalError> {
        if !(1..=PUSH_TOKEN_BYTES_MAX).contains(&push_token.len()) {
            return Err(PortalError::bug("push token"));
        }
        let key = self.room.folder.make_push_key(&self.room.ports)?;
        let address = PushAddress { push_token: push_token.to_owned(), push_key: Base64(key.key.to_vec()) };
        self.room.store.write(|writing| {
            writing.set(Fact::PushAddress, &address)?;
            writing.set(Fact::PushAddressUntold, &true)
        })?;
        self.room.pump_woken.notify_one();
        Ok(())
    }

    /// Takes in a push that arrived while the app runs: its preview is kept, the puller wakes.
    ///
    /// # Errors
    /// [`PortalError::NotHere`] where it does not open; a store fault.
    pub fn push_arrived(&self, payload: &str) -> Result<PushContent, PortalError> {
        let key = self.room.folder.push_key(&*self.room.ports.secrets)?.ok_or(PortalError::NotHere)?;
        let content = inbox::receive(&key, &self.room.folder.push_inbox(), payload)?;
        self.take_in_pushes()?;
        self.room.pull_woken.notify_one();
        Ok(content)
    }

    /// Takes in what a notification extension left in the push inbox.
    ///
    /// # Errors
    /// A store fault; what was not taken in stays.
    pub fn take_in_pushes(&self) -> Result<(), PortalError> {
        if let Some(key) = self.room.folder.push_key(&*self.room.ports.secrets)? {
            inbox::take_in(&key, &self.room.folder.push_inbox(), &self.room.store)?;
        }
        Ok(())
    }

    /// Where a tap on a notification leads, from this phone's own data (R53). While the person is signed out, the
    /// tap is kept, and [`Portal::pending_tap`] gives it after signing in.
    ///
    /// # Errors
    /// A store fault. A payload that leads nowhere is [`TapTarget::Inbox`].
    pub fn resolve_tap(&self, payload: &str) -> Result<TapTarget, PortalError> {
        let Some(key) = self.room.folder.push_key(&*self.room.ports.secrets)? else {
            return Ok(TapTarget::Inbox(WhyInbox::Unreadable));
        };
        let Ok(push) = inbox::open_payload(&key, payload) else {
            return Ok(TapTarget::Inbox(WhyInbox::Unreadable));
        };
        let me = (self.room.session.firm_id, self.room.session.person_id);
        if self.room.store.read(|reading| reading.is_signed_out())? {
            self.room.store.write(|writing| writing.set(Fact::PendingTap, &payload))?;
            return Ok(TapTarget::SignInFirst);
        }
        Ok(self.room.store.read(|reading| tap::resolve(reading, &push, me))?)
    }

    /// The tap that waited for signing in, once.
    ///
    /// # Errors
    /// A store fault.
    pub fn pending_tap(&self) -> Result<Option<TapTarget>, PortalError> {
        let payload = self.room.store.write(|writing| {
            let payload: Option<String> =
                if writing.is_signed_out()? { None } else { writing.fact(Fact::PendingTap)? };
            if payload.is_some() {
                writing.unset(Fact::PendingTap)?;
            }
            Ok::<_, StoreError>(payload)
        })?;
        payload.map(|payload| self.resolve_tap(&payload)).transpose()
    }

    fn outbox_changed(&self, conversation: ConversationId) {
        self.room.hub.tell(&[PortalEvent::TimelineChanged(conversation), PortalEvent::ConversationsChanged]);
        self.room.uploads.look_again();
        self.room.pump_woken.notify_one();
        self.room.uploads_woken.notify_one();
    }

    fn note_connection(&self, connection: Connection) {
        let before = self.room.connection.send_replace(connection);
        if before != connection {
            self.room.hub.tell(&[PortalEvent::ConnectionChanged]);
            match connection {
                Connection::SignedOut => self.room.hub.tell(&[PortalEvent::SignInNeeded]),
                Connection::Online => {
                    self.room.pump_woken.notify_one();
                    self.room.uploads_woken.notify_one();
                }
                Connection::Wiped => self.room.hub.tell(&[PortalEvent::Wiped]),
                Connection::Unknown | Connection::Offline(_) | Connection::Closed => {}
            }
        }
    }

    /// The store, for tests of the whole product.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.room.store
    }
}
