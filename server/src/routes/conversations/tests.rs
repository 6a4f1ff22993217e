//! Conversations over HTTP: found, begun, joined, left, archived, and who has read them.

use http::StatusCode;
use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState};
use portico_wire::entry::EntryKind;
use portico_wire::ids::{ConversationId, MatterId, PersonId};
use portico_wire::looked_at::{LookedAt, ShownRange};
use portico_wire::office::{BeginConversation, ConversationBegun, Conversations, Readers, StateWanted};
use portico_wire::sync::HistoryPage;

use crate::testing::{Phone, Reply, World};

fn person(world: &World, short: &str) -> PersonId {
    world.firm.people[short].person_id
}

fn place(conversation: ConversationId, person: PersonId) -> String {
    format!("/v1/conversations/{conversation}/participants/{person}")
}

fn plan(
    world: &World,
    kind: ConversationKind,
    matter: Option<&str>,
    participants: &[&str],
) -> BeginConversation {
    BeginConversation {
        key: world.fresh_key(),
        kind,
        title: "A talk".to_owned(),
        matter_id: matter.map(|short| world.firm.matters[short]),
        participants: participants.iter().map(|short| person(world, short)).collect(),
    }
}

async fn begin(phone: &Phone, plan: &BeginConversation) -> Reply {
    phone.post("/v1/conversations", plan).await
}

async fn listed(phone: &Phone) -> Vec<String> {
    let listed: Conversations = phone.get("/v1/conversations").await.json();
    let mut titles: Vec<String> = listed.conversations.into_iter().map(|head| head.title).collect();
    titles.sort();
    titles
}

// R15, R16, R17: staff find what they are not in, but for direct messages and matters shut to them; clients find theirs.
#[tokio::test]
async fn everybody_finds_what_they_may_know_of() {
    let world = World::new().await;

    let found = async |short| listed(&world.phone(short).await).await;

    assert_eq!(
        found("mara").await,
        ["Haddad claim", "Haddad claim, internal", "Library", "Mara and Jonas", "Mori estate"]
    );
    let jonas = ["Haddad claim", "Haddad claim, internal", "Library", "Mara and Jonas"];
    assert_eq!(found("jonas").await, jonas);
    assert_eq!(found("amina").await, ["Haddad claim"]);
    assert_eq!(found("kenji").await, ["Mori estate"]);
    assert_eq!(found("ines").await, Vec::<String>::new());
}

#[tokio::test]
async fn list_goes_back_page_by_page() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page: Conversations = mara.get(&format!("/v1/conversations?limit=2{before}")).await.json();
        before = format!("&before={}", page.conversations.last().unwrap().conversation_id);
        found.extend(page.conversations.into_iter().map(|head| head.conversation_id));
        if !page.more {
            break;
        }
    }

    let mut all: Vec<_> = world.firm.conversations.values().copied().collect();
    all.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(found, all);
}

// R15: reading is free for staff, posting needs joining, and the log records it.
#[tokio::test]
async fn staff_join_before_they_post_and_the_log_says_so() {
    let world = World::new().await;
    let (jonas, jonas_id) = (world.phone("jonas").await, person(&world, "jonas"));
    let claim = world.conversation("claim");
    jonas.delete(&place(claim, jonas_id)).await;

    let head: ConversationHead = jonas.get(&format!("/v1/conversations/{claim}")).await.json();
    let refused = jonas.offer(jonas.key(), &jonas.message(&world, claim, "hello")).await;
    let joined = jonas.put(&place(claim, jonas_id), &()).await;
    jonas.send(&world, claim, "hello").await;

    assert_eq!((head.readable_from_seq, head.may_post), (1, false));
    assert_eq!((refused.code().as_str(), joined.status), ("not_participant!", StatusCode::OK));
    let page: HistoryPage = jonas.get(&format!("/v1/conversations/{claim}/entries")).await.json();
    let kinds: Vec<EntryKind> = page.entries.into_iter().rev().take(3).map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Message, EntryKind::Joined, EntryKind::Left]);
}

