//! Signing in with more than a code, as somebody meets it who does it, makes a slip, lost everything, or is attacked.

use portico_wire::factor::{FactorKind, RecoveryCodes};
use portico_wire::signin::{AnswerChallenge, ChallengeAnswered};
use portico_wire::totp::TOTP_STEP_MS;

use crate::assurance::{Least, SignInPolicy};
use crate::testing::signing_in::{
    AMINA, App, MARA, SigningIn, held, in_person, mails, recovery, staff, totp, usual,
};
use crate::testing::{Phone, World};

// R8
#[tokio::test]
async fn staff_set_an_authenticator_up_at_their_first_sign_in_and_are_asked_for_it_on_every_other_device() {
    let world = usual().await;
    let first = SigningIn::begin(&world, MARA).await;
    let ChallengeAnswered::SetUpTotp(shown) = first.asked().await else { panic!("an app is asked for") };
    assert_eq!(
        first.asked().await,
        ChallengeAnswered::SetUpTotp(shown.clone()),
        "a lost answer changes nothing"
    );
    let app = App::of(&shown);
    assert_eq!((app.key.issuer(), app.key.secret()), ("Harbour & Lane", shown.secret));
    let wrong = first.ask(Some(totp(&app.wrong(&world)))).await;
    assert_eq!((wrong.code().as_str(), wrong.problem().tries_left), ("wrong_factor", Some(4)));
    let code = app.code(&world);
    let phone = first.finish(Some(totp(&code))).await;
    assert!(held(&phone).await.totp_required);

    world.clock.advance_ms(TOTP_STEP_MS);
    let second = SigningIn::begin(&world, MARA).await;
    let asked = second.asked().await;
    second.finish(Some(totp(&app.code(&world)))).await.snapshot().await;

    assert_eq!(
        asked,
        ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Totp, FactorKind::Approval] }
    );
    world.app.run_jobs_once().await.unwrap();
    assert_eq!(
        (mails(&world, "An authenticator app was set up"), mails(&world, "A further device signed in")),
        (1, 1)
    );
}

// R8, R42: a client with one phone and nothing else is let in by the firm, and by nobody who reads their mail.
#[tokio::test]
async fn mailed_code_alone_lets_a_client_in_once_and_on_the_same_phone_again() {
    let world = usual().await;
    let phone = SigningIn::begin(&world, AMINA).await.finish(None).await;

    let thief = SigningIn::begin(&world, AMINA).await.asked().await;
    let again = SigningIn::on(phone, &world, AMINA).await.finish(None).await;
    let by_policy = SignInPolicy { clients: Least::Email, ..SignInPolicy::USUAL };
    world.app.store().set_sign_in_policy(world.firm.firm_id, by_policy).await.unwrap();
    let allowed = SigningIn::begin(&world, AMINA).await.asked().await;

    assert_eq!(thief, ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Approval] });
    assert_eq!(again.get("/v1/devices").await.status, 200);
    assert!(matches!(allowed, ChallengeAnswered::SignedIn(_)));
}

// R42: each answer of a sign-in may be lost, and asking again gives it again; to no other device.
#[tokio::test]
async fn lost_answers_of_a_sign_in_with_a_factor_are_given_again() {
    let world = usual().await;
    let (_, app) = staff(&world).await;
    world.clock.advance_ms(TOTP_STEP_MS);
    let sign_in = SigningIn::begin(&world, MARA).await;
    let code = Some(totp(&app.code(&world)));

    let lost: ChallengeAnswered = sign_in.ask(code.clone()).await.json();
    let thief = Phone::new(&world);
    let stolen =
        AnswerChallenge { factor: code.clone(), ..thief.answer_to(&sign_in.begun, &sign_in.answer.code) };
    let refused = thief.answer(&sign_in.begun, &stolen).await;
    let phone = sign_in.finish(code).await;

    assert!(matches!(lost, ChallengeAnswered::SignedIn(_)));
    assert_eq!(refused.code(), "challenge_ended");
    phone.snapshot().await;
}

