//! The people of a firm over HTTP: who they are, who comes, who leaves.

use http::StatusCode;
use portico_wire::conversation::{ConversationState, Standing};
use portico_wire::office::{AddPerson, People, PersonAdded};
use portico_wire::sync::HistoryPage;

use crate::testing::{Phone, World};

fn new(name: &str, email: &str, standing: Standing) -> AddPerson {
    AddPerson { name: name.to_owned(), email: email.to_owned(), standing }
}

async fn depart(phone: &Phone, world: &World, short: &str) -> StatusCode {
    let person = world.firm.people[short].person_id;
    phone.post(&format!("/v1/people/{person}/departure"), &()).await.status
}

// R7: no address, no contact; an address belongs to one contact.
#[tokio::test]
async fn contact_needs_an_address_of_their_own() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let olu = new("Olu Ade", "olu@clients.example", Standing::Client);

    let added: PersonAdded = mara.post("/v1/people", &olu).await.json();
    let again: PersonAdded = mara.post("/v1/people", &olu).await.json();
    let mut phone = Phone::new(&world);
    phone.sign_in(&world, "olu@clients.example").await;

    assert_eq!(added, again);
    for bad in ["", "  ", "not an address"] {
        let refused = mara.post("/v1/people", &new("Nobody", bad, Standing::Client)).await;
        assert_eq!(refused.code(), "bad_request", "{bad:?}");
    }
    let taken = mara.post("/v1/people", &new("Another", "OLU@clients.example", Standing::Client)).await;
    assert_eq!(taken.code(), "not_allowed");
    let listed: People = mara.get("/v1/people").await.json();
    assert_eq!(listed.people.len(), world.firm.people.len() + 1);
    assert_eq!(amina.get("/v1/people").await.status, StatusCode::NOT_FOUND);
    assert_eq!(amina.post("/v1/people", &olu).await.code(), "not_allowed");
}

// R19, R20: a client who leaves the firm reads on as of leaving; the firm's people are removed, and it is closed.
#[tokio::test]
async fn departed_client_reads_on_and_hears_nothing_new() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let claim = world.conversation("claim");

    assert_eq!(depart(&mara, &world, "amina").await, StatusCode::OK);

    let held = amina.snapshot().await.conversations.remove(0);
    assert_eq!((held.head.state, held.head.last_seq), (ConversationState::Closed, 2));
    assert_eq!(held.entries.len(), 2, "not even their own leaving");
    let page: HistoryPage = amina.get(&format!("/v1/conversations/{claim}/entries")).await.json();
    assert_eq!(page.entries.len(), 2);
    let firm: HistoryPage = mara.get(&format!("/v1/conversations/{claim}/entries")).await.json();
    assert_eq!(firm.entries.last().unwrap().body, "client_departed");
    let refused = mara.offer(mara.key(), &mara.message(&world, claim, "anyone?")).await;
    assert_eq!(refused.code(), "conversation_closed!");
}

// R43: one of the staff who leaves loses everything at once, on every device; their words stay.
#[tokio::test]
async fn staff_who_leave_lose_everything_at_once() {
    let world = World::new().await;
    let (mara, jonas, tablet) =
        (world.phone("mara").await, world.phone("jonas").await, world.phone("jonas").await);

    assert_eq!(depart(&mara, &world, "jonas").await, StatusCode::OK);

    for device in [&jonas, &tablet] {
        assert_eq!(device.get("/v1/snapshot").await.code(), "membership_ended");
    }
    let notes = world.conversation("notes");
    let page: HistoryPage = mara.get(&format!("/v1/conversations/{notes}/entries")).await.json();
    assert_eq!(page.entries[0].author_name, "Jonas Weber");
    let listed: People = mara.get("/v1/people").await.json();
    assert!(listed.people.iter().any(|person| person.name == "Jonas Weber" && person.has_left));
}

// R14, R43: departures are the staff's to note.
#[tokio::test]
async fn nobody_from_outside_sends_anybody_away() {
    let world = World::new().await;
    let amina = world.phone("amina").await;

    assert_eq!(depart(&amina, &world, "mara").await, StatusCode::CONFLICT);
    assert_eq!(world.phone("mara").await.get("/v1/people").await.status, StatusCode::OK);
}
