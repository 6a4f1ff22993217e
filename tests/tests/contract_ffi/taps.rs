//! Taps on notifications: cold, warm, offline, foreign.

use std::sync::Arc;

use portico_core::push::tap::{Shown, TapTarget, WhyInbox};
use portico_core::timeline::item::TimelineItem;
use portico_ffi::{Portal, Reach, new_call};
use serde_json::Value;

use crate::stage::{Shell, Stage, text};

/// A phone that a push came to: it has not fetched the message.
async fn pushed(stage: &Stage, with: &Value, to: &str) -> (Shell, Arc<Portal>, String) {
    let (shell, portal) = stage.signed_in(to).await;
    portal.keep_push_token("a push address".to_owned()).unwrap();
    portal.catch_up(new_call()).await.unwrap();
    let (_from, sender) = stage.signed_in(text(with, "from")).await;
    sender.send(stage.conversation(with), text(with, "text").to_owned()).unwrap();
    sender.catch_up(new_call()).await.unwrap();
    let push = stage.server.push(portal.session().device_id).await.unwrap();
    (shell, portal, push)
}

fn assert_previews(target: &TapTarget, with: &Value, stage: &Stage) {
    let TapTarget::Message { conversation_id, shown: Shown::Preview { text: said, complete }, .. } = target
    else {
        panic!("{target:?} is no preview")
    };
    assert_eq!(*conversation_id, stage.conversation(with));
    assert_eq!((said.as_str(), *complete), (text(with, "text"), true));
}

pub(crate) async fn cold(with: &Value) {
    let stage = Stage::build();
    let (shell, portal, push) = pushed(&stage, with, text(with, "to")).await;
    portal.end();

    let started = shell.restarted();
    let content = started.sign_in.receive_push(push.clone()).unwrap();
    let target = started.portal().resolve_tap(push).unwrap();

    assert_eq!(content.text, text(with, "text"));
    assert_previews(&target, with, &stage);
}

pub(crate) async fn warm(with: &Value) {
    let stage = Stage::build();
    let (_shell, portal, push) = pushed(&stage, with, text(with, "to")).await;
    portal.push_arrived(push.clone()).unwrap();
    portal.catch_up(new_call()).await.unwrap();

    let target = portal.resolve_tap(push).unwrap();

    let TapTarget::Message { conversation_id, seq, shown: Shown::Message, .. } = target else {
        panic!("{target:?} is not the message")
    };
    assert_eq!(conversation_id, stage.conversation(with));
    let page = portal.timeline(conversation_id, Some(seq + 1), 1).unwrap();
    let Some(TimelineItem::Logged { entry, .. }) = page.items.first() else { panic!("no entry at {seq}") };
    assert_eq!(entry.body, text(with, "text"));
}

pub(crate) async fn offline(with: &Value) {
    let mut stage = Stage::build();
    let (shell, portal, push) = pushed(&stage, with, text(with, "to")).await;
    portal.end();
    stage.server.kill();
    shell.network.set(Reach::Offline);

    let target = shell.restarted().portal().resolve_tap(push).unwrap();

    assert_previews(&target, with, &stage);
}

pub(crate) async fn foreign(with: &Value) {
    let stage = Stage::build();
    let (_shell, _portal, push) = pushed(&stage, with, text(with, "to")).await;
    let (_other, other) = stage.signed_in(text(with, "other")).await;
    other.keep_push_token("another address".to_owned()).unwrap();
    let cut: String = push.chars().take(push.len() / 2).collect();

    for payload in [push, cut, "no push".to_owned(), String::new()] {
        assert_eq!(other.resolve_tap(payload), Ok(TapTarget::Inbox(WhyInbox::Unreadable)));
    }
}
