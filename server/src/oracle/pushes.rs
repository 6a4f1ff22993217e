//! Pushes: whom each message wakes, where all of them are carried once everything has happened.

use std::collections::BTreeSet;

use portico_wire::encoding::Base64;
use portico_wire::ids::ConversationId;
use portico_wire::push::{PushPayload, open};
use portico_wire::signin::PushAddress;

use super::history::{History, Person};
use super::{STEPS, rule};
use crate::testing::{Phone, World};

/// Firms in one run.
const WORLDS: u64 = 60;
const KEY: [u8; 32] = [9; 32];

/// Says where a phone is reached.
pub(super) async fn register(phone: &Phone) {
    let address = PushAddress { push_token: "an address".to_owned(), push_key: Base64(KEY.to_vec()) };
    let kept = phone.put(&format!("/v1/devices/{}/push", phone.device), &address).await;
    assert!(kept.status.is_success());
}

/// The messages that were pushed to somebody.
fn pushed(world: &World, person: &Person) -> BTreeSet<(ConversationId, usize)> {
    let folder = world.config().push().join(person.phone.device.to_string());
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let messages = files.map(|file| {
        let payload: PushPayload =
            serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let content = open(&KEY, person.phone.device, &payload.portico.0).unwrap();
        (content.conversation_id, usize::try_from(content.seq).unwrap())
    });
    messages.collect()
}

// R16, R17, R19, R41, R43: a message wakes those who were in its conversation when it came, but for its author; whoever may not
// read it any more, when it is to be carried, hears nothing.
#[tokio::test]
async fn every_message_wakes_whom_the_oracle_says() {
    let world = World::new().await;
    let router = world.app.router();
    let (mut woken, mut kept_back) = (0, 0);
    for seed in 0..WORLDS {
        let history = History::of(&world, &router, seed, STEPS).await;
        world.app.run_jobs_once().await.unwrap();
        for (me, person) in history.people.iter().enumerate() {
            let mut expected = BTreeSet::new();
            for talk in &history.talks {
                for (seq, author) in talk.messages.iter().zip(&talk.authors) {
                    let heard = me != *author && talk.entries[seq - 1].contains(&me);
                    if heard && rule::reads(&history, me, talk, *seq) {
                        expected.insert((talk.id, *seq));
                    }
                    kept_back += usize::from(heard && !rule::reads(&history, me, talk, *seq));
                }
            }
            woken += expected.len();
            assert_eq!(pushed(&world, person), expected, "firm {seed}, person {me}");
        }
    }

    println!("oracle: {woken} pushes carried, {kept_back} kept back");
    assert!(woken > 0 && kept_back > 0, "both happen");
}
