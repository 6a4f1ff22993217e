//! `GET /v1/factors`: what proves the caller at this firm.

use axum::Json;
use axum::extract::State;
use portico_wire::factor::FactorsHeld;
use portico_wire::problem::Problem;

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// The caller's factors; no secret is among them.
#[utoipa::path(get, path = "/v1/factors",
    responses((status = 200, body = FactorsHeld), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Signed(caller): Signed,
) -> Result<Json<FactorsHeld>, ApiError> {
    Ok(Json(app.store().factors(caller).await?))
}
