//! `POST /v1/step-up`: the caller proves themselves again, for five minutes on this device.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::factor::{FactorAnswer, SteppedUp, step_up_bytes};
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{Json, Signed};
use crate::error::ApiError;
use crate::keys::signed_by;
use crate::routes::sessions::refresh::issued_at;
use crate::state::App;
use crate::store::Proved;

/// Steps up by the device's presence key, a recovery code, or the code of an authenticator that was set up elsewhere. Signing
/// in does it too.
#[utoipa::path(post, path = "/v1/step-up", request_body = FactorAnswer,
    responses((status = 200, body = SteppedUp), (status = "4XX", body = Problem)))]
pub(crate) async fn step_up(
    State(app): State<App>,
    Signed(caller): Signed,
    Json(answer): Json<FactorAnswer>,
) -> Result<Answer<SteppedUp>, ApiError> {
    let FactorAnswer::Presence { nonce, signature } = answer else {
        let keys = Arc::clone(app.keys());
        let stepped = app.store().step_up(caller, answer, keys).await?.done()?;
        let until_ms = stepped.map_err(|why| ApiError::not_proved(why, None))?;
        return Ok(Answer(SteppedUp { until_ms }));
    };
    let device = caller.device_id;
    let issued = issued_at(&app, device, &nonce.0)?;
    let key = app.store().presence_key(device).await?;
    let key = key.ok_or_else(|| ApiError::not_proved(Proved::Wrong, None))?;
    signed_by(&key, &step_up_bytes(device, &nonce.0), &signature.0)?;
    let until_ms =
        app.store().step_up_in_person(caller, key, issued).await?.ok_or(ProblemCode::NonceStale)?;
    Ok(Answer(SteppedUp { until_ms }))
}
