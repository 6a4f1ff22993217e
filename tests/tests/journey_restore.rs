//! The server is restored from an older backup; the phone is restored from an old copy.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_core::outbox::entry::SendState;
use portico_core::timeline::item::Delivery;
use portico_tests::faults::Weather;
use portico_tests::world::World;
use portico_wire::looked_at::SeqRange;

// R51: a restore loses no message whose author's phone still holds it, doubles none, resurrects nothing withdrawn.
#[tokio::test]
async fn restore_loses_nothing_that_a_phone_still_holds() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut amina, mut mara) = (world.phone("amina").await, world.phone("mara").await);
    world.back_up("early");
    world.clock.advance(60_000);
    for text in ["one", "two", "three"] {
        amina.portal().send(claim, text).unwrap();
    }
    amina.portal().catch_up().await.unwrap();
    mara.portal().catch_up().await.unwrap();
    let withdrawn = amina.portal().send(claim, "never mind").unwrap();
    amina.portal().discard(withdrawn).unwrap();
    amina.portal().send(claim, "newer").unwrap();

    world.restore("early").unwrap();
    assert!(world.texts(claim).await.is_empty());
    mara.come_to_rest(&world).await;
    amina.come_to_rest(&world).await;
    mara.come_to_rest(&world).await;

    let texts = ["one", "two", "three", "newer"];
    assert_eq!(world.texts(claim).await, texts);
    let shown = mara.texts(claim);
    assert!(shown.ends_with(&texts.map(str::to_owned)), "{shown:?}");
    assert_eq!(amina.portal().entry_state(withdrawn), Ok(SendState::Withdrawn));
}

// R51: an accepted message never turns refused, whatever archive says after the restore.
#[tokio::test]
async fn offered_again_message_is_accepted_into_an_archived_conversation() {
    let world = World::new().await;
    let (claim, firm, by) = (world.conversation("claim"), world.firm.firm_id, world.person_id("mara"));
    let mut amina = world.phone("amina").await;
    world.app().store().archive(firm, claim, by).await.unwrap();
    world.back_up("archived");
    world.app().store().unarchive(firm, claim, by).await.unwrap();
    let key = amina.portal().send(claim, "while it was open").unwrap();
    amina.portal().catch_up().await.unwrap();

    world.restore("archived").unwrap();
    amina.come_to_rest(&world).await;

    assert_eq!(amina.portal().entry_state(key), Ok(SendState::Accepted));
    assert_eq!(world.texts(claim).await, ["while it was open"]);
}

// R41: access that was lost in the new life of the server is lost on the phone too, though no event says so any more.
#[tokio::test]
async fn access_lost_after_a_restore_is_purged_by_the_snapshot() {
    let world = World::new().await;
    let (direct, firm) = (world.conversation("direct"), world.firm.firm_id);
    let [jonas_id, mara_id] = ["jonas", "mara"].map(|name| world.person_id(name));
    let mut jonas = world.phone("jonas").await;
    let mara = world.phone("mara").await;
    mara.portal().send(direct, "for jonas alone").unwrap();
    mara.portal().catch_up().await.unwrap();
    jonas.portal().catch_up().await.unwrap();
    world.back_up("held");
    world.restore("held").unwrap();
    world.app().store().remove_participant(firm, direct, jonas_id, mara_id).await.unwrap();

    jonas.come_to_rest(&world).await;

    assert!(jonas.portal().timeline(direct, None, 9).is_err());
    assert!(jonas.portal().search("alone", None, 9).unwrap().hits.is_empty());
}

// R6, R54: also looks at what stands below a gap; they are told once scrolling there has shown that it is still there.
#[tokio::test]
async fn looks_below_a_gap_are_told_again_when_the_gap_is_filled() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut amina, mut tablet) = (world.phone("amina").await, world.phone("amina").await);
    let mara = world.phone("mara").await;
    amina.network.set(Weather::Off);
    let early = amina.portal().timeline(claim, None, 9).unwrap().head.last_seq;
    amina.portal().look_at(claim, SeqRange { from_seq: 1, to_seq: early }).unwrap();
    for number in 0..100 {
        mara.portal().send(claim, &format!("text {number}")).unwrap();
    }
    mara.portal().catch_up().await.unwrap();
    world.back_up("without the look");
    world.restore("without the look").unwrap();
    amina.come_to_rest(&world).await;
    let mut oldest = early + 100 - 49;

    while amina.portal().fetch_older(claim, oldest).await.unwrap() {
        oldest = oldest.saturating_sub(500).max(2);
    }
    amina.come_to_rest(&world).await;
    tablet.come_to_rest(&world).await;

    let badges = [&amina, &tablet].map(|phone| phone.portal().first_screen(9).unwrap().unread);
    assert_eq!(badges, [100, 100]);
}

