//! What works with no network, and what becomes of it afterwards.

use std::collections::VecDeque;

use portico_core::PortalError;
use portico_core::outbox::entry::{Fault, SendState};
use portico_core::portal::Connection;
use portico_core::timeline::item::Delivery;
use portico_tests::faults::{Fate, Weather};
use portico_tests::world::World;
use portico_wire::looked_at::SeqRange;
use portico_wire::refusal::{Refusal, RefusalCode};

// R50: every screen opens, and says what it can not know.
#[tokio::test]
async fn everything_synced_works_in_airplane_mode() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.network.set(Weather::Off);
    amina.kill();
    amina.start();

    amina.portal().keep_draft(claim, "half a thought").unwrap();
    let key = amina.portal().send(claim, "written in a tunnel").unwrap();
    amina.portal().look_at(claim, SeqRange { from_seq: 1, to_seq: 2 }).unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_eq!(amina.portal().connection(), Connection::Offline(Fault::NoConnection));
    assert!(amina.portal().last_contact_ms().unwrap().is_some());
    let screen = amina.portal().first_screen(10).unwrap();
    assert!(screen.conversations.iter().any(|row| row.unsent == 1));
    assert_eq!(amina.portal().timeline(claim, None, 20).unwrap().draft, None);
    let found = amina.portal().search("tunnel", None, 10).unwrap();
    assert_eq!(found.unsent[0].send_key, key);
    let synced = amina.portal().search("welcome amina", None, 10).unwrap();
    assert_eq!(synced.hits.len(), 1);
    assert!(amina.texts(claim)[0].starts_with("Welcome, Amina."));
}

// R40, R51: once, in order, after kills and lost answers.
#[tokio::test]
async fn texts_written_offline_arrive_once_and_in_order() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.network.set(Weather::Off);
    for number in 0..5 {
        amina.portal().send(claim, &format!("text {number}")).unwrap();
        amina.kill();
        amina.start();
    }

    let fates = VecDeque::from([Fate::AnswerLost, Fate::Doubled, Fate::PhoneDiesAfter, Fate::ProxyPage]);
    amina.network.set(Weather::Scripted("/v1/messages", fates));
    for _ in 0..4 {
        amina.portal().became_active().unwrap();
        amina.catch_up_or_die().await;
    }
    amina.come_to_rest(&world).await;

    assert_eq!(world.texts(claim).await, ["text 0", "text 1", "text 2", "text 3", "text 4"]);
    assert!(amina.outbox().is_empty());
}

// R51: withdrawn is for ever, whatever copy arrives later.
#[tokio::test]
async fn withdrawn_text_never_arrives_even_if_a_copy_was_under_way() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let key = amina.portal().send(claim, "regretted").unwrap();
    amina.network.set(Weather::Scripted("/v1/messages", VecDeque::from([Fate::Stalled])));
    amina.portal().catch_up().await.unwrap();

    amina.portal().discard(key).unwrap();
    amina.come_to_rest(&world).await;
    let delivered = amina.network.deliver_stalled(0).await;

    assert!(delivered);
    assert_eq!(amina.portal().entry_state(key), Ok(SendState::Withdrawn));
    assert!(world.texts(claim).await.is_empty());
}

// R51: too late is said, and the same on phone and server.
#[tokio::test]
async fn withdrawal_after_acceptance_is_told_too_late() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let key = amina.portal().send(claim, "already there").unwrap();
    amina.network.set(Weather::Scripted("/v1/messages", VecDeque::from([Fate::AnswerLost])));
    amina.portal().catch_up().await.unwrap();

    amina.portal().discard(key).unwrap();
    amina.come_to_rest(&world).await;

    assert_eq!(amina.portal().entry_state(key), Ok(SendState::Accepted));
    assert_eq!(world.texts(claim).await, ["already there"]);
}

// R13, R21, R51: refused with its reason, the text kept, sent again once that is possible.
#[tokio::test]
async fn refused_text_is_kept_and_can_be_sent_again() {
    let world = World::new().await;
    let (claim, firm, mara) = (world.conversation("claim"), world.firm.firm_id, world.person_id("mara"));
    let amina = world.phone("amina").await;
    world.app().store().archive(firm, claim, mara).await.unwrap();
    let key = amina.portal().send(claim, "may I?").unwrap();

    amina.portal().catch_up().await.unwrap();
    assert_eq!(amina.refusal(), Some(Refusal::of(RefusalCode::ConversationArchived)));
    world.app().store().unarchive(firm, claim, mara).await.unwrap();
    let again = amina.portal().send_again(key).unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_ne!(again, key);
    assert_eq!(world.texts(claim).await, ["may I?"]);
    assert!(amina.outbox().is_empty());
}

