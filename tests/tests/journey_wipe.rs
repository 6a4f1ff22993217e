//! A lost phone: it is signed out or wiped from another one, at its next contact, and nothing else ever deletes.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use portico_core::PortalError;
use portico_core::events::PortalEvent;
use portico_core::portal::Connection;
use portico_core::ports::SecretStore;
use portico_tests::faults::{Fate, Weather};
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::problem::ProblemCode;

/// Every byte of every file below `folder`.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        match file.metadata() {
            Ok(found) if found.is_dir() => bytes.extend(bytes_below(&file.path())),
            _ => bytes.extend(fs::read(file.path()).unwrap_or_default()),
        }
    }
    bytes
}

/// The names of this person's secrets: all that stand in the name of their folder.
fn secrets_of(phone: &TestPhone) -> Vec<String> {
    let folder =
        phone.portal().store().path().parent().and_then(Path::file_name).expect("a store has a folder");
    let name = folder.to_string_lossy().into_owned();
    vec![format!("store-key.{name}"), format!("generation.{name}"), format!("push-key.{}", phone.device())]
}

// R55: everything of the person goes at the next contact, the key first, unsent text and fetched files too; the app hears
// of it, and whoever starts it finds nobody signed in.
#[tokio::test]
async fn lost_phone_is_wiped_at_its_next_contact() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut lost, tablet) = (world.phone("amina").await, world.phone("amina").await);
    lost.portal().keep_push_token("address").unwrap();
    lost.portal().catch_up().await.unwrap();
    lost.network.set(Weather::Off);
    lost.portal().send(claim, "never sent").unwrap();
    lost.send_files(claim, "with a file", &[vec![7; 10_000]]).await;
    let secrets = secrets_of(&lost);
    assert!(secrets.iter().all(|name| lost.secrets.read(name).unwrap().is_some()));
    tablet.portal().wipe_device(lost.device()).await.unwrap();
    let events = lost.portal().events();

    // Out of reach it keeps what it has, and reads on.
    assert!(!lost.portal().first_screen(9).unwrap().conversations.is_empty());
    lost.network.set(Weather::Calm);
    lost.portal().became_active().unwrap();
    let heard = lost.portal().catch_up().await;

    assert_eq!(heard.map(|_| ()), Err(PortalError::Wiped));
    assert_eq!(lost.portal().connection(), Connection::Wiped);
    assert!(events.next_batch(99).await.contains(&PortalEvent::Wiped));
    assert_eq!(lost.portal().first_screen(9).map(|_| ()), Err(PortalError::Wiped));
    assert_eq!(lost.portal().send(claim, "x").map(|_| ()), Err(PortalError::Wiped));
    assert!(secrets.iter().all(|name| lost.secrets.read(name).unwrap().is_none()));
    assert_eq!(fs::read_dir(lost.home.join("people")).unwrap().count(), 0);
    let left = bytes_below(&lost.home);
    let id = world.person_id("amina").to_string();
    assert!(!left.windows(id.len()).any(|window| window == id.as_bytes()));
    lost.kill();
    assert!(lost.installation().portal().unwrap().is_none());
    let listed = tablet.portal().devices().await.unwrap();
    assert!(listed.iter().any(|device| device.wipe_told_at_ms.is_some()));
    lost.sign_in(&world).await;
    lost.come_to_rest(&world).await;
    assert_eq!(lost.texts(claim).len(), tablet.texts(claim).len(), "who finds it again signs in anew");
}

// R55: the phone dies after the mark of a wipe, before its keys, between them or before its files; the next start finishes it,
// also where somebody else signed in since.
#[tokio::test]
async fn wipe_that_was_cut_short_is_finished_at_the_next_start() {
    let world = World::new().await;
    for (keys_gone, other_signed_in) in [(0, false), (1, false), (3, false), (0, true), (3, true)] {
        let mut lost = world.phone("amina").await;
        let folder = lost.portal().store().path().parent().unwrap().to_owned();
        let secrets = secrets_of(&lost);
        lost.kill();
        if other_signed_in {
            let jonas = world.person("jonas").email.clone();
            lost.sign_in_as(&world, &jonas).await;
            lost.kill();
        }
        for name in secrets.iter().take(keys_gone) {
            lost.secrets.forget(name).unwrap();
        }
        fs::write(folder.join("wiped"), b"").unwrap();

        assert_eq!(lost.installation().portal().unwrap().is_some(), other_signed_in);

        assert!(!folder.exists());
        assert!(secrets.iter().all(|name| lost.secrets.read(name).unwrap().is_none()));
        assert_eq!(lost.installation().portal().unwrap().is_some(), other_signed_in);
    }
}

