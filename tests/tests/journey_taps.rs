//! A tap opens the right message, from the phone's own data.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_core::push::tap::{Shown, TapTarget, WhyInbox};
use portico_tests::faults::Weather;
use portico_tests::phone::TestPhone;
use portico_tests::world::World;

/// A message from mara to amina, and the push that amina's phone got.
async fn pushed(world: &World, text: &str) -> (TestPhone, String) {
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    amina.portal().keep_push_token("address").unwrap();
    amina.portal().catch_up().await.unwrap();
    mara.portal().send(claim, text).unwrap();
    mara.portal().catch_up().await.unwrap();
    let push = world.pushes(amina.device()).await.pop().unwrap();
    (amina, push)
}

// R53: cold, and with no network at all.
#[tokio::test]
async fn tap_opens_the_message_with_no_server_and_a_cold_app() {
    let world = World::new().await;
    let (mut amina, push) = pushed(&world, "the hearing is at nine").await;
    world.kill_server();
    amina.network.set(Weather::Off);
    amina.kill();
    amina.start();

    let target = amina.portal().resolve_tap(&push).unwrap();

    let TapTarget::Message { conversation_id, shown: Shown::Preview { text, complete: true }, .. } = target
    else {
        panic!("{target:?}")
    };
    assert_eq!(conversation_id, world.conversation("claim"));
    assert_eq!(text, "the hearing is at nine");
}

// R4, R53: a preview is no timeline row; sync replaces it.
#[tokio::test]
async fn synced_message_takes_the_place_of_its_preview() {
    let world = World::new().await;
    let (amina, push) = pushed(&world, "exactly this").await;
    amina.portal().push_arrived(&push).unwrap();
    let before = amina.texts(world.conversation("claim"));

    amina.portal().catch_up().await.unwrap();
    let target = amina.portal().resolve_tap(&push).unwrap();

    assert!(!before.contains(&"exactly this".to_owned()));
    assert!(matches!(target, TapTarget::Message { shown: Shown::Message, .. }), "{target:?}");
    assert!(amina.texts(world.conversation("claim")).contains(&"exactly this".to_owned()));
}

// R53: an unknown, cut, altered or foreign payload opens nothing wrong.
#[tokio::test]
async fn payload_of_anybody_else_opens_the_inbox() {
    let world = World::new().await;
    let (amina, push) = pushed(&world, "for amina only").await;
    let kenji = world.phone("kenji").await;
    kenji.portal().keep_push_token("address").unwrap();
    let before = amina.portal().first_screen(9).unwrap();

    let foreign = kenji.portal().resolve_tap(&push).unwrap();
    let bad = [
        "",
        "{}",
        "not json",
        "{\"portico\":\"AA\"}",
        push.split_at(push.len() / 2).0,
        &push.replace("\":\"A", "\":\"B"),
    ];
    for payload in bad {
        let target = amina.portal().resolve_tap(payload).unwrap();
        assert_eq!(target, TapTarget::Inbox(WhyInbox::Unreadable), "{payload}");
    }

    assert_eq!(foreign, TapTarget::Inbox(WhyInbox::Unreadable));
    assert_eq!(amina.portal().first_screen(9).unwrap(), before);
}

// R53: no name and no text that Apple, Google or a lock screen could read.
#[tokio::test]
async fn push_as_carried_shows_nothing() {
    let world = World::new().await;
    let (_amina, push) = pushed(&world, "privileged and confidential").await;

    for word in ["privileged", "Haddad", "Mara", "claim"] {
        assert!(!push.contains(word));
    }
}

// R53: the extension has the push key and a folder, nothing else.
#[tokio::test]
async fn push_dropped_by_the_extension_is_taken_in_by_the_core() {
    let world = World::new().await;
    let (mut amina, push) = pushed(&world, "while the app was closed").await;
    let folder = amina.portal().store().path().parent().unwrap().join("push-inbox");
    amina.kill();

    let content = amina.installation().receive_push(&push).unwrap();
    amina.start();

    let preview = amina.portal().store().read(|reading| reading.preview(content.entry_id)).unwrap().unwrap();
    assert_eq!(preview.text, "while the app was closed");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

// R41: access is lost: everything received of it goes, at the next contact; a late push opens nothing.
#[tokio::test]
async fn lost_access_purges_and_a_late_push_opens_the_inbox() {
    let world = World::new().await;
    let (direct, firm) = (world.conversation("direct"), world.firm.firm_id);
    let jonas = world.phone("jonas").await;
    let mara = world.phone("mara").await;
    jonas.portal().keep_push_token("address").unwrap();
    jonas.portal().catch_up().await.unwrap();
    mara.portal().send(direct, "before jonas leaves").unwrap();
    mara.portal().catch_up().await.unwrap();
    let push = world.pushes(jonas.device()).await.pop().unwrap();
    jonas.portal().catch_up().await.unwrap();
    let kept = jonas.portal().send(direct, "unsent").unwrap();

    world
        .app()
        .store()
        .remove_participant(firm, direct, world.person_id("jonas"), world.person_id("mara"))
        .await
        .unwrap();
    jonas.portal().catch_up().await.unwrap();

    assert!(jonas.portal().timeline(direct, None, 9).is_err());
    assert!(jonas.portal().search("jonas leaves", None, 9).unwrap().hits.is_empty());
    assert_eq!(jonas.portal().resolve_tap(&push).unwrap(), TapTarget::Inbox(WhyInbox::AccessLost));
    assert_eq!(jonas.outbox()[0].send_key, kept);
    assert_eq!(jonas.outbox()[0].body, "unsent");
    assert!(jonas.refusal().is_some());
}
