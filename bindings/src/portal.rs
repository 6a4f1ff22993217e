//! One person's portal: one method per intent, as in the core. Calls that read or queue work in airplane mode and take
//! milliseconds; those that wait are `async`, and take the number under which they can be called back.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use portico_core::PortalError;
use portico_core::outbox::entry::SendState;
use portico_core::outbox::pump::Rest;
use portico_core::portal::Connection;
use portico_core::push::tap::TapTarget;
use portico_core::store::SessionFacts;
use portico_core::timeline::item::{Echo, FirstScreen, SearchResults, TimelinePage};
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::looked_at::SeqRange;
use portico_wire::push::PushContent;
use tokio::sync::watch;

use crate::events::EventStream;
use crate::runtime::{self, guarded};

/// One person's portal. Everything it shows is on this phone; `run` is what keeps it up to date.
#[derive(Debug, uniffi::Object)]
pub struct Portal {
    session: SessionFacts,
    /// Guards the core's portal; none once this one was ended.
    core: Mutex<Option<portico_core::Portal>>,
    ended: watch::Sender<bool>,
    /// Its channel ends with the store.
    closing: watch::Receiver<()>,
}

impl Portal {
    pub(crate) fn of(core: portico_core::Portal) -> Self {
        Self {
            session: core.session().clone(),
            closing: core.closing(),
            core: Mutex::new(Some(core)),
            ended: watch::channel(false).0,
        }
    }

    /// Whether it was ended, or its phone wiped.
    pub(crate) fn is_over(&self) -> bool {
        *self.ended.borrow() || self.core().is_ok_and(|core| core.connection() == Connection::Wiped)
    }

