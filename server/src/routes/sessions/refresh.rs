//! `POST /v1/sessions/refresh`: a signature over a nonce gives a fresh access token. A lost answer costs nothing.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{Access, Refresh, refresh_bytes};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use crate::door::{FromAddress, Json};
use crate::error::ApiError;
use crate::routes::signin::answer::access;
use crate::state::App;

/// A nonce is good for this long: two slow round trips.
const NONCE_MS: i64 = 2 * 60 * 1000;

/// Refreshes. Each nonce works once, and none that is older than the last one spent.
#[utoipa::path(post, path = "/v1/sessions/refresh", request_body = Refresh,
    responses((status = 200, body = Access), (status = "4XX", body = Problem)))]
pub(crate) async fn refresh(
    State(app): State<App>,
    _: FromAddress,
    Json(request): Json<Refresh>,
) -> Result<Answer<Access>, ApiError> {
    let device = request.device_id;
    let row = app.store().refresh_row(device).await?.ok_or(ProblemCode::SessionEnded)?;
    let issued = app.keys().nonce_issued_at(device, &request.nonce.0).ok_or(ProblemCode::NonceStale)?;
    if app.now_ms().saturating_sub(issued) > NONCE_MS {
        return Err(ProblemCode::NonceStale.into());
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &row.public_key)
        .verify(&refresh_bytes(device, &request.nonce.0), &request.signature.0)
        .map_err(|_| ProblemCode::SignatureInvalid)?;
    let fresh = app.store().refresh(device, row.public_key, issued).await?.ok_or(ProblemCode::NonceStale)?;
    Ok(Answer(access(&fresh, app.now_ms(), app.epoch())))
}
