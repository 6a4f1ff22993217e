//! `GET /v1/attachments/{attachment_id}`: one file, plain, whole or a range of it.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use portico_wire::ids::AttachmentId;
use portico_wire::problem::{Problem, ProblemCode};

use super::serve::serve;
use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// One file.
#[utoipa::path(get, path = "/v1/attachments/{attachment_id}",
    params(
        ("attachment_id" = AttachmentId, Path, description = "Of an entry that the caller may read."),
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
pub(crate) async fn get(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(attachment): PathId<AttachmentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = app.store().attachment(caller, attachment).await?.ok_or(ProblemCode::NotFound)?;
    serve(&app, file, &headers).await
}
