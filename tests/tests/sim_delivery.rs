//! Seeded schedules of faults over the real core and the real server. A failure prints its seed and how to replay it.

use std::sync::atomic::{AtomicU64, Ordering};

use portico_tests::draws::number;
use portico_tests::sim::{Played, play};
use portico_tests::tally::Tally;

fn play_seed(seed: u64) -> Played {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(play(seed))
}

// R4, R21, R40, R42, R51, R54: whatever happens, every text ends the same on phone and server, once, in order.
#[test]
fn no_schedule_loses_doubles_or_reorders_a_text() {
    let seeds: Vec<u64> = match number("PORTICO_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("PORTICO_SIM_SEEDS").unwrap_or(300)).collect(),
    };
    let next = AtomicU64::new(0);
    let results = std::sync::Mutex::new(Vec::new());

    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let played = std::panic::catch_unwind(|| play_seed(*seed)).unwrap_or_else(|_| Played {
                        faults: vec!["it panicked; see above".to_owned()],
                        ..Played::default()
                    });
                    results.lock().unwrap().push((*seed, played));
                }
            });
        }
    });

    let results = results.into_inner().unwrap();
    let sum = |of: fn(&Played) -> u64| results.iter().map(|(_, played)| of(played)).sum::<u64>();
    println!(
        "{} schedules: {} messages, {} of them with files, {} requests, {} restores, {} apps killed inside a request",
        results.len(),
        sum(|played| played.sent as u64),
        sum(|played| played.batches as u64),
        sum(|played| played.requests),
        sum(|played| played.restores as u64),
        sum(|played| played.deaths as u64),
    );
    for (seed, played) in results.iter().filter(|(_, played)| !played.faults.is_empty()).take(5) {
        println!("seed {seed}: {:#?}\nreplay: tests/run sim --seed {seed}", played.faults);
    }
    let failed = results.iter().filter(|(_, played)| !played.faults.is_empty()).count();
    assert_eq!(failed, 0, "{failed} of {} schedules failed", results.len());
    Tally::nothing().close("anything, drawn from a seed", results.len());
}
