//! `HEAD /v1/uploads`: where an upload stands. Stops none.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::seal::SEALED_CHUNK_BYTES;
use portico_wire::upload::{LENGTH_HEADER, LIMIT_HEADER};

use super::capability::Capability;
use super::reply::{Complete, stand};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{Entitled, SendAnswer};

/// The offset that is durable, the whole length, and for how long what came is kept. Once the batch is refused the
/// answer is the refusal's.
#[utoipa::path(head, path = "/v1/uploads",
    params(("portico-upload" = String, Header, description = "The capability, base64url.")),
    responses((status = 204, headers(
        ("upload-offset" = u64, description = "Bytes that are durable."),
        ("upload-complete" = String, description = "`?1` once the batch is in the log, else `?0`."),
        ("upload-length" = u64, description = "Bytes of the whole representation."),
        ("upload-limit" = String, description = "`max-size` and `min-append-size` in bytes, `max-age` in seconds."))),
        (status = "4XX", body = Problem)))]
pub(crate) async fn head(
    State(app): State<App>,
    Capability(capability): Capability,
) -> Result<Response, ApiError> {
    let (offset, length, complete, expires_at_ms) =
        match app.store().entitled(capability, app.now_ms()).await? {
            None => return Err(ProblemCode::UploadGone.into()),
            Some(Entitled::Finished(_, SendAnswer::Refused(refusal))) => {
                return Err(ApiError::refused(&refusal, app.epoch()));
            }
            Some(Entitled::Finished(row, _)) => {
                (row.length_bytes, row.length_bytes, Complete::Yes, row.expires_at_ms)
            }
            Some(Entitled::Open(batch)) => {
                let offset = app.uploads().upload(&batch).offset().await;
                let offset = offset.map_err(|fault| ApiError::disk(&fault))?;
                (offset, batch.length_bytes(), Complete::No, batch.expires_at_ms())
            }
        };
    let left_s = (expires_at_ms - app.now_ms()).max(0) / 1000;
    // Only whole chunks count: a shorter part that is not the last would bring nothing, for ever.
    let limit = format!("max-size={length}, min-append-size={SEALED_CHUNK_BYTES}, max-age={left_s}");
    let mut response = stand(StatusCode::NO_CONTENT.into_response(), offset, complete);
    response.headers_mut().insert(HeaderName::from_static(LENGTH_HEADER), HeaderValue::from(length));
    if let Ok(limit) = HeaderValue::try_from(limit) {
        response.headers_mut().insert(HeaderName::from_static(LIMIT_HEADER), limit);
    }
    Ok(response)
}
