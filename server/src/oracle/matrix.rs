//! Every route, asked for every person about everything of their firm. What must not be known answers like what is not
//! there: same status, same headers, same body.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState};
use portico_wire::ids::{AttachmentId, ConversationId, MatterId, PersonId};
use portico_wire::looked_at::{LookedAt, LookedAtState, ShownRange};
use portico_wire::office::{
    AddPerson, BeginConversation, Conversations, MatterAccess, Matters, OpenMatter, StateWanted,
};
use portico_wire::refusal::RefusalCode;
use portico_wire::search::SearchAnswer;
use portico_wire::sync::{Cursor, HistoryPage};
use serde::Serialize;

use super::history::{History, Person, Talk};
use super::{documents, heads, rule};
use crate::testing::{Pack, Phone, Reply, World, call};

/// What each route is asked, by the method and path of the API's document. A route that is not here fails the test.
pub(super) const ROWS: &[(&str, &str)] = &[
    ("GET /v1/attachments/{attachment_id}", "each file, by each person"),
    ("GET /v1/batches/{send_key}", "of one's own key only"),
    ("PUT /v1/batches/{send_key}", "into each conversation, by each person"),
    ("GET /v1/conversations", "by each person"),
    ("POST /v1/conversations", "in each matter, by those who may not know of it"),
    ("GET /v1/conversations/{id}", "each, by each person"),
    ("GET /v1/conversations/{id}/entries", "each, by each person, entry by entry"),
    ("PUT /v1/conversations/{id}/looked-at", "each, by each person, entry by entry"),
    ("PUT /v1/conversations/{id}/participants/{person}", "each, by each person"),
    ("DELETE /v1/conversations/{id}/participants/{person}", "each, by each person"),
    ("GET /v1/conversations/{id}/readers", "each, by each person"),
    ("PUT /v1/conversations/{id}/state", "each, by each person"),
    ("PUT /v1/copies/{send_key}", "of each document into each conversation, by each person"),
    ("GET /v1/documents/{id}", "each, by each person; removed ones by none"),
    ("GET /v1/documents/{id}/content", "each, by each person; removed ones by none"),
    ("PUT /v1/documents/{id}/name", "each, by each person"),
    ("POST /v1/documents/{id}/removal", "each, by each person"),
    (
        "POST /v1/documents/{id}/versions",
        "of files that may not be read, and by those who may not know of it",
    ),
    ("PUT /v1/documents/{id}/versions/{key}", "each, by each person"),
    ("GET /v1/matters", "by each person"),
    ("POST /v1/matters", "by each person"),
    ("PUT /v1/matters/{id}/access", "each, by each person"),
    ("GET /v1/matters/{id}/documents", "each, by each person"),
    ("POST /v1/matters/{id}/documents", "of files that may not be read, and by those who may not know of it"),
    ("PUT /v1/matters/{id}/documents/{key}", "each, by each person"),
    ("PUT /v1/messages/{send_key}", "into each conversation, by each person"),
    ("GET /v1/people", "by each person"),
    ("POST /v1/people", "by each person"),
    ("POST /v1/people/{id}/departure", "by each person"),
    ("POST /v1/people/{id}/invitation", "of nobody, by each person"),
    ("POST /v1/people/{id}/readmission", "of nobody, by each person"),
    ("GET /v1/search", "by each person, message by message"),
    ("GET /v1/snapshot", "by each person, entry by entry"),
    ("GET /v1/sync", "by each person, from the beginning, entry by entry"),
    ("POST /v1/sends/{key}/withdraw", "of one's own key only"),
    // About nothing of a firm but the caller's own devices, or about nothing at all.
    ("GET /v1/approvals", "own"),
    ("POST /v1/approvals/{challenge}", "own"),
    ("DELETE /v1/devices/{id}", "own"),
    ("GET /v1/devices", "own"),
    ("PUT /v1/devices/{id}/push", "own"),
    ("POST /v1/devices/{id}/wipe", "own"),
    ("POST /v1/email", "own"),
    ("POST /v1/email/{change}/confirm", "own"),
    ("GET /v1/factors", "own"),
    ("POST /v1/factors/recovery-codes", "own"),
    ("DELETE /v1/factors/totp", "own"),
    ("POST /v1/factors/totp", "own"),
    ("POST /v1/factors/totp/confirm", "own"),
    ("POST /v1/step-up", "own"),
    ("DELETE /v1/uploads", "by capability"),
    ("HEAD /v1/uploads", "by capability"),
    ("PATCH /v1/uploads", "by capability"),
    ("PUT /v1/uploads", "by capability"),
    ("POST /v1/sessions/nonce", "own"),
    ("POST /v1/sessions/refresh", "own"),
    ("POST /v1/sign-in", "nobody"),
    ("POST /v1/sign-in/invited", "nobody"),
    ("POST /v1/sign-in/{challenge}/answer", "nobody"),
    ("GET /v1/limits", "nobody"),
    ("GET /healthz", "nobody"),
    ("GET /readyz", "nobody"),
];

