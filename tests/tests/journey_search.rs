//! The same query finds the same messages on a phone and on the server: those that the one shared rule says.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::cmp::Reverse;
use std::collections::BTreeSet;

use http_body_util::BodyExt as _;
use portico_core::ports::Clock as _;
use portico_core::testing::SeededDice;
use portico_core::upload::source::PickSource;
use portico_tests::draws::number;
use portico_tests::faults::Weather;
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, EntryId};
use portico_wire::search::{Query, SearchAnswer, Searchable};
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use serde::Deserialize;
use tower::ServiceExt as _;

#[derive(Deserialize)]
struct Vectors {
    tokens: Vec<TokensCase>,
    matches: Vec<MatchCase>,
}

#[derive(Deserialize)]
struct TokensCase {
    text: String,
}

#[derive(Deserialize)]
struct MatchCase {
    query: String,
    text: String,
    #[serde(default)]
    files: Vec<String>,
}

/// What one may read, whose phone holds all of it.
const READERS: [(&str, &[&str]); 4] = [
    ("mara", &["claim", "notes", "library", "direct", "estate"]),
    ("jonas", &["claim", "notes", "library", "direct"]),
    ("amina", &["claim"]),
    ("kenji", &["estate"]),
];
/// Generated messages, and generated queries for each reader.
const GENERATED: usize = 60;
/// A part of a word, of a sentence, of an emoji: what texts and queries are made of.
const PIECES: [&str; 40] = [
    "hearing",
    "Hear",
    "the",
    "THE",
    "report",
    "reporter",
    "Größe",
    "GRO\u{308}SSE",
    "é",
    "e\u{301}t\u{E9}",
    "don't",
    "3.14",
    "file_name",
    "v2",
    "東京",
    "東",
    "京都",
    "タワー",
    "ﾀﾜｰ",
    "我们",
    "明天",
    "ภาษา",
    "ไทย",
    "ที่",
    "مُحَمَّد",
    "محمد",
    "السلام",
    "नमस्ते",
    "दुनिया",
    "कि",
    "क",
    "한국어",
    "שלום",
    "👍",
    "👍🏽",
    "👩‍⚕️",
    "👩",
    "🇩🇪",
    "❤️",
    "1️⃣",
];
const BETWEEN: [&str; 6] = [" ", " ", " ", "", ", ", "\n"];
const FILTERS: [&str; 10] = [
    "from:mara",
    "from:ha",
    "from:\"Jonas Weber\"",
    "from:森",
    "has:attachment",
    "before:2026-01-05",
    "after:2026-01-05",
    "before:2026-01-10 after:2026-01-03",
    "from:a",
    "after:2026-02-30",
];

fn draw<'a>(dice: &SeededDice, from: &[&'a str]) -> &'a str {
    from[usize::try_from(dice.below(from.len() as u64)).unwrap()]
}

fn drawn_text(dice: &SeededDice, most: u64) -> String {
    (0..=dice.below(most)).flat_map(|_| [draw(dice, &PIECES), draw(dice, &BETWEEN)]).collect()
}

/// Words, phrases, parts of words, filters, in any order, sometimes with a quote too many.
fn drawn_query(dice: &SeededDice) -> String {
    let mut parts = Vec::new();
    for _ in 0..=dice.below(3) {
        let text = drawn_text(dice, 2);
        parts.push(match dice.below(5) {
            0 => format!("\"{}\"", text.trim()),
            1 => draw(dice, &FILTERS).to_owned(),
            2 => text.chars().take(usize::try_from(1 + dice.below(3)).unwrap()).collect(),
            3 if dice.chance(20) => format!("{text}\""),
            _ => text,
        });
    }
    parts.join(" ")
}

/// Says `text` in one of the places that `author` is in, with files of these names, on a phone; it arrives.
async fn say(world: &World, phone: &TestPhone, place: &str, text: &str, files: &[String]) {
    let conversation = world.conversation(place);
    if files.is_empty() {
        phone.portal().send(conversation, text).unwrap();
    } else {
        for name in files {
            let path = phone.home.with_extension("pick");
            std::fs::write(&path, name).unwrap();
            phone.portal().pick(conversation, PickSource::Path(path), Some(name.clone())).await.unwrap();
        }
        phone.portal().send_files(conversation, text).await.unwrap();
    }
    phone.portal().catch_up().await.unwrap();
    assert!(phone.outbox().is_empty(), "{text:?}");
}

