//! `PUT` and `DELETE /v1/conversations/{id}/participants/{person}`: coming and going.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::{ConversationId, PersonId};
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{PathIds, Signed};
use crate::error::ApiError;
use crate::routes::done;
use crate::state::App;

/// Adds somebody, or the caller themself: posting needs joining first, and the log records it (R15).
#[utoipa::path(put, path = "/v1/conversations/{id}/participants/{person}",
    params(
        ("id" = ConversationId, Path, description = "The conversation."),
        ("person" = PersonId, Path, description = "Who joins."),
    ),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn add(
    State(app): State<App>,
    Signed(caller): Signed,
    PathIds(conversation, person): PathIds<ConversationId, PersonId>,
) -> Result<Answer<Done>, ApiError> {
    let (firm, by) = (caller.firm_id, caller.person_id);
    done(&app, app.store().add_participant(firm, conversation, person, by).await?)
}

/// Ends a stay. When the last client of an external conversation leaves, it closes (R20).
#[utoipa::path(delete, path = "/v1/conversations/{id}/participants/{person}",
    params(
        ("id" = ConversationId, Path, description = "The conversation."),
        ("person" = PersonId, Path, description = "Who leaves."),
    ),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn remove(
    State(app): State<App>,
    Signed(caller): Signed,
    PathIds(conversation, person): PathIds<ConversationId, PersonId>,
) -> Result<Answer<Done>, ApiError> {
    let (firm, by) = (caller.firm_id, caller.person_id);
    done(&app, app.store().remove_participant(firm, conversation, person, by).await?)
}
