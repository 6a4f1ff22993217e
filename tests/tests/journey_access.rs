//! Coming and going as phones meet it: what they lose goes from them, what was written stays.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_core::PortalError;
use portico_core::portal::Connection;
use portico_core::push::tap::TapTarget;
use portico_tests::draws::content;
use portico_tests::faults::Weather;
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::ids::ConversationId;
use portico_wire::refusal::{Refusal, RefusalCode};

/// Sends a message with a file and has it fetched by `to`, so that bytes of it lie there.
async fn hand_over(from: &TestPhone, to: &mut TestPhone, world: &World, place: ConversationId) {
    from.send_files(place, "the papers", &[content(1, 80_000)]).await;
    from.portal().catch_up().await.unwrap();
    to.come_to_rest(world).await;
    to.newest_files(place).await;
    assert_eq!(to.files_in("files").len(), 1);
}

// R41, R43, R51: one of the staff leaves the firm while their phone is offline, with something unsent: at its next contact
// all that it received is gone, what they wrote is refused and kept until they discard it.
#[tokio::test]
async fn phone_of_one_who_left_the_firm_keeps_only_what_they_wrote() {
    let world = World::new().await;
    let (claim, notes, firm) = (world.conversation("claim"), world.conversation("notes"), world.firm.firm_id);
    let [mara_id, jonas_id] = ["mara", "jonas"].map(|name| world.person_id(name));
    let (mara, mut jonas) = (world.phone("mara").await, world.phone("jonas").await);
    hand_over(&mara, &mut jonas, &world, notes).await;
    jonas.network.set(Weather::Off);
    let (text, papers) = (
        jonas.portal().send(claim, "half written").unwrap(),
        jonas.send_files(notes, "my papers", &[content(2, 70_000)]).await,
    );
    world.app().store().depart(firm, jonas_id, mara_id).await.unwrap();
    world.clock.advance(24 * 3_600_000);
    jonas.kill();
    jonas.start();
    assert!(jonas.portal().timeline(notes, None, 9).is_ok(), "nobody has told it yet");

    jonas.network.set(Weather::Calm);
    jonas.come_to_rest(&world).await;

    assert_eq!(jonas.portal().connection(), Connection::Closed);
    for place in [claim, notes, world.conversation("library"), world.conversation("direct")] {
        assert_eq!(jonas.portal().timeline(place, None, 9), Err(PortalError::NotHere));
    }
    assert!(jonas.portal().first_screen(9).unwrap().conversations.is_empty());
    assert!(jonas.portal().search("papers", None, 9).unwrap().hits.is_empty());
    assert!(jonas.files_in("files").is_empty());
    let kept: Vec<_> = jonas.outbox().into_iter().map(|echo| (echo.send_key, echo.body)).collect();
    assert_eq!(kept, [(text, "half written".to_owned()), (papers, "my papers".to_owned())]);
    assert_eq!(jonas.refusal(), Some(Refusal::of(RefusalCode::AccountClosed)));
    assert_eq!(jonas.files_in("packs").len(), 1);
    for (key, _) in kept {
        jonas.portal().discard(key).unwrap();
    }
    assert!(jonas.files_in("packs").is_empty());
    let closed = Refusal::of(RefusalCode::AccountClosed);
    assert_eq!(jonas.portal().people().await, Err(closed.into()));
}

/// Lets everything run until `ready`; bounded by real time only so that a bug fails instead of hanging.
async fn until(ready: impl Fn() -> bool) {
    let poll = async {
        while !ready() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), poll).await.unwrap();
}