/// How many answers were compared.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) known: u64,
    pub(super) denied: u64,
    /// Of the rule and its fragment, without a route between.
    pub(super) bare: u64,
}

impl Compared {
    pub(super) fn count(&mut self, known: bool, what: impl FnOnce() -> String, expected: bool) {
        assert_eq!(known, expected, "{}", what());
        if known { self.known += 1 } else { self.denied += 1 }
    }

    pub(super) fn and(self, other: Self) -> Self {
        let (known, denied) = (self.known + other.known, self.denied + other.denied);
        Self { known, denied, bare: self.bare + other.bare }
    }

    pub(super) fn bare(&mut self, alike: bool, what: impl FnOnce() -> String) {
        assert!(alike, "{}", what());
        self.bare += 1;
    }
}

/// An answer as its reader meets it.
pub(super) type Seen = (StatusCode, http::HeaderMap, Vec<u8>);

pub(super) fn seen(reply: Reply) -> Seen {
    (reply.status, reply.headers, reply.body)
}

/// What one person hears of things that do not exist, by what they ask of them. Asked once: it can differ by nothing.
#[derive(Default)]
pub(super) struct Nothing(BTreeMap<String, Seen>);

impl Nothing {
    pub(super) async fn heard(&mut self, asked: &str, ask: impl Future<Output = Reply>) -> &Seen {
        if !self.0.contains_key(asked) {
            self.0.insert(asked.to_owned(), seen(ask.await));
        }
        &self.0[asked]
    }
}

/// Asks everything of one firm.
pub(super) async fn ask_all(world: &World, history: &History, compared: &mut Compared) {
    for me in 0..history.people.len() {
        let person = &history.people[me];
        if person.has_left {
            is_out(world, history, person, compared).await;
            continue;
        }
        lists(history, me, compared).await;
        searches(history, me, compared).await;
        fan_out(world, history, me, compared).await;
        office(history, me, compared).await;
        let mut nothing = Nothing::default();
        for talk in &history.talks {
            about(world, history, me, talk, &mut nothing, compared).await;
        }
        matters(world, history, me, &mut nothing, compared).await;
        for matter in &history.matters {
            documents::of_matter(history, me, matter, &mut nothing, compared).await;
        }
    }
}

// R43: whoever has left the firm is told so by every path, and nothing else.
async fn is_out(world: &World, history: &History, person: &Person, compared: &mut Compared) {
    let everywhere = ["/v1/snapshot", "/v1/search?q=words", "/v1/conversations", "/v1/matters", "/v1/people"];
    let mut paths = everywhere.map(str::to_owned).to_vec();
    for matter in &history.matters {
        paths.push(format!("/v1/matters/{}/documents", matter.id));
        paths.push(format!("/v1/documents/{}/content", matter.documents[0]));
    }
    for path in paths {
        let reply = person.phone.get(&path).await;
        compared.count(reply.status.is_success(), || path.clone(), false);
        assert_eq!(reply.code(), "membership_ended", "{path}");
    }
    let cursor = Cursor { epoch: world.app.epoch(), seq: 0 };
    let reply = person.phone.get(&format!("/v1/sync?cursor={cursor}")).await;
    compared.count(reply.status.is_success(), || "sync".to_owned(), false);
    let message = person.phone.message(world, history.talks[0].id, "x");
    assert_eq!(person.phone.offer(person.phone.key(), &message).await.code(), "account_closed!");
}

async fn lists(history: &History, me: usize, compared: &mut Compared) {
    let phone = &history.people[me].phone;
    let listed: Conversations = phone.get("/v1/conversations").await.json();
    let listed = listed.conversations;
    for talk in &history.talks {
        let head = listed.iter().find(|head| head.conversation_id == talk.id);
        let what = || format!("{me} lists {:?}", talk.kind);
        compared.count(head.is_some(), what, rule::knows(history, me, talk));
        head.into_iter()
            .for_each(|head| heads::compare(history, me, talk, (heads::Of::Asked, head), compared));
    }
    let is_ours = |head: &ConversationHead| history.talks.iter().any(|talk| talk.id == head.conversation_id);
    assert!(listed.iter().all(is_ours), "of another firm");
    let listed: Matters = phone.get("/v1/matters").await.json();
    for matter in &history.matters {
        let known = listed.matters.iter().any(|row| row.matter_id == matter.id);
        let expected = rule::knows_matter(me, &history.people[me], matter);
        compared.count(known, || format!("{me} lists a matter"), expected);
    }
}

