//! `GET /v1/limits`: the numbers the phone also enforces. Asks nobody who they are; a token that is good gets the
//! firm's own numbers.

use axum::Json;
use axum::extract::State;
use portico_wire::WIRE_VERSION;
use portico_wire::limits::{BODY_BYTES_MAX, Limits};
use portico_wire::upload::BatchLimits;

use crate::door::Known;
use crate::error::ApiError;
use crate::state::App;

/// The limits, the epoch, the clock.
#[utoipa::path(get, path = "/v1/limits", responses((status = 200, body = Limits)))]
pub(crate) async fn limits(State(app): State<App>, Known(caller): Known) -> Result<Json<Limits>, ApiError> {
    let batch = match caller {
        Some(caller) => app.store().limits(caller.firm_id).await?.batch(),
        None => BatchLimits::MOST,
    };
    Ok(Json(Limits {
        portico_wire: WIRE_VERSION,
        epoch: app.epoch(),
        server_time_ms: app.now_ms(),
        body_bytes_max: BODY_BYTES_MAX as u64,
        batch_files_max: batch.files_max,
        batch_bytes_max: batch.bytes_max,
        backed_up_through_ms: app.store().backed_up_through_ms().await?,
    }))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use portico_wire::encoding::Base64;
    use portico_wire::limits::Limits;

    use crate::store::{Change, FirmLimits};
    use crate::testing::{Pack, World, call};

    // R11, R12, R13: a firm may lower the limits; its people hear so, and its door holds them.
    #[tokio::test]
    async fn lowered_limits_are_told_and_held() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let lowered =
            FirmLimits { batch_files_max: Some(2), batch_bytes_max: Some(1_000), storage_bytes_max: None };
        assert_eq!(world.app.store().set_limits(world.firm.firm_id, lowered).await, Ok(Change::Made));

        let told: Limits = amina.get("/v1/limits").await.json();
        let strange =
            call(&amina.router, Method::GET, "/v1/limits", Some(&Base64(vec![1])), None::<&()>).await;
        let nobody = call(&amina.router, Method::GET, "/v1/limits", None, None::<&()>).await;

        assert_eq!((told.batch_files_max, told.batch_bytes_max), (2, 1_000));
        for general in [strange, nobody] {
            let general: Limits = general.json();
            assert_eq!((general.batch_files_max, general.batch_bytes_max), (130, 104_857_600));
        }
        let open = async |sizes: &[usize]| {
            let refused = amina.open(&Pack::of(&amina, &world, claim, sizes)).await;
            (refused.code(), refused.problem().limit.zip(refused.problem().measured))
        };
        assert_eq!(open(&[1, 1, 1]).await, ("batch_too_many_files!".to_owned(), Some((2, 3))));
        assert_eq!(open(&[1_000, 1]).await, ("batch_too_large!".to_owned(), Some((1_000, 1_001))));
        amina.carry(&Pack::of(&amina, &world, claim, &[999, 1])).await;
    }

    // R11, R12
    #[tokio::test]
    async fn limits_of_the_product_are_not_raised() {
        let world = World::new().await;
        let raised = FirmLimits { batch_files_max: Some(131), ..FirmLimits::default() };

        let refused = world.app.store().set_limits(world.firm.firm_id, raised).await;

        assert_eq!(refused, Ok(Change::NotAllowed));
        assert_eq!(world.app.store().limits(world.firm.firm_id).await, Ok(FirmLimits::default()));
    }

    // R13: what is stored and what is on its way count together, once each.
    #[tokio::test]
    async fn full_firm_refuses_with_numbers_for_good() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let limits = |bytes| FirmLimits { storage_bytes_max: Some(bytes), ..FirmLimits::default() };
        let firm = world.firm.firm_id;
        world.app.store().set_limits(firm, limits(1_000)).await.unwrap();
        amina.carry(&Pack::of(&amina, &world, claim, &[300, 100])).await;
        let open = Pack::of(&amina, &world, claim, &[500]);
        amina.opened(&amina.open(&open).await);
        amina.opened(&amina.open(&open).await);

        let over = Pack::of(&amina, &world, claim, &[101]);
        let refused = amina.open(&over).await;
        amina.opened(&amina.open(&Pack::of(&amina, &world, claim, &[100])).await);

        assert_eq!((refused.code().as_str(), refused.status.as_u16()), ("quota_exceeded!", 413));
        assert_eq!((refused.problem().limit, refused.problem().measured), (Some(1_000), Some(1_001)));
        world.app.store().set_limits(firm, limits(10_000)).await.unwrap();
        assert_eq!(amina.open(&over).await.code(), "quota_exceeded!");
        amina.carry(&open).await;
    }
}
