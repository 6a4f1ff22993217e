//! `PUT /v1/devices/{id}/push`: where, and sealed with what, this device is reached.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::DeviceId;
use portico_wire::limits::PUSH_TOKEN_BYTES_MAX;
use portico_wire::message::Done;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::PushAddress;

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// Keeps the push address of the calling device. Its key is sealed at rest.
#[utoipa::path(put, path = "/v1/devices/{id}/push",
    params(("id" = DeviceId, Path, description = "The calling device.")),
    request_body = PushAddress,
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn push(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(device): PathId<DeviceId>,
    Json(address): Json<PushAddress>,
) -> Result<Answer<Done>, ApiError> {
    if device != caller.device_id {
        return Err(ProblemCode::NotFound.into());
    }
    let token_fits = (1..=PUSH_TOKEN_BYTES_MAX).contains(&address.push_token.len());
    if !token_fits || address.push_key.0.len() != 32 {
        return Err(ProblemCode::BadRequest.into());
    }
    let sealed = app.keys().seal(app.ports(), device.as_bytes(), &address.push_key.0);
    let key_id = app.keys().server_id().to_owned();
    app.store().set_push_address(caller, address.push_token, sealed, key_id).await?;
    Ok(Answer(Done { epoch: app.epoch() }))
}

#[cfg(test)]
mod tests {
    use portico_wire::encoding::Base64;
    use portico_wire::push::{PushPayload, open};

    use super::*;
    use crate::testing::{Phone, World};

    const KEY: [u8; 32] = [9; 32];

    async fn register(phone: &Phone) {
        let address = PushAddress { push_token: "t".to_owned(), push_key: Base64(KEY.to_vec()) };
        let kept = phone.put(&format!("/v1/devices/{}/push", phone.device), &address).await;
        assert_eq!(kept.status, 200);
    }

    fn carried(world: &World, phone: &Phone) -> Vec<Vec<u8>> {
        let folder = world.config().push().join(phone.device.to_string());
        let files = std::fs::read_dir(folder).into_iter().flatten();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    // R53
    #[tokio::test]
    async fn message_is_pushed_sealed_to_the_devices_of_others() {
        let world = World::new().await;
        let (amina, mara, claim) =
            (world.phone("amina").await, world.phone("mara").await, world.conversation("claim"));
        register(&amina).await;
        register(&mara).await;

        let sent = mara.send(&world, claim, "meet at noon").await;
        assert_eq!(world.app.run_jobs_once().await.unwrap().pushes, 1);

        assert_eq!(carried(&world, &mara).len(), 0);
        let [json] = carried(&world, &amina).try_into().unwrap();
        let payload: PushPayload = serde_json::from_slice(&json).unwrap();
        let content = open(&KEY, amina.device, &payload.portico.0).unwrap();
        assert_eq!((content.entry_id, content.text.as_str()), (sent.entry.entry_id, "meet at noon"));
        assert_eq!((content.seq, content.log_seq), (sent.entry.seq, amina.snapshot().await.next_seq));
        assert_eq!(world.app.run_jobs_once().await.unwrap().pushes, 0);
    }

    // R17, R41: access is asked again before anything is carried.
    #[tokio::test]
    async fn push_is_dropped_where_access_was_lost_meanwhile() {
        let world = World::new().await;
        let (mara, jonas, direct) =
            (world.phone("mara").await, world.phone("jonas").await, world.conversation("direct"));
        let [mara_id, jonas_id] = ["mara", "jonas"].map(|short| world.firm.people[short].person_id);
        register(&jonas).await;
        mara.send(&world, direct, "secret").await;

        world.app.store().remove_participant(world.firm.firm_id, direct, jonas_id, mara_id).await.unwrap();

        assert_eq!(world.app.run_jobs_once().await.unwrap().pushes, 0);
        assert_eq!(carried(&world, &jonas).len(), 0);
    }

    #[tokio::test]
    async fn malformed_addresses_and_foreign_devices_are_refused() {
        let world = World::new().await;
        let (amina, tablet) = (world.phone("amina").await, world.phone("amina").await);
        let put = async |device: DeviceId, token: &str, key: usize| {
            let address = PushAddress { push_token: token.to_owned(), push_key: Base64(vec![1; key]) };
            amina.put(&format!("/v1/devices/{device}/push"), &address).await.code()
        };

        assert_eq!(put(amina.device, "", 32).await, "bad_request");
        assert_eq!(put(amina.device, "t", 31).await, "bad_request");
        assert_eq!(put(tablet.device, "t", 32).await, "not_found");
    }
}