/// By time alone, and by a word of every message.
async fn searches(history: &History, me: usize, compared: &mut Compared) {
    for (query, limit) in [("after:2000-01-01", 7), ("the", 500)] {
        let (mut found, mut before) = (BTreeSet::new(), String::new());
        loop {
            let path = format!("/v1/search?q={query}&limit={limit}{before}");
            let answer: SearchAnswer = history.people[me].phone.get(&path).await.json();
            found.extend(answer.hits.iter().map(|hit| (hit.entry.conversation_id, hit.entry.seq)));
            let Some(next) = answer.next else { break };
            before = format!("&before={next}");
        }
        for talk in &history.talks {
            for seq in &talk.messages {
                let is_found = found.remove(&(talk.id, u64::try_from(*seq).unwrap()));
                let what = || format!("{me} finds message {seq} of {:?} by {query}", talk.kind);
                compared.count(is_found, what, rule::reads(history, me, talk, *seq));
            }
        }
        assert_eq!(found, BTreeSet::new(), "{me} finds what was never said");
    }
}

/// What phones hold: nothing is in the snapshot or the log of changes but what may be read.
async fn fan_out(world: &World, history: &History, me: usize, compared: &mut Compared) {
    let phone = &history.people[me].phone;
    let talk_of = |id: ConversationId| history.talks.iter().find(|talk| talk.id == id).unwrap();
    let snapshot = phone.snapshot().await;
    for held in &snapshot.conversations {
        let talk = talk_of(held.head.conversation_id);
        assert!(rule::knows(history, me, talk), "{me} holds {:?}", talk.kind);
        heads::compare(history, me, talk, (heads::Of::Held, &held.head), compared);
        for entry in &held.entries {
            let expected = rule::reads(history, me, talk, usize::try_from(entry.seq).unwrap());
            compared.count(true, || format!("{me} holds entry {} of {:?}", entry.seq, talk.kind), expected);
        }
    }
    for talk in history.talks.iter().filter(|talk| talk.inside.contains(&me)) {
        let held = snapshot.conversations.iter().any(|held| held.head.conversation_id == talk.id);
        assert!(held, "{me} is in {:?} and does not hold it", talk.kind);
    }
    let page = phone.sync_after(Cursor { epoch: world.app.epoch(), seq: 0 }).await;
    for event in page.events {
        let data: serde_json::Value = serde_json::from_str(event.data.get()).unwrap();
        let Some(id) = data["conversation_id"].as_str() else { continue };
        let talk = talk_of(id.parse().unwrap());
        if event.kind == "entry" {
            let seq = usize::try_from(data["seq"].as_u64().unwrap()).unwrap();
            let what = || format!("{me} hears of entry {seq} of {:?}", talk.kind);
            compared.count(true, what, rule::reads(history, me, talk, seq));
        } else if event.kind != "access_lost" {
            let what = || format!("{me} hears of {:?}", talk.kind);
            compared.count(true, what, rule::knows(history, me, talk));
        }
    }
}

/// What only staff ask.
async fn office(history: &History, me: usize, compared: &mut Compared) {
    let (phone, is_staff) = (&history.people[me].phone, !history.people[me].is_outside);
    let listed = phone.get("/v1/people").await.status.is_success();
    compared.count(listed, || format!("{me} lists people"), is_staff);
    let known = &history.people[3];
    let add = AddPerson {
        name: "Another name".to_owned(),
        email: "nobody".to_owned(),
        standing: portico_wire::conversation::Standing::Client,
    };
    assert_eq!(phone.post("/v1/people", &add).await.status, StatusCode::BAD_REQUEST);
    let absent = PersonId::from_bytes([9; 16]);
    let left = phone.post(&format!("/v1/people/{absent}/departure"), &()).await.status;
    compared.count(left == StatusCode::NOT_FOUND, || format!("{me} sends somebody away"), is_staff);
    if !is_staff {
        let left = phone.post(&format!("/v1/people/{}/departure", known.id), &()).await;
        compared.count(left.status.is_success(), || format!("{me} sends a client away"), false);
    }
    // A list of nobody: for staff the list is wrong, for others the whole of it.
    let open = OpenMatter { key: phone.key(), title: "A matter".to_owned(), restricted_to: Some(Vec::new()) };
    assert_eq!(phone.post("/v1/matters", &open).await.status, StatusCode::CONFLICT);
}

