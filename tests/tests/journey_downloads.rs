//! Files of others: fetched from where it stopped, checked, held sealed, opened offline, let go of.

use portico_core::error::PortalError;
use portico_core::outbox::entry::SendState;
use portico_server::store::Verdict;
use portico_tests::draws::content;
use portico_tests::faults::{Fate, Weather};
use portico_tests::world::World;
use portico_wire::ids::ContentId;

// R41: with access, everything received goes from the disk.
#[tokio::test]
async fn files_of_a_conversation_go_with_its_access() {
    let world = World::new().await;
    let (direct, firm) = (world.conversation("direct"), world.firm.firm_id);
    let (jonas, mara) = (world.phone("jonas").await, world.phone("mara").await);
    mara.send_files(direct, "for you", &[content(1, 80_000)]).await;
    mara.portal().catch_up().await.unwrap();
    jonas.portal().catch_up().await.unwrap();
    let entry = world.log(direct).await.pop().unwrap();
    let attachment = entry.files[0].attachment_id;
    jonas.portal().fetch_attachment(entry.entry_id, attachment).await.unwrap();
    assert_eq!(jonas.portal().held_bytes(attachment), Ok(80_000));

    let [jonas_id, mara_id] = ["jonas", "mara"].map(|name| world.person_id(name));
    world.app().store().remove_participant(firm, direct, jonas_id, mara_id).await.unwrap();
    jonas.portal().catch_up().await.unwrap();

    assert_eq!(jonas.portal().held_bytes(attachment), Ok(0));
    assert_eq!(jonas.files_in("files"), Vec::<std::path::PathBuf>::new());
    let gone = jonas.portal().fetch_attachment(entry.entry_id, attachment).await;
    assert_eq!(gone, Err(PortalError::NotHere));
}

// R50, R52: fetched from where it stopped, checked by its hash, opened without a network.
#[tokio::test]
async fn cut_download_goes_on_and_is_opened_offline() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let file = content(7, 400_000);
    mara.send_files(claim, "", std::slice::from_ref(&file)).await;
    mara.portal().catch_up().await.unwrap();
    amina.portal().catch_up().await.unwrap();
    let entry = world.log(claim).await.pop().unwrap();
    let attachment = entry.files[0].attachment_id;
    let fates = [Fate::Cut(1), Fate::Cut(100_000), Fate::Cut(65_536), Fate::Flipped(3)];
    amina.network.set(Weather::Scripted("/v1/attachments", fates.into()));

    let mut attempts = 0;
    while amina.portal().fetch_attachment(entry.entry_id, attachment).await.is_err() {
        attempts += 1;
        assert_eq!(
            amina.portal().save_attachment(attachment, &amina.home.join("x")),
            Err(PortalError::NotHere)
        );
        amina.start();
    }
    assert_eq!(attempts, 4);
    amina.network.set(Weather::Off);
    amina.start();

    let to = amina.home.join("saved");
    amina.portal().fetch_attachment(entry.entry_id, attachment).await.unwrap();
    amina.portal().save_attachment(attachment, &to).unwrap();
    assert_eq!(std::fs::read(to).unwrap(), file);
}

// R50: room is made by what was used least; what this phone has still to send is never among it.
#[tokio::test]
async fn least_used_files_go_first_and_come_back() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    mara.send_files(claim, "", &[content(1, 100_000), content(2, 100_000), content(3, 100_000)]).await;
    mara.portal().catch_up().await.unwrap();
    amina.portal().catch_up().await.unwrap();
    let entry = world.log(claim).await.pop().unwrap();
    let ids: Vec<_> = entry.files.iter().map(|file| file.attachment_id).collect();
    for id in &ids {
        amina.portal().fetch_attachment(entry.entry_id, *id).await.unwrap();
        world.clock.advance(1_000);
    }
    amina.portal().save_attachment(ids[0], &amina.home.join("used")).unwrap();
    amina.network.set(Weather::Off);
    let unsent = amina.send_files(claim, "", &[content(4, 200_000)]).await;

    amina.portal().hold_files_within(250_000).unwrap();

    let held = |place: usize| amina.portal().held_bytes(ids[place]).unwrap();
    assert_eq!([held(0), held(1), held(2)], [100_000, 0, 100_000]);
    amina.network.set(Weather::Calm);
    amina.portal().became_active().unwrap();
    amina.portal().catch_up().await.unwrap();
    assert_eq!(amina.portal().entry_state(unsent).unwrap(), SendState::Accepted);
    amina.portal().fetch_attachment(entry.entry_id, ids[1]).await.unwrap();
    assert_eq!([held(0), held(1), held(2)], [100_000, 100_000, 0]);
}

