//! The server is restored from an older backup; the phone is restored from an old copy.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_core::outbox::entry::SendState;
use portico_core::timeline::item::Delivery;
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
