//! `DELETE /v1/devices/{id}`: signs one of the caller's devices out: this one, or another after a step-up.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::DeviceId;
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::Ending;

/// Ends the device's tokens and pushes. Nothing on the phone is deleted by it.
#[utoipa::path(delete, path = "/v1/devices/{id}",
    params(("id" = DeviceId, Path, description = "One of the caller's devices.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn sign_out(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(device): PathId<DeviceId>,
) -> Result<Answer<Done>, ApiError> {
    let keys = Arc::clone(app.keys());
    app.store().end_device(caller, device, Ending::SignedOut, keys).await?.done()?;
    Ok(Answer(Done { epoch: app.epoch() }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    // R55
    #[tokio::test]
    async fn device_is_signed_out_from_another() {
        let world = World::new().await;
        let (phone, tablet) = (world.phone("amina").await, world.phone("amina").await);

        let answer = tablet.delete(&format!("/v1/devices/{}", phone.device)).await;

        assert_eq!(answer.status, 200);
        assert_eq!(phone.get("/v1/devices").await.code(), "session_ended");
        assert_eq!(phone.nonce().await.code(), "session_ended");
        let left: serde_json::Value = tablet.get("/v1/devices").await.json();
        assert_eq!(left["devices"].as_array().unwrap().len(), 1);
        assert_eq!(left["devices"][0]["this_device"], true);
    }

    #[tokio::test]
    async fn device_of_somebody_else_is_not_there() {
        let world = World::new().await;
        let (amina, kenji) = (world.phone("amina").await, world.phone("kenji").await);

        let answer = kenji.delete(&format!("/v1/devices/{}", amina.device)).await;

        assert_eq!(answer.code(), "not_found");
        assert_eq!(amina.get("/v1/devices").await.status, 200);
    }
}
