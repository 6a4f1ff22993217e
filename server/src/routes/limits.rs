//! `GET /v1/limits`: the numbers the phone also enforces. Asks nobody who they are.

use axum::Json;
use axum::extract::State;
use portico_wire::WIRE_VERSION;
use portico_wire::limits::{BATCH_BYTES_MAX, BATCH_FILES_MAX, BODY_BYTES_MAX, Limits};

use crate::error::ApiError;
use crate::state::App;

/// The limits, the epoch, the clock.
#[utoipa::path(get, path = "/v1/limits", responses((status = 200, body = Limits)))]
pub(crate) async fn limits(State(app): State<App>) -> Result<Json<Limits>, ApiError> {
    Ok(Json(Limits {
        portico_wire: WIRE_VERSION,
        epoch: app.epoch(),
        server_time_ms: app.now_ms(),
        body_bytes_max: BODY_BYTES_MAX as u64,
        batch_files_max: BATCH_FILES_MAX,
        batch_bytes_max: BATCH_BYTES_MAX,
        backed_up_through_ms: app.store().backed_up_through_ms().await?,
    }))
}
