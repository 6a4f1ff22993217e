//! Factors as somebody meets them who is signed in: they set them up, prove themselves again, or are attacked.

use futures_util::future::join_all;
use portico_wire::factor::{
    ConfirmTotp, FactorAnswer, FactorKind, RecoveryCodes, SteppedUp, TotpSetUp, step_up_bytes,
};
use portico_wire::signin::{ChallengeAnswered, Nonce};
use portico_wire::totp::TOTP_STEP_MS;

use crate::assurance::SignInPolicy;
use crate::testing::line::Listening;
use crate::testing::signing_in::{AMINA, App, MARA, SigningIn, held, in_person, prove, staff, totp, usual};
use crate::testing::{Reply, World};

// R8: 64 requests at once with one code: one of them passes, a thousand times over.
#[tokio::test]
async fn code_passes_once_whatever_runs_beside_it() {
    let world = usual().await;
    let (mut phone, app) = staff(&world).await;

    for round in 0..1_000 {
        world.clock.advance_ms(TOTP_STEP_MS);
        if round % 15 == 0 {
            phone.refresh().await;
        }
        let answer = totp(&app.code(&world));
        let replies = join_all((0..64).map(|_| phone.post("/v1/step-up", &answer))).await;
        assert_eq!(outcomes(&replies), (1, 63), "round {round}");
    }
}

// R8: the same over 64 real connections.
#[tokio::test(flavor = "multi_thread")]
async fn code_passes_once_over_real_connections() {
    let world = usual().await;
    let (mut phone, app) = staff(&world).await;
    let listening = Listening::of(&world).await;

    for round in 0..20 {
        world.clock.advance_ms(TOTP_STEP_MS);
        if round % 15 == 0 {
            phone.refresh().await;
        }
        let answer = totp(&app.code(&world));
        let replies = listening.post_at_once(64, "/v1/step-up", &phone.token, &answer).await;
        assert_eq!(outcomes(&replies), (1, 63), "round {round}");
    }
}

/// How many passed, and how many heard that the code was used.
fn outcomes(replies: &[Reply]) -> (usize, usize) {
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    let used = replies.iter().filter(|reply| reply.status != 200 && reply.code() == "factor_used").count();
    (passed, used)
}

// R42, R55: whoever picks up an unlocked phone changes no factor and ends no other device.
#[tokio::test]
async fn factors_and_other_devices_want_a_person_who_is_there() {
    let world = World::new().await;
    let (mut phone, tablet) = (world.phone("amina").await, world.phone("amina").await);
    world.clock.advance_ms(5 * 60_000);
    phone.refresh().await;
    let wipe = format!("/v1/devices/{}/wipe", tablet.device);

    for refused in [
        phone.post("/v1/factors/totp", &()).await,
        phone.post("/v1/factors/totp/confirm", &ConfirmTotp { code: "000000".to_owned() }).await,
        phone.delete("/v1/factors/totp").await,
        phone.post("/v1/factors/recovery-codes", &()).await,
        phone.delete(&format!("/v1/devices/{}", tablet.device)).await,
        phone.post(&wipe, &()).await,
    ] {
        assert_eq!(refused.code(), "step_up_needed");
    }
    assert_eq!(held(&phone).await.totp, None);

    let until: SteppedUp = in_person(&phone).await.json();
    assert_eq!(until.until_ms, world.app.now_ms() + 5 * 60_000);
    let shown: TotpSetUp = phone.post("/v1/factors/totp", &()).await.json();
    let app = App::of(&shown);
    let wrong = phone.post("/v1/factors/totp/confirm", &ConfirmTotp { code: app.wrong(&world) }).await;
    assert_eq!(wrong.code(), "wrong_factor");
    let first = ConfirmTotp { code: app.code(&world) };
    assert_eq!(phone.post("/v1/factors/totp/confirm", &first).await.status, 200);
    assert_eq!(phone.post("/v1/factors/totp/confirm", &first).await.status, 200, "a lost answer");
    world.clock.advance_ms(5 * 60_000);
    assert_eq!(phone.delete("/v1/factors/totp").await.code(), "step_up_needed");
    let same_hand = phone.post("/v1/step-up", &totp(&app.code(&world))).await;
    assert_eq!(same_hand.code(), "not_allowed", "the codes may be on the phone that somebody picked up");
    in_person(&phone).await.json::<SteppedUp>();
    assert_eq!(phone.delete("/v1/factors/totp").await.status, 200);
    assert_eq!(phone.delete("/v1/factors/totp").await.code(), "not_found");
}

