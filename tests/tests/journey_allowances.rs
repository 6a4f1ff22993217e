//! What a firm allows in one send, and what a person lets a network cost.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::VecDeque;

use portico_core::error::PortalError;
use portico_core::outbox::entry::{Fault, SendState};
use portico_core::ports::Reach;
use portico_core::upload::source::PickSource;
use portico_server::store::FirmLimits;
use portico_tests::draws::content;
use portico_tests::faults::{Fate, Weather};
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::ids::SendKey;
use portico_wire::refusal::{Refusal, RefusalCode};

const CHUNK: u64 = 65_552;

fn waits_for_another_network(phone: &TestPhone, key: SendKey) -> bool {
    let state = phone.portal().entry_state(key).unwrap();
    matches!(state, SendState::Waiting { fault: Fault::Metered, .. })
}

/// The network became `reach`, as a shell hears it.
async fn network_is(phone: &TestPhone, reach: Reach) {
    phone.network.say(reach);
    phone.portal().network_changed().unwrap();
    phone.portal().catch_up().await.unwrap();
}

// R52: what is left of an upload stops where the network begins to cost, and goes on where it stood on another.
#[tokio::test]
async fn upload_stops_where_the_network_begins_to_cost() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.portal().allow_metered_within(Some(200_000)).unwrap();
    amina.network.set(Weather::Scripted("/v1/uploads", VecDeque::from([Fate::Hangs(2 * CHUNK + 5)])));
    let key = amina.send_files(claim, "photos", &[content(0, 400_000)]).await;
    let sending = tokio::spawn({
        let portal = amina.portal().clone();
        async move { portal.catch_up().await }
    });
    while amina.network.appends().is_empty() {
        tokio::task::yield_now().await;
    }

    network_is(&amina, Reach::Metered).await;
    sending.await.unwrap().unwrap();
    network_is(&amina, Reach::Metered).await;
    // The app dies meanwhile.
    amina.start();
    network_is(&amina, Reach::Metered).await;
    let waited = (waits_for_another_network(&amina, key), amina.network.appends());
    network_is(&amina, Reach::Unmetered).await;

    assert_eq!(waited, (true, Vec::new()));
    assert_eq!(amina.network.appends(), [2 * CHUNK]);
    assert_eq!(amina.portal().entry_state(key).unwrap(), SendState::Accepted);
    assert_eq!(world.texts(claim).await, ["photos"]);
}

// R52: what a person allows once holds for that batch, whatever goes wrong with it; and taking back costs nothing.
#[tokio::test]
async fn allowed_batch_goes_and_withdrawn_one_is_taken_back_over_a_network_that_costs() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.portal().allow_metered_within(Some(0)).unwrap();
    amina.network.say(Reach::Metered);
    let allowed = amina.send_files(claim, "now", &[content(0, 100_000)]).await;
    amina.portal().catch_up().await.unwrap();
    let waited = waits_for_another_network(&amina, allowed);

    amina.network.set(Weather::Scripted("/v1/uploads", VecDeque::from([Fate::Cut(70_000)])));
    amina.portal().allow_metered(allowed).unwrap();
    amina.portal().catch_up().await.unwrap();
    amina.start();
    network_is(&amina, Reach::Metered).await;
    let other = amina.send_files(claim, "not now", &[content(1, 100_000)]).await;
    amina.portal().catch_up().await.unwrap();
    amina.portal().discard(other).unwrap();

    assert!(waited);
    assert_eq!(amina.portal().entry_state(allowed).unwrap(), SendState::Accepted);
    assert_eq!(amina.portal().entry_state(other).unwrap(), SendState::Withdrawn);
    assert_eq!(world.texts(claim).await, ["now"]);
}

// R11, R12, R13: a firm's own limits are known before anything is picked, also without a network.
#[tokio::test]
async fn limits_of_the_firm_are_told_before_anything_is_queued() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let lower = async |limits| {
        world.app().store().set_limits(world.firm.firm_id, limits).await.unwrap();
        amina.portal().became_active().unwrap();
        amina.portal().catch_up().await.unwrap();
        amina.network.set(Weather::Off);
    };
    let pick = async |bytes: u64| {
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes).unwrap();
        amina.portal().pick(claim, PickSource::Open(file), None).await.map(|picked| picked.size_bytes)
    };
    let over =
        |code, limit, measured| Err(PortalError::Refused { refusal: Refusal::over(code, limit, measured) });

    lower(FirmLimits { batch_files_max: Some(2), batch_bytes_max: Some(1_000), storage_bytes_max: None })
        .await;
    assert_eq!(pick(900).await, Ok(900));
    assert_eq!(pick(101).await, over(RefusalCode::BatchTooLarge, 1_000, 1_001));
    assert_eq!(pick(100).await, Ok(100));
    assert_eq!(pick(0).await, over(RefusalCode::BatchTooManyFiles, 2, 3));

    amina.network.set(Weather::Calm);
    lower(FirmLimits { batch_bytes_max: Some(999), ..FirmLimits::default() }).await;
    assert_eq!(
        amina.portal().send_files(claim, "").await.map(drop),
        over(RefusalCode::BatchTooLarge, 999, 1_000).map(drop::<u64>)
    );
    amina.network.set(Weather::Calm);
    lower(FirmLimits::default()).await;
    let key = amina.portal().send_files(claim, "").await.unwrap();
    amina.network.set(Weather::Calm);
    amina.portal().catch_up().await.unwrap();

    assert_eq!(amina.portal().entry_state(key).unwrap(), SendState::Accepted);
}
