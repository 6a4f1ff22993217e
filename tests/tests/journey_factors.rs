//! What a firm asks beyond the mailed code: an authenticator app, which a phone can be; recovery codes; a person who is there.

use std::collections::VecDeque;

use portico_core::PortalError;
use portico_core::signin::driver::{Answered, Phone, SignedIn};
use portico_core::signin::machine::State;
use portico_tests::faults::{Fate, Weather};
use portico_tests::world::World;
use portico_wire::factor::{FactorAnswer, FactorKind, TotpSetUp};
use portico_wire::totp::{TOTP_STEP_MS, TotpKey};

const URL: &str = "https://portal.example";

fn totp(code: &str) -> FactorAnswer {
    FactorAnswer::Totp { code: code.to_owned() }
}

/// Begins, and answers with the mailed code.
async fn with_code(world: &World, phone: &Phone, short: &str) -> Answered {
    phone.begin_sign_in(URL, &world.person(short).email).await.expect("a challenge begins");
    phone.answer(&world.newest_code().await, "test phone").await.expect("the code is right")
}

fn set_up(answered: Answered) -> TotpSetUp {
    let Answered::SetUpTotp(shown) = answered else { panic!("an app is asked for: {answered:?}") };
    shown
}

fn signed_in(answered: Answered) -> SignedIn {
    let Answered::SignedIn(signed_in) = answered else { panic!("signed in: {answered:?}") };
    signed_in
}

fn asked(answered: Answered) -> Vec<FactorKind> {
    let Answered::FactorNeeded(factors) = answered else { panic!("something is asked for: {answered:?}") };
    factors
}

// R8, R42: staff make their phone the authenticator at the first sign-in; its codes let the web or another device in,
// offline, and with a clock that is ten minutes off.
#[tokio::test]
async fn phone_is_the_authenticator_whatever_its_clock_says() {
    let world = World::new().await;
    world.ask_the_usual().await;
    let mut mara = world.phone_of("mara");
    mara.clock.jump(-10 * 60_000);
    let phone = mara.installation();
    set_up(with_code(&world, &phone, "mara").await);
    mara.take(signed_in(phone.prove_with_this_phone().await.unwrap()));

    world.clock.advance(TOTP_STEP_MS);
    mara.network.set(Weather::Off);
    let code = mara.portal().authenticator().unwrap().unwrap();
    let other = world.phone_of("mara").installation();
    let asked = asked(with_code(&world, &other, "mara").await);
    let let_in = signed_in(other.prove(totp(&code.code)).await.unwrap());

    assert_eq!(asked, [FactorKind::Totp]);
    assert_eq!(code.issuer, "Harbour & Lane");
    let left_ms = code.until_ms - (world.clock_ms() - 10 * 60_000);
    assert!((1..=TOTP_STEP_MS).contains(&left_ms), "by this phone's clock: {left_ms}");
    assert_eq!(let_in.portal.session().person_id, world.person_id("mara"));
    assert_eq!(let_in.portal.authenticator().unwrap(), None, "it is another phone's");
}

// R42: each answer of a sign-in with a factor may be lost, in any order; no try is spent by it, and nobody is locked out.
#[tokio::test]
async fn every_answer_of_a_sign_in_may_be_lost() {
    let world = World::new().await;
    world.ask_the_usual().await;
    let mara = world.phone_of("mara");
    let phone = mara.installation();
    let lost = || mara.network.set(Weather::Scripted("/v1/sign-in", VecDeque::from([Fate::AnswerLost])));

    lost();
    let begun = phone.begin_sign_in(URL, &mara.email).await;
    assert_eq!(begun.unwrap_err(), PortalError::Offline);
    phone.begin_sign_in(URL, &mara.email).await.unwrap();
    let code = world.newest_code().await;
    lost();
    assert_eq!(phone.answer(&code, "a").await.map(|_| ()), Err(PortalError::Offline));
    let shown = set_up(phone.answer(&code, "a").await.unwrap());
    lost();
    assert_eq!(phone.prove_with_this_phone().await.map(|_| ()), Err(PortalError::Offline));
    assert!(matches!(phone.sign_in_state(), State::SetUp(_, still) if still == shown));
    let portal = signed_in(phone.prove_with_this_phone().await.unwrap()).portal;

    assert!(portal.authenticator().unwrap().is_some());
    assert_eq!(portal.factors().await.unwrap().totp.map(|totp| totp.disabled), Some(false));
}

