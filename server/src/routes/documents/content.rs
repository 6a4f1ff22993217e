//! `GET /v1/documents/{id}/content?version`: the bytes of a document, whole or a range of them.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use portico_wire::ids::DocumentId;
use portico_wire::problem::{Problem, ProblemCode};
use serde::Deserialize;

use crate::door::{PathId, Query, Signed};
use crate::error::ApiError;
use crate::routes::attachments::serve::serve;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    version: Option<u32>,
}

/// One version, as a file.
#[utoipa::path(get, path = "/v1/documents/{id}/content",
    params(
        ("id" = DocumentId, Path, description = "A document of a matter that the caller may know of."),
        ("version" = Option<u32>, Query, description = "Which version, from 1; absent: the newest."),
        ("range" = Option<String>, Header, description = "One range of bytes."),
        ("if-range" = Option<String>, Header, description = "The `etag` that the range is of."),
        ("if-none-match" = Option<String>, Header, description = "The `etag` of what the caller has."),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it."),
        (status = 416, description = "Nothing lies there."),
        (status = 503, body = Problem, description = "The firm's scan has not seen it yet."),
        (status = "4XX", body = Problem)))]
pub(crate) async fn content(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(document): PathId<DocumentId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = app.store().document_file(caller, document, asked.version).await?;
    serve(&app, file.ok_or(ProblemCode::NotFound)?, &headers).await
}
