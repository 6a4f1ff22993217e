//! Matters over HTTP: who may know of them, who changes that, and what everybody else hears of it.

use http::StatusCode;
use portico_wire::entry::{AccessNote, EntryKind};
use portico_wire::ids::{ConversationId, MatterId, PersonId};
use portico_wire::office::{MatterAccess, MatterOpened, Matters, OpenMatter};
use portico_wire::sync::{Cursor, HistoryPage};

use crate::testing::{Phone, Reply, World};

fn person(world: &World, short: &str) -> PersonId {
    world.firm.people[short].person_id
}

async fn restrict(phone: &Phone, matter: MatterId, to: Option<Vec<PersonId>>) -> Reply {
    phone.put(&format!("/v1/matters/{matter}/access"), &MatterAccess { restricted_to: to }).await
}

async fn titles(phone: &Phone) -> Vec<String> {
    let matters: Matters = phone.get("/v1/matters").await.json();
    let mut titles: Vec<String> = matters.matters.into_iter().map(|matter| matter.title).collect();
    titles.sort();
    titles
}

async fn entries(phone: &Phone, conversation: ConversationId) -> Reply {
    phone.get(&format!("/v1/conversations/{conversation}/entries")).await
}

/// What a phone that stands at `cursor` hears: kind and conversation of each event.
async fn heard(phone: &Phone, cursor: Cursor) -> Vec<(String, ConversationId)> {
    let page = phone.sync_after(cursor).await;
    let place = |data: &str| {
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        data["conversation_id"].as_str().unwrap_or_default().parse().unwrap()
    };
    page.events.iter().map(|event| (event.kind.clone(), place(event.data.get()))).collect()
}

// R14, R17: whoever may know of a matter says who else may; those shut out lose it at once, on every path.
#[tokio::test]
async fn restricting_a_matter_shuts_everybody_else_out_at_once() {
    let world = World::new().await;
    let (mara, jonas) = (world.phone("mara").await, world.phone("jonas").await);
    let (harbour, claim, notes) =
        (world.firm.matters["harbour"], world.conversation("claim"), world.conversation("notes"));
    let snapshot = jonas.snapshot().await;
    let cursor = Cursor { epoch: snapshot.epoch, seq: snapshot.next_seq };

    let restricted = restrict(&mara, harbour, Some(vec![person(&world, "mara")])).await;

    assert_eq!(restricted.status, StatusCode::OK);
    assert_eq!(titles(&jonas).await, Vec::<String>::new());
    for conversation in [claim, notes] {
        assert_eq!(entries(&jonas, conversation).await.code(), "not_found");
        let sent = jonas.offer(jonas.key(), &jonas.message(&world, conversation, "still me")).await;
        assert_eq!(sent.code(), "conversation_not_found!");
    }
    let lost: Vec<ConversationId> = heard(&jonas, cursor)
        .await
        .into_iter()
        .filter_map(|(kind, place)| (kind == "access_lost").then_some(place))
        .collect();
    assert_eq!(lost, [claim, notes], "each is lost, once");
    // R18: its client goes on.
    world.phone("amina").await.send(&world, claim, "I am still here").await;
}

// R14: the logs say who changed it; whom the firm lists, only the firm reads.
#[tokio::test]
async fn change_of_access_is_an_entry_of_each_conversation() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let mara_id = person(&world, "mara");
    restrict(&mara, world.firm.matters["harbour"], Some(vec![mara_id])).await;

    let newest = async |phone: &Phone, short: &str| {
        let page: HistoryPage = entries(phone, world.conversation(short)).await.json();
        page.entries.last().unwrap().clone()
    };
    let (inside, outside) = (newest(&mara, "notes").await, newest(&amina, "claim").await);

    for entry in [&inside, &outside] {
        assert_eq!((&entry.kind, entry.author_id), (&EntryKind::AccessChanged, mara_id));
    }
    let inside: AccessNote = serde_json::from_str(&inside.body).unwrap();
    assert_eq!(inside.listed.iter().map(|listed| listed.person_id).collect::<Vec<_>>(), [mara_id]);
    let outside: AccessNote = serde_json::from_str(&outside.body).unwrap();
    assert_eq!(outside, AccessNote { restricted: true, listed: Vec::new() });
}

// R15, R17: opened again, it is found again; who was shut out takes part by joining.
#[tokio::test]
async fn matter_that_opens_again_is_found_again() {
    let world = World::new().await;
    let (mara, jonas) = (world.phone("mara").await, world.phone("jonas").await);
    let (harbour, claim) = (world.firm.matters["harbour"], world.conversation("claim"));
    restrict(&mara, harbour, Some(vec![person(&world, "mara")])).await;
    mara.send(&world, claim, "among us").await;

    restrict(&mara, harbour, None).await;

    let page: HistoryPage = entries(&jonas, claim).await.json();
    assert!(page.entries.iter().any(|entry| entry.body == "among us"));
    let sent = jonas.offer(jonas.key(), &jonas.message(&world, claim, "back")).await;
    assert_eq!(sent.code(), "not_participant!");
    let join = format!("/v1/conversations/{claim}/participants/{}", person(&world, "jonas"));
    assert_eq!(jonas.put(&join, &()).await.status, StatusCode::OK);
    jonas.send(&world, claim, "now I am").await;
}

// R14, R17: lists that make no sense change nothing; and who may not know of a matter changes nothing either.
#[tokio::test]
async fn access_is_changed_by_those_who_may_know_of_it_to_people_who_work_here() {
    let world = World::new().await;
    let (mara, jonas, amina) =
        (world.phone("mara").await, world.phone("jonas").await, world.phone("amina").await);
    let (harbour, lane) = (world.firm.matters["harbour"], world.firm.matters["lane"]);
    let absent = MatterId::from_bytes([9; 16]);
    let jonas_id = person(&world, "jonas");

    for list in [vec![], vec![person(&world, "amina")], vec![PersonId::from_bytes([9; 16])]] {
        assert_eq!(restrict(&mara, harbour, Some(list)).await.code(), "not_allowed");
    }
    for phone in [&jonas, &amina] {
        let (hidden, none) = (
            restrict(phone, lane, Some(vec![jonas_id])).await,
            restrict(phone, absent, Some(vec![jonas_id])).await,
        );
        assert_eq!((hidden.status, hidden.headers, hidden.body), (none.status, none.headers, none.body));
        assert_eq!(none.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(restrict(&amina, harbour, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(titles(&jonas).await, ["Haddad v. Northern Ferries"]);
    assert_eq!(titles(&mara).await, ["Estate of S. Mori", "Haddad v. Northern Ferries"]);
}

// R14: the same key opens one matter, whoever lost the answer.
#[tokio::test]
async fn matter_is_opened_once_for_each_key() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let open = |title: &str, restricted_to| OpenMatter {
        key: world.fresh_key(),
        title: title.to_owned(),
        restricted_to,
    };
    let (new, other) = (open("A new one", Some(vec![person(&world, "mara")])), open("Another", None));

    let first: MatterOpened = mara.post("/v1/matters", &new).await.json();
    let again: MatterOpened = mara.post("/v1/matters", &new).await.json();
    let second: MatterOpened = mara.post("/v1/matters", &other).await.json();

    assert_eq!(first, again);
    assert_ne!(first.matter_id, second.matter_id);
    assert_eq!(titles(&mara).await.len(), 4);
    assert_eq!(amina.post("/v1/matters", &open("Mine", None)).await.code(), "not_allowed");
    for title in ["", "two\nlines"] {
        assert_eq!(mara.post("/v1/matters", &open(title, None)).await.code(), "bad_request");
    }
}
