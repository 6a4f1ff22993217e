//! `POST /v1/factors/totp`, `POST /v1/factors/totp/confirm`, `DELETE /v1/factors/totp`: an authenticator app comes and goes.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::factor::{ConfirmTotp, TotpSetUp};
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{Json, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::Proved;

/// The secret for a new app, after a step-up. The same for an hour; the app before stays good until the new one's first code.
#[utoipa::path(post, path = "/v1/factors/totp",
    responses((status = 200, body = TotpSetUp), (status = "4XX", body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Signed(caller): Signed,
) -> Result<Answer<TotpSetUp>, ApiError> {
    let shown = app.store().show_totp(caller, Arc::clone(app.keys())).await?;
    Ok(Answer(shown.done()?))
}

/// Takes the new app in place of the one before, by its first code.
#[utoipa::path(post, path = "/v1/factors/totp/confirm", request_body = ConfirmTotp,
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn confirm(
    State(app): State<App>,
    Signed(caller): Signed,
    Json(confirm): Json<ConfirmTotp>,
) -> Result<Answer<Done>, ApiError> {
    let confirmed = app.store().confirm_totp(caller, confirm.code, Arc::clone(app.keys())).await?;
    match confirmed.done()? {
        Proved::Right => Ok(Answer(Done { epoch: app.epoch() })),
        why => Err(ApiError::not_proved(why, None)),
    }
}

/// Takes the app away, after a step-up and where the firm does not ask for one.
#[utoipa::path(delete, path = "/v1/factors/totp",
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn remove(State(app): State<App>, Signed(caller): Signed) -> Result<Answer<Done>, ApiError> {
    app.store().remove_totp(caller, Arc::clone(app.keys())).await?.done()?;
    Ok(Answer(Done { epoch: app.epoch() }))
}
