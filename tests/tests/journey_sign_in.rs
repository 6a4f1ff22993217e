//! Signing in, again, as somebody else, and to what is not a Portico server.

use std::collections::VecDeque;

use portico_core::PortalError;
use portico_core::events::PortalEvent;
use portico_core::portal::Connection;
use portico_core::ports::SecretFault;
use portico_core::signin::driver::Answered;
use portico_core::timeline::item::Delivery;
use portico_tests::faults::{Fate, Weather};
use portico_tests::world::World;
use portico_wire::problem::ProblemCode;

// R42: wrong, malformed and late codes have their typed answer and their way on.
#[tokio::test]
async fn every_wrong_code_has_its_answer() {
    let world = World::new().await;
    let mut amina = world.phone_of("amina");
    let phone = amina.installation();
    phone.begin_sign_in("https://portal.example", &amina.email).await.unwrap();

    let malformed = phone.answer("12", "x").await.unwrap_err();
    let wrong = phone.answer("0000-0000", "x").await.unwrap_err();
    world.clock.advance(11 * 60 * 1_000);
    let code = world.newest_code().await;
    let late = phone.answer(&code, "x").await.unwrap_err();

    assert_eq!(malformed, PortalError::CodeMalformed);
    assert_eq!(wrong, PortalError::WrongCode { tries_left: Some(4) });
    assert_eq!(late, PortalError::ChallengeEnded);
    amina.sign_in(&world).await;
    assert_eq!(amina.portal().session().person_id, world.person_id("amina"));
}

// R42: whoever reads the mail in another app finds the question of the code as they left it.
#[tokio::test]
async fn code_is_answered_after_the_app_was_killed() {
    let world = World::new().await;
    let amina = world.phone_of("amina");
    amina.installation().begin_sign_in("https://portal.example", &amina.email).await.unwrap();

    let killed_and_started = amina.installation();
    assert!(killed_and_started.pending_sign_in().is_some());
    let code = world.newest_code().await;
    let answered = killed_and_started.answer(&code, "phone").await.unwrap();

    assert!(matches!(answered, Answered::SignedIn(_)));
    assert_eq!(killed_and_started.pending_sign_in(), None);
}

// R42: a slip of the thumb is told before anybody is asked; an address below a server's is not a server's.
#[tokio::test]
async fn what_was_typed_wrongly_is_told() {
    let world = World::new().await;
    let phone = world.phone_of("amina").installation();

    for email in ["", "amina", "am\0ina@clients.example", &format!("{}@clients.example", "a".repeat(300))] {
        let begun = phone.begin_sign_in("https://portal.example", email).await;
        assert_eq!(begun, Err(PortalError::EmailMalformed), "{email:?}");
    }
}

// R50: the screen says at once that the server is there, also when there is nothing new.
#[tokio::test]
async fn connection_is_known_without_news() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    amina.kill();
    amina.start();
    let events = amina.portal().events();
    let portal = amina.portal().clone();
    let running = tokio::spawn(async move { portal.run().await });

    // The fake clock stands still, so a poll that waits would wait for ever.
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), events.next_batch(9)).await;
    running.abort();

    assert!(told.unwrap().contains(&PortalEvent::ConnectionChanged));
    assert_eq!(amina.portal().connection(), Connection::Online);
}

// R42: the outbox and a tapped notification survive signing in again.
#[tokio::test]
async fn outbox_and_tap_survive_signing_in_again() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    amina.portal().keep_push_token("address").unwrap();
    amina.portal().catch_up().await.unwrap();
    mara.portal().send(claim, "please look").unwrap();
    mara.portal().catch_up().await.unwrap();
    let push = world.pushes(amina.device()).await.pop().unwrap();
    amina.portal().sign_out().await.unwrap();

    amina.portal().send(claim, "written while signed out").unwrap();
    amina.portal().catch_up().await.unwrap();
    let tapped = amina.portal().resolve_tap(&push).unwrap();
    assert_eq!(format!("{tapped:?}"), "SignInFirst");
    assert_eq!(amina.outbox()[0].delivery, Delivery::NeedsSignIn);
    amina.sign_in(&world).await;
    let target = amina.portal().pending_tap().unwrap().unwrap();
    amina.come_to_rest(&world).await;

    assert!(format!("{target:?}").starts_with("Message("), "{target:?}");
    assert_eq!(amina.portal().pending_tap().unwrap(), None);
    assert_eq!(world.texts(claim).await, ["please look", "written while signed out"]);
}

