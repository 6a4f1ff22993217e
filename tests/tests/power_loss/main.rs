//! The power goes in the middle of a write, on the server and on a phone: what was said to be kept is kept.
//!
//! Unlike a killed process, a lost disk forgets what was written and not synced, in any order and in parts. Each round
//! draws the moment, and what of the unsynced writes survives, from its seed.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod disk;

use portico_core::outbox::entry::SendState;
use portico_core::testing::SeededDice;
use portico_tests::draws::number;
use portico_tests::oracle::{Act, End, Lane, faults};
use portico_tests::phone::TestPhone;
use portico_tests::tally::Tally;
use portico_tests::world::World;
use portico_wire::ids::{ConversationId, SendKey};

use crate::disk::Disk;

/// The seeds of this run.
fn seeds() -> std::ops::Range<u64> {
    let first = number("PORTICO_KILL_SEED").unwrap_or(1);
    first..first + number("PORTICO_KILLS").unwrap_or(30)
}

/// Texts that a round sends at most, and the writes among which the power goes.
const TEXTS: u64 = 40;
const WRITES: u64 = 400;

/// What a person did, as far as their phone knows how it ended.
fn act(phone: &TestPhone, key: SendKey, text: &str) -> Act {
    let end = match phone.portal().entry_state(key).unwrap() {
        SendState::Accepted => End::Accepted,
        other => panic!("{text:?} ended as {other:?}"),
    };
    Act { author: phone.email.clone(), text: text.to_owned(), lane: Lane::Texts, end }
}

async fn log_of(world: &World, conversation: ConversationId) -> Vec<(String, String)> {
    let emails: Vec<_> =
        world.firm.people.values().map(|person| (person.person_id, person.email.clone())).collect();
    let log = world.log(conversation).await;
    let said = log.into_iter().filter(|entry| entry.accepted_at_ms > portico_tests::world::BEGIN_MS);
    said.filter(|entry| entry.kind.as_str() == "message")
        .map(|entry| {
            let author = emails.iter().find(|(id, _)| *id == entry.author_id).unwrap();
            (author.1.clone(), entry.body)
        })
        .collect()
}

/// How many unsynced writes the disk lost.
async fn server_loses_power(seed: u64) -> usize {
    let dice = SeededDice::of(seed);
    let anchor = tempfile::tempdir().unwrap();
    // Any disk makes all databases of this process lie on such disks.
    drop(Disk::under(anchor.path()));
    let world = World::of_seed(seed).await;
    let claim = world.conversation("claim");
    let mut phones = [world.phone("amina").await, world.phone("mara").await];
    let mut sent: Vec<(usize, SendKey, String)> = Vec::new();
    let disk = Disk::under(&world.data());
    disk.cut_after(dice.below(WRITES));

    for round in 0..TEXTS {
        for (number, phone) in phones.iter().enumerate() {
            let text = format!("text {round} of {}", phone.email);
            sent.push((number, phone.portal().send(claim, &text).unwrap(), text));
        }
        let [amina, mara] = &phones;
        // What the server can not write it answers with a fault, and the phones keep their texts.
        let (first, second) = tokio::join!(amina.portal().catch_up(), mara.portal().catch_up());
        first.and(second).unwrap();
        if disk.is_cut() {
            break;
        }
    }
    disk.cut_after(0);
    world.kill_server();
    let lost = disk.settle(&dice).unwrap();
    world.start_server();

    for phone in &mut phones {
        phone.come_to_rest(&world).await;
    }
    let acts: Vec<Act> =
        sent.iter().map(|(number, key, text)| act(phones.get(*number).unwrap(), *key, text)).collect();
    assert_eq!(faults(&acts, &log_of(&world, claim).await), Vec::<String>::new(), "seed {seed}");
    let report = world.app().store().verify().await.unwrap();
    assert_eq!(report.faults, [], "seed {seed}");
    lost
}

/// How many unsynced writes the disk lost.
async fn phone_loses_power(seed: u64) -> usize {
    let dice = SeededDice::of(seed);
    let anchor = tempfile::tempdir().unwrap();
    drop(Disk::under(anchor.path()));
    let world = World::of_seed(seed).await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let disk = Disk::under(&amina.home);
    let (mut kept, mut unsure) = (Vec::new(), Vec::new());
    disk.cut_after(dice.below(WRITES));

    for round in 0..TEXTS * 4 {
        let text = format!("text {round}");
        match amina.portal().send(claim, &text) {
            Ok(key) => kept.push((key, text)),
            Err(_) => unsure.push(text),
        }
        if dice.chance(30) {
            // The store may be gone in the middle.
            drop(amina.portal().catch_up().await);
        }
        if disk.is_cut() {
            break;
        }
    }
    disk.cut_after(0);
    amina.kill();
    let lost = disk.settle(&dice).unwrap();
    amina.start();
    amina.come_to_rest(&world).await;

    let mut acts: Vec<Act> = kept.iter().map(|(key, text)| act(&amina, *key, text)).collect();
    let log = log_of(&world, claim).await;
    // The app never said that it had these: either is right, but not twice.
    let arrived = unsure.into_iter().filter(|text| log.iter().any(|(_, body)| body == text));
    acts.extend(arrived.map(|text| Act {
        author: amina.email.clone(),
        text,
        lane: Lane::Texts,
        end: End::Accepted,
    }));
    assert_eq!(faults(&acts, &log), Vec::<String>::new(), "seed {seed}");
    lost
}

// R21, R40, R51: what the server answered for is on its disk when the power is back.
#[tokio::test]
async fn server_that_loses_power_keeps_what_it_answered_for() {
    let mut lost = 0;
    for seed in seeds() {
        println!("the server's power goes; replay: tests/run kills --kills 1 --seed {seed}");
        lost += server_loses_power(seed).await;
    }
    println!("power cuts of the server: {lost} writes were lost, and nothing that was answered for");
    assert!(lost > 0);
    Tally::nothing().close("server loses power within its writes", seeds().count());
}

// R50, R51: what the app took is on the phone when it is charged again.
#[tokio::test]
async fn phone_that_loses_power_keeps_what_it_took() {
    let mut lost = 0;
    for seed in seeds() {
        println!("the phone's power goes; replay: tests/run kills --kills 1 --seed {seed}");
        lost += phone_loses_power(seed).await;
    }
    println!("power cuts of the phone: {lost} writes were lost, and nothing that the app took");
    assert!(lost > 0);
    Tally::nothing().close("phone loses power within its writes", seeds().count());
}
