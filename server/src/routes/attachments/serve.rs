//! A file as an answer: plain, whole or a range of it.
//!
//! Holds: absent and denied are one answer (R17), and only then the verdict on the content is asked. Nothing of it runs in
//! a browser (R38). Chunks are read and opened a few at a time, off the threads that serve; a chunk that does not open
//! breaks the connection, so a file that arrives whole is the one that was sent.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use portico_wire::problem::ProblemCode;
use tokio::task::spawn_blocking;

use super::disposition::{disposition, served_type};
use super::range::{Part, part};
use crate::blobs::SealedFile;
use crate::error::ApiError;
use crate::state::App;
use crate::store::{Content, NamedFile, Verdict};

/// Answers with `file`, as far as the request wants it.
///
/// # Errors
/// `attachment_refused` and `503` by the verdict; those of the disk.
pub(crate) async fn serve(app: &App, file: NamedFile, headers: &HeaderMap) -> Result<Response, ApiError> {
    let NamedFile { name, content } = file;
    judged(app, content.verdict)?;
    let tag = format!("\"{}\"", content.sha256);
    let size = content.size_bytes;
    let (status, from, until) = match part(headers, &tag, size) {
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
        (CONTENT_TYPE, served_type(&content.media_type).to_owned()),
        (CONTENT_LENGTH, (until - from).to_string()),
        (CONTENT_DISPOSITION, disposition(&name)),
        (CONTENT_SECURITY_POLICY, "sandbox".to_owned()),
    ];
    let mut response = with_headers(body(app, content, from, until).await?.into_response(), common);
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
async fn body(app: &App, content: Content, from: u64, until: u64) -> Result<Body, ApiError> {
    if from == until {
        return Ok(Body::empty());
    }
    let (segments, id) = (app.uploads().segments().clone(), content.content_id);
    let opened = spawn_blocking(move || SealedFile::open(&segments, &content)).await;
    let file = opened.map_err(io::Error::other).flatten().map_err(|fault| ApiError::disk(&fault))?;
    let plain = file
        .stream(from, until)
        .inspect_err(move |fault| tracing::error!(content = %id, %fault, "a file is damaged"));
    Ok(Body::from_stream(plain))
}
