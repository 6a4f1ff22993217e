//! `GET /v1/devices`: where the caller is signed in.

use axum::Json;
use axum::extract::State;
use portico_wire::problem::Problem;
use portico_wire::signin::{Devices, SignedInDevice};

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// The caller's devices at this firm, the newest first; those that were wiped within 30 days among them.
#[utoipa::path(get, path = "/v1/devices", responses((status = 200, body = Devices), (status = "4XX", body = Problem)))]
pub(crate) async fn list(State(app): State<App>, Signed(caller): Signed) -> Result<Json<Devices>, ApiError> {
    let rows = app.store().devices(caller, app.now_ms()).await?;
    let devices = rows.into_iter().map(|row| SignedInDevice {
        device_id: row.device_id,
        name: row.name,
        signed_in_at_ms: row.signed_in_at_ms,
        this_device: row.device_id == caller.device_id,
        wiped_at_ms: row.wiped_at_ms,
        wipe_told_at_ms: row.wipe_told_at_ms,
    });
    Ok(Json(Devices { devices: devices.collect() }))
}