// R51: another person's sign-in on the same phone sends and sees nothing of the first one's.
#[tokio::test]
async fn another_person_on_the_same_phone_sends_nothing_of_the_first() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut phone = world.phone("amina").await;
    phone.portal().send(claim, "amina's").unwrap();

    let email = world.person("jonas").email.clone();
    let sealed = phone.sign_in_as(&world, &email).await;
    phone.come_to_rest(&world).await;
    let seen = phone.portal().search("amina", None, 9).unwrap();

    assert_eq!(sealed, Some(1));
    assert!(world.texts(claim).await.is_empty());
    assert!(seen.unsent.is_empty());
    phone.sign_in(&world).await;
    phone.come_to_rest(&world).await;
    assert_eq!(world.texts(claim).await, ["amina's"]);
}

// R10: another address signs in from now on, to the same store on the same phone; what waits in it goes on. Another phone of
// the person, which knows the old address only, comes back as the device that it is.
#[tokio::test]
async fn another_address_opens_the_same_store() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut amina, mut tablet, new) =
        (world.phone("amina").await, world.phone("amina").await, "amina@new.example");
    let mara = world.phone("mara").await;
    world.ask_the_usual().await;
    tablet.portal().keep_push_token("address").unwrap();
    tablet.portal().catch_up().await.unwrap();
    let device = amina.device();
    assert_eq!(amina.portal().confirm_email("K7QM-3RXT", None).await, Err(PortalError::ChallengeEnded));
    assert_eq!(amina.portal().change_email("amina").await, Err(PortalError::EmailMalformed));
    amina.portal().change_email(&format!(" {new} ")).await.unwrap();
    assert_eq!(amina.portal().confirm_email("K7", None).await, Err(PortalError::CodeMalformed));
    let code = world.newest_code().await;
    amina.portal().confirm_email(&code.to_lowercase(), None).await.unwrap();

    amina.network.set(Weather::Off);
    amina.portal().send(claim, "written before").unwrap();
    for phone in [&mut amina, &mut tablet] {
        phone.email = new.to_owned();
        phone.sign_in(&world).await;
        phone.come_to_rest(&world).await;
    }

    assert_eq!(amina.device(), device);
    assert_eq!(world.texts(claim).await, ["written before"]);
    mara.portal().send(claim, "to both").unwrap();
    mara.portal().catch_up().await.unwrap();
    let push = world.pushes(tablet.device()).await.pop().expect("its address went with it to the new id");
    tablet.portal().push_arrived(&push).unwrap();
    assert_eq!(tablet.portal().devices().await.unwrap().len(), 2, "each phone is there once");
    assert!(tablet.portal().factors().await.unwrap().presence);
}

// R7: one phone has an id of its own at each firm, so what one firm's session refreshes is that firm's, whatever else runs.
#[tokio::test]
async fn two_firms_on_one_phone_have_sessions_of_their_own() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let here = amina.portal().clone();
    let second = world.second_firm_of("amina").await;
    let phone = amina.installation();
    phone.begin_sign_in("https://portal.example", &amina.email).await.unwrap();
    let code = world.newest_code().await;
    let asked = phone.answer(&code, "phone").await.unwrap();
    assert!(matches!(asked, Answered::ChooseFirm(ref firms) if firms.len() == 2), "{asked:?}");
    // The answer of the second firm is lost, while the first one's portal runs.
    amina.network.set(Weather::Scripted("/v1/sign-in", VecDeque::from([Fate::AnswerLost])));
    assert_eq!(phone.choose_firm(second).await.map(|_| ()), Err(PortalError::Offline));
    world.clock.advance(11 * 60 * 1_000);
    here.catch_up().await.unwrap();
    let claims = here.first_screen(9).unwrap().conversations.len();
    phone.begin_sign_in("https://portal.example", &amina.email).await.unwrap();
    phone.answer(&world.newest_code().await, "phone").await.unwrap();
    let Answered::SignedIn(signed_in) = phone.choose_firm(second).await.unwrap() else { panic!("let in") };
    let there = signed_in.portal.clone();
    amina.take(signed_in);
    there.catch_up().await.unwrap();
    here.catch_up().await.unwrap();

    assert!(claims > 0);
    assert_eq!(here.first_screen(9).unwrap().conversations.len(), claims);
    assert!(there.first_screen(9).unwrap().conversations.is_empty());
    let devices = |portal: portico_core::Portal| async move { portal.devices().await.unwrap().len() };
    assert_eq!((devices(here).await, devices(there).await), (1, 1));
}