/// Everybody says the texts of the vectors, and generated ones, over some weeks.
async fn fill(world: &World, phones: &[TestPhone], vectors: &Vectors, dice: &SeededDice) {
    let mut corpus = BTreeSet::new();
    corpus.extend(vectors.tokens.iter().map(|case| (case.text.clone(), Vec::new())));
    corpus.extend(vectors.matches.iter().map(|case| (case.text.clone(), case.files.clone())));
    let mut corpus: Vec<(String, Vec<String>)> = corpus.into_iter().collect();
    for _ in 0..GENERATED {
        let files =
            if dice.chance(8) { vec![format!("{}.pdf", drawn_text(dice, 2).trim())] } else { Vec::new() };
        corpus.push((drawn_text(dice, 8), files));
    }
    for (text, files) in corpus {
        let who = usize::try_from(dice.below(phones.len() as u64)).unwrap();
        say(world, &phones[who], draw(dice, READERS[who].1), &text, &files).await;
        world.clock.advance(1 + i64::try_from(dice.below(4 * 3_600_000)).unwrap());
    }
}

fn on_phone(phone: &TestPhone, query: &str) -> Vec<EntryId> {
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let hits = phone.portal().search(query, before, 37).unwrap().hits;
        ids.extend(hits.iter().map(|hit| hit.entry.entry_id));
        match hits.last() {
            Some(last) => before = Some(last.place),
            None => return ids,
        }
    }
}

async fn on_server(world: &World, phone: &TestPhone, query: &str) -> Vec<EntryId> {
    let token = phone.portal().store().read(|reading| reading.access()).unwrap().unwrap().access_token;
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (mut ids, mut before) = (Vec::new(), String::new());
    loop {
        let request = http::Request::builder()
            .uri(format!("/v1/search?q={escaped}&limit=41{before}"))
            .header(WIRE_HEADER, WIRE_VERSION)
            .header("authorization", format!("Bearer {token}"))
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = world.app().router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{query:?}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let page: SearchAnswer = serde_json::from_slice(&body).unwrap();
        ids.extend(page.hits.iter().map(|hit| hit.entry.entry_id));
        match page.next {
            Some(next) => before = format!("&before={next}"),
            None => return ids,
        }
    }
}

/// The messages of these conversations, newest first.
async fn messages(world: &World, places: &[&str]) -> Vec<Entry> {
    let mut all = Vec::new();
    for place in places {
        all.extend(world.log(world.conversation(place)).await);
    }
    all.retain(|entry| entry.kind == EntryKind::Message);
    all.sort_by_key(age);
    all
}

/// Younger ones first; those of one millisecond in any order that is always the same.
fn age(entry: &Entry) -> (Reverse<i64>, EntryId) {
    (Reverse(entry.accepted_at_ms), entry.entry_id)
}

/// `found`, which must stand in the order of time, with those of one millisecond in the order of [`age`].
fn in_order(messages: &[Entry], found: Vec<EntryId>, query: &str) -> Vec<EntryId> {
    let by_id = |id: EntryId| messages.iter().find(|entry| entry.entry_id == id).map(age);
    let mut ages: Vec<_> = found.into_iter().map(|id| by_id(id).unwrap()).collect();
    assert!(ages.is_sorted_by_key(|(time, _)| *time), "not the newest first: {query:?}");
    ages.sort();
    ages.into_iter().map(|(_, id)| id).collect()
}

fn by_the_rule(messages: &[Entry], query: &str) -> Vec<EntryId> {
    let Some(query) = Query::parse(query) else { return Vec::new() };
    let hits = messages.iter().filter(|entry| query.matches(&Searchable::of(entry)));
    hits.map(|entry| entry.entry_id).collect()
}