// R14, R16, R17: who comes and goes is for staff who may know of it; in direct messages, for those who are in them.
#[tokio::test]
async fn coming_and_going_is_for_staff_who_may_know_of_it() {
    let world = World::new().await;
    let (jonas, amina) = (world.phone("jonas").await, world.phone("amina").await);
    let absent = ConversationId::from_bytes([9; 16]);
    let jonas_id = person(&world, "jonas");
    jonas.delete(&place(world.conversation("direct"), jonas_id)).await;

    for hidden in [world.conversation("estate"), world.conversation("direct")] {
        for ask in [true, false] {
            let answer = async |conversation| {
                let path = place(conversation, jonas_id);
                let reply = if ask { jonas.put(&path, &()).await } else { jonas.delete(&path).await };
                (reply.status, reply.headers, reply.body)
            };
            assert_eq!(answer(hidden).await, answer(absent).await);
            assert_eq!(answer(hidden).await.0, StatusCode::NOT_FOUND);
        }
    }
    let claim = world.conversation("claim");
    assert_eq!(amina.put(&place(claim, person(&world, "ines")), &()).await.code(), "not_allowed");
    assert_eq!(amina.delete(&place(claim, person(&world, "mara"))).await.code(), "not_allowed");
}

// R17: whom a matter is shut to is not put into its conversations.
#[tokio::test]
async fn nobody_is_added_who_could_not_read() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let estate = world.conversation("estate");

    assert_eq!(mara.put(&place(estate, person(&world, "jonas")), &()).await.code(), "not_allowed");
    let shut = plan(&world, ConversationKind::InternalMatter, Some("lane"), &["jonas"]);
    assert_eq!(begin(&mara, &shut).await.code(), "not_allowed");
}

// R39: a conversation begins with who belongs into its kind, once for each key.
#[tokio::test]
async fn conversation_begins_once_with_who_belongs_into_it() {
    use ConversationKind::{Direct, ExternalMatter, InternalMatter, StaffChannel};
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let good = [
        plan(&world, ExternalMatter, Some("harbour"), &["amina", "ines", "jonas"]),
        plan(&world, InternalMatter, Some("harbour"), &["jonas"]),
        plan(&world, StaffChannel, None, &[]),
        BeginConversation { title: String::new(), ..plan(&world, Direct, None, &["jonas"]) },
    ];
    for plan in &good {
        let begun: ConversationBegun = begin(&mara, plan).await.json();
        let again: ConversationBegun = begin(&mara, plan).await.json();
        assert_eq!(begun, again, "{plan:?}");
        let path = format!("/v1/conversations/{}", begun.conversation_id);
        let head: ConversationHead = mara.get(&path).await.json();
        assert_eq!((head.participants.len(), head.may_post), (plan.participants.len() + 1, true));
    }
    let bad = [
        plan(&world, ExternalMatter, None, &["amina"]),
        plan(&world, InternalMatter, Some("harbour"), &["amina"]),
        plan(&world, StaffChannel, Some("harbour"), &[]),
        plan(&world, StaffChannel, None, &["kenji"]),
        plan(&world, Direct, None, &[]),
        plan(&world, ConversationKind::Unknown, None, &[]),
    ];
    for plan in &bad {
        assert_eq!(begin(&mara, plan).await.code(), "not_allowed", "{plan:?}");
    }
    let elsewhere = BeginConversation {
        matter_id: Some(MatterId::from_bytes([9; 16])),
        ..plan(&world, ExternalMatter, None, &[])
    };
    assert_eq!(begin(&mara, &elsewhere).await.code(), "not_found");
}

// R44: a client begins one in a matter that they are on, with the firm's people of it, and with nobody else.
#[tokio::test]
async fn client_begins_a_conversation_in_a_matter_of_theirs() {
    let world = World::new().await;
    let (amina, kenji, mara) =
        (world.phone("amina").await, world.phone("kenji").await, world.phone("mara").await);
    let external = ConversationKind::ExternalMatter;

    let begun: ConversationBegun = begin(&amina, &plan(&world, external, Some("harbour"), &[])).await.json();
    amina.send(&world, begun.conversation_id, "Something else, please").await;
    let head: ConversationHead =
        mara.get(&format!("/v1/conversations/{}", begun.conversation_id)).await.json();
    let strange = begin(&kenji, &plan(&world, external, Some("harbour"), &[])).await;
    let crowded = begin(&amina, &plan(&world, external, Some("harbour"), &["ines"])).await;
    let inside = begin(&amina, &plan(&world, ConversationKind::InternalMatter, Some("harbour"), &[])).await;
    let about_nothing = begin(&amina, &plan(&world, ConversationKind::StaffChannel, None, &[])).await;

    let names: Vec<&str> = head.participants.iter().map(|participant| participant.name.as_str()).collect();
    assert_eq!((names, head.may_post), (vec!["Amina Haddad", "Jonas Weber", "Mara Okafor"], true));
    assert_eq!(strange.code(), "not_found");
    for refused in [crowded, inside, about_nothing] {
        assert_eq!(refused.code(), "not_allowed");
    }
}

