//! The border itself: ports that fail, streams that end, portals that are let go, calls that are taken back.

use std::future::Future as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use portico_core::PortalError;
use portico_core::events::PortalEvent;
use portico_core::portal::Connection;
use portico_ffi::{
    Answer, NetworkStatus, PortError, Portal, Reach, SecretStore, SignIn, call_back, new_call, provoke_panic,
};
use serde_json::Value;

use crate::stage::{Stage, text, texts};

pub(crate) async fn key_store_locked(with: &Value) {
    store_waits_for_its_key(with, PortError::Locked, PortalError::KeyLocked).await;
}

/// In Rust a port can not throw: what Kotlin and Swift throw arrives as this.
pub(crate) async fn port_throws(with: &Value) {
    let thrown =
        PortError::from(uniffi::UnexpectedUniFFICallbackError { reason: "a stack trace".to_owned() });
    store_waits_for_its_key(with, thrown, PortalError::KeyUnavailable).await;
}

async fn store_waits_for_its_key(with: &Value, fault: PortError, answer: PortalError) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, portal) = stage.signed_in(text(with, "person")).await;
    shell.network.set(Reach::Offline);
    portal.send(conversation, text(with, "text").to_owned()).unwrap();
    portal.end();

    let started = shell.restarted();
    started.secrets.set_fault(Some(fault));
    assert_eq!(started.sign_in.portal().err(), Some(answer));
    started.secrets.set_fault(None);
    started.network.set(Reach::Unmetered);
    let portal = started.portal();

    portal.became_active().unwrap();
    assert!(texts(&portal, conversation).await.contains(&text(with, "text").to_owned()));
}

pub(crate) async fn stream_ended(with: &Value) {
    let stage = Stage::build();
    let (_shell, portal) = stage.signed_in(text(with, "person")).await;
    let stream = portal.events().unwrap();
    let reader = Arc::clone(&stream);
    let mut reading = Box::pin(async move { reader.next_batch(256).await });
    let waits =
        std::future::poll_fn(|context| Poll::Ready(reading.as_mut().poll(context).is_pending())).await;
    assert!(waits, "there is nothing to read");
    let reading = tokio::spawn(reading);

    stream.stop();

    assert_eq!(reading.await.unwrap(), Ok(Vec::new()));
    assert!(portal.send(stage.conversation(with), "on it goes".to_owned()).is_ok());
}

/// Runs a portal that was just opened, so that only this run can bring it online; then it waits on the server.
async fn run_until_answered(
    portal: &Arc<Portal>,
    call: u64,
) -> tokio::task::JoinHandle<Result<(), PortalError>> {
    assert_eq!(portal.connection(), Ok(Connection::Unknown), "nothing was tried before");
    let events = portal.events().unwrap();
    let running = tokio::spawn({
        let portal = Arc::clone(portal);
        async move { portal.run(call).await }
    });
    while portal.connection() != Ok(Connection::Online) {
        events.next_batch(256).await.unwrap();
    }
    running
}

pub(crate) async fn dropped_while_busy(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, _) = stage.signed_in(text(with, "person")).await;
    let shell = shell.restarted();
    let portal = shell.portal();
    let running = run_until_answered(&portal, new_call()).await;
    let calls = with["calls"].as_u64().unwrap();
    let (tell_begun, begun) = channel();
    let busy = std::thread::spawn({
        let portal = Arc::clone(&portal);
        move || {
            for number in 0..calls {
                let kept = portal.keep_draft(conversation, format!("{number}"));
                assert!(matches!(kept, Ok(()) | Err(PortalError::Ended)), "{kept:?}");
                // The test may have ended before; then nobody waits for this.
                let _ = tell_begun.send(kept);
            }
        }
    });
    assert_eq!(begun.recv().unwrap(), Ok(()));
    let ending = std::thread::spawn(move || portal.end());

    ending.join().unwrap();
    busy.join().unwrap();
    assert_eq!(running.await.unwrap(), Err(PortalError::Ended));
    assert!(shell.portal().first_screen(9).is_ok(), "a new portal opens the same store");
    let_go_while_running(shell, conversation).await;
}

/// The last references are dropped on a thread of nobody's, and nothing is ended before.
async fn let_go_while_running(shell: crate::stage::Shell, conversation: portico_wire::ids::ConversationId) {
    let folder = shell.restarted();
    let portal = folder.portal();
    portal.send(conversation, "on its way".to_owned()).unwrap();
    let catching_up = tokio::spawn({
        let portal = Arc::clone(&portal);
        async move { portal.catch_up(new_call()).await }
    });
    let (secrets, network, place) = (folder.secrets, folder.network, folder.folder);
    let sign_in = folder.sign_in;
    std::thread::spawn(move || drop((portal, sign_in, shell))).join().unwrap();

    assert!(catching_up.await.unwrap().is_ok(), "a call keeps what it needs");
    let again = portico_tests::shell::installation(&place, &secrets, &network).unwrap();
    assert_eq!(again.portal().unwrap().unwrap().outbox(), Ok(Vec::new()));
}

