//! `GET /v1/conversations/{id}/readers`: who has read what, and when. For staff only (R5, R6).

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::ConversationId;
use portico_wire::office::Readers;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// Only what was on screen counts. For people from outside there is no such thing.
#[utoipa::path(get, path = "/v1/conversations/{id}/readers",
    params(("id" = ConversationId, Path, description = "The conversation.")),
    responses((status = 200, body = Readers), (status = "4XX", body = Problem)))]
pub(crate) async fn readers(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Answer<Readers>, ApiError> {
    let readers = app.store().readers(caller, conversation).await?.ok_or(ProblemCode::NotFound)?;
    Ok(Answer(Readers { epoch: app.epoch(), readers }))
}
