//! `GET /v1/devices`: where the caller is signed in.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::DeviceId;
use portico_wire::problem::Problem;
use serde::Serialize;

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// The caller's devices.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Devices {
    devices: Vec<SignedInDevice>,
}

/// One of them.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct SignedInDevice {
    device_id: DeviceId,
    /// What its owner calls it.
    name: String,
    /// UTC milliseconds.
    signed_in_at_ms: i64,
    /// Whether it is the one that asks.
    this_device: bool,
}

/// The caller's signed-in devices, the newest first.
#[utoipa::path(get, path = "/v1/devices", responses((status = 200, body = Devices), (status = "4XX", body = Problem)))]
pub(crate) async fn list(State(app): State<App>, Signed(caller): Signed) -> Result<Json<Devices>, ApiError> {
    let rows = app.store().devices(caller).await?;
    let devices = rows.into_iter().map(|row| SignedInDevice {
        device_id: row.device_id,
        name: row.name,
        signed_in_at_ms: row.signed_in_at_ms,
        this_device: row.device_id == caller.device_id,
    });
    Ok(Json(Devices { devices: devices.collect() }))
}
