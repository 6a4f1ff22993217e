//! `PATCH /v1/uploads`: bytes from the durable offset on. The answer to the last one is the commit.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use portico_wire::message::Accepted;
use portico_wire::problem::Problem;
use portico_wire::upload::{COMPLETE_HEADER, OFFSET_HEADER, PARTIAL_UPLOAD_MEDIA_TYPE};

use super::capability::{Capability, header};
use super::reply::reply;
use crate::error::ApiError;
use crate::state::App;
use crate::uploads::{Start, receive, turn_away};

/// Appends. A body of no bytes asks for the commit, or where the upload stands.
#[utoipa::path(patch, path = "/v1/uploads",
    params(
        ("portico-upload" = String, Header, description = "The capability, base64url."),
        ("upload-offset" = u64, Header, description = "The durable offset."),
        ("upload-complete" = String, Header, description = "`?1` if the representation ends with this body, else `?0`."),
    ),
    request_body(content = Vec<u8>, content_type = "application/partial-upload"),
    responses(
        (status = 200, body = Accepted, description = "Every byte has come: the batch is in the log."),
        (status = 204, description = "More bytes are wanted; `upload-offset` says from where."),
        (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn patch(
    State(app): State<App>,
    Capability(capability): Capability,
    request: Request,
) -> Result<Response, ApiError> {
    let start = start(request.headers());
    let body: Body = request.into_body();
    let Some(start) = start else { return Err(turn_away(app, body)) };
    let received = receive(app.clone(), capability, start, body).await?;
    Ok(reply(&app, received))
}

fn start(headers: &HeaderMap) -> Option<Start> {
    let media_type = header(headers, CONTENT_TYPE.as_str())?.split(';').next()?.trim();
    let complete = header(headers, COMPLETE_HEADER)?.trim();
    let fits = media_type.eq_ignore_ascii_case(PARTIAL_UPLOAD_MEDIA_TYPE) && matches!(complete, "?0" | "?1");
    let offset = header(headers, OFFSET_HEADER)?.trim().parse().ok()?;
    fits.then_some(Start::Offset(offset))
}
