//! Time within the bytes of a batch: a token that expires, a line that is slow, clocks that jump.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_core::outbox::entry::SendState;
use portico_core::ports::Clock as _;
use portico_tests::draws::content;
use portico_tests::faults::{Fate, Weather};
use portico_tests::phone::TestPhone;
use portico_tests::tally::{Sent, Tally};
use portico_tests::world::World;
use portico_wire::ids::SendKey;

const MINUTE_MS: i64 = 60_000;
/// How long an access token is good.
const TOKEN_MS: i64 = 10 * MINUTE_MS;

/// No wait of a phone is longer.
const LONGEST_WAIT_MS: i64 = 61 * MINUTE_MS;

/// Within the 30 s after which a body that stands still is given up.
const STEP_MS: i64 = 25_000;

/// Some 48 steps of a slow line.
fn files() -> Vec<Vec<u8>> {
    vec![content(1, 2_000_000), content(2, 1_100_000)]
}

fn line(fates: impl IntoIterator<Item = Fate>) -> Weather {
    Weather::Scripted("/v1/uploads", fates.into_iter().collect())
}

/// Sends `files` under `fates`, as far as that gets.
async fn send_under(
    world: &World,
    phone: &TestPhone,
    text: &str,
    fates: impl IntoIterator<Item = Fate>,
) -> SendKey {
    phone.network.set(line(fates));
    let key = phone.send_files(world.conversation("claim"), text, &files()).await;
    phone.portal().catch_up().await.unwrap();
    key
}

fn assert_whole(phone: &TestPhone, key: SendKey) {
    assert_eq!(phone.portal().entry_state(key).unwrap(), SendState::Accepted);
    let progress = phone.portal().upload_progress(key).unwrap();
    assert_eq!((progress.held_bytes, progress.files_held), (progress.size_bytes, 2));
}

// R51, R52: the capability outlives the access token: a slow line is one stream, whatever expires meanwhile.
#[tokio::test]
async fn token_that_expires_within_the_bytes_breaks_nothing() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    let began_ms = world.clock.now_ms();

    let key = send_under(&world, &amina, "slow", [Fate::Slow(STEP_MS)]).await;

    assert_whole(&amina, key);
    assert!(world.clock.now_ms() - began_ms > TOKEN_MS, "the token did not expire within the stream");
    assert_eq!(amina.network.appends(), [0], "one stream, from the first byte to the last");
    let sent = [Sent::of("slow", &files())];
    Tally::of(&sent, &world.log(world.conversation("claim")).await)
        .close("token expires within the bytes", 1);
}

// R51, R52: a clock decides when to try again, never what was sent.
#[tokio::test]
async fn clock_that_jumps_within_the_bytes_costs_nothing() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    let jumps = [5, -10, 24 * 40, -24 * 80].map(|hours| hours * 60 * MINUTE_MS);
    let mut sent = Vec::new();

    for by_ms in jumps {
        let text = format!("jump by {by_ms}");
        let key = send_under(&world, &amina, &text, [Fate::ClockJumps(by_ms)]).await;
        assert_whole(&amina, key);
        assert_eq!(amina.network.appends(), [0], "{text}");
        sent.push(Sent::of(&text, &files()));

        // The line is cut, the clock jumps before the next try, and nobody touches the phone.
        let text = format!("cut, and a jump by {by_ms}");
        let key = send_under(&world, &amina, &text, [Fate::Cut(700_000)]).await;
        amina.clock.jump(by_ms);
        world.clock.advance(LONGEST_WAIT_MS);
        amina.portal().catch_up().await.unwrap();
        assert_whole(&amina, key);
        assert_eq!(amina.network.appends().len(), 2, "{text}");
        sent.push(Sent::of(&text, &files()));
    }

    Tally::of(&sent, &world.log(world.conversation("claim")).await)
        .close("phone's clock jumps within a batch", sent.len());
}