// R41, R43, R51: the app is open and waits for news when its person leaves the firm: it has nothing any more at once, and
// what was on its way ends.
#[tokio::test]
async fn app_that_waits_for_news_loses_everything_at_once() {
    let world = World::new().await;
    let (library, firm) = (world.conversation("library"), world.firm.firm_id);
    let [mara_id, jonas_id] = ["mara", "jonas"].map(|name| world.person_id(name));
    let mut jonas = world.phone("jonas").await;
    let portal = jonas.portal().clone();
    let leaves = async {
        until(|| portal.connection() == Connection::Online).await;
        world.app().store().depart(firm, jonas_id, mara_id).await.unwrap();
        until(|| portal.connection() == Connection::Closed).await;
        assert_eq!(portal.timeline(library, None, 9), Err(PortalError::NotHere));
    };
    tokio::select! {
        run = portal.run() => panic!("it ran until {run:?}"),
        () = leaves => {}
    }
    drop(portal);

    assert!(jonas.outbox().is_empty());
    jonas.come_to_rest(&world).await;
    assert_eq!(jonas.portal().connection(), Connection::Closed);
}

// R41, R43, R53: a push that lay there before the departure was heard of shows nothing of it afterwards.
#[tokio::test]
async fn push_shows_nothing_once_the_account_is_closed() {
    let world = World::new().await;
    let (library, firm) = (world.conversation("library"), world.firm.firm_id);
    let (mara, mut jonas) = (world.phone("mara").await, world.phone("jonas").await);
    jonas.portal().keep_push_token("a token").unwrap();
    jonas.come_to_rest(&world).await;
    jonas.network.set(Weather::Off);
    mara.portal().send(library, "while he slept").unwrap();
    mara.portal().catch_up().await.unwrap();
    let payload = world.pushes(jonas.device()).await.pop().unwrap();
    jonas.installation().receive_push(&payload).unwrap();
    world.app().store().depart(firm, world.person_id("jonas"), world.person_id("mara")).await.unwrap();
    jonas.come_to_rest(&world).await;

    let tapped = jonas.portal().resolve_tap(&payload).unwrap();
    jonas.kill();
    jonas.start();
    jonas.portal().became_active().unwrap();

    assert!(
        !format!("{tapped:?}").contains("slept") && matches!(tapped, TapTarget::Inbox { .. }),
        "{tapped:?}"
    );
    assert!(jonas.portal().search("slept", None, 9).unwrap().hits.is_empty());
    assert_eq!(jonas.portal().timeline(library, None, 9), Err(PortalError::NotHere));
}

// R41, R43: signing out as the first thing that is heard of it takes everything along too.
#[tokio::test]
async fn sign_out_after_the_departure_leaves_nothing() {
    let world = World::new().await;
    let (library, firm) = (world.conversation("library"), world.firm.firm_id);
    let jonas = world.phone("jonas").await;
    world.app().store().depart(firm, world.person_id("jonas"), world.person_id("mara")).await.unwrap();

    jonas.portal().sign_out().await.unwrap();

    assert_eq!(jonas.portal().timeline(library, None, 9), Err(PortalError::NotHere));
}

// R41, R43, R51: the phone has not heard of the departure when the server is restored from a backup that knows of it.
#[tokio::test]
async fn departure_is_heard_of_after_a_restore_too() {
    let world = World::new().await;
    let (library, firm) = (world.conversation("library"), world.firm.firm_id);
    let mut jonas = world.phone("jonas").await;
    jonas.network.set(Weather::Off);
    jonas.portal().send(library, "half written").unwrap();
    world.app().store().depart(firm, world.person_id("jonas"), world.person_id("mara")).await.unwrap();
    world.back_up("after");
    world.restore("after").unwrap();

    jonas.come_to_rest(&world).await;

    assert_eq!(jonas.portal().connection(), Connection::Closed);
    assert_eq!(jonas.portal().timeline(library, None, 9), Err(PortalError::NotHere));
    assert_eq!(jonas.refusal(), Some(Refusal::of(RefusalCode::AccountClosed)));
    assert_eq!(jonas.outbox().remove(0).body, "half written");
}

