//! Seeded schedules of coming and going over the real core and the real server. A failure prints its seed and how to replay
//! it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use portico_tests::draws::number;
use portico_tests::sim_access::{Moved, play};

fn play_seed(seed: u64) -> Moved {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(play(seed))
}

// R15, R16, R17, R18, R19, R20, R41, R43, R51: whoever comes and goes, in the middle of whatever: each message ends the same
// on phone and server; a phone holds what its person may know, and nothing of what they lost; what was refused is kept.
#[test]
fn no_coming_and_going_leaves_a_phone_with_what_is_not_its_persons() {
    let seeds: Vec<u64> = match number("PORTICO_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=(number("PORTICO_SIM_SEEDS").unwrap_or(300) / 5).max(1)).collect(),
    };
    let (next, results) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let moved = std::panic::catch_unwind(|| play_seed(*seed)).unwrap_or_else(|_| Moved {
                        faults: vec!["it panicked; see above".to_owned()],
                        ..Moved::default()
                    });
                    results.lock().expect("nobody panics with it").push((*seed, moved));
                }
            });
        }
    });

    let results = results.into_inner().expect("nobody panics with it");
    let sum = |of: fn(&Moved) -> usize| results.iter().map(|(_, moved)| of(moved)).sum::<usize>();
    println!(
        "{} schedules: {} messages, {} of them refused; {} changes of who is in, {} while requests were on their way; {} \
         conversations gone from a phone",
        results.len(),
        sum(|moved| moved.sent),
        sum(|moved| moved.refused),
        sum(|moved| moved.changes),
        sum(|moved| moved.races),
        sum(|moved| moved.lost),
    );
    for (seed, moved) in results.iter().filter(|(_, moved)| !moved.faults.is_empty()).take(5) {
        println!("seed {seed}: {:#?}\nreplay: tests/run sim --seed {seed}", moved.faults);
    }
    let failed = results.iter().filter(|(_, moved)| !moved.faults.is_empty()).count();
    assert_eq!(failed, 0, "{failed} of {} schedules failed", results.len());
    let all_happened = [sum(|moved| moved.refused), sum(|moved| moved.races), sum(|moved| moved.lost)];
    assert!(results.len() < 20 || all_happened.iter().all(|times| *times > 0), "{all_happened:?}");
}
