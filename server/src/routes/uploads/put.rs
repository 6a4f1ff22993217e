//! `PUT /v1/uploads`: the whole representation from byte 0, as an uploader sends it that knows no offsets.

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::response::Response;
use portico_wire::message::Accepted;
use portico_wire::problem::Problem;

use super::capability::Capability;
use super::reply::reply;
use crate::error::ApiError;
use crate::state::App;
use crate::uploads::{Start, receive};

/// Takes the whole representation; what is there already is read and dropped, so sending it twice doubles nothing.
#[utoipa::path(put, path = "/v1/uploads",
    params(("portico-upload" = String, Header, description = "The capability, base64url.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Accepted, description = "Every byte has come: the batch is in the log."),
        (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn put(
    State(app): State<App>,
    Capability(capability): Capability,
    request: Request,
) -> Result<Response, ApiError> {
    let body = request.into_body();
    let start = Start::Whole(body.size_hint().exact());
    let received = receive(app.clone(), capability, start, body).await?;
    Ok(reply(&app, received))
}