async fn matters(
    world: &World,
    history: &History,
    me: usize,
    nothing: &mut Nothing,
    compared: &mut Compared,
) {
    let (absent, person) = (MatterId::from_bytes([9; 16]), &history.people[me]);
    for matter in &history.matters {
        let expected = rule::knows_matter(me, person, matter);
        // The access that it has: nothing changes.
        let wanted = MatterAccess { restricted_to: matter.listed.as_ref().map(|listed| history.ids(listed)) };
        let ask = async |id: MatterId| person.phone.put(&format!("/v1/matters/{id}/access"), &wanted).await;
        let reply = ask(matter.id).await;
        // One on the list may have left the firm meanwhile, which a list can not hold any more.
        let known = reply.status == StatusCode::OK || reply.status == StatusCode::CONFLICT;
        if !known {
            assert_eq!(&seen(reply), nothing.heard("access", ask(absent)).await);
        }
        compared.count(known, || format!("{me} changes access"), expected);
        let is_on = history.talks.iter().any(|talk| {
            talk.kind == ConversationKind::ExternalMatter
                && talk.matter.is_some_and(|place| history.matters[place].id == matter.id)
                && talk.inside.contains(&me)
                && !talk.is_closed
        });
        if !expected && !is_on {
            let begin = async |id| {
                let begin = BeginConversation {
                    key: world.fresh_key(),
                    kind: ConversationKind::ExternalMatter,
                    title: "A talk".to_owned(),
                    matter_id: Some(id),
                    participants: Vec::new(),
                };
                person.phone.post("/v1/conversations", &begin).await
            };
            let hidden = begin(matter.id).await;
            compared.count(hidden.status.is_success(), || format!("{me} begins"), false);
            assert_eq!(&seen(hidden), nothing.heard("begin", begin(absent)).await);
        }
    }
}

/// What must be answered alike for a hidden and an absent conversation.
async fn about(
    world: &World,
    history: &History,
    me: usize,
    talk: &Talk,
    nothing: &mut Nothing,
    compared: &mut Compared,
) {
    let phone = &history.people[me].phone;
    let knows = rule::knows(history, me, talk);
    let is_staff = !history.people[me].is_outside;
    let absent = ConversationId::from_bytes([9; 16]);
    let anybody = talk.inside.first().map_or(history.people[me].id, |who| history.people[*who].id);
    let nobody = (0..6).find(|who| !talk.inside.contains(who)).map(|who| history.people[who].id);
    let state = if talk.is_archived { ConversationState::Archived } else { ConversationState::Open };
    let requests = [
        ask(Method::GET, "", &(), knows),
        ask(Method::GET, "/entries", &(), knows),
        ask(Method::GET, "/readers", &(), knows && is_staff),
        ask(Method::PUT, "/looked-at", &look(world, 0), knows),
        // Nothing changes by these: whoever is added is in it, whoever is removed is not, the state is what it is.
        ask(Method::PUT, &format!("/participants/{anybody}"), &(), knows && is_staff),
        ask(
            Method::DELETE,
            &format!("/participants/{}", nobody.unwrap_or(PersonId::from_bytes([9; 16]))),
            &(),
            knows && is_staff,
        ),
        ask(Method::PUT, "/state", &StateWanted { state }, knows && is_staff),
    ];
    for (method, path, body, expected) in requests {
        // The first into an empty one would truly join it; of one in which everybody is, nobody is removed in vain.
        let changes_something = match method {
            Method::PUT => path.starts_with("/participants") && talk.inside.is_empty(),
            Method::DELETE => nobody.is_none(),
            _ => false,
        };
        // Whoever knows of it asks for these entry by entry, below.
        let follows = ["/entries", "/looked-at"].contains(&path.as_str());
        if knows && (changes_something || follows) {
            continue;
        }
        let reply = one(phone, &method, talk.id, &path, &body).await;
        let what = format!("{me} asks {method} {path} of {:?}", talk.kind);
        // One who knows of it and may not change it hears that; one in it from outside sees no readers (R5).
        let refused = reply.status == StatusCode::CONFLICT;
        if !knows || path == "/readers" && !is_staff {
            compared.count(reply.status.is_success() || refused, || what.clone(), false);
            let asked = format!("{method} {}", path.split('/').nth(1).unwrap_or_default());
            let heard = nothing.heard(&asked, one(phone, &method, absent, &path, &body)).await;
            assert_eq!(&seen(reply), heard, "{what}");
        } else {
            if path.is_empty() {
                heads::compare(history, me, talk, (heads::Of::Asked, &reply.json()), compared);
            }
            // A closed one keeps its state.
            let known = reply.status.is_success() || (refused && (!expected || talk.is_closed));
            compared.count(known, || format!("{what}: {}", reply.status), true);
            assert!(expected || !reply.status.is_success(), "{what}");
        }
    }
    entries(world, history, me, talk, compared).await;
    sends(world, history, me, talk, nothing, compared).await;
    documents::copies(world, history, me, talk, nothing, compared).await;
}

