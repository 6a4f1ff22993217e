//! `POST /v1/sign-in/invited`: mails a code to whoever was invited. The answer is the same for any invitation.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::invitation::{BeginInvited, InvitationCode};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::ChallengeBegun;

use crate::door::{FromAddress, Json};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{CHALLENGE_MS, hash_of};
use crate::throttle::Subject;

/// Begins a challenge at the firm that invited; the address stays between the server and its person.
#[utoipa::path(post, path = "/v1/sign-in/invited", request_body = BeginInvited,
    responses((status = 200, body = ChallengeBegun), (status = "4XX", body = Problem)))]
pub(crate) async fn invited(
    State(app): State<App>,
    _: FromAddress,
    Json(request): Json<BeginInvited>,
) -> Result<Answer<ChallengeBegun>, ApiError> {
    let code = InvitationCode::parse(&request.invitation).map_err(|_| ProblemCode::BadRequest)?;
    let now_ms = app.now_ms();
    let hash = hash_of(&code);
    app.throttle().take(Subject::Email(hash), app.config().throttle.sign_in, now_ms)?;
    let challenge_id = app.store().begin_invited(hash, Arc::clone(app.keys())).await?;
    Ok(Answer(ChallengeBegun { challenge_id, expires_at_ms: now_ms + CHALLENGE_MS, server_time_ms: now_ms }))
}
