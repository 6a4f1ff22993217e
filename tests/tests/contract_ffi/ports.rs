//! The border itself: ports that fail, streams that end, portals that are let go, calls that are taken back.

use std::sync::Arc;

use portico_core::PortalError;
use portico_core::events::PortalEvent;
use portico_ffi::{PortError, call_back, new_call, provoke_panic};
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
    shell.network.set_offline(true);
    portal.send(conversation, text(with, "text").to_owned()).unwrap();
    portal.end();

    let started = shell.restarted();
    started.secrets.set_fault(Some(fault));
    assert_eq!(started.sign_in.portal().err(), Some(answer));
    started.secrets.set_fault(None);
    started.network.set_offline(false);
    let portal = started.portal();

    portal.became_active().unwrap();
    assert!(texts(&portal, conversation).await.contains(&text(with, "text").to_owned()));
}

pub(crate) async fn stream_ended(with: &Value) {
    let stage = Stage::build();
    let (_shell, portal) = stage.signed_in(text(with, "person")).await;
    let stream = portal.events().unwrap();
    let reader = Arc::clone(&stream);
    let reading = tokio::spawn(async move { reader.next_batch(256).await });

    stream.stop();

    assert_eq!(reading.await.unwrap(), Ok(Vec::new()));
    assert!(portal.send(stage.conversation(with), "on it goes".to_owned()).is_ok());
}

pub(crate) async fn dropped_while_busy(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, portal) = stage.signed_in(text(with, "person")).await;
    let call = new_call();
    let running = tokio::spawn({
        let portal = Arc::clone(&portal);
        async move { portal.run(call).await }
    });
    let calls = with["calls"].as_u64().unwrap();
    let busy = std::thread::spawn({
        let portal = Arc::clone(&portal);
        move || {
            (0..calls).filter(|number| portal.keep_draft(conversation, format!("{number}")).is_ok()).count()
        }
    });
    let ending = std::thread::spawn(move || portal.end());

    ending.join().unwrap();
    assert!(busy.join().unwrap() <= usize::try_from(calls).unwrap());
    assert_eq!(running.await.unwrap(), Err(PortalError::Ended));
    assert!(shell.portal().first_screen(9).is_ok(), "a new portal opens the same store");
}

pub(crate) async fn slow_reader(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, portal) = stage.signed_in(text(with, "person")).await;
    shell.network.set_offline(true);
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
    let (_shell, portal) = stage.signed_in(text(with, "person")).await;
    let call = new_call();
    let running = tokio::spawn({
        let portal = Arc::clone(&portal);
        async move { portal.run(call).await }
    });
    // Whether it has begun by now or not.
    call_back(call);

    assert_eq!(running.await.unwrap(), Err(PortalError::Ended));
    assert!(portal.catch_up(new_call()).await.is_ok());
}

pub(crate) fn panic(with: &Value) {
    let fault = provoke_panic();

    assert_eq!(fault, Err(PortalError::bug(text(with, "what"))));
    assert!(new_call() > 0);
}