// R4, R13: refused on the phone, with the numbers, and nothing is queued.
#[tokio::test]
async fn text_that_can_not_be_sent_is_refused_before_it_is_queued() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    amina.portal().keep_draft(claim, "kept").unwrap();

    let cases = [
        ("x".repeat(65_537), Refusal::over(RefusalCode::BodyTooLong, 65_536, 65_537)),
        ("a\0b".to_owned(), Refusal::of(RefusalCode::BodyHasNul)),
        (String::new(), Refusal::of(RefusalCode::BodyEmpty)),
    ];
    for (text, refusal) in cases {
        assert_eq!(amina.portal().send(claim, &text), Err(PortalError::Refused { refusal }));
    }
    let nowhere = portico_wire::ids::ConversationId::from_bytes([1; 16]);
    assert_eq!(amina.portal().send(nowhere, "x"), Err(PortalError::NotHere));

    assert!(amina.outbox().is_empty());
    assert_eq!(amina.portal().timeline(claim, None, 9).unwrap().draft.as_deref(), Some("kept"));
}

// R51: a full disk loses nothing that was kept, on the phone.
#[tokio::test]
async fn full_disk_on_the_phone_is_told_and_nothing_is_lost() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.portal().send(claim, "before").unwrap();
    amina.portal().store().leave_pages(0).unwrap();

    assert_eq!(amina.portal().send(claim, &"y".repeat(60_000)), Err(PortalError::DiskFull));
    amina.portal().store().leave_pages(10_000).unwrap();
    amina.come_to_rest(&world).await;

    assert_eq!(world.texts(claim).await, ["before"]);
}

// R40: what the server keeps failing on is set aside, shown, and holds up nobody.
#[tokio::test]
async fn stuck_text_lets_the_others_pass_and_arrives_in_the_end() {
    let world = World::new().await;
    let (claim, direct) = (world.conversation("claim"), world.conversation("direct"));
    let mut mara = world.phone("mara").await;
    let stuck = mara.portal().send(claim, "the firewall dislikes this").unwrap();
    let path = Box::leak(format!("/v1/messages/{stuck}").into_boxed_str());
    mara.network.set(Weather::Scripted(path, std::iter::repeat_n(Fate::ProxyPage, 25).collect()));
    for _ in 0..21 {
        mara.portal().send(direct, "passes").unwrap();
        mara.portal().became_active().unwrap();
        mara.portal().catch_up().await.unwrap();
    }
    mara.portal().send(claim, "the next one").unwrap();
    mara.portal().catch_up().await.unwrap();

    let shown = mara.outbox();
    assert!(matches!(shown[0].delivery, Delivery::Waiting { stuck: true, .. }), "{shown:?}");
    assert_eq!(world.texts(claim).await, ["the next one"]);
    mara.come_to_rest(&world).await;
    assert_eq!(world.texts(claim).await, ["the next one", "the firewall dislikes this"]);
}

// R40: also where the person has one conversation, and the app is started anew each time: syncing passes, so it is the
// text.
#[tokio::test]
async fn text_that_keeps_failing_in_the_only_conversation_is_set_aside() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let stuck = amina.portal().send(claim, "the firewall dislikes this").unwrap();
    let path = Box::leak(format!("/v1/messages/{stuck}").into_boxed_str());
    amina.network.set(Weather::Scripted(path, std::iter::repeat_n(Fate::ProxyPage, 25).collect()));
    for _ in 0..22 {
        amina.kill();
        amina.start();
        amina.portal().became_active().unwrap();
        amina.portal().catch_up().await.unwrap();
    }

    amina.portal().send(claim, "the next one").unwrap();
    amina.portal().catch_up().await.unwrap();

    let shown = amina.outbox();
    assert!(matches!(shown[0].delivery, Delivery::Waiting { stuck: true, .. }), "{shown:?}");
    assert_eq!(world.texts(claim).await, ["the next one"]);
}

// R54: several devices of one person agree.
#[tokio::test]
async fn read_on_one_device_clears_the_badge_on_all() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mara, phone, tablet) =
        (world.phone("mara").await, world.phone("amina").await, world.phone("amina").await);
    mara.portal().send(claim, "news").unwrap();
    mara.portal().catch_up().await.unwrap();
    phone.portal().catch_up().await.unwrap();
    tablet.portal().catch_up().await.unwrap();
    let unread = tablet.portal().first_screen(9).unwrap().unread;
    let last_seq = phone.portal().timeline(claim, None, 9).unwrap().head.last_seq;

    phone.portal().look_at(claim, SeqRange { from_seq: last_seq, to_seq: last_seq }).unwrap();
    phone.portal().catch_up().await.unwrap();
    tablet.portal().catch_up().await.unwrap();

    assert!(unread > 0);
    assert_eq!(tablet.portal().first_screen(9).unwrap().unread, unread - 1);
}

// R51: nothing is in flight while the system suspends the app, and it goes on afterwards.
#[tokio::test]
async fn suspended_app_stands_still_and_goes_on() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.portal().send(claim, "later").unwrap();

    amina.portal().suspend(1_000).await.unwrap();
    let journal = amina.portal().store().path().with_extension("db-wal");
    let left = std::fs::metadata(journal).map_or(0, |file| file.len());
    amina.come_to_rest(&world).await;

    assert_eq!(left, 0);
    assert_eq!(world.texts(claim).await, ["later"]);
}