// R8, R42: 50 wrong codes in a row disable the app; a new mailed code, a new challenge and a restart never reset the
// count; what is slow is told; a recovery code leads on.
#[tokio::test]
async fn fifty_wrong_codes_disable_the_app_and_nothing_resets_the_count() {
    let mut world = usual().await;
    let (phone, app) = staff(&world).await;
    let codes: RecoveryCodes = phone.post("/v1/factors/recovery-codes", &()).await.json();
    let (mut wrong, mut waited) = (0, 0);
    drop(phone);

    while wrong < 50 {
        let sign_in = SigningIn::begin(&world, MARA).await;
        let reply = sign_in.ask(Some(totp(&app.wrong(&world)))).await;
        match reply.code().as_str() {
            "wrong_factor" => wrong += 1,
            "throttled" => {
                waited += 1;
                let seconds: i64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
                world.clock.advance_ms(seconds * 1_000);
            }
            "factor_disabled" => break,
            other => panic!("{other}"),
        }
        if wrong == 20 {
            drop(sign_in);
            world = world.restart();
        }
    }
    assert_eq!((wrong, waited), (49, 45), "the fiftieth says so; after five at once, one in three minutes");

    world.clock.advance_ms(TOTP_STEP_MS);
    let sign_in = SigningIn::begin(&world, MARA).await;
    let right = sign_in.ask(Some(totp(&app.code(&world)))).await.json::<ChallengeAnswered>();
    assert_eq!(
        right,
        ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::RecoveryCode, FactorKind::Approval] }
    );
    let shown: ChallengeAnswered = sign_in.ask(Some(recovery(&codes.codes[0]))).await.json();
    let ChallengeAnswered::SetUpTotp(shown) = shown else { panic!("staff must have one: {shown:?}") };
    let code = App::of(&shown).code(&world);
    let phone = sign_in.finish(Some(totp(&code))).await;
    assert!(!held(&phone).await.totp.unwrap().disabled);
    world.app.run_jobs_once().await.unwrap();
    assert_eq!(mails(&world, "The authenticator app was disabled"), 1);
    assert_eq!(mails(&world, "A recovery code was used"), 1);
}

// R42: who has no mailed code moves no count, however often they try.
#[tokio::test]
async fn stranger_disables_nobodys_app() {
    let world = usual().await;
    let (phone, app) = staff(&world).await;

    for _ in 0..60 {
        let (begun, _) = world.begin(MARA).await;
        let stranger = Phone::new(&world);
        let factor = Some(totp(&app.wrong(&world)));
        let guess = AnswerChallenge { factor, ..stranger.answer_to(&begun, "0000-0000") };
        assert_eq!(stranger.answer(&begun, &guess).await.code(), "wrong_code");
    }

    world.clock.advance_ms(TOTP_STEP_MS);
    let stepped = phone.post("/v1/step-up", &totp(&app.code(&world))).await;
    assert_eq!(stepped.status, 200);
}

// R42: a challenge takes five tries of a factor, and no code of another challenge.
#[tokio::test]
async fn challenge_ends_after_five_wrong_factors() {
    let world = usual().await;
    let (_, app) = staff(&world).await;
    world.clock.advance_ms(TOTP_STEP_MS);
    let sign_in = SigningIn::begin(&world, MARA).await;

    for left in (0..5).rev() {
        let wrong = sign_in.ask(Some(recovery("0000"))).await;
        // No recovery code was ever made, so none is asked for and no try is spent.
        assert_eq!(
            wrong.json::<ChallengeAnswered>(),
            ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Totp, FactorKind::Approval] }
        );
        let wrong = sign_in.ask(Some(totp(&app.wrong(&world)))).await;
        assert_eq!((wrong.code().as_str(), wrong.problem().tries_left), ("wrong_factor", Some(left)));
    }

    assert_eq!(sign_in.ask(Some(totp(&app.code(&world)))).await.code(), "challenge_ended");
}

// R42: a clock that is off is told by how much, to whoever has the mailed code; a code that was told never passes.
#[tokio::test]
async fn clock_that_is_off_is_told_and_its_code_never_passes() {
    let world = usual().await;
    let (_, mut app) = staff(&world).await;
    let sign_in = SigningIn::begin(&world, MARA).await;

    app.off_ms = 10 * 60_000;
    let future = app.code(&world);
    let ahead = sign_in.ask(Some(totp(&future))).await;
    app.off_ms = -90_000;
    let behind = sign_in.ask(Some(totp(&app.code(&world)))).await;
    world.clock.advance_ms(9 * 60_000 + 30_000);
    let told = sign_in.ask(Some(totp(&future))).await;
    app.off_ms = 30_000;
    world.clock.advance_ms(TOTP_STEP_MS / 2);
    let phone = sign_in.finish(Some(totp(&app.code(&world)))).await;

    assert_eq!((ahead.code().as_str(), ahead.problem().off_s), ("clock_off", Some(600)));
    assert_eq!((behind.code().as_str(), behind.problem().off_s), ("clock_off", Some(-90)));
    assert_eq!(told.code(), "factor_used");
    assert_eq!(held(&phone).await.totp.unwrap().off_s, 30, "the drift is learned and told");
}

