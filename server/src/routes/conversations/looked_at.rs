//! `PUT /v1/conversations/{id}/looked-at`: what was on screen. Idempotent; nobody else hears of it (R5).

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::{ConversationId, Epoch};
use portico_wire::limits::LOOKED_AT_RANGES_MAX;
use portico_wire::looked_at::{LookedAt, LookedAtState};
use portico_wire::problem::{Problem, ProblemCode};
use serde::Serialize;

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// The union of what the caller has looked at, on all devices, and the server's epoch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LookedAtAnswer {
    epoch: Epoch,
    #[serde(flatten)]
    state: LookedAtState,
}

/// Adds ranges to what the caller has looked at.
#[utoipa::path(put, path = "/v1/conversations/{id}/looked-at",
    params(("id" = ConversationId, Path, description = "The conversation.")),
    request_body = LookedAt,
    responses((status = 200, body = LookedAtAnswer), (status = "4XX", body = Problem)))]
pub(crate) async fn looked_at(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(conversation): PathId<ConversationId>,
    Json(looked): Json<LookedAt>,
) -> Result<Answer<LookedAtAnswer>, ApiError> {
    if looked.epoch != app.epoch() {
        return Err(ProblemCode::StaleEpoch.into());
    }
    let well_formed = looked.ranges.iter().all(|range| 1 <= range.from_seq && range.from_seq <= range.to_seq);
    if !well_formed || looked.ranges.len() > LOOKED_AT_RANGES_MAX {
        return Err(ProblemCode::BadRequest.into());
    }
    let state = app.store().look(caller, conversation, looked.ranges).await?;
    let state = state.ok_or(ProblemCode::NotFound)?;
    Ok(Answer(LookedAtAnswer { epoch: app.epoch(), state }))
}
