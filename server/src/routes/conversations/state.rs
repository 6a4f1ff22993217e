//! `PUT /v1/conversations/{id}/state`: archives, or undoes it.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::conversation::ConversationState;
use portico_wire::ids::ConversationId;
use portico_wire::message::Done;
use portico_wire::office::StateWanted;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::routes::done;
use crate::state::App;

/// In an archived one clients read on and can not post (R21).
#[utoipa::path(put, path = "/v1/conversations/{id}/state", request_body = StateWanted,
    params(("id" = ConversationId, Path, description = "The conversation.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn state(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(conversation): PathId<ConversationId>,
    Json(wanted): Json<StateWanted>,
) -> Result<Answer<Done>, ApiError> {
    let (firm, by) = (caller.firm_id, caller.person_id);
    match wanted.state {
        ConversationState::Archived => done(&app, app.store().archive(firm, conversation, by).await?),
        ConversationState::Open => done(&app, app.store().unarchive(firm, conversation, by).await?),
        ConversationState::Closed | ConversationState::Unknown => Err(ProblemCode::BadRequest.into()),
    }
}