type Asked = (Method, String, serde_json::Value, bool);

fn ask(method: Method, path: &str, body: &impl Serialize, expected: bool) -> Asked {
    (method, path.to_owned(), serde_json::to_value(body).unwrap(), expected)
}

async fn one(
    phone: &Phone,
    method: &Method,
    id: ConversationId,
    path: &str,
    body: &serde_json::Value,
) -> Reply {
    let path = format!("/v1/conversations/{id}{path}");
    call(&phone.router, method.clone(), &path, Some(&phone.token), Some(body)).await
}

fn look(world: &World, to_seq: u64) -> LookedAt {
    let range = ShownRange { from_seq: 1, to_seq, shown_at_ms: 1 };
    LookedAt { epoch: world.app.epoch(), ranges: (to_seq > 0).then_some(range).into_iter().collect() }
}

/// Entry by entry: pages, looks, files.
async fn entries(world: &World, history: &History, me: usize, talk: &Talk, compared: &mut Compared) {
    if !rule::knows(history, me, talk) {
        return;
    }
    let (phone, last) = (&history.people[me].phone, talk.entries.len() as u64);
    let (mut read, mut before) = (BTreeSet::new(), last + 1);
    loop {
        let path = format!("/v1/conversations/{}/entries?before={before}&limit=500", talk.id);
        let page: HistoryPage = phone.get(&path).await.json();
        read.extend(page.entries.iter().map(|entry| entry.seq));
        let Some(first) = page.entries.first().filter(|_| page.more) else { break };
        before = first.seq;
    }
    let looked = phone.put(&format!("/v1/conversations/{}/looked-at", talk.id), &look(world, last)).await;
    let looked: LookedAtState = looked.json();
    for seq in 1..=last {
        let expected = rule::reads(history, me, talk, usize::try_from(seq).unwrap());
        let what = |how: &str| format!("{me} {how} entry {seq} of {:?}", talk.kind);
        compared.count(read.contains(&seq), || what("reads"), expected);
        let is_looked_at = looked.ranges.iter().any(|range| (range.from_seq..=range.to_seq).contains(&seq));
        compared.count(is_looked_at, || what("looks at"), expected);
    }
}

/// Messages, batches and files. Those who may post are not asked to: it would change the world.
async fn sends(
    world: &World,
    history: &History,
    me: usize,
    talk: &Talk,
    nothing: &mut Nothing,
    compared: &mut Compared,
) {
    let phone = &history.people[me].phone;
    if let Some((file, seq)) = talk.file {
        let reply = phone.attachment(file).await;
        let expected = rule::reads(history, me, talk, seq);
        compared.count(reply.status.is_success(), || format!("{me} fetches of {:?}", talk.kind), expected);
        if !expected {
            let absent = phone.attachment(AttachmentId::from_bytes([9; 16]));
            assert_eq!(&seen(reply), nothing.heard("attachment", absent).await);
        }
    }
    let Some(refusal) = rule::refusal(history, me, talk) else { return };
    let absent = ConversationId::from_bytes([9; 16]);
    let say = async |to| phone.offer(phone.key(), &phone.message(world, to, "x")).await;
    let bring = async |to| phone.open(&Pack::of(phone, world, to, &[1])).await;
    for (how, reply) in [("says", say(talk.id).await), ("brings", bring(talk.id).await)] {
        let what = || format!("{me} {how} to {:?}, inside {:?}", talk.kind, talk.inside);
        assert!(!reply.status.is_success(), "{}", what());
        assert_eq!(reply.code(), format!("{refusal}!"), "{}", what());
        let is_hidden = refusal == RefusalCode::ConversationNotFound;
        compared.count(!is_hidden, what, rule::knows(history, me, talk));
        if is_hidden {
            let ask = async { if how == "says" { say(absent).await } else { bring(absent).await } };
            assert_eq!(&seen(reply), nothing.heard(how, ask).await);
        }
    }
}
