//! `POST /v1/sign-in/{challenge}/answer`: a code and proof of the session key sign a device in.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::encoding::Base64;
use portico_wire::factor::ApprovalAwaited;
use portico_wire::ids::{ChallengeId, Epoch};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{
    Access, AnswerChallenge, ChallengeAnswered, OneTimeCode, Session, possession_bytes,
};

use crate::door::{FromAddress, Json, PathId};
use crate::error::ApiError;
use crate::keys::signed_by;
use crate::state::App;
use crate::store::{Answered, FreshToken, NewDevice, SignedIn};

/// Longest name of a device in a list.
const DEVICE_NAME_BYTES_MAX: usize = 200;
/// An uncompressed P-256 point (SEC 1 section 2.3.3).
const PUBLIC_KEY_BYTES: usize = 65;

/// Answers a challenge. A text that can not be a code spends no try.
#[utoipa::path(post, path = "/v1/sign-in/{challenge}/answer",
    params(("challenge" = ChallengeId, Path, description = "From the answer of begin.")),
    request_body = AnswerChallenge,
    responses((status = 200, body = ChallengeAnswered), (status = "4XX", body = Problem)))]
pub(crate) async fn answer(
    State(app): State<App>,
    _: FromAddress,
    PathId(challenge): PathId<ChallengeId>,
    Json(request): Json<AnswerChallenge>,
) -> Result<Answer<ChallengeAnswered>, ApiError> {
    let code = OneTimeCode::parse(&request.code).map_err(|_| ProblemCode::BadRequest)?;
    let device = prove(challenge, request)?;
    match app.store().answer_challenge(challenge, code, device, Arc::clone(app.keys())).await? {
        Answered::Ended => Err(ProblemCode::ChallengeEnded.into()),
        Answered::Wrong { tries_left } => Err(ApiError::wrong_code(tries_left)),
        Answered::Taken => Err(ProblemCode::DeviceTaken.into()),
        Answered::Choose(firms) => Ok(Answer(ChallengeAnswered::ChooseFirm { firms })),
        Answered::FactorNeeded(factors) => Ok(Answer(ChallengeAnswered::FactorNeeded { factors })),
        Answered::ApprovalAwaited(number) => {
            Ok(Answer(ChallengeAnswered::ApprovalAwaited(ApprovalAwaited { number })))
        }
        Answered::SetUpTotp(shown) => Ok(Answer(ChallengeAnswered::SetUpTotp(shown))),
        Answered::NotProved { why, tries_left } => Err(ApiError::not_proved(why, Some(tries_left))),
        Answered::SignedIn(signed_in) => Ok(Answer(ChallengeAnswered::SignedIn(session(&app, *signed_in)))),
    }
}

/// Parses the device and proves that it holds the other half of its session key.
fn prove(challenge: ChallengeId, request: AnswerChallenge) -> Result<NewDevice, ApiError> {
    let public_key = request.session_public_key.0;
    let presence_key = request.presence_public_key.map(|key| key.0);
    let keys_fit = public_key.len() == PUBLIC_KEY_BYTES
        && presence_key.as_ref().is_none_or(|key| key.len() == PUBLIC_KEY_BYTES);
    if !keys_fit || request.device_name.len() > DEVICE_NAME_BYTES_MAX {
        return Err(ProblemCode::BadRequest.into());
    }
    let proof = possession_bytes(challenge, request.device_id, &public_key, presence_key.as_deref());
    signed_by(&public_key, &proof, &request.signature.0)?;
    Ok(NewDevice {
        device_id: request.device_id,
        name: request.device_name,
        public_key,
        presence_key,
        firm_id: request.firm_id,
        factor: request.factor,
    })
}

fn session(app: &App, signed_in: SignedIn) -> Session {
    Session {
        person_id: signed_in.person_id,
        firm_id: signed_in.firm_id,
        firm_name: signed_in.firm_name,
        name: signed_in.name,
        standing: signed_in.standing,
        access: access(&signed_in.token, app.now_ms(), app.epoch()),
    }
}

/// A fresh token as it travels.
pub(crate) fn access(fresh: &FreshToken, server_time_ms: i64, epoch: Epoch) -> Access {
    Access {
        access_token: Base64(fresh.token.to_vec()),
        expires_at_ms: fresh.expires_at_ms,
        server_time_ms,
        epoch,
    }
}