// R55: a keystore that is locked for the moment keeps the mark, so the key goes at a later start; the files go at once.
#[tokio::test]
async fn wipe_under_a_locked_keystore_is_finished_later() {
    let world = World::new().await;
    let mut lost = world.phone("amina").await;
    let folder = lost.portal().store().path().parent().unwrap().to_owned();
    let secrets = secrets_of(&lost);
    lost.kill();
    fs::write(folder.join("wiped"), b"").unwrap();

    lost.secrets.set_locked(true);
    assert!(lost.installation().portal().unwrap().is_none());
    assert!(!folder.join("portal.db").exists());
    lost.secrets.set_locked(false);
    assert!(lost.installation().portal().unwrap().is_none());

    assert!(!folder.exists());
    assert!(secrets.iter().all(|name| lost.secrets.read(name).unwrap().is_none()));
}

// R55: a process that slept through a wipe and a new sign-in hears of the wipe late; it ends itself, and what the person has
// on the phone since then stays.
#[tokio::test]
async fn wipe_that_is_heard_late_leaves_the_next_sign_in_alone() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut lost, tablet) = (world.phone("amina").await, world.phone("amina").await);
    let asleep = lost.installation().portal().unwrap().unwrap();
    tablet.portal().wipe_device(lost.device()).await.unwrap();
    assert_eq!(lost.portal().catch_up().await.map(|_| ()), Err(PortalError::Wiped));
    lost.sign_in(&world).await;
    lost.portal().catch_up().await.unwrap();
    lost.network.set(Weather::Off);
    lost.portal().send(claim, "written since").unwrap();
    lost.network.set(Weather::Calm);

    world.clock.advance(11 * 60 * 1_000);
    let heard = asleep.catch_up().await.map(|_| ());
    lost.kill();
    lost.start();
    lost.come_to_rest(&world).await;

    assert_eq!(heard, Err(PortalError::Wiped));
    assert_eq!(world.texts(claim).await, ["written since"]);
}

// R55, R51: who else is known on the phone keeps their store and their unsent text.
#[tokio::test]
async fn another_person_of_the_same_phone_keeps_theirs() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut phone = world.phone("jonas").await;
    phone.network.set(Weather::Off);
    phone.portal().send(claim, "jonas's").unwrap();
    let amina = world.person("amina").email.clone();
    phone.sign_in_as(&world, &amina).await;
    let tablet = world.phone("amina").await;
    tablet.portal().wipe_device(phone.device()).await.unwrap();

    assert_eq!(phone.portal().catch_up().await.map(|_| ()), Err(PortalError::Wiped));
    phone.sign_in(&world).await;
    phone.come_to_rest(&world).await;

    assert_eq!(world.texts(claim).await, ["jonas's"]);
}

// R42: a bare 401, a proxy's page and a signed-out device delete nothing; only the server's own word to a signed refresh does.
#[tokio::test]
async fn nothing_but_the_word_of_the_server_wipes() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let tablet = world.phone("amina").await;
    amina.network.set(Weather::Off);
    amina.portal().send(claim, "kept").unwrap();
    world.clock.advance(11 * 60_000);
    // Said to anything but a refresh it is nobody's word.
    let wiped = Fate::ServerTrouble(ProblemCode::DeviceWiped);
    let fates = [Fate::CaptivePortal, Fate::ProxyPage, Fate::AnswerLost, Fate::Dropped, wiped];
    for (fate, path) in
        fates.into_iter().zip(["/v1/sessions", "/v1/sessions", "/v1/sessions", "/v1/sessions", "/v1/sync"])
    {
        amina.network.set(Weather::Scripted(path, VecDeque::from([fate; 3])));
        amina.portal().became_active().unwrap();
        amina.portal().catch_up().await.unwrap();
        assert_eq!(amina.outbox().len().min(1), usize::from(world.texts(claim).await.is_empty()));
    }
    amina.network.set(Weather::Off);
    amina.portal().send(claim, "after the sign-out").unwrap();
    tablet.portal().step_up_in_person().await.unwrap();
    tablet.portal().end_device(amina.device()).await.unwrap();

    amina.network.set(Weather::Calm);
    amina.portal().became_active().unwrap();
    amina.portal().catch_up().await.unwrap();
    assert_eq!(amina.portal().connection(), Connection::SignedOut);
    assert!(!amina.outbox().is_empty(), "what waits goes on waiting");
    amina.come_to_rest(&world).await;

    assert_eq!(world.texts(claim).await, ["kept", "after the sign-out"]);
}
