//! `POST /v1/sign-in`: mails a code. The answer is the same for known and unknown addresses.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::encoding::Sha256;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{BeginSignIn, ChallengeBegun};
use std::sync::Arc;

use crate::door::{FromAddress, Json};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{CHALLENGE_MS, normal_email};
use crate::throttle::Subject;

/// RFC 5321 section 4.5.3.1.3 leaves 254 bytes for an address.
const EMAIL_BYTES_MAX: usize = 254;

/// Begins a challenge. Asking again does not void an older one, so no stranger can void anything.
#[utoipa::path(post, path = "/v1/sign-in", request_body = BeginSignIn,
    responses((status = 200, body = ChallengeBegun), (status = "4XX", body = Problem)))]
pub(crate) async fn begin(
    State(app): State<App>,
    _: FromAddress,
    Json(request): Json<BeginSignIn>,
) -> Result<Answer<ChallengeBegun>, ApiError> {
    let email = normal_email(&request.email);
    if !email.contains('@') || email.len() > EMAIL_BYTES_MAX || email.chars().any(char::is_control) {
        return Err(ProblemCode::BadRequest.into());
    }
    let now_ms = app.now_ms();
    let subject = Subject::Email(Sha256::of(&[email.as_bytes()]));
    app.throttle().take(subject, app.config().throttle.sign_in, now_ms)?;
    let challenge_id = app.store().begin_sign_in(email, Arc::clone(app.keys())).await?;
    Ok(Answer(ChallengeBegun { challenge_id, expires_at_ms: now_ms + CHALLENGE_MS, server_time_ms: now_ms }))
}
