//! `GET /v1/approvals`: sign-ins of the caller on other devices that wait for a yes.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::factor::Approvals;
use portico_wire::problem::Problem;

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// Lists them, the oldest first. The number is not among it: whoever says yes reads it off the other device.
#[utoipa::path(get, path = "/v1/approvals",
    responses((status = 200, body = Approvals), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Signed(caller): Signed,
) -> Result<Answer<Approvals>, ApiError> {
    Ok(Answer(Approvals { approvals: app.store().approvals(caller, app.now_ms()).await? }))
}
