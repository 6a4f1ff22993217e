//! `DELETE /v1/uploads`: cancels. The bytes are dropped; the key stays unknown, so that it can be opened again.

use axum::extract::State;
use http::StatusCode;
use portico_wire::problem::{Problem, ProblemCode};

use super::capability::Capability;
use crate::error::ApiError;
use crate::state::App;

/// Cancels an upload that is not committed.
#[utoipa::path(delete, path = "/v1/uploads",
    params(("portico-upload" = String, Header, description = "The capability, base64url.")),
    responses((status = 204, description = "It is dropped."), (status = "4XX", body = Problem)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Capability(capability): Capability,
) -> Result<StatusCode, ApiError> {
    let Some(segment) = app.store().cancel_batch(capability).await? else {
        return Err(ProblemCode::UploadGone.into());
    };
    app.uploads().end(segment).await;
    Ok(StatusCode::NO_CONTENT)
}