    fn core(&self) -> Result<portico_core::Portal, PortalError> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(PortalError::Ended)
    }

    /// Closing the store may wait; whoever ends or drops this may not.
    fn let_go(&self) {
        drop(self.core.lock().unwrap_or_else(PoisonError::into_inner).take().map(runtime::let_go));
    }

    pub(crate) fn with<T>(
        &self,
        body: impl FnOnce(portico_core::Portal) -> Result<T, PortalError>,
    ) -> Result<T, PortalError> {
        guarded(|| body(self.core()?))
    }

    /// Runs a body that waits, until it is done, called back, or the portal ends.
    pub(crate) async fn wait<T, F>(
        &self,
        call: Option<u64>,
        body: impl FnOnce(portico_core::Portal) -> F + Send + 'static,
    ) -> Result<T, PortalError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PortalError>> + Send,
    {
        let core = self.core().inspect_err(|_| runtime::forget(call))?;
        let mut ended = self.ended.subscribe();
        runtime::run(call, async move {
            tokio::select! {
                done = body(core) => done,
                _ = ended.wait_for(|ended| *ended) => Err(PortalError::Ended),
            }
        })
        .await
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[uniffi::export]
impl Portal {
    /// Who is signed in.
    pub fn session(&self) -> SessionFacts {
        self.session.clone()
    }

    /// What is known of the way to the server.
    ///
    /// # Errors
    /// `Ended`.
    pub fn connection(&self) -> Result<Connection, PortalError> {
        self.with(|core| Ok(core.connection()))
    }

    /// When the server last answered, UTC milliseconds by the phone's clock; none if it never did.
    ///
    /// # Errors
    /// A store fault.
    pub fn last_contact_ms(&self) -> Result<Option<i64>, PortalError> {
        self.with(|core| core.last_contact_ms())
    }

    /// Hears of what changes from here on. One stream for each reader.
    ///
    /// # Errors
    /// `Ended`.
    pub fn events(&self) -> Result<Arc<EventStream>, PortalError> {
        self.with(|core| Ok(Arc::new(EventStream::of(core.events()))))
    }

    /// The newest `most` conversations and the badge: the whole first screen.
    ///
    /// # Errors
    /// A store fault.
    pub fn first_screen(&self, most: u32) -> Result<FirstScreen, PortalError> {
        self.with(|core| core.first_screen(most as usize))
    }

    /// One page of a conversation: at most `most` entries below `before_seq`; none for the newest.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn timeline(
        &self,
        conversation: ConversationId,
        before_seq: Option<u64>,
        most: u32,
    ) -> Result<TimelinePage, PortalError> {
        self.with(|core| core.timeline(conversation, before_seq, most as usize))
    }

    /// Brings what stands below `before_seq` from the server. Whether there is still more.
    ///
    /// # Errors
    /// `Offline` and its like; the gap stays shown.
    pub async fn fetch_older(
        &self,
        conversation: ConversationId,
        before_seq: u64,
        call: u64,
    ) -> Result<bool, PortalError> {
        self.wait(Some(call), move |core| async move { core.fetch_older(conversation, before_seq).await })
            .await
    }

    /// Finds messages on this phone, newest first, and unsent ones. `before`: the last hit's place, to page on.
    ///
    /// # Errors
    /// A store fault. A query of nothing finds nothing.
    pub fn search(&self, text: String, before: Option<i64>, most: u32) -> Result<SearchResults, PortalError> {
        self.with(|core| core.search(&text, before, most as usize))
    }

    /// Everything of this phone that has no answer yet, or an end the person has not dismissed.
    ///
    /// # Errors
    /// A store fault.
    pub fn outbox(&self) -> Result<Vec<Echo>, PortalError> {
        self.with(|core| core.outbox())
    }

    /// How an entry of this phone stands, also long after its end.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn entry_state(&self, key: SendKey) -> Result<SendState, PortalError> {
        self.with(|core| core.entry_state(key))
    }

    /// Queues `text`, exactly as it is, durably, and shows its echo; the draft is gone in the same transaction.
    ///
    /// # Errors
    /// `Refused` with the numbers, `NotHere`, `DiskFull`: nothing is
    /// queued, the draft stays.
    pub fn send(&self, conversation: ConversationId, text: String) -> Result<SendKey, PortalError> {
        self.with(|core| core.send(conversation, &text))
    }

    /// Takes an entry back, or dismisses its end. An untried one is gone at once; the server decides about others.
    ///
    /// # Errors
    /// `NotHere`, or a store fault.
    pub fn discard(&self, key: SendKey) -> Result<(), PortalError> {
        self.with(|core| core.discard(key))
    }

    /// Sends the text of a refused or withdrawn entry as a new one, with a key of its own.
    ///
    /// # Errors
    /// As `send`; `NotHere` for an entry that is neither.
    pub fn send_again(&self, key: SendKey) -> Result<SendKey, PortalError> {
        self.with(|core| core.send_again(key))
    }

    /// Keeps what the person has begun to write; an empty text forgets it.
    ///
    /// # Errors
    /// A store fault.
    pub fn keep_draft(&self, conversation: ConversationId, text: String) -> Result<(), PortalError> {
        self.with(|core| core.keep_draft(conversation, &text))
    }

    /// Notes that entries `range` were on screen. Only those (R6).
    ///
    /// # Errors
    /// A store fault.
    pub fn look_at(&self, conversation: ConversationId, range: SeqRange) -> Result<(), PortalError> {
        self.with(|core| core.look_at(conversation, range))
    }

    /// Registers this device's address at its push provider; the server hears of it when it can.
    ///
    /// # Errors
    /// A fault of the keystore or the store.
    pub fn keep_push_token(&self, push_token: String) -> Result<(), PortalError> {
        self.with(|core| core.keep_push_token(&push_token))
    }

    /// Takes in a push that arrived while the app runs.
    ///
    /// # Errors
    /// `NotHere` where it does not open; a store fault.
    pub fn push_arrived(&self, payload: String) -> Result<PushContent, PortalError> {
        self.with(|core| core.push_arrived(&payload))
    }

    /// Where a tap on a notification leads, from this phone's own data (R53). While the person is signed out, the
    /// tap is kept, and `pending_tap` gives it after signing in.
    ///
    /// # Errors
    /// A store fault. A payload that leads nowhere is `Inbox`.
    pub fn resolve_tap(&self, payload: String) -> Result<TapTarget, PortalError> {
        self.with(|core| core.resolve_tap(&payload))
    }

    /// The tap that waited for signing in, once.
    ///
    /// # Errors
    /// A store fault.
    pub fn pending_tap(&self) -> Result<Option<TapTarget>, PortalError> {
        self.with(|core| core.pending_tap())
    }

    /// Keeps this portal up to date until it is called back: drains the outbox, waits for changes. One at a time.
    ///
    /// # Errors
    /// `Ended` when it is called back; a store fault ends it too, and what is stored stays.
    pub async fn run(&self, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), |core| async move { core.run().await }).await
    }

    /// Does everything that is due now, and ends. For background time that the system grants.
    ///
    /// # Errors
    /// A store fault. Faults of the network are in `connection`.
    pub async fn catch_up(&self, call: u64) -> Result<Rest, PortalError> {
        self.wait(Some(call), |core| async move { core.catch_up().await }).await
    }

    /// The network changed: what is in flight is abandoned and sent again, what waits is due.
    ///
    /// # Errors
    /// A store fault.
    pub fn network_changed(&self) -> Result<(), PortalError> {
        self.with(|core| core.network_changed())
    }

    /// The app came to the front: what waits is due, pushes of the extension are taken in.
    ///
    /// # Errors
    /// A store fault.
    pub fn became_active(&self) -> Result<(), PortalError> {
        self.with(|core| core.became_active())
    }

    /// The system is about to suspend the app: no request starts, and the store's log is moved into its file. Ends
    /// within `deadline_ms`; `became_active` goes on.
    ///
    /// # Errors
    /// `RetryLater` if the deadline passed first.
    pub async fn suspend(&self, deadline_ms: u64) -> Result<(), PortalError> {
        self.wait(None, move |core| async move { core.suspend(deadline_ms).await }).await
    }

    /// Signs this device out on the server. The store stays, sealed by its key; signing in again opens it.
    ///
    /// # Errors
    /// `Offline` and its like: still signed in.
    pub async fn sign_out(&self, call: u64) -> Result<(), PortalError> {
        self.wait(Some(call), |core| async move { core.sign_out().await }).await
    }

    /// Ends this portal, and closes its store once no call uses it any more: calls that wait and calls to come answer
    /// `Ended`, event streams stop. Nothing is lost; `SignIn.portal` gives a new one.
    pub fn end(&self) {
        self.ended.send_replace(true);
        self.let_go();
    }

    /// Waits until the store of this portal is closed, which follows `end`. Then its home may be removed.
    ///
    /// # Errors
    /// `Ended` where the call was taken back.
    pub async fn closed(&self, call: u64) -> Result<(), PortalError> {
        let mut closing = self.closing.clone();
        runtime::run(Some(call), async move {
            while closing.changed().await.is_ok() {}
            Ok(())
        })
        .await
    }
}