// R41, R43: it stays so, whatever the app does: a new process, a poll, a sign-out.
#[tokio::test]
async fn closed_account_stays_closed_in_every_process() {
    let world = World::new().await;
    let (firm, library) = (world.firm.firm_id, world.conversation("library"));
    let mut jonas = world.phone("jonas").await;
    world.app().store().depart(firm, world.person_id("jonas"), world.person_id("mara")).await.unwrap();
    jonas.come_to_rest(&world).await;

    jonas.kill();
    jonas.start();
    jonas.portal().catch_up().await.unwrap();

    assert_eq!(jonas.portal().connection(), Connection::Closed);
    assert_eq!(jonas.portal().timeline(library, None, 9), Err(PortalError::NotHere));
    jonas.portal().sign_out().await.unwrap();
}

// R41, R43, R51: a restore undoes the departure: the phone has everything again.
#[tokio::test]
async fn departure_that_a_restore_undoes_brings_everything_back() {
    let world = World::new().await;
    let (firm, notes) = (world.firm.firm_id, world.conversation("notes"));
    let mut jonas = world.phone("jonas").await;
    let before = jonas.texts(notes);
    world.back_up("before");
    world.app().store().depart(firm, world.person_id("jonas"), world.person_id("mara")).await.unwrap();
    jonas.come_to_rest(&world).await;
    assert!(jonas.texts(notes).is_empty());

    world.restore("before").unwrap();
    jonas.come_to_rest(&world).await;

    assert_eq!(jonas.texts(notes), before);
    assert_eq!(jonas.portal().connection(), Connection::Online);
}

// R17, R41: a matter is restricted while a phone is offline; it has nothing of it after its next contact.
#[tokio::test]
async fn restricted_matter_goes_from_a_phone_at_its_next_contact() {
    let world = World::new().await;
    let (notes, direct, firm) =
        (world.conversation("notes"), world.conversation("direct"), world.firm.firm_id);
    let (mara, mut jonas) = (world.phone("mara").await, world.phone("jonas").await);
    hand_over(&mara, &mut jonas, &world, notes).await;
    jonas.network.set(Weather::Off);
    let text = jonas.portal().send(notes, "half written").unwrap();
    let only = Some(vec![world.person_id("mara")]);
    let harbour = world.matter("harbour");
    world.app().store().set_matter_access(firm, harbour, only, world.person_id("mara")).await.unwrap();

    jonas.come_to_rest(&world).await;

    assert_eq!(jonas.portal().timeline(notes, None, 9), Err(PortalError::NotHere));
    assert!(jonas.files_in("files").is_empty());
    assert!(jonas.portal().timeline(direct, None, 9).is_ok());
    let echo = jonas.outbox().remove(0);
    assert_eq!((echo.send_key, echo.body.as_str()), (text, "half written"));
    assert_eq!(jonas.refusal(), Some(Refusal::of(RefusalCode::ConversationNotFound)));
}

// R19, R20: a client who left reads, finds and opens what there was, without a network, for good; the conversation says why
// it is closed, and takes nothing more.
#[tokio::test]
async fn client_who_left_keeps_what_there_was_offline() {
    let world = World::new().await;
    let (claim, firm) = (world.conversation("claim"), world.firm.firm_id);
    let (mut mara, mut amina) = (world.phone("mara").await, world.phone("amina").await);
    hand_over(&mara, &mut amina, &world, claim).await;
    let before = amina.texts(claim);
    world.app().store().depart(firm, world.person_id("amina"), world.person_id("mara")).await.unwrap();
    amina.come_to_rest(&world).await;
    mara.come_to_rest(&world).await;

    amina.network.set(Weather::Off);
    amina.kill();
    amina.start();

    assert_eq!(amina.texts(claim), before);
    assert_eq!(amina.portal().search("papers", None, 9).unwrap().hits.len(), 1);
    assert_eq!(amina.newest_files(claim).await, [("file-0.bin".to_owned(), content(1, 80_000))]);
    amina.portal().send(claim, "one more thing").unwrap();
    amina.come_to_rest(&world).await;
    assert_eq!(amina.refusal(), Some(Refusal::of(RefusalCode::ConversationClosed)));
    let log = world.log(claim).await;
    assert_eq!(log.last().unwrap().body, "client_departed");
    assert_eq!(mara.texts(claim), before, "the firm's record stays");
}