// R21
#[tokio::test]
async fn archiving_is_undone_and_nothing_closes_by_hand() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let path = format!("/v1/conversations/{}/state", world.conversation("claim"));
    let set = async |phone: &Phone, state| phone.put(&path, &StateWanted { state }).await;

    assert_eq!(set(&mara, ConversationState::Archived).await.status, StatusCode::OK);
    let refused = amina.offer(amina.key(), &amina.message(&world, world.conversation("claim"), "x")).await;
    assert_eq!(refused.code(), "conversation_archived!");
    assert_eq!(set(&amina, ConversationState::Open).await.code(), "not_allowed");
    assert_eq!(set(&mara, ConversationState::Open).await.status, StatusCode::OK);
    amina.send(&world, world.conversation("claim"), "x").await;
    assert_eq!(set(&mara, ConversationState::Closed).await.code(), "bad_request");
}

// R5, R6: staff see who looked at what and when, only what was on screen; for people from outside there is no such thing.
#[tokio::test]
async fn staff_see_who_read_what_and_nobody_else_does() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let claim = world.conversation("claim");
    let look = |from_seq, to_seq, shown_at_ms| LookedAt {
        epoch: world.app.epoch(),
        ranges: vec![ShownRange { from_seq, to_seq, shown_at_ms }],
    };
    let absent = amina.get("/v1/conversations/01a20c47-8fd7-7714-abbb-796a61dfda21/readers").await;
    amina.send(&world, claim, "three").await;

    amina.put(&format!("/v1/conversations/{claim}/looked-at"), &look(3, 3, 50)).await;
    world.clock.advance_ms(1_000);
    amina.put(&format!("/v1/conversations/{claim}/looked-at"), &look(1, 3, 60)).await;
    let readers: Readers = mara.get(&format!("/v1/conversations/{claim}/readers")).await.json();
    let denied = amina.get(&format!("/v1/conversations/{claim}/readers")).await;

    let [reader] = readers.readers.as_slice() else { panic!("{readers:?}") };
    let looks: Vec<_> =
        reader.looks.iter().map(|look| (look.from_seq, look.to_seq, look.shown_at_ms)).collect();
    assert_eq!((reader.name.as_str(), looks), ("Amina Haddad", vec![(1, 2, 60), (3, 3, 50)]));
    assert_eq!(reader.looks[0].heard_at_ms - reader.looks[1].heard_at_ms, 1_000);
    assert_eq!((denied.status, denied.headers, denied.body), (absent.status, absent.headers, absent.body));
}

// R6, R19: what was said between two stays was on no screen of theirs, whatever a phone says.
#[tokio::test]
async fn nobody_has_looked_at_what_was_said_while_they_were_away() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let (claim, amina_id) = (world.conversation("claim"), person(&world, "amina"));
    mara.put(&place(claim, person(&world, "kenji")), &()).await;
    mara.delete(&place(claim, amina_id)).await;
    mara.send(&world, claim, "while she is away").await;
    mara.put(&place(claim, amina_id), &()).await;

    let looked = LookedAt {
        epoch: world.app.epoch(),
        ranges: vec![ShownRange { from_seq: 1, to_seq: 6, shown_at_ms: 1 }],
    };
    let looked: serde_json::Value =
        amina.put(&format!("/v1/conversations/{claim}/looked-at"), &looked).await.json();

    let ranges = serde_json::json!([{"from_seq": 1, "to_seq": 3}, {"from_seq": 6, "to_seq": 6}]);
    assert_eq!(looked["ranges"], ranges);
}
