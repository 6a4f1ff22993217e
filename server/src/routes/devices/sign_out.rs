//! `DELETE /v1/devices/{id}`: signs one of the caller's devices out, this one or another.

use axum::extract::State;
use http::StatusCode;
use portico_wire::ids::DeviceId;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// Ends the device's tokens and pushes. Nothing on the phone is deleted by it.
#[utoipa::path(delete, path = "/v1/devices/{id}",
    params(("id" = DeviceId, Path, description = "One of the caller's devices.")),
    responses((status = 204, description = "It is signed out."), (status = "4XX", body = Problem)))]
pub(crate) async fn sign_out(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(device): PathId<DeviceId>,
) -> Result<StatusCode, ApiError> {
    if app.store().sign_out(caller, device).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ProblemCode::NotFound.into())
    }
}
