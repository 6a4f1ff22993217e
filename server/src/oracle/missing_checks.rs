//! What if `access.rs` had forgotten a check? Each is taken away in turn, and the oracle has to notice.

use std::collections::VecDeque;
use std::num::NonZero;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use super::{World, ask_firm};
use crate::access::{MUTANTS, Missing, SOURCE};

/// A check whose absence so many firms do not show is noticed by nobody.
const FIRMS: u64 = 60;
/// Firms in which rare things happen, asked first: people come back into a direct message, clients meet an archive.
const TELLING: [u64; 3] = [28, 16, 1];

/// What a check is made of, in Rust and in SQL.
const MARKS: [&str; 19] = [
    " == ",
    " != ",
    " <= ",
    " >= ",
    " < ",
    " > ",
    " <> ",
    " IS NULL",
    " = ?",
    " = '",
    " = 0",
    " = {",
    " = place.",
    ".is_",
    ".participates()",
    "can_know_of(reader",
    ".covers(",
    " => false",
    "ELSE 0",
];

// R14, R15, R16, R17, R18, R19, R20, R41, R43: the oracle notices each check of the rule and of its fragment, once it is gone.
#[test]
fn check_that_is_missing_is_noticed() {
    let left = Mutex::new(MUTANTS.iter().collect::<VecDeque<_>>());
    let next = || left.lock().unwrap().pop_front();
    let survived = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(missing) = next() {
                    match noticed(&ask_without(missing)) {
                        Ok(how) => println!("{} without {:?}: {how}", missing.function, missing.check),
                        Err(said) => survived.lock().unwrap().push(format!("{}: {said}", missing.name)),
                    }
                }
            });
        }
    });

    println!("oracle: {} checks taken away, each noticed", MUTANTS.len());
    assert_eq!(survived.into_inner().unwrap(), Vec::<String>::new(), "the oracle does without these checks");
}

/// The oracle in a process of its own, in which the check is missing.
fn ask_without(missing: &Missing) -> Output {
    let test = "oracle::missing_checks::firms_one_after_the_other";
    let mut oracle = Command::new(std::env::current_exe().unwrap());
    oracle.args(["--exact", test, "--ignored", "--nocapture"]).env("ACCESS_WITHOUT", missing.name);
    oracle.output().unwrap()
}

/// Which firm showed it, and by what; or what was said instead.
fn noticed(output: &Output) -> Result<String, String> {
    let (said, faults) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let firm = said.lines().find_map(|line| line.strip_prefix("oracle: firm ")?.split(' ').next());
    let fault = faults.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
    match (output.status.success(), firm, fault) {
        (false, Some(firm), Some(fault)) => Ok(format!("firm {firm}: {fault}")),
        _ => Err(format!("{said}{faults}")),
    }
}

#[tokio::test]
#[ignore = "check_that_is_missing_is_noticed runs it, with one check missing"]
async fn firms_one_after_the_other() {
    let world = World::new().await;
    let router = world.app.router();
    let others = (0..FIRMS).filter(|seed| !TELLING.contains(seed));
    for seed in TELLING.into_iter().chain(others) {
        ask_firm(&world, &router, seed).await;
    }
}

/// A check that somebody adds needs a line in `mutants.rs`.
#[test]
fn every_check_has_its_mutant() {
    let code = SOURCE.find("impl Stay").unwrap();
    let mut without = Vec::new();
    for mark in MARKS {
        for (at, _) in SOURCE.match_indices(mark).filter(|(at, _)| *at > code) {
            let (before, after) = SOURCE.split_at(at);
            // Every row is of a firm, and an id of one firm alone: what these words join shows nowhere when it is gone.
            let is_no_check = before.ends_with("firm_id") || before.ends_with("fn ");
            if !is_no_check && !MUTANTS.iter().any(|missing| missing.place.contains(&(at + 1))) {
                let last: String =
                    before.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
                without.push(format!("{last}{}", after.chars().take(40).collect::<String>()));
            }
        }
    }

    assert_eq!(without, Vec::<String>::new(), "a check in access.rs without a line in mutants.rs");
}