// R53: what was lost in a life of the server that a restore undid is open again, and so are its pushes.
#[tokio::test]
async fn push_after_a_restore_opens_what_was_lost_before_it() {
    let world = World::new().await;
    let (direct, firm) = (world.conversation("direct"), world.firm.firm_id);
    let [jonas_id, mara_id] = ["jonas", "mara"].map(|name| world.person_id(name));
    let (mut jonas, mut mara) = (world.phone("jonas").await, world.phone("mara").await);
    jonas.portal().keep_push_token("address").unwrap();
    jonas.portal().catch_up().await.unwrap();
    world.back_up("held");
    for number in 0..9 {
        // The log of jonas' events grows, so that a place in the old one is above many in the new one.
        mara.portal().send(direct, &format!("text {number}")).unwrap();
    }
    mara.portal().catch_up().await.unwrap();
    world.app().store().remove_participant(firm, direct, jonas_id, mara_id).await.unwrap();
    jonas.portal().catch_up().await.unwrap();
    assert!(jonas.portal().timeline(direct, None, 9).is_err());
    world.restore("held").unwrap();
    jonas.come_to_rest(&world).await;
    jonas.portal().catch_up().await.unwrap();
    mara.come_to_rest(&world).await;
    mara.portal().send(direct, "you are back").unwrap();
    mara.portal().catch_up().await.unwrap();
    let push = world.pushes(jonas.device()).await.pop().unwrap();

    let target = jonas.portal().resolve_tap(&push).unwrap();

    assert!(format!("{target:?}").starts_with("Message("), "{target:?}");
}

// R54: looks are told again after a restore.
#[tokio::test]
async fn looks_are_told_again_after_a_restore() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut phone, mut tablet) = (world.phone("amina").await, world.phone("amina").await);
    world.back_up("before the look");
    phone.portal().look_at(claim, SeqRange { from_seq: 1, to_seq: 2 }).unwrap();
    phone.portal().catch_up().await.unwrap();
    let unread = phone.portal().first_screen(9).unwrap().unread;

    world.restore("before the look").unwrap();
    phone.come_to_rest(&world).await;
    tablet.come_to_rest(&world).await;
    tablet.portal().catch_up().await.unwrap();

    assert_eq!(tablet.portal().first_screen(9).unwrap().unread, unread);
}

// R51: texts are kept until every backup that may be restored holds them, and no longer.
#[tokio::test]
async fn text_is_let_go_once_every_backup_holds_it() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let key = amina.portal().send(claim, "safe in the end").unwrap();
    amina.portal().catch_up().await.unwrap();
    let body = || amina.portal().store().read(|reading| reading.outbox_entry(key)).unwrap().unwrap().body;
    assert_eq!(body(), "safe in the end");

    world.clock.advance(60 * 60 * 1_000);
    world.back_up("first");
    amina.portal().catch_up().await.unwrap();

    assert_eq!(body(), "");
    assert!(amina.texts(claim).contains(&"safe in the end".to_owned()));
}

// R51: a phone put back from an old copy asks before it sends what it finds.
#[tokio::test]
async fn phone_from_an_old_copy_sends_nothing_by_itself() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let sent = amina.portal().send(claim, "sent after the copy").unwrap();
    let regretted = amina.portal().send(claim, "discarded after the copy").unwrap();
    amina.kill();
    let copy = amina.home.with_extension("copy");
    copy_folder(&amina.home, &copy);
    amina.start();
    amina.portal().discard(regretted).unwrap();
    amina.come_to_rest(&world).await;

    amina.kill();
    std::fs::remove_dir_all(&amina.home).unwrap();
    copy_folder(&copy, &amina.home);
    amina.start();
    amina.come_to_rest(&world).await;

    assert_eq!(world.texts(claim).await, ["sent after the copy"]);
    assert_eq!(amina.portal().entry_state(sent), Ok(SendState::Accepted));
    let offered: Vec<Delivery> = amina.outbox().into_iter().map(|echo| echo.delivery).collect();
    assert_eq!(offered, [Delivery::Withdrawn { offer_again: true }]);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