// R55: no plain byte of a picked or of a fetched file lies on the phone's disk.
#[tokio::test]
async fn scan_of_the_phones_disk_finds_no_plain_byte() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let canary = b"CANARY-7f3a9c: privileged and confidential".repeat(2_000);
    amina.network.set(Weather::Scripted("/v1/uploads", [Fate::Cut(40_000)].into()));
    amina.send_files(claim, "see attached", std::slice::from_ref(&canary)).await;
    let found = || portico_tests::scan::files_with(&amina.home, b"CANARY-7f3a9c");
    amina.portal().catch_up().await.unwrap();
    assert_eq!(found(), Vec::<std::path::PathBuf>::new());

    amina.portal().became_active().unwrap();
    amina.portal().catch_up().await.unwrap();
    let entry = world.log(claim).await.pop().unwrap();
    amina.portal().fetch_attachment(entry.entry_id, entry.files[0].attachment_id).await.unwrap();

    assert_eq!(found(), Vec::<std::path::PathBuf>::new());
    let plain = amina.home.join("plain");
    amina.portal().save_attachment(entry.files[0].attachment_id, &plain).unwrap();
    assert_eq!(found(), [plain], "the scan finds what is there");
}

/// Refuses what holds the mark; `sh` is a program like any other.
fn scanner() -> Option<Vec<String>> {
    let words = ["sh", "-c", "if grep -q PLANTED-VIRUS; then exit 1; else exit 0; fi"];
    Some(words.map(str::to_owned).to_vec())
}

// R38: what the firm's scan refuses reaches no phone, until the firm allows it; the other file of its message does.
#[tokio::test]
async fn file_that_the_scan_refuses_is_fetched_once_the_firm_allows_it() {
    let world = World::with(|config| config.scan_command = scanner()).await;
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let (clean, infected) = (content(5, 300_000), [content(6, 300_000), b"PLANTED-VIRUS".to_vec()].concat());
    mara.send_files(claim, "", &[clean, infected.clone()]).await;
    mara.portal().catch_up().await.unwrap();
    amina.portal().catch_up().await.unwrap();
    let entry = world.log(claim).await.pop().unwrap();
    let [clean_id, infected_id] = [0, 1].map(|place| entry.files[place].attachment_id);
    let fetch = |attachment| amina.portal().fetch_attachment(entry.entry_id, attachment);

    let early = [fetch(clean_id).await, fetch(infected_id).await];
    assert_eq!(world.app().run_scans_once().await, Ok(2));
    let scanned = [fetch(clean_id).await, fetch(infected_id).await];

    assert_eq!(early, [const { Err(PortalError::RetryLater { after_s: Some(2) }) }; 2]);
    assert_eq!(scanned, [Ok(()), Err(PortalError::FileRefused)]);
    assert_eq!(amina.portal().held_bytes(infected_id), Ok(0));

    world
        .app()
        .store()
        .set_verdict(ContentId::from_bytes(*infected_id.as_bytes()), Verdict::Clean)
        .await
        .unwrap();

    fetch(infected_id).await.unwrap();
    let to = amina.home.join("saved");
    amina.portal().save_attachment(infected_id, &to).unwrap();
    assert!(std::fs::read(to).unwrap() == infected);
}