// R42, R10: the address that this phone knows somebody by has another owner by now, who signs in on it.
#[tokio::test]
async fn address_that_changed_hands_signs_its_new_owner_in() {
    let world = World::new().await;
    let mut phone = world.phone("amina").await;
    let tablet = world.phone("amina").await;
    tablet.portal().change_email("amina@new.example").await.unwrap();
    tablet.portal().confirm_email(&world.newest_code().await, None).await.unwrap();
    let firm = phone.portal().session().firm_id;
    let new_owner = world.add_client(firm, &world.person("amina").email).await;

    phone.sign_in(&world).await;

    assert_eq!(phone.portal().session().person_id, new_owner);
    assert_ne!(phone.portal().session().person_id, world.person_id("amina"));
}

// R42: who was invited types neither server nor address; what is no link is told, and so is a server that is not there.
#[tokio::test]
async fn invitation_names_the_server_and_stands_for_the_address() {
    let world = World::with(|config| config.public_url = Some("https://portal.example/".to_owned())).await;
    let (mara, mut amina) = (world.phone("mara").await, world.phone_of("amina"));
    let link = mara.portal().invite(world.person_id("amina")).await.unwrap().link;
    assert!(link.starts_with("https://portal.example/invitation#"));
    let phone = amina.installation();
    assert_eq!(phone.begin_invited("https://portal.example").await.map(|_| ()), Err(PortalError::Malformed));
    amina.network.set(Weather::Off);
    assert_eq!(phone.begin_invited(&link).await.map(|_| ()), Err(PortalError::Offline));
    amina.network.set(Weather::Calm);
    phone.begin_invited(&link).await.unwrap();
    let code = world.newest_code().await;

    let Answered::SignedIn(signed_in) = phone.answer(&code, "phone").await.unwrap() else {
        panic!("the seeded firm asks for nothing else")
    };
    amina.take(signed_in);
    amina.portal().catch_up().await.unwrap();
    let device = amina.device();
    // The address, typed later, is the same person's on the same phone.
    amina.sign_in(&world).await;

    assert_eq!(amina.portal().session().person_id, world.person_id("amina"));
    assert_eq!(amina.portal().devices().await.unwrap().len(), 1, "{device} comes back under another id");
}

// R42: a hundred calls at once under a token that is over: one refresh, and nobody is signed out.
#[tokio::test]
async fn hundred_calls_refresh_once() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    world.clock.advance(11 * 60 * 1_000);
    let before = amina.network.requests();

    let asked = (0..100).map(|_| amina.portal().factors());
    let answers = futures_util::future::join_all(asked).await;

    assert!(answers.iter().all(Result::is_ok));
    // Whoever asks before the refresh hears that the token is over, and asks again; a nonce and a refresh for all.
    let asked = amina.network.requests() - before;
    assert!((103..=202).contains(&asked), "{asked} requests");
    assert!(!amina.portal().store().read(|reading| reading.is_signed_out()).unwrap());
}

// R42: a refresh whose answer is lost costs nothing.
#[tokio::test]
async fn lost_refresh_answers_never_sign_out() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    world.clock.advance(11 * 60 * 1_000);
    amina.portal().send(claim, "after the token is over").unwrap();
    let fates = VecDeque::from([Fate::AnswerLost, Fate::Arrives, Fate::AnswerLost, Fate::CaptivePortal]);
    amina.network.set(Weather::Scripted("/v1/sessions", fates));

    for _ in 0..4 {
        amina.portal().became_active().unwrap();
        amina.portal().catch_up().await.unwrap();
        world.clock.advance(5 * 60 * 1_000);
    }
    amina.network.set(Weather::Calm);
    amina.portal().became_active().unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_eq!(world.texts(claim).await, ["after the token is over"]);
    amina.come_to_rest(&world).await;
}

