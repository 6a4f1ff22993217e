//! The exported library as Rust sees it: each scenario of `tests/vectors/scenarios.json`, against a real server process.
//!
//! Kotlin and Swift play the same list. What passed is written to `target/scenarios/rust.json`; `tests/run` lays the
//! three beside each other.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod files;
mod people;
mod ports;
mod stage;
mod taps;
mod texts;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use serde_json::Value;

/// Plays one scenario; panics where it is not as it must be.
async fn play(id: &str, with: &Value) -> bool {
    match id {
        "sign_in" => people::sign_in(with).await,
        "another_person" => people::another_person(with).await,
        "second_device" => people::second_device(with).await,
        "home_is_a_file" => people::home_is_a_file(with),
        "folder_in_place_of_a_file" => people::folder_in_place_of_a_file(with).await,
        "first_screen" => texts::first_screen(with).await,
        "send" => texts::send(with).await,
        "offline_killed" => texts::offline_killed(with).await,
        "withdraw" => texts::withdraw(with).await,
        "refusals" => texts::refusals(with).await,
        "unknown_things" => texts::unknown_things(with).await,
        "tap_cold" => taps::cold(with).await,
        "tap_warm" => taps::warm(with).await,
        "tap_offline" => taps::offline(with).await,
        "tap_foreign" => taps::foreign(with).await,
        "batch_sent" => files::batch_sent(with).await,
        "batch_over_the_limit" => files::batch_over_the_limit(with).await,
        "file_that_is_none" => files::file_that_is_none(with).await,
        "batch_paused" => files::batch_paused(with).await,
        "batch_metered" => files::batch_metered(with).await,
        "batch_handed_over" => files::batch_handed_over(with).await,
        "documents" => files::documents(with).await,
        "client_begins" => texts::client_begins(with).await,
        "key_store_locked" => ports::key_store_locked(with).await,
        "port_throws" => ports::port_throws(with).await,
        "stream_ended" => ports::stream_ended(with).await,
        "dropped_while_busy" => ports::dropped_while_busy(with).await,
        "home_removed_after_end" => ports::home_removed_after_end(with).await,
        "slow_reader" => ports::slow_reader(with).await,
        "taken_back" => ports::taken_back(with).await,
        "panic" => ports::panic(with),
        _ => return false,
    }
    true
}

// R40, R50, R51, R53: what the core promises holds across the language border.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_holds_in_rust() {
    let list: Value = serde_json::from_str(include_str!("../../vectors/scenarios.json")).unwrap();
    let mut passed = Vec::new();
    let mut failed = BTreeSet::new();
    for scenario in list["scenarios"].as_array().unwrap() {
        let id = scenario["id"].as_str().unwrap();
        match AssertUnwindSafe(play(id, &scenario["with"])).catch_unwind().await {
            Ok(true) => passed.push(id),
            Ok(false) => drop(failed.insert(format!("{id} is not played here"))),
            Err(_) => drop(failed.insert(format!("{id}: see above"))),
        }
    }
    let folder = stage::target().join("scenarios");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rust.json"), serde_json::to_vec(&passed).unwrap()).unwrap();

    assert_eq!(failed, BTreeSet::new());
}