/// A network that is asked and does not answer before its holder says so.
struct HeldNetwork {
    tell_asked: Sender<()>,
    /// Guards what ends when the holder lets go.
    held: Mutex<Receiver<()>>,
}

impl NetworkStatus for HeldNetwork {
    fn reach(&self) -> Result<Reach, PortError> {
        // The test may be over: then nobody listens, and nobody holds.
        let _ = self.tell_asked.send(());
        let _ = self.held.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(Reach::Unmetered)
    }
}

pub(crate) async fn home_removed_after_end(with: &Value) {
    let stage = Stage::build();
    let (shell, before) = stage.signed_in(text(with, "person")).await;
    let home = shell.folder.join("home");
    before.end();
    before.closed(new_call()).await.unwrap();
    assert_eq!(logs_below(&home), 0, "the store is closed");
    let (tell_asked, asked) = channel();
    let (hold, held) = channel();
    let network = Arc::new(HeldNetwork { tell_asked, held: Mutex::new(held) });
    let secrets: Arc<dyn SecretStore> = Arc::clone(&shell.secrets) as Arc<dyn SecretStore>;
    let name = home.to_string_lossy().into_owned();
    let portal = SignIn::new(name, secrets, None, network, None).unwrap().portal().unwrap().unwrap();
    let running = tokio::spawn({
        let portal = Arc::clone(&portal);
        async move { portal.run(new_call()).await }
    });
    asked.recv().unwrap();

    portal.end();
    let closing = tokio::spawn(async move { portal.closed(new_call()).await });
    assert_eq!(logs_below(&home), 1, "a call is in the middle");
    drop(hold);
    assert_eq!(closing.await.unwrap(), Ok(()));
    assert_eq!(logs_below(&home), 0, "the store is closed");
    std::fs::remove_dir_all(&home).unwrap();

    assert_eq!(running.await.unwrap(), Err(PortalError::Ended));
    assert!(!home.exists(), "nothing came back");
    assert!(shell.sign_in.portal().unwrap().is_none());
    let answer = stage.sign_in_on(&shell, text(with, "person")).await;
    assert_eq!(answer, Answer::SignedIn { sealed: None, began_anew: false });
    assert_eq!(shell.portal().first_screen(9).unwrap().conversations.len(), 1);
}

/// How many write-ahead logs lie below `home`: one while a store is open, none once it was closed.
fn logs_below(home: &Path) -> usize {
    let people = std::fs::read_dir(home.join("people")).unwrap();
    people.filter(|person| person.as_ref().unwrap().path().join("portal.db-wal").exists()).count()
}

pub(crate) async fn slow_reader(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, portal) = stage.signed_in(text(with, "person")).await;
    shell.network.set(Reach::Offline);
    let stream = portal.events().unwrap();
    let changes = with["changes"].as_u64().unwrap();
    let sending = std::thread::spawn({
        let portal = Arc::clone(&portal);
        move || {
            for number in 0..changes {
                portal.send(conversation, format!("{number}")).unwrap();
            }
        }
    });

    // The page of the last event must show the last change: whoever reads a page for each batch has missed nothing.
    let mut shown = 0;
    while shown < changes {
        let batch = stream.next_batch(256).await.unwrap();
        assert!(batch.len() <= 256 && !batch.is_empty());
        if batch.contains(&PortalEvent::TimelineChanged(conversation)) {
            shown = portal.outbox().unwrap().len() as u64;
        }
    }
    sending.join().unwrap();
    assert_eq!(shown, changes);
}

pub(crate) async fn taken_back(with: &Value) {
    let stage = Stage::build();
    let (shell, _) = stage.signed_in(text(with, "person")).await;
    let portal = shell.restarted().portal();
    let call = new_call();
    let running = run_until_answered(&portal, call).await;

    call_back(call);

    assert_eq!(running.await.unwrap(), Err(PortalError::Ended));
    assert!(portal.catch_up(new_call()).await.is_ok());
}

pub(crate) fn panic(with: &Value) {
    let fault = provoke_panic();

    assert_eq!(fault, Err(PortalError::bug(text(with, "what"))));
    assert!(new_call() > 0);
}
