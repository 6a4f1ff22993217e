//! A yes on another device, as its person gives it, and as somebody else would like it.

use portico_wire::factor::{ApprovalAsked, Approvals, DecideApproval, FactorAnswer, FactorKind};
use portico_wire::signin::{AnswerChallenge, ChallengeAnswered};

use crate::testing::signing_in::{AMINA, SigningIn, usual};
use crate::testing::{Phone, Reply, World};

async fn waiting(phone: &Phone) -> Vec<ApprovalAsked> {
    phone.get("/v1/approvals").await.json::<Approvals>().approvals
}

async fn decide(phone: &Phone, asked: &ApprovalAsked, number: Option<&str>) -> Reply {
    let decision = DecideApproval { number: number.map(str::to_owned) };
    phone.post(&format!("/v1/approvals/{}", asked.challenge_id), &decision).await
}

/// Asks for a yes; the number that is shown.
async fn number_of(sign_in: &SigningIn) -> String {
    match sign_in.ask(Some(FactorAnswer::Approval)).await.json() {
        ChallengeAnswered::ApprovalAwaited(awaited) => awaited.number,
        other => panic!("a yes is awaited: {other:?}"),
    }
}

fn other_than(number: &str) -> String {
    (10..).map(|other: u32| other.to_string()).find(|other| other != number).unwrap()
}

async fn phone_and_further_device() -> (World, Phone, SigningIn) {
    let world = usual().await;
    let phone = SigningIn::begin(&world, AMINA).await.finish(None).await;
    let sign_in = SigningIn::begin(&world, AMINA).await;
    (world, phone, sign_in)
}

// R8, R42: a client with one phone and nothing else signs in on a further device by a yes on the phone.
#[tokio::test]
async fn yes_on_the_phone_lets_a_further_device_in() {
    let (world, phone, sign_in) = phone_and_further_device().await;
    assert!(waiting(&phone).await.is_empty());
    assert_eq!(
        sign_in.asked().await,
        ChallengeAnswered::FactorNeeded { factors: vec![FactorKind::Approval] }
    );

    let number = number_of(&sign_in).await;
    assert_eq!(number_of(&sign_in).await, number, "a lost answer, or asking whether it came");
    let asked = waiting(&phone).await;
    assert_eq!((asked.len(), asked[0].challenge_id), (1, sign_in.begun.challenge_id));
    world.clock.advance_ms(5 * 60_000);
    assert_eq!(decide(&phone, &asked[0], Some(&number)).await.code(), "step_up_needed");
    phone.step_up_in_person().await;
    assert_eq!(decide(&phone, &asked[0], Some(&format!(" {number}"))).await.status, 200);
    assert_eq!(decide(&phone, &asked[0], Some(&number)).await.status, 200, "a lost answer");

    assert!(waiting(&phone).await.is_empty());
    let thief = Phone::new(&world);
    let stolen = AnswerChallenge {
        factor: Some(FactorAnswer::Approval),
        ..thief.answer_to(&sign_in.begun, &sign_in.answer.code)
    };
    let refused = thief.answer(&sign_in.begun, &stolen).await;
    assert_eq!(refused.code(), "challenge_ended", "the yes is another device's");
    let tablet = sign_in.finish(Some(FactorAnswer::Approval)).await;
    tablet.snapshot().await;
}

// R8: whoever reads the mail and hopes for a yes to the wrong sign-in shows another number; it, or a no, ends theirs.
#[tokio::test]
async fn no_or_another_number_ends_that_sign_in() {
    for number_is_wrong in [true, false] {
        let (_world, phone, thief) = phone_and_further_device().await;
        let shown = number_of(&thief).await;
        let asked = waiting(&phone).await.remove(0);

        let decided = if number_is_wrong {
            decide(&phone, &asked, Some(&other_than(&shown))).await
        } else {
            decide(&phone, &asked, None).await
        };

        assert_eq!(decided.status == 200, !number_is_wrong);
        assert_eq!(thief.ask(Some(FactorAnswer::Approval)).await.code(), "challenge_ended");
        assert_eq!(decide(&phone, &asked, Some(&shown)).await.code(), "not_found", "what was decided stays");
        assert!(waiting(&phone).await.is_empty());
    }
}

// R7, R8: nobody else sees or decides it, not the device that asks, and not after its time; who proves nothing waits for nothing.
#[tokio::test]
async fn nobody_else_says_yes() {
    let (world, phone, sign_in) = phone_and_further_device().await;
    let number = number_of(&sign_in).await;
    let asked = waiting(&phone).await.remove(0);
    let kenji = world.phone("kenji").await;

    assert!(waiting(&kenji).await.is_empty());
    assert_eq!(decide(&kenji, &asked, Some(&number)).await.code(), "not_found");
    assert_eq!(phone.post("/v1/step-up", &FactorAnswer::Approval).await.code(), "wrong_factor");
    world.clock.advance_ms(10 * 60_000);
    let phone = SigningIn::on(phone, &world, AMINA).await.finish(None).await;
    phone.step_up_in_person().await;
    assert_eq!(decide(&phone, &asked, Some(&number)).await.code(), "not_found");
    assert!(waiting(&phone).await.is_empty());
}
