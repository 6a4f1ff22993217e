//! `GET /v1/search?q&before=ID&limit`: messages that match, in whatever the caller may read (R15).

use axum::Json;
use axum::extract::State;
use portico_wire::ids::EntryId;
use portico_wire::limits::{PAGE_ITEMS_MAX, SNAPSHOT_ENTRIES};
use portico_wire::problem::Problem;
use portico_wire::search::{Query as Sought, SearchAnswer};
use serde::Deserialize;

use crate::door::{Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Deserialize)]
pub(crate) struct Asked {
    q: String,
    before: Option<EntryId>,
    limit: Option<u32>,
}

/// Messages, newest first. A query of nothing finds nothing. What may not be known of leaves no trace: no hit, no place
/// to go on from, and there is no count.
#[utoipa::path(get, path = "/v1/search",
    params(
        ("q" = String, Query, description = "Words, \"phrases\", from:NAME, has:attachment, before:YYYY-MM-DD, \
            after:YYYY-MM-DD. The last word also matches longer ones."),
        ("before" = Option<EntryId>, Query, description = "Older than this message: `next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Most messages; at most 500, and 50 where absent."),
    ),
    responses((status = 200, body = SearchAnswer), (status = "4XX", body = Problem)))]
pub(crate) async fn search(
    State(app): State<App>,
    Signed(caller): Signed,
    Query(asked): Query<Asked>,
) -> Result<Json<SearchAnswer>, ApiError> {
    let epoch = app.epoch();
    let Some(sought) = Sought::parse(&asked.q) else {
        return Ok(Json(SearchAnswer { epoch, hits: Vec::new(), next: None }));
    };
    let limit = asked.limit.unwrap_or(SNAPSHOT_ENTRIES).clamp(1, PAGE_ITEMS_MAX);
    let page = app.store().search(caller, sought, asked.before, limit as usize).await?;
    Ok(Json(SearchAnswer { epoch, hits: page.hits, next: page.next }))
}