// R42
#[tokio::test]
async fn step_that_passed_is_answered_with_wait_for_the_next() {
    let world = usual().await;
    let (_, app) = staff(&world).await;
    let sign_in = SigningIn::begin(&world, MARA).await;

    let same = sign_in.ask(Some(totp(&app.code(&world)))).await;
    world.clock.advance_ms(TOTP_STEP_MS);
    let next = sign_in.ask(Some(totp(&app.code(&world)))).await;

    assert_eq!((same.code().as_str(), same.problem().tries_left), ("factor_used", Some(5)));
    assert!(matches!(next.json(), ChallengeAnswered::SignedIn(_)));
}

// R8, R42
#[tokio::test]
async fn recovery_code_lets_in_once() {
    let world = usual().await;
    let phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    let codes: RecoveryCodes = phone.post("/v1/factors/recovery-codes", &()).await.json();
    let fresh: RecoveryCodes = phone.post("/v1/factors/recovery-codes", &()).await.json();
    assert_eq!(fresh.codes.len(), 10);

    let sign_in = SigningIn::begin(&world, AMINA).await;
    let void = sign_in.ask(Some(recovery(&codes.codes[0]))).await;
    let typed = fresh.codes[3].to_lowercase().replace('-', " ");
    let tablet = sign_in.finish(Some(recovery(&typed))).await;
    let twice = SigningIn::begin(&world, AMINA).await.ask(Some(recovery(&fresh.codes[3]))).await;
    let kenji = SigningIn::begin(&world, "kenji@clients.example").await.finish(None).await;
    kenji.post("/v1/factors/recovery-codes", &()).await.json::<RecoveryCodes>();
    let others = SigningIn::begin(&world, "kenji@clients.example").await;
    let others = others.ask(Some(recovery(&fresh.codes[4]))).await;

    assert_eq!(void.code(), "wrong_factor");
    assert_eq!(held(&tablet).await.recovery_codes_left, 9);
    assert_eq!(twice.code(), "factor_used");
    assert_eq!(others.code(), "wrong_factor", "one person's code is another's wrong one");
}

// R7: what proves somebody at one firm proves nothing at another, and no firm asks for another's.
#[tokio::test]
async fn factors_of_two_firms_are_apart() {
    let world = usual().await;
    let second = world.second_firm_of("mara", "M. Okafor").await;
    let mut there = SigningIn::begin(&world, MARA).await;
    there.answer.firm_id = Some(second);
    there.finish(None).await;
    let mut here = SigningIn::begin(&world, MARA).await;
    here.answer.firm_id = Some(world.firm.firm_id);
    let ChallengeAnswered::SetUpTotp(shown) = here.asked().await else { panic!("staff here, client there") };
    let app = App::of(&shown);
    here.finish(Some(totp(&app.code(&world)))).await;

    world.clock.advance_ms(TOTP_STEP_MS);
    let mut further = SigningIn::begin(&world, MARA).await;
    further.answer.firm_id = Some(second);
    let asked: ChallengeAnswered = further.ask(Some(totp(&app.code(&world)))).await.json();

    assert_eq!(asked, ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Approval] });
}

// R55: a code that let a device in lets it in again only while it stays signed in: not after its person signed it out.
#[tokio::test]
async fn used_code_does_not_bring_a_device_back_that_was_signed_out() {
    let world = World::new().await;
    let tablet = world.phone("amina").await;
    for end in ["wipe", "sign out"] {
        let sign_in = SigningIn::begin(&world, AMINA).await;
        let SigningIn { phone, begun, answer } = sign_in;
        phone.answer(&begun, &answer).await.json::<ChallengeAnswered>();
        let path = format!("/v1/devices/{}", phone.device);
        let ended = match end {
            "wipe" => tablet.post(&format!("{path}/wipe"), &()).await,
            _ => tablet.delete(&path).await,
        };
        assert_eq!(ended.status, 200);

        assert_eq!(phone.answer(&begun, &answer).await.code(), "challenge_ended", "{end}");
    }
}

// R8: what one device proved in a sign-in counts for that device under that key, and for no other with the same code.
#[tokio::test]
async fn factor_that_one_device_proved_lets_no_other_go_on() {
    let world = usual().await;
    let (phone, app) = staff(&world).await;
    let codes: RecoveryCodes = phone.post("/v1/factors/recovery-codes", &()).await.json();
    let mut phone = phone;
    loop {
        let wrong = phone.post("/v1/step-up", &totp(&app.wrong(&world))).await;
        if wrong.code() == "factor_disabled" {
            break;
        }
        world.clock.advance_ms(3 * 60_000);
        phone.refresh().await;
    }
    let owner = SigningIn::begin(&world, MARA).await;
    let proved: ChallengeAnswered = owner.ask(Some(recovery(&codes.codes[0]))).await.json();
    assert!(matches!(proved, ChallengeAnswered::SetUpTotp(_)));

    let thief = Phone::new(&world);
    let stolen = thief.answer_to(&owner.begun, &owner.answer.code);
    let asked: ChallengeAnswered = thief.answer(&owner.begun, &stolen).await.json();

    assert_eq!(
        asked,
        ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::RecoveryCode, FactorKind::Approval] }
    );
}

