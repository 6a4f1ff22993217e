//! `GET /healthz` and `GET /readyz`: whether the process answers, and whether the store does.

use axum::extract::State;

use crate::error::ApiError;
use crate::state::App;

/// The process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers too.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = String)))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<&'static str, ApiError> {
    app.store().has_firms().await?;
    Ok("ready\n")
}
