//! `POST /v1/sign-in/{challenge}/answer`: a code and proof of the session key sign a device in.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::encoding::Base64;
use portico_wire::ids::{ChallengeId, Epoch};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{
    Access, AnswerChallenge, ChallengeAnswered, OneTimeCode, Session, possession_bytes,
};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use crate::door::{FromAddress, Json, PathId};
use crate::error::ApiError;
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
        Answered::Mismatch => Err(ProblemCode::BadRequest.into()),
        Answered::Choose(firms) => Ok(Answer(ChallengeAnswered::ChooseFirm { firms })),
        Answered::SignedIn(signed_in) => Ok(Answer(ChallengeAnswered::SignedIn(session(&app, *signed_in)))),
    }
}

/// Parses the device and proves that it holds the other half of its session key.
fn prove(challenge: ChallengeId, request: AnswerChallenge) -> Result<NewDevice, ApiError> {
    let public_key = request.session_public_key.0;
    if public_key.len() != PUBLIC_KEY_BYTES || request.device_name.len() > DEVICE_NAME_BYTES_MAX {
        return Err(ProblemCode::BadRequest.into());
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &public_key)
        .verify(&possession_bytes(challenge, request.device_id, &public_key), &request.signature.0)
        .map_err(|_| ProblemCode::SignatureInvalid)?;
    Ok(NewDevice {
        device_id: request.device_id,
        name: request.device_name,
        public_key,
        firm_id: request.firm_id,
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