// R42, R55: whoever holds a phone unlocked, its mail too, signs in again on it and is not taken for its person.
#[tokio::test]
async fn signing_in_again_on_the_same_phone_proves_nobody_there_and_keeps_its_presence_key() {
    let world = usual().await;
    let mut phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    world.clock.advance_ms(5 * 60_000);
    phone.replace_presence_key();
    let ignored = Some(totp("000000"));
    let phone = SigningIn::on(phone, &world, AMINA).await.finish(ignored).await;

    assert_eq!(phone.post("/v1/factors/recovery-codes", &()).await.code(), "step_up_needed");
    assert_eq!(in_person(&phone).await.code(), "signature_invalid", "a new face is not the person's");
}

// R42: a restore signs everybody out; each phone's own key still lets it in, and the mailed code alone lets no other in.
#[tokio::test]
async fn restore_leaves_every_phone_its_own_way_in() {
    let world = usual().await;
    let mut phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    world.backup("before");
    phone.hang_up();
    let world = world.restore("before");

    let stranger = SigningIn::begin(&world, AMINA).await.asked().await;
    phone.router = world.app.router();
    let again = SigningIn::on(phone, &world, AMINA).await.finish(None).await;

    assert_eq!(stranger, ChallengeAnswered::FactorNeeded { factors: vec![] });
    again.snapshot().await;
}

// R55: a phone that came back under another id after a restore, and was wiped since, is no door for whoever holds it: its key
// proves nothing any more, under either id.
#[tokio::test]
async fn wiped_phone_is_no_second_factor_under_any_id() {
    let world = usual().await;
    let mut phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    world.backup("before");
    phone.hang_up();
    let world = world.restore("before");
    phone.router = world.app.router();
    phone.device = Phone::new(&world).device;
    let phone = SigningIn::on(phone, &world, AMINA).await.finish(None).await;
    phone.step_up_in_person().await;
    phone.post("/v1/factors/recovery-codes", &()).await.json::<RecoveryCodes>();
    phone.post(&format!("/v1/devices/{}/wipe", phone.device), &()).await;

    let thief = SigningIn::on(phone, &world, AMINA).await.asked().await;

    assert_eq!(thief, ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::RecoveryCode] });
}

// R8: a device's id is no secret and proves nothing: under another key it is another device.
#[tokio::test]
async fn device_id_without_its_key_is_a_further_device() {
    let world = usual().await;
    let phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    let mut thief = Phone::new(&world);
    thief.device = phone.device;

    let asked = SigningIn::on(thief, &world, AMINA).await.asked().await;

    assert_eq!(asked, ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Approval] });
    assert_eq!(phone.get("/v1/devices").await.status, 200);
}

// R42, R55: whoever holds a phone unlocked signs it out, or has its own app's code, or sets an app up on it: none of it makes
// them its person. A recovery code does, and so does the firm.
#[tokio::test]
async fn nothing_in_the_hand_that_holds_a_phone_steps_it_up() {
    let world = usual().await;
    let phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    let codes: RecoveryCodes = phone.post("/v1/factors/recovery-codes", &()).await.json();
    let shown = phone.post("/v1/factors/totp", &()).await.json();
    let app = App::of(&shown);
    let confirm = portico_wire::factor::ConfirmTotp { code: app.code(&world) };
    assert_eq!(phone.post("/v1/factors/totp/confirm", &confirm).await.status, 200);
    world.clock.advance_ms(5 * 60_000);
    let path = format!("/v1/devices/{}", phone.device);
    assert_eq!(phone.delete(&path).await.status, 200);

    let phone = SigningIn::on(phone, &world, AMINA).await.finish(Some(totp(&app.code(&world)))).await;
    assert_eq!(phone.post("/v1/factors/recovery-codes", &()).await.code(), "step_up_needed");
    assert_eq!(phone.delete(&path).await.status, 200);
    let phone = SigningIn::on(phone, &world, AMINA).await.finish(Some(recovery(&codes.codes[0]))).await;

    assert_eq!(phone.post("/v1/factors/recovery-codes", &()).await.status, 200);
}
