//! `POST /v1/approvals/{challenge}`: yes or no to a sign-in on another device.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::factor::DecideApproval;
use portico_wire::ids::ChallengeId;
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::Proved;

/// Says yes, after a step-up and by the number that the other device shows, or no. Another number is a no, and says so.
#[utoipa::path(post, path = "/v1/approvals/{challenge}", request_body = DecideApproval,
    params(("challenge" = ChallengeId, Path, description = "From the list.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn decide(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(challenge): PathId<ChallengeId>,
    Json(decision): Json<DecideApproval>,
) -> Result<Answer<Done>, ApiError> {
    if app.store().decide_approval(caller, challenge, decision.number).await?.done()? {
        Ok(Answer(Done { epoch: app.epoch() }))
    } else {
        Err(ApiError::not_proved(Proved::Wrong, Some(0)))
    }
}
