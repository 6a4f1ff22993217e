//! `GET /v1/conversations/{id}`: one conversation as the caller may see it.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::conversation::ConversationHead;
use portico_wire::ids::ConversationId;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What may not be known of is answered like what is not there (R17).
#[utoipa::path(get, path = "/v1/conversations/{id}",
    params(("id" = ConversationId, Path, description = "The conversation.")),
    responses((status = 200, body = ConversationHead), (status = "4XX", body = Problem)))]
pub(crate) async fn head(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(conversation): PathId<ConversationId>,
) -> Result<Answer<ConversationHead>, ApiError> {
    let head = app.store().conversation(caller, conversation).await?;
    Ok(Answer(head.ok_or(ProblemCode::NotFound)?))
}
