//! May they? Asked a second time, of the whole server, by somebody who has not read `access.rs`.
//!
//! - `history`: small firms drawn from seeds, and what happened to them. `rule`: who may know what, in forty lines.
//! - `matrix`: every route, for every person, about everything; `documents`: those of a matter's documents; `heads`: what a
//!   conversation's head tells.
//! - `bare`: the rule and its fragment without a route between. `pushes`: whom each message wakes.
//! - `mutants`: `access.rs` without one of its checks. `missing_checks`: the oracle notices each.
//! - `requests`: one of each route. `two_worlds`: what others read changes no byte. `never_deleted`: nothing goes. `page`:
//!   the tables of `docs/access.md`.

mod bare;
mod documents;
mod heads;
mod history;
mod matrix;
mod missing_checks;
mod never_deleted;
mod page;
mod pushes;
mod requests;
mod rule;
mod two_worlds;

use std::num::NonZero;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::thread;

use axum::Router;
use futures_util::stream;
use futures_util::{FutureExt as _, StreamExt as _};
use history::History;
use matrix::Compared;

use crate::testing::World;

/// Firms in one run, a minute and a half in a debug build on two cores; `ORACLE_WORLDS` asks for more, or for those of
/// some seeds: `ORACLE_WORLDS=17..18`.
const WORLDS: u64 = 1_000;
/// Firms in one database.
const IN_ONE: usize = 25;
/// Firms that are asked at a time: while one waits for the writer, others go on.
const AT_A_TIME: usize = 8;
/// What happens to each.
const STEPS: usize = 24;

// R5, R14, R15, R16, R17, R18, R19, R20, R41, R43: nobody learns of anything that they may not know of, by any route.
#[test]
fn every_route_answers_everybody_as_the_oracle_says() {
    let seeds = wanted();
    let workers = thread::available_parallelism().map_or(1, NonZero::get);

    let counts = thread::scope(|scope| {
        let share = |worker| seeds.clone().skip(worker).step_by(workers).collect();
        let asking: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || ask_firms(share(worker)))).collect();
        let counts =
            asking.into_iter().map(|worker| worker.join().unwrap_or_else(|fault| resume_unwind(fault)));
        counts.fold(Compared::default(), Compared::and)
    });

    let Compared { known, denied, bare } = counts;
    let (worlds, both) = (seeds.end - seeds.start, known + denied);
    println!("oracle: {worlds} firms, {both} decisions compared: {known} known, {denied} denied");
    println!("oracle: the rule and its fragment alone, {bare} answers compared");
    assert!(denied > worlds && known > worlds, "both answers are common");
}

fn wanted() -> Range<u64> {
    let asked = std::env::var("ORACLE_WORLDS").unwrap_or_default();
    let (from, to) = asked.split_once("..").unwrap_or(("0", &asked));
    from.parse().unwrap_or(0)..to.parse().unwrap_or(WORLDS)
}

/// Asks the firms of `seeds`, all on this thread but for what the store does.
fn ask_firms(seeds: Vec<u64>) -> Compared {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut counts = Compared::default();
        for some in seeds.chunks(IN_ONE) {
            let world = World::new().await;
            let router = world.app.router();
            let asking = stream::iter(some).map(|seed| ask_firm(&world, &router, *seed));
            counts = asking.buffer_unordered(AT_A_TIME).fold(counts, async |sum, one| sum.and(one)).await;
        }
        counts
    })
}

/// Draws a firm and asks everything about it. What is wrong says of which firm.
async fn ask_firm(world: &World, router: &Router, seed: u64) -> Compared {
    let asking = async {
        let history = History::of(world, router, seed, STEPS).await;
        let mut compared = Compared::default();
        matrix::ask_all(world, &history, &mut compared).await;
        bare::ask_all(world, &history, &mut compared).await;
        compared
    };
    let fault = match AssertUnwindSafe(asking).catch_unwind().await {
        Ok(compared) => return compared,
        Err(fault) => fault,
    };
    println!("oracle: firm {seed} is answered wrongly; ORACLE_WORLDS={seed}..{} asks it alone", seed + 1);
    resume_unwind(fault)
}

#[tokio::test]
async fn every_route_has_a_row() {
    let world = World::new().await;
    let mut rows: Vec<String> = matrix::ROWS.iter().map(|(route, _)| (*route).to_owned()).collect();
    rows.sort();

    assert_eq!(routes(&world), rows, "a route without a row in the matrix, or a row without a route");
}

/// Every route of the API's document, as `GET /v1/limits`, in order.
fn routes(world: &World) -> Vec<String> {
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
    routes.sort();
    routes
}
