//! `PUT /v1/devices/{id}/push`: where, and sealed with what, this device is reached.

use axum::extract::State;
use http::StatusCode;
use portico_wire::ids::DeviceId;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::PushAddress;

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// Longest address: UnifiedPush endpoints are URLs, APNs and FCM tokens are shorter.
const PUSH_TOKEN_BYTES_MAX: usize = 4_096;

/// Keeps the push address of the calling device. Its key is sealed at rest.
#[utoipa::path(put, path = "/v1/devices/{id}/push",
    params(("id" = DeviceId, Path, description = "The calling device.")),
    request_body = PushAddress,
    responses((status = 204, description = "It is kept."), (status = "4XX", body = Problem)))]
pub(crate) async fn push(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(device): PathId<DeviceId>,
    Json(address): Json<PushAddress>,
) -> Result<StatusCode, ApiError> {
    if device != caller.device_id {
        return Err(ProblemCode::NotFound.into());
    }
    let token_fits = (1..=PUSH_TOKEN_BYTES_MAX).contains(&address.push_token.len());
    if !token_fits || address.push_key.0.len() != 32 {
        return Err(ProblemCode::BadRequest.into());
    }
    let sealed = app.keys().seal(app.ports(), device.as_bytes(), &address.push_key.0);
    let key_id = app.keys().server_id().to_owned();
    app.store().set_push_address(caller, address.push_token, sealed, key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
