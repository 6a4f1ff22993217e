//! `POST /v1/email/{change}/confirm`: the new address is proved, and signs in from now on.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::ChallengeId;
use portico_wire::message::Done;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{ConfirmEmail, OneTimeCode};

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::Confirmed;

/// Changes the address (R10). The person, their devices and all that they have stay; the address before is told.
#[utoipa::path(post, path = "/v1/email/{change}/confirm",
    params(("change" = ChallengeId, Path, description = "From the answer of change.")),
    request_body = ConfirmEmail,
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn confirm(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(change): PathId<ChallengeId>,
    Json(request): Json<ConfirmEmail>,
) -> Result<Answer<Done>, ApiError> {
    let parse = |text: &str| OneTimeCode::parse(text).map_err(|_| ProblemCode::BadRequest);
    let (code, old) = (parse(&request.code)?, request.old_code.as_deref().map(parse).transpose()?);
    match app.store().confirm_email_change(caller, change, code, old, Arc::clone(app.keys())).await? {
        Confirmed::Done => Ok(Answer(Done { epoch: app.epoch() })),
        Confirmed::Wrong { tries_left } => Err(ApiError::wrong_code(tries_left)),
        Confirmed::Ended => Err(ProblemCode::ChallengeEnded.into()),
    }
}
