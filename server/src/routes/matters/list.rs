//! `GET /v1/matters`: those that the caller may know of.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::office::Matters;
use portico_wire::problem::Problem;

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// The newest first. People from outside may know of none.
#[utoipa::path(get, path = "/v1/matters",
    responses((status = 200, body = Matters), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Signed(caller): Signed,
) -> Result<Answer<Matters>, ApiError> {
    Ok(Answer(Matters { epoch: app.epoch(), matters: app.store().matters(caller).await? }))
}