// R42: the app is killed between the code and the factor: the code is typed again, and is still good.
#[tokio::test]
async fn code_is_still_good_after_the_app_was_killed_before_the_factor() {
    let world = World::new().await;
    world.ask_the_usual().await;
    let mara = world.phone_of("mara");
    let phone = mara.installation();
    let before = set_up(with_code(&world, &phone, "mara").await);
    let code = world.newest_code().await;
    drop(phone);

    let started = mara.installation();
    assert_eq!(started.prove_with_this_phone().await.map(|_| ()), Err(PortalError::ChallengeEnded));
    assert!(matches!(started.sign_in_state(), State::Code(_)));
    let after = set_up(started.answer(&code, "a").await.unwrap());

    assert_eq!(before, after, "an app that was set up before stays good");
    signed_in(started.prove_with_this_phone().await.unwrap());
    assert_eq!(started.sign_in_state(), State::Address);
}

// R42: the server takes the first code of the app that this phone is to be, and the phone dies before it hears so: typing the
// mailed code again brings the secret into its store; where that code is over by then, the phone goes on by the secret it kept.
#[tokio::test]
async fn phone_that_dies_while_it_becomes_the_authenticator_is_one() {
    for over in [false, true] {
        let world = World::new().await;
        world.ask_the_usual().await;
        let mara = world.phone_of("mara");
        let phone = mara.installation();
        set_up(with_code(&world, &phone, "mara").await);
        let code = world.newest_code().await;
        mara.network.set(Weather::Scripted("/v1/sign-in", VecDeque::from([Fate::AnswerLost])));
        assert_eq!(phone.prove_with_this_phone().await.map(|_| ()), Err(PortalError::Offline));
        drop(phone);

        let started = mara.installation();
        let let_in = if over {
            world.clock.advance(11 * 60_000);
            assert_eq!(started.answer(&code, "a").await.map(|_| ()), Err(PortalError::ChallengeEnded));
            assert_eq!(asked(with_code(&world, &started, "mara").await), [FactorKind::Totp]);
            started.prove_with_this_phone().await.unwrap()
        } else {
            started.answer(&code, "a").await.unwrap()
        };
        let portal = signed_in(let_in).portal;

        world.clock.advance(TOTP_STEP_MS);
        let shown = portal.authenticator().unwrap().expect("this phone is the app");
        let other = world.phone_of("mara").installation();
        asked(with_code(&world, &other, "mara").await);
        assert_eq!(other.prove_with_this_phone().await.map(|_| ()), Err(PortalError::NotHere));
        signed_in(other.prove(totp(&shown.code)).await.unwrap());
    }
}

// R42: this phone's clock is set between the mailed code and the first code of its app: what the server says of it is enough.
#[tokio::test]
async fn clock_that_is_set_in_the_middle_of_a_sign_in_is_no_fault() {
    let world = World::new().await;
    world.ask_the_usual().await;
    let mut mara = world.phone_of("mara");
    let phone = mara.installation();
    set_up(with_code(&world, &phone, "mara").await);
    mara.clock.jump(8 * 60_000);

    mara.take(signed_in(phone.prove_with_this_phone().await.unwrap()));
    mara.clock.jump(-8 * 60_000);
    world.clock.advance(TOTP_STEP_MS);
    let set_up = mara.portal().set_up_authenticator().await;

    assert_eq!(set_up, Ok(()));
}

// R42: the same on a phone that is signed in: what it shows after a lost answer is what the server took.
#[tokio::test]
async fn lost_answer_to_an_apps_first_code_loses_no_app() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let fates = [Fate::Arrives].into_iter().chain(std::iter::repeat_n(Fate::AnswerLost, 9)).collect();
    amina.network.set(Weather::Scripted("/v1/factors/totp", fates));
    assert_eq!(amina.portal().set_up_authenticator().await, Err(PortalError::Offline));
    amina.kill();
    amina.network.set(Weather::Calm);
    amina.start();

    world.clock.advance(TOTP_STEP_MS);
    let code = amina.portal().authenticator().unwrap().expect("the secret was kept first").code;
    let other = world.phone_of("amina").installation();
    assert_eq!(asked(with_code(&world, &other, "amina").await), [FactorKind::Totp]);
    signed_in(other.prove(totp(&code)).await.unwrap());
}

// R42: a slip, a code that was used and a clock that is off are each told, and the sign-in stands where it stood.
#[tokio::test]
async fn wrong_codes_are_told_and_the_sign_in_stays() {
    let world = World::new().await;
    world.ask_the_usual().await;
    let first = world.phone_of("mara").installation();
    let key = TotpKey::parse(&set_up(with_code(&world, &first, "mara").await).uri).unwrap();
    signed_in(first.prove_with_this_phone().await.unwrap());
    let phone = world.phone_of("mara").installation();
    asked(with_code(&world, &phone, "mara").await);
    let code = |off_ms: i64| key.code(world.clock_ms() + off_ms);

    let slip = phone.prove(totp("12345")).await.map(|_| ());
    let used = phone.prove(totp(&code(0))).await.map(|_| ());
    let off = phone.prove(totp(&code(10 * 60_000))).await.map(|_| ());
    let spaced = code(TOTP_STEP_MS);
    let (left, right) = spaced.split_at(3);

    assert_eq!(slip, Err(PortalError::CodeMalformed));
    assert_eq!(used, Err(PortalError::FactorUsed));
    assert_eq!(off, Err(PortalError::ClockOff { off_s: 600 }));
    assert!(matches!(phone.sign_in_state(), State::Factor(..)));
    signed_in(phone.prove(totp(&format!("{left} {right}"))).await.unwrap());
}

