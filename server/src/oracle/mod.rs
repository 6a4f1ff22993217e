//! May they? Asked a second time, of the whole server, by somebody who has not read `access.rs`.
//!
//! - `history`: small firms drawn from seeds, and what happened to them. `rule`: who may know what, in forty lines.
//! - `matrix`: every route, for every person, about everything; `documents`: those of a matter's documents.

mod documents;
mod history;
mod matrix;
mod rule;

use futures_util::StreamExt as _;
use futures_util::stream;
use history::History;
use matrix::Compared;

use crate::testing::World;

/// Firms in one run, a minute in a debug build; `ORACLE_WORLDS` asks for more.
const WORLDS: u64 = 300;
/// Firms in one database at a time.
const AT_ONCE: u64 = 50;
/// What happens to each.
const STEPS: usize = 24;

// R5, R14, R15, R16, R17, R18, R19, R20, R41, R43: nobody learns of anything that they may not know of, by any route.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_everybody_as_the_oracle_says() {
    let asked = std::env::var("ORACLE_WORLDS").ok();
    let worlds = asked.and_then(|count| count.parse().ok()).unwrap_or(WORLDS);
    let (mut known, mut denied) = (0, 0);
    let mut seeds = (0..worlds).collect::<Vec<_>>();
    while !seeds.is_empty() {
        let world = World::new().await;
        let some: Vec<u64> = seeds.drain(..seeds.len().min(usize::try_from(AT_ONCE).unwrap())).collect();
        let counts = stream::iter(some)
            .map(|seed| {
                let world = &world;
                async move {
                    let history = History::of(world, seed, STEPS).await;
                    let mut compared = Compared::default();
                    matrix::ask_all(world, &history, &mut compared).await;
                    compared
                }
            })
            .buffer_unordered(16)
            .collect::<Vec<_>>()
            .await;
        known += counts.iter().map(|compared| compared.known).sum::<u64>();
        denied += counts.iter().map(|compared| compared.denied).sum::<u64>();
    }

    println!("oracle: {worlds} firms, {} decisions compared: {known} known, {denied} denied", known + denied);
    assert!(denied > worlds && known > worlds, "both answers are common");
}

#[tokio::test]
async fn every_route_has_a_row() {
    let world = World::new().await;
    let (_, document) = crate::router::routes(&world.app);
    let mut routes = Vec::new();
    for (path, item) in document.paths.paths {
        let methods = [
            ("GET", item.get.is_some()),
            ("PUT", item.put.is_some()),
            ("POST", item.post.is_some()),
            ("DELETE", item.delete.is_some()),
            ("HEAD", item.head.is_some()),
            ("PATCH", item.patch.is_some()),
        ];
        let there = methods.into_iter().filter(|(_, there)| *there);
        routes.extend(there.map(|(method, _)| format!("{method} {path}")));
    }
    let mut rows: Vec<String> = matrix::ROWS.iter().map(|(route, _)| (*route).to_owned()).collect();
    routes.sort();
    rows.sort();

    assert_eq!(routes, rows, "a route without a row in the matrix, or a row without a route");
}
