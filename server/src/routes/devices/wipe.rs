//! `POST /v1/devices/{id}/wipe`: everything of the caller's goes from one of their devices, at its next contact.

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

/// Signs the device out and marks it to be wiped (R55). `GET /v1/devices` says whether it has heard of it.
#[utoipa::path(post, path = "/v1/devices/{id}/wipe",
    params(("id" = DeviceId, Path, description = "One of the caller's devices.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn wipe(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(device): PathId<DeviceId>,
) -> Result<Answer<Done>, ApiError> {
    let keys = Arc::clone(app.keys());
    app.store().end_device(caller, device, Ending::Wiped, keys).await?.done()?;
    Ok(Answer(Done { epoch: app.epoch() }))
}

#[cfg(test)]
mod tests {
    use portico_wire::signin::{Devices, Nonce};

    use crate::testing::{Phone, World};

    // R55: a device that is wiped hears so when it refreshes under its own key, at once or after weeks; nobody else does.
    #[tokio::test]
    async fn device_is_wiped_from_another_and_told_at_its_next_contact() {
        let world = World::new().await;
        let (lost, phone) = (world.phone("amina").await, world.phone("amina").await);

        assert_eq!(phone.post(&format!("/v1/devices/{}/wipe", lost.device), &()).await.status, 200);

        let of_lost = async |phone: &Phone| {
            let listed: Devices = phone.get("/v1/devices").await.json();
            listed.devices.into_iter().find(|device| device.device_id == lost.device)
        };
        let pending = of_lost(&phone).await.unwrap();
        assert_eq!((pending.wiped_at_ms, pending.wipe_told_at_ms), (Some(world.app.now_ms()), None));
        assert_eq!(lost.get("/v1/snapshot").await.code(), "access_token_expired");
        let mut thief = Phone::new(&world);
        thief.device = lost.device;
        let nonce: Nonce = lost.nonce().await.json();
        assert_eq!(
            thief.refresh_with(&nonce).await.code(),
            "signature_invalid",
            "only the device itself hears it"
        );
        world.clock.advance_ms(20 * 24 * 60 * 60 * 1_000);
        let nonce: Nonce = lost.nonce().await.json();
        assert_eq!(lost.refresh_with(&nonce).await.code(), "device_wiped");
        let mut phone = phone;
        phone.refresh().await;
        assert_eq!(of_lost(&phone).await.unwrap().wipe_told_at_ms, Some(world.app.now_ms()));
        world.clock.advance_ms(11 * 24 * 60 * 60 * 1_000);
        phone.refresh().await;
        assert_eq!(of_lost(&phone).await, None, "the list forgets it");
    }

    // R55
    #[tokio::test]
    async fn phone_that_was_found_again_signs_in_anew() {
        let world = World::new().await;
        let (mut lost, phone) = (world.phone("amina").await, world.phone("amina").await);
        phone.post(&format!("/v1/devices/{}/wipe", lost.device), &()).await;

        lost.sign_in(&world, "amina@clients.example").await;
        lost.refresh().await;

        assert_eq!(lost.get("/v1/snapshot").await.status, 200);
    }

    #[tokio::test]
    async fn device_of_somebody_else_is_not_wiped() {
        let world = World::new().await;
        let (amina, kenji) = (world.phone("amina").await, world.phone("kenji").await);

        assert_eq!(kenji.post(&format!("/v1/devices/{}/wipe", amina.device), &()).await.code(), "not_found");
        assert_eq!(amina.get("/v1/snapshot").await.status, 200);
    }
}
