//! `GET /v1/attachments/{attachment_id}`: one file, plain, whole or a range of it.
//!
//! Holds: absent and denied are one answer (R17), and only then the verdict on the content is asked. Nothing of it runs in a browser (R38). Chunks are read and opened a
//! few at a time, off the threads that serve; a chunk that does not open breaks the connection, so a file that arrives
//! whole is the one that was sent.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use portico_wire::ids::AttachmentId;
use portico_wire::problem::{Problem, ProblemCode};
use tokio::task::spawn_blocking;

use super::disposition::{disposition, served_type};
use super::range::{Part, part};
use crate::blobs::SealedFile;
use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{AttachmentRow, Verdict};

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
    let row = app.store().attachment(caller, attachment).await?.ok_or(ProblemCode::NotFound)?;
    judged(&app, row.verdict)?;
    let tag = format!("\"{}\"", row.sha256);
    let size = row.size_bytes;
    let (status, from, until) = match part(&headers, &tag, size) {
        Part::NotModified => {
            return Ok(with_headers(StatusCode::NOT_MODIFIED.into_response(), [(ETAG, tag)]));
        }
        Part::Unsatisfiable => {
            let answer = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            return Ok(with_headers(answer, [(CONTENT_RANGE, format!("bytes */{size}"))]));
        }
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Range { from, until } => (StatusCode::PARTIAL_CONTENT, from, until),
    };
    let common = [
        (ETAG, tag),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CONTENT_TYPE, served_type(&row.media_type).to_owned()),
        (CONTENT_LENGTH, (until - from).to_string()),
        (CONTENT_DISPOSITION, disposition(&row.name)),
        (CONTENT_SECURITY_POLICY, "sandbox".to_owned()),
    ];
    let mut response = with_headers(body(&app, row, from, until).await?.into_response(), common);
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{size}", until - 1);
        response = with_headers(response, [(CONTENT_RANGE, range)]);
    }
    Ok(response)
}

/// Whether the content may go out. What was refused stays so when nobody scans any more.
fn judged(app: &App, verdict: Option<Verdict>) -> Result<(), ApiError> {
    match verdict {
        Some(Verdict::Clean) => Ok(()),
        Some(Verdict::Refused) => Err(ProblemCode::AttachmentRefused.into()),
        None if app.config().scan_command.is_some() => Err(ApiError::unscanned()),
        None => Ok(()),
    }
}

fn with_headers<const N: usize>(mut response: Response, headers: [(HeaderName, String); N]) -> Response {
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).expect("hashes, numbers, types and encoded names are ASCII");
        response.headers_mut().insert(name, value);
    }
    response
}

/// Bytes `from` up to and without `until`, read as the connection takes them.
async fn body(app: &App, row: AttachmentRow, from: u64, until: u64) -> Result<Body, ApiError> {
    if from == until {
        return Ok(Body::empty());
    }
    let (segments, attachment) = (app.uploads().segments().clone(), row.attachment_id);
    let opened = spawn_blocking(move || SealedFile::open(&segments, &row)).await;
    let file = opened.map_err(io::Error::other).flatten().map_err(|fault| ApiError::disk(&fault))?;
    let plain = file
        .stream(from, until)
        .inspect_err(move |fault| tracing::error!(%attachment, %fault, "a file is damaged"));
    Ok(Body::from_stream(plain))
}