// R42, R55: the keystore is locked, or lost; both are told, nothing is touched.
#[tokio::test]
async fn locked_keystore_is_told_and_nothing_is_touched() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.portal().send(claim, "kept").unwrap();
    amina.kill();

    amina.secrets.set_locked(true);
    assert_eq!(amina.try_start(), Err(PortalError::KeyLocked));
    amina.secrets.set_locked(false);
    amina.start();

    assert_eq!(amina.outbox().len(), 1);
}

// R51, R55: a keystore that fails for a moment has lost no key: the store stays where it is, with what is unsent.
#[tokio::test]
async fn failing_keystore_is_told_and_lays_no_store_aside() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.network.set(Weather::Off);
    amina.portal().send(claim, "still here").unwrap();
    amina.network.set(Weather::Calm);
    let phone = amina.installation();
    phone.begin_sign_in("https://portal.example", &amina.email).await.unwrap();
    let code = world.newest_code().await;

    amina.secrets.set_fault(Some(SecretFault::Unavailable));
    assert_eq!(amina.try_start(), Err(PortalError::KeyUnavailable));
    let answered = phone.answer(&code, "phone").await;
    assert_eq!(answered.map(|_| ()), Err(PortalError::KeyUnavailable));
    amina.secrets.set_fault(None);
    amina.start();
    amina.come_to_rest(&world).await;

    assert_eq!(world.texts(claim).await, ["still here"]);
}

// R55: a lost key is survived: the old store is laid aside, a new one begins.
#[tokio::test]
async fn lost_key_begins_a_new_store_beside_the_old() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let store = amina.portal().store().path().to_owned();
    let name = store.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    amina.kill();
    portico_core::ports::SecretStore::forget(&*amina.secrets, &format!("store-key.{name}")).unwrap();

    assert_eq!(amina.try_start(), Err(PortalError::KeyLost));
    amina.sign_in(&world).await;
    amina.portal().catch_up().await.unwrap();

    assert!(!amina.portal().first_screen(9).unwrap().conversations.is_empty());
    let kept = std::fs::read_dir(store.parent().unwrap()).unwrap();
    assert!(kept.filter_map(Result::ok).any(|file| file.file_name().to_string_lossy().contains("lost-")));
}

// R42: a wrong, old or unreachable server is an honest state, never a hang.
#[tokio::test]
async fn what_is_not_a_portico_server_is_told() {
    let world = World::new().await;
    let amina = world.phone_of("amina");
    let phone = amina.installation();
    let begin = |weather: Weather| {
        amina.network.set(weather);
        phone.begin_sign_in("https://portal.example", &amina.email)
    };
    let limits = |fate: Fate| Weather::Scripted("/v1/limits", VecDeque::from([fate]));

    assert_eq!(begin(Weather::Off).await.unwrap_err(), PortalError::Offline);
    assert_eq!(begin(limits(Fate::CaptivePortal)).await.unwrap_err(), PortalError::NotPortico);
    let too_old = begin(limits(Fate::ServerTrouble(ProblemCode::ClientTooOld))).await.unwrap_err();
    assert_eq!(too_old, PortalError::OtherVersion { server_wire: 0 });
    let later = begin(limits(Fate::LaterVersion)).await.unwrap_err();
    assert_eq!(later, PortalError::OtherVersion { server_wire: portico_wire::WIRE_VERSION + 1 });
    let busy = begin(limits(Fate::ServerTrouble(ProblemCode::Busy))).await.unwrap_err();
    assert_eq!(busy, PortalError::RetryLater { after_s: None });
}

// R51: an app that is too old reads on, and its outbox lives.
#[tokio::test]
async fn app_too_old_keeps_reading_and_queueing() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let fates = std::iter::repeat_n(Fate::ServerTrouble(ProblemCode::ClientTooOld), 3).collect();
    amina.network.set(Weather::Scripted("/v1/messages", fates));

    amina.portal().send(claim, "from an old app").unwrap();
    amina.portal().catch_up().await.unwrap();

    let waiting = &amina.outbox()[0].delivery;
    assert!(matches!(
        waiting,
        Delivery::Waiting { fault: portico_core::outbox::entry::Fault::AppTooOld, .. }
    ));
    amina.come_to_rest(&world).await;
    assert_eq!(world.texts(claim).await, ["from an old app"]);
}