// R42
#[tokio::test]
async fn presence_is_proved_by_its_own_key_over_a_fresh_nonce_of_its_device() {
    let world = World::new().await;
    let (phone, other) = (world.phone("amina").await, world.phone("kenji").await);
    let nonce: Nonce = phone.nonce().await.json();

    let by_session_key = phone.sign(&step_up_bytes(phone.device, &nonce.nonce.0));
    let locked = FactorAnswer::Presence { nonce: nonce.nonce.clone(), signature: by_session_key };
    assert_eq!(
        phone.post("/v1/step-up", &locked).await.code(),
        "signature_invalid",
        "a locked phone can sign so"
    );
    let foreign: Nonce = other.nonce().await.json();
    assert_eq!(prove(&phone, &foreign).await.code(), "nonce_stale");
    assert_eq!(prove(&phone, &nonce).await.status, 200);
    assert_eq!(prove(&phone, &nonce).await.code(), "nonce_stale", "each serves once");
    let old: Nonce = phone.nonce().await.json();
    world.clock.advance_ms(2 * 60_000 + 1_000);
    assert_eq!(prove(&phone, &old).await.code(), "nonce_stale");
    // A presence signature signs nobody in.
    let sign_in = SigningIn::begin(&world, AMINA).await;
    phone.post("/v1/factors/recovery-codes", &()).await;
    let factor = FactorAnswer::Presence { nonce: nonce.nonce, signature: phone.sign(b"x") };
    world.app.store().set_sign_in_policy(world.firm.firm_id, SignInPolicy::USUAL).await.unwrap();
    let asked: ChallengeAnswered = sign_in.ask(Some(factor)).await.json();
    assert_eq!(asked, ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::RecoveryCode] });
}

// R8: staff may replace their app and not remove it; the one before is good until the new one's first code.
#[tokio::test]
async fn app_that_the_firm_asks_for_is_replaced_and_not_removed() {
    let world = usual().await;
    let (phone, before) = staff(&world).await;

    assert_eq!(phone.delete("/v1/factors/totp").await.code(), "not_allowed");
    let after = App::of(&phone.post("/v1/factors/totp", &()).await.json());
    world.clock.advance_ms(TOTP_STEP_MS);
    assert_eq!(phone.post("/v1/step-up", &totp(&before.code(&world))).await.status, 200);
    let confirm = ConfirmTotp { code: after.code(&world) };
    assert_eq!(phone.post("/v1/factors/totp/confirm", &confirm).await.status, 200);
    world.clock.advance_ms(TOTP_STEP_MS);

    assert_eq!(phone.post("/v1/step-up", &totp(&before.code(&world))).await.code(), "wrong_factor");
    assert_eq!(phone.post("/v1/step-up", &totp(&after.code(&world))).await.status, 200);
}

// R8: who reads the mail and begins a sign-in learns no secret that its owner will set up.
#[tokio::test]
async fn secret_that_was_shown_to_one_device_is_shown_to_no_other() {
    let world = usual().await;
    let (thief, owner) = (SigningIn::begin(&world, MARA).await, SigningIn::begin(&world, MARA).await);

    let (ChallengeAnswered::SetUpTotp(stolen), ChallengeAnswered::SetUpTotp(shown)) =
        (thief.asked().await, owner.asked().await)
    else {
        panic!("an app is asked for")
    };
    owner.finish(Some(totp(&App::of(&shown).code(&world)))).await;
    world.clock.advance_ms(TOTP_STEP_MS);

    assert_ne!(stolen, shown);
    let late: ChallengeAnswered = thief.ask(None).await.json();
    assert_eq!(late, ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Totp] });
    assert_eq!(thief.ask(Some(totp(&App::of(&stolen).code(&world)))).await.code(), "wrong_factor");
}

// R55: secrets lie sealed, bound to their person; codes lie hashed.
#[tokio::test]
async fn database_tells_no_secret_of_a_factor() {
    let world = usual().await;
    let (phone, app) = staff(&world).await;
    let codes: RecoveryCodes = phone.post("/v1/factors/recovery-codes", &()).await.json();
    let copy = world.folder.path().join("copy");
    crate::backup::backup(&world.config(), &copy, world.ports()).unwrap();

    let files = std::fs::read_dir(&copy).unwrap();
    let bytes: Vec<u8> =
        files.filter_map(|file| std::fs::read(file.unwrap().path()).ok()).flatten().collect();

    let secret = base32(&app.key.secret());
    assert_eq!(secret.len(), 20);
    let is_there = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(is_there(b"Harbour & Lane"), "it is the database that was read");
    assert!(!is_there(&secret) && !is_there(app.key.secret().as_bytes()));
    for code in &codes.codes {
        assert!(!is_there(code.as_bytes()) && !is_there(code.replace('-', "").as_bytes()));
    }
}

/// RFC 4648 section 6, without padding.
fn base32(text: &str) -> Vec<u8> {
    let bits: String = text
        .chars()
        .map(|letter| format!("{:05b}", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap()))
        .collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()).collect()
}
