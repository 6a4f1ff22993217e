//! `POST /v1/sessions/nonce`: something to sign for a refresh. Nothing is stored for it.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::encoding::Base64;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{AskNonce, Nonce};

use crate::door::{FromAddress, Json};
use crate::error::ApiError;
use crate::state::App;

/// A nonce for one refresh of one device within two minutes.
#[utoipa::path(post, path = "/v1/sessions/nonce", request_body = AskNonce,
    responses((status = 200, body = Nonce), (status = "4XX", body = Problem)))]
pub(crate) async fn nonce(
    State(app): State<App>,
    _: FromAddress,
    Json(request): Json<AskNonce>,
) -> Result<Answer<Nonce>, ApiError> {
    let row = app.store().refresh_row(request.device_id).await?.ok_or(ProblemCode::SessionEnded)?;
    let issued_at_ms = app.nonce_time_ms(row.last_nonce_ms);
    Ok(Answer(Nonce { nonce: Base64(app.keys().nonce(request.device_id, issued_at_ms)) }))
}