#[cfg(test)]
mod tests {
    use portico_wire::ids::{DeviceId, FirmId};

    use super::*;
    use crate::testing::{Phone, World};

    // R42
    #[tokio::test]
    async fn wrong_codes_are_counted_and_then_the_challenge_is_over() {
        let world = World::new().await;
        let phone = Phone::new(&world);
        let (begun, code) = world.begin("amina@clients.example").await;
        let wrong = phone.answer_to(&begun, "0000-0000");

        for left in (0..5).rev() {
            let reply = phone.answer(&begun, &wrong).await;
            assert_eq!((reply.code().as_str(), reply.problem().tries_left), ("wrong_code", Some(left)));
        }

        let right = phone.answer_to(&begun, &code.unwrap());
        assert_eq!(phone.answer(&begun, &right).await.code(), "challenge_ended");
        let (begun, code) = world.begin("amina@clients.example").await;
        phone.answer(&begun, &phone.answer_to(&begun, &code.unwrap())).await.json::<ChallengeAnswered>();
    }

    // R42
    #[tokio::test]
    async fn text_that_can_not_be_a_code_spends_no_try() {
        let world = World::new().await;
        let phone = Phone::new(&world);
        let (begun, _) = world.begin("amina@clients.example").await;

        for text in ["", "K7QM-3RX", "K7QM-3RXTT", "????-????"] {
            assert_eq!(phone.answer(&begun, &phone.answer_to(&begun, text)).await.code(), "bad_request");
        }

        let wrong = phone.answer(&begun, &phone.answer_to(&begun, "0000-0000")).await;
        assert_eq!(wrong.problem().tries_left, Some(4));
    }

    #[tokio::test]
    async fn challenge_ends_with_its_time_and_an_unknown_one_was_never_there() {
        let world = World::new().await;
        let phone = Phone::new(&world);
        let (mut begun, code) = world.begin("amina@clients.example").await;
        let answer = phone.answer_to(&begun, &code.unwrap());
        world.clock.advance_ms(CHALLENGE_END_MS);

        assert_eq!(phone.answer(&begun, &answer).await.code(), "challenge_ended");
        begun.challenge_id = ChallengeId::from_bytes([3; 16]);
        let answer = phone.answer_to(&begun, "0000-0000");
        assert_eq!(phone.answer(&begun, &answer).await.code(), "challenge_ended");
    }

    const CHALLENGE_END_MS: i64 = 10 * 60 * 1000;

    // R42
    #[tokio::test]
    async fn lost_answer_is_given_again_to_the_same_device_only() {
        let world = World::new().await;
        let (phone, other) = (Phone::new(&world), Phone::new(&world));
        let (begun, code) = world.begin("amina@clients.example").await;
        let code = code.unwrap();
        let answer = phone.answer_to(&begun, &code);
        let first: ChallengeAnswered = phone.answer(&begun, &answer).await.json();

        let again: ChallengeAnswered = phone.answer(&begun, &answer).await.json();

        let token = |answered: &ChallengeAnswered| match answered {
            ChallengeAnswered::SignedIn(session) => session.access.access_token.clone(),
            other => panic!("one firm, which asks for nothing else: {other:?}"),
        };
        assert_ne!(token(&first), token(&again));
        assert_eq!(other.answer(&begun, &other.answer_to(&begun, &code)).await.code(), "challenge_ended");
        world.clock.advance_ms(CHALLENGE_END_MS);
        assert_eq!(phone.answer(&begun, &answer).await.code(), "challenge_ended");
    }

    // R42: no stranger can void anything.
    #[tokio::test]
    async fn asking_again_leaves_older_challenges_good() {
        let world = World::new().await;
        let phone = Phone::new(&world);
        let (older, code) = world.begin("amina@clients.example").await;
        world.begin("AMINA@clients.example ").await.1.unwrap();

        phone.answer(&older, &phone.answer_to(&older, &code.unwrap())).await.json::<ChallengeAnswered>();
    }

