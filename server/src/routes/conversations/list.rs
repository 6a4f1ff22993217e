//! `GET /v1/conversations?before=ID&limit`: what the caller may know of, in it or not (R15).

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::ConversationId;
use portico_wire::limits::PAGE_ITEMS_MAX;
use portico_wire::office::Conversations;
use portico_wire::problem::Problem;
use serde::Deserialize;

use crate::door::{Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    before: Option<ConversationId>,
    limit: Option<u32>,
}

/// Heads, the newest begun first.
#[utoipa::path(get, path = "/v1/conversations",
    params(
        ("before" = Option<ConversationId>, Query, description = "Begun before this one; absent: the newest."),
        ("limit" = Option<u32>, Query, description = "Most conversations; at most 500."),
    ),
    responses((status = 200, body = Conversations), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Signed(caller): Signed,
    Query(asked): Query<Asked>,
) -> Result<Answer<Conversations>, ApiError> {
    let limit = asked.limit.unwrap_or(PAGE_ITEMS_MAX).clamp(1, PAGE_ITEMS_MAX);
    let (conversations, more) = app.store().conversations(caller, asked.before, limit).await?;
    Ok(Answer(Conversations { epoch: app.epoch(), conversations, more }))
}
