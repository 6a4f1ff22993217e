//! `GET /v1/snapshot?epoch=E`: everything a phone begins from, read in one transaction.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::Epoch;
use portico_wire::problem::Problem;
use portico_wire::sync::Snapshot;
use serde::Deserialize;

use crate::door::{Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    epoch: Option<Epoch>,
}

/// Conversations with their newest entries, and where sync goes on.
#[utoipa::path(get, path = "/v1/snapshot",
    params(("epoch" = Option<Epoch>, Query, description = "The epoch the phone comes from.")),
    responses((status = 200, body = Snapshot), (status = "4XX", body = Problem)))]
pub(crate) async fn snapshot(
    State(app): State<App>,
    Signed(caller): Signed,
    Query(asked): Query<Asked>,
) -> Result<Json<Snapshot>, ApiError> {
    Ok(Json(app.store().snapshot(caller, asked.epoch, app.now_ms()).await?))
}
