//! `GET /v1/matters/{id}/documents?before=ID&limit`: the documents of a matter.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::document::Documents;
use portico_wire::ids::{DocumentId, MatterId};
use portico_wire::limits::PAGE_ITEMS_MAX;
use portico_wire::problem::{Problem, ProblemCode};
use serde::Deserialize;

use crate::door::{PathId, Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    before: Option<DocumentId>,
    limit: Option<u32>,
}

/// The newest first.
#[utoipa::path(get, path = "/v1/matters/{id}/documents",
    params(
        ("id" = MatterId, Path, description = "A matter that the caller may know of."),
        ("before" = Option<DocumentId>, Query, description = "Added before this one; absent: the newest."),
        ("limit" = Option<u32>, Query, description = "Most documents; at most 500."),
    ),
    responses((status = 200, body = Documents), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(matter): PathId<MatterId>,
    Query(asked): Query<Asked>,
) -> Result<Answer<Documents>, ApiError> {
    let limit = asked.limit.unwrap_or(PAGE_ITEMS_MAX).clamp(1, PAGE_ITEMS_MAX);
    let found = app.store().documents(caller, matter, asked.before, limit).await?;
    let (documents, more) = found.ok_or(ProblemCode::NotFound)?;
    Ok(Answer(Documents { epoch: app.epoch(), documents, more }))
}
