//! `POST /v1/sessions/refresh`: a signature over a nonce gives a fresh access token. A lost answer costs nothing.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::DeviceId;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{Access, Refresh, refresh_bytes};

use crate::door::{FromAddress, Json};
use crate::error::ApiError;
use crate::keys::signed_by;
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
    let issued = issued_at(&app, device, &request.nonce.0)?;
    signed_by(&row.public_key, &refresh_bytes(device, &request.nonce.0), &request.signature.0)?;
    if row.wiped {
        app.store().wipe_told(device).await?;
        return Err(ProblemCode::DeviceWiped.into());
    }
    let fresh = app.store().refresh(device, row.public_key, issued).await?.ok_or(ProblemCode::NonceStale)?;
    Ok(Answer(access(&fresh, app.now_ms(), app.epoch())))
}

/// When the nonce was issued to `device`, not long ago.
pub(crate) fn issued_at(app: &App, device: DeviceId, nonce: &[u8]) -> Result<i64, ApiError> {
    let issued = app.keys().nonce_issued_at(device, nonce).ok_or(ProblemCode::NonceStale)?;
    if app.now_ms().saturating_sub(issued) > NONCE_MS {
        return Err(ProblemCode::NonceStale.into());
    }
    Ok(issued)
}

#[cfg(test)]
mod tests {
    use portico_wire::signin::Nonce;

    use super::*;
    use crate::testing::{Phone, World};

    // R42
    #[tokio::test]
    async fn token_is_over_after_ten_minutes_and_a_refresh_goes_on() {
        let world = World::new().await;
        let mut amina = world.phone("amina").await;
        world.clock.advance_ms(10 * 60 * 1000);
        assert_eq!(amina.get("/v1/devices").await.code(), "access_token_expired");

        amina.refresh().await;

        assert_eq!(amina.get("/v1/devices").await.status, 200);
    }

    #[tokio::test]
    async fn each_nonce_works_once_and_never_after_a_newer_one() {
        let world = World::new().await;
        let amina = world.phone("amina").await;
        let older: Nonce = amina.nonce().await.json();
        let newer: Nonce = amina.nonce().await.json();
        assert_ne!(older, newer, "issued in one millisecond, and yet two");

        amina.refresh_with(&newer).await.json::<Access>();

        assert_eq!(amina.refresh_with(&newer).await.code(), "nonce_stale");
        assert_eq!(amina.refresh_with(&older).await.code(), "nonce_stale");
        let next: Nonce = amina.nonce().await.json();
        amina.refresh_with(&next).await.json::<Access>();
    }

    #[tokio::test]
    async fn old_foreign_and_forged_nonces_are_stale() {
        let world = World::new().await;
        let (amina, kenji) = (world.phone("amina").await, world.phone("kenji").await);
        let foreign: Nonce = kenji.nonce().await.json();
        let old: Nonce = amina.nonce().await.json();
        world.clock.advance_ms(NONCE_MS + 1_000);
        let mut forged: Nonce = amina.nonce().await.json();
        forged.nonce.0[7] ^= 1;

        for nonce in [foreign, old, forged, Nonce { nonce: portico_wire::encoding::Base64(vec![1; 4]) }] {
            assert_eq!(amina.refresh_with(&nonce).await.code(), "nonce_stale");
        }
    }

    #[tokio::test]
    async fn signature_of_another_key_refreshes_nothing() {
        let world = World::new().await;
        let (amina, mut thief) = (world.phone("amina").await, Phone::new(&world));
        thief.device = amina.device;
        let nonce: Nonce = amina.nonce().await.json();

        assert_eq!(thief.refresh_with(&nonce).await.code(), "signature_invalid");
        amina.refresh_with(&nonce).await.json::<Access>();
    }
}
