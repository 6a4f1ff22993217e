//! `GET /v1/conversations/{id}/entries?before=SEQ&limit`: older entries, as far as the caller may read.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::ConversationId;
use portico_wire::limits::{PAGE_ITEMS_MAX, SNAPSHOT_ENTRIES};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::sync::HistoryPage;
use serde::Deserialize;

use crate::door::{PathId, Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    before: Option<u64>,
    limit: Option<u32>,
}

/// Entries below `before`, ascending without a gap. What may not be known of is answered like what is not there.
#[utoipa::path(get, path = "/v1/conversations/{id}/entries",
    params(
        ("id" = ConversationId, Path, description = "The conversation."),
        ("before" = Option<u64>, Query, description = "Below this entry; absent: the newest."),
        ("limit" = Option<u32>, Query, description = "Most entries; at most 500."),
    ),
    responses((status = 200, body = HistoryPage), (status = "4XX", body = Problem)))]
pub(crate) async fn entries(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(conversation): PathId<ConversationId>,
    Query(asked): Query<Asked>,
) -> Result<Json<HistoryPage>, ApiError> {
    let limit = asked.limit.unwrap_or(SNAPSHOT_ENTRIES).clamp(1, PAGE_ITEMS_MAX);
    let page = app.store().history(caller, conversation, asked.before, limit).await?;
    page.map(Json).ok_or_else(|| ProblemCode::NotFound.into())
}