// R42: somebody who lost their phone and holds nothing else is told that the firm must let them in; leaving is a way back.
#[tokio::test]
async fn who_holds_nothing_is_told_and_may_leave() {
    let world = World::new().await;
    world.ask_the_usual().await;
    world.phone("amina").await;
    let phone = world.phone_of("amina").installation();

    let asked = asked(with_code(&world, &phone, "amina").await);
    phone.leave_sign_in().await.unwrap();

    assert_eq!(asked, []);
    assert_eq!((phone.sign_in_state(), phone.pending_sign_in()), (State::Address, None));
}

// R42, R51: a recovery code lets a new phone in; what waited in the old one's outbox is nobody else's to send.
#[tokio::test]
async fn recovery_code_lets_a_new_phone_in() {
    let world = World::new().await;
    world.ask_the_usual().await;
    let amina = world.phone("amina").await;
    let codes = amina.portal().make_recovery_codes().await.unwrap().codes;
    let phone = world.phone_of("amina").installation();

    let asked = asked(with_code(&world, &phone, "amina").await);
    let wrong = FactorAnswer::RecoveryCode { code: "0".repeat(24) };
    assert_eq!(phone.prove(wrong).await.map(|_| ()), Err(PortalError::WrongFactor { tries_left: Some(4) }));
    let typed = FactorAnswer::RecoveryCode { code: codes[9].to_lowercase() };
    let portal = signed_in(phone.prove(typed).await.unwrap()).portal;

    assert_eq!(asked, [FactorKind::RecoveryCode]);
    assert_eq!(portal.factors().await.unwrap().recovery_codes_left, 9);
}

// R42: after five minutes factors and devices want the person; a question that is turned away changes nothing, and one whose
// answer is lost is found out.
#[tokio::test]
async fn factors_want_a_person_who_is_there() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    let portal = amina.portal();
    world.clock.advance(5 * 60_000);
    let fates = VecDeque::from([Fate::AnswerLost]);

    assert_eq!(portal.set_up_authenticator().await, Err(PortalError::StepUpNeeded));
    amina.key.turn_away(true);
    let turned_away = portal.step_up_in_person().await;
    amina.key.turn_away(false);
    assert_eq!(turned_away, Err(PortalError::PresenceRefused));
    assert_eq!(portal.make_recovery_codes().await.map(|_| ()), Err(PortalError::StepUpNeeded));
    amina.network.set(Weather::Scripted("/v1/step-up", fates));
    portal.step_up_in_person().await.unwrap();
    portal.set_up_authenticator().await.unwrap();
    let codes = portal.make_recovery_codes().await.unwrap().codes;

    let held = portal.factors().await.unwrap();
    assert_eq!((held.totp.is_some(), held.totp_required, held.presence), (true, false, true));
    world.clock.advance(5 * 60_000);
    // A fresh token: the answer that is lost is to be the one to the code.
    portal.factors().await.unwrap();
    let own = totp(&portal.authenticator().unwrap().unwrap().code);
    assert_eq!(portal.step_up(own).await, Err(PortalError::NotAllowed), "it is in the same hand");
    amina.network.set(Weather::Scripted("/v1/step-up", VecDeque::from([Fate::AnswerLost])));
    let recovery = FactorAnswer::RecoveryCode { code: codes[0].clone() };
    portal.step_up(recovery).await.unwrap();
    portal.remove_totp().await.unwrap();
    assert_eq!(portal.authenticator().unwrap(), None);
    assert_eq!(portal.remove_totp().await, Err(PortalError::NotHere));
}

// R8: what the web portal shows as a QR code, a phone takes; what is none is told.
#[tokio::test]
async fn secret_of_a_qr_code_is_kept_and_survives_a_restart() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let shown = amina.portal().show_totp().await.unwrap();

    for text in ["", "https://portal.example", "otpauth://totp/a?secret=AAAA"] {
        assert_eq!(amina.portal().keep_authenticator(text), Err(PortalError::Malformed), "{text}");
    }
    amina.portal().keep_authenticator(&shown.uri).unwrap();
    amina.kill();
    amina.start();
    let code = amina.portal().authenticator().unwrap().unwrap().code;

    amina.portal().confirm_totp(&code).await.unwrap();
    assert!(amina.portal().factors().await.unwrap().totp.is_some());
}