/// Asks phone and server, and gives how many queries found something.
async fn agree(world: &World, phone: &TestPhone, messages: &[Entry], queries: &[String], seed: u64) -> usize {
    let mut finding = 0;
    for query in queries {
        let expected = by_the_rule(messages, query);
        let phone_has = in_order(messages, on_phone(phone, query), query);
        let server_has = in_order(messages, on_server(world, phone, query).await, query);
        assert_eq!(phone_has, expected, "on the phone: {query:?}, PORTICO_SEED={seed}");
        assert_eq!(server_has, expected, "on the server: {query:?}, PORTICO_SEED={seed}");
        finding += usize::from(!expected.is_empty());
    }
    finding
}

// R3, R15, R17, R50: in every script, with every part of the grammar, for each reader what they may read.
#[tokio::test]
async fn phone_and_server_find_the_same() {
    let seed = number("PORTICO_SEED").unwrap_or(7);
    let (dice, world) = (SeededDice::of(seed), World::of_seed(seed).await);
    let vectors: Vectors = serde_json::from_str(include_str!("../vectors/search_v1.json")).unwrap();
    let mut phones = Vec::new();
    for (name, _) in READERS {
        phones.push(world.phone(name).await);
    }
    fill(&world, &phones, &vectors, &dice).await;

    for ((_, places), phone) in READERS.iter().zip(&phones) {
        phone.portal().catch_up().await.unwrap();
        let mut queries: Vec<String> = vectors.matches.iter().map(|case| case.query.clone()).collect();
        queries.extend((0..GENERATED).map(|_| drawn_query(&dice)));

        let finding = agree(&world, phone, &messages(&world, places).await, &queries, seed).await;

        assert!(finding > queries.len() / 8, "most queries are for nothing: {finding} of {}", queries.len());
    }
}

// R19: whoever left finds what was there on leaving, on the phone and on the server.
#[tokio::test]
async fn client_who_left_finds_the_same_offline() {
    let world = World::new().await;
    let (claim, firm) = (world.conversation("claim"), world.firm.firm_id);
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    say(&world, &mara, "claim", "the hearing is on Monday", &[]).await;
    let [amina_id, kenji_id, mara_id] = ["amina", "kenji", "mara"].map(|name| world.person_id(name));
    world.app().store().add_participant(firm, claim, kenji_id, mara_id).await.unwrap();
    world.app().store().remove_participant(firm, claim, amina_id, mara_id).await.unwrap();
    world.clock.advance(1_000);
    say(&world, &mara, "claim", "the hearing was moved", &["hearing.pdf".to_owned()]).await;

    amina.portal().catch_up().await.unwrap();

    let before: Vec<Entry> = messages(&world, &["claim"]).await.into_iter().skip(1).collect();
    let queries = ["hearing", "has:attachment", "moved", "from:mara", "after:2020-01-01"].map(str::to_owned);
    assert_eq!(agree(&world, &amina, &before, &queries, 1).await, 3);
    amina.network.set(Weather::Off);
    assert_eq!(on_phone(&amina, "hearing"), [before[0].entry_id]);
}

// R50: what waits to be sent is searched like what was sent.
#[tokio::test]
async fn unsent_messages_are_searched_by_the_same_grammar() {
    let world = World::new().await;
    let claim: ConversationId = world.conversation("claim");
    let amina = world.phone("amina").await;
    amina.network.set(Weather::Off);
    let path = amina.home.with_extension("pick");
    std::fs::write(&path, "photo").unwrap();
    amina.portal().pick(claim, PickSource::Path(path), Some("Kaputte Fähre.jpg".to_owned())).await.unwrap();
    amina.portal().send_files(claim, "the photo").await.unwrap();
    amina.portal().send(claim, "and a word on it").unwrap();
    let unsent = |query: &str| {
        let found = amina.portal().search(query, None, 9).unwrap().unsent;
        found.into_iter().map(|echo| echo.body).collect::<Vec<_>>()
    };

    assert_eq!(world.clock.now_ms() / 1_000, 1_767_225_601);
    assert_eq!(unsent("fahre has:attachment"), ["the photo"]);
    assert_eq!(unsent("from:haddad word"), ["and a word on it"]);
    assert_eq!(unsent("after:2026-01-01 photo"), ["the photo"]);
    assert!(unsent("before:2026-01-01").is_empty() && unsent("from:mara").is_empty());
}