    #[tokio::test]
    async fn key_that_is_not_held_does_not_sign_in() {
        let world = World::new().await;
        let (phone, other) = (Phone::new(&world), Phone::new(&world));
        let (begun, code) = world.begin("amina@clients.example").await;
        let mut forged = phone.answer_to(&begun, &code.unwrap());
        let honest = forged.clone();
        forged.session_public_key = other.answer_to(&begun, "0000-0000").session_public_key;

        assert_eq!(phone.answer(&begun, &forged).await.code(), "signature_invalid");
        forged.session_public_key = Base64(vec![4; 64]);
        assert_eq!(phone.answer(&begun, &forged).await.code(), "bad_request");
        phone.answer(&begun, &honest).await.json::<ChallengeAnswered>();
    }

    #[tokio::test]
    async fn device_of_another_person_is_not_taken_over() {
        let world = World::new().await;
        let (amina, mut kenji) = (world.phone("amina").await, Phone::new(&world));
        kenji.device = amina.device;
        let (begun, code) = world.begin("kenji@clients.example").await;
        let code = code.unwrap();

        let refused = kenji.answer(&begun, &kenji.answer_to(&begun, &code)).await;

        assert_eq!(refused.code(), "device_taken");
        assert_eq!(amina.get("/v1/devices").await.status, 200);
        kenji.device = DeviceId::from_bytes([7; 16]);
        let with_another = kenji.answer(&begun, &kenji.answer_to(&begun, &code)).await;
        assert_eq!(with_another.status, 200, "the code stays good");
        // After a lost answer a phone tries its ids in the same order again.
        kenji.device = amina.device;
        let again = kenji.answer(&begun, &kenji.answer_to(&begun, &code)).await;
        assert_eq!(again.code(), "device_taken");
    }

    // R7: one id for two firms would have a refresh give a token of the one to the store of the other.
    #[tokio::test]
    async fn device_id_stays_with_the_firm_that_it_signed_in_at() {
        let world = World::new().await;
        let phone = world.phone("amina").await;
        let second = world.second_firm_of("amina", "A. Haddad").await;
        let (begun, code) = world.begin("amina@clients.example").await;
        let mut answer = phone.answer_to(&begun, &code.unwrap());
        answer.firm_id = Some(second);

        let taken = phone.answer(&begun, &answer).await;
        answer.firm_id = Some(FirmId::from_bytes([9; 16]));
        let elsewhere: ChallengeAnswered = phone.answer(&begun, &answer).await.json();

        assert_eq!(taken.code(), "device_taken");
        assert_eq!(phone.get("/v1/devices").await.status, 200);
        let ChallengeAnswered::ChooseFirm { firms } = elsewhere else { panic!("{elsewhere:?}") };
        assert_eq!(firms.len(), 2, "a firm that is none of theirs: they choose one that is");
    }

    // R7
    #[tokio::test]
    async fn person_of_two_firms_chooses_and_the_code_stays_good() {
        let world = World::new().await;
        let second = world.second_firm_of("amina", "A. Haddad").await;
        let phone = Phone::new(&world);
        let (begun, code) = world.begin("amina@clients.example").await;
        let mut answer = phone.answer_to(&begun, &code.unwrap());

        let choice: ChallengeAnswered = phone.answer(&begun, &answer).await.json();
        answer.firm_id = Some(second);
        let chosen: ChallengeAnswered = phone.answer(&begun, &answer).await.json();

        let ChallengeAnswered::ChooseFirm { firms } = choice else { panic!("{choice:?}") };
        assert_eq!(
            firms.iter().map(|firm| firm.name.as_str()).collect::<Vec<_>>(),
            ["Harbour & Lane", "Second & Co"]
        );
        let ChallengeAnswered::SignedIn(session) = chosen else { panic!("{chosen:?}") };
        assert_eq!((session.firm_id, session.name.as_str()), (second, "A. Haddad"));
    }

    #[tokio::test]
    async fn used_device_id_of_nobody_is_free() {
        let world = World::new().await;
        let mut phone = Phone::new(&world);
        phone.device = DeviceId::from_bytes([5; 16]);

        phone.sign_in(&world, "ines@surveyors.example").await;
        phone.sign_in(&world, "ines@surveyors.example").await;

        assert_eq!(
            phone.get("/v1/devices").await.json::<serde_json::Value>()["devices"].as_array().unwrap().len(),
            1
        );
    }
}
