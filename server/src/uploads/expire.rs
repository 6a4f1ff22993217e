//! Forgets batches whose bytes stopped coming, and capabilities whose answer nobody asks for any more.

use crate::state::App;
use crate::store::StoreError;

/// Drops what is over: the row first, then the segment. How many batches. One that a request appends to at this moment
/// is left for later.
///
/// # Errors
/// A [`StoreError`]; what is over is dropped the next time.
pub(crate) async fn drop_expired(app: &App) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for segment in app.store().expired_batches(app.now_ms()).await? {
        if !app.uploads().is_appended(segment) && app.store().expire_batch(segment).await? {
            app.uploads().end(segment).await;
            dropped += 1;
        }
    }
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use portico_wire::limits::BATCH_KEPT_MS;
    use portico_wire::upload::BatchStanding;

    use crate::testing::{Pack, World};

    // R52: seven days from the last bytes, not from the first.
    #[tokio::test]
    async fn batch_is_forgotten_when_its_bytes_stop_coming() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let pack = Pack::of(&amina, &world, claim, &[200_000]);
        let opened = amina.opened(&amina.open(&pack).await);
        world.clock.advance_ms(BATCH_KEPT_MS - 1);
        assert_eq!(world.app.run_jobs_once().await.unwrap().batches_expired, 0);
        amina.patch(&opened.capability, 0, pack.bytes[..65_552].to_vec()).await;
        world.clock.advance_ms(BATCH_KEPT_MS - 1);
        assert_eq!(world.app.run_jobs_once().await.unwrap().batches_expired, 0);
        assert_eq!(
            amina.head(&opened.capability).await.headers["upload-limit"],
            format!("max-size={}, min-append-size=65552, max-age=0", pack.len())
        );

        world.clock.advance_ms(1);

        assert_eq!(amina.head(&opened.capability).await.status, 410);
        assert_eq!(world.app.run_jobs_once().await.unwrap().batches_expired, 1);
        assert_eq!(world.segments(), 0);
        let amina = world.phone("amina").await;
        assert!(matches!(amina.standing(pack.key).await, BatchStanding::Unknown { .. }));
        amina.carry(&pack).await;
    }

    #[tokio::test]
    async fn answer_is_given_again_for_seven_days() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let pack = Pack::of(&amina, &world, claim, &[10]);
        let opened = amina.opened(&amina.open(&pack).await);
        amina.patch(&opened.capability, 0, pack.bytes.clone()).await;
        world.clock.advance_ms(BATCH_KEPT_MS - 1);
        world.app.run_jobs_once().await.unwrap();
        assert_eq!(amina.head(&opened.capability).await.stands(), (204, pack.len(), "?1"));

        world.clock.advance_ms(1);
        world.app.run_jobs_once().await.unwrap();

        assert_eq!(amina.head(&opened.capability).await.status, 410);
        assert_eq!(world.segments(), 1);
    }
}
