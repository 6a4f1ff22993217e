//! Search over HTTP: who finds what, what leaves no trace, how pages follow one another, and what people throw at it.

use futures_util::future::join_all;
use http::StatusCode;
use portico_wire::conversation::{ConversationKind, Standing};
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, EntryId, PersonId};
use portico_wire::office::{BeginConversation, ConversationBegun, Conversations, MatterAccess};
use portico_wire::search::{Query, SearchAnswer, Searchable};
use portico_wire::sync::HistoryPage;

use crate::assurance::{Least, SignInPolicy};
use crate::store::{NewConversation, NewPerson};
use crate::testing::{Pack, Phone, Reply, World, content};

/// More than one request looks at.
const MANY: usize = 1_100;

fn person(world: &World, short: &str) -> PersonId {
    world.firm.people[short].person_id
}

/// Every byte of the query as a server hears it.
fn escaped(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn ask(phone: &Phone, query: &str, more: &str) -> Reply {
    phone.get(&format!("/v1/search?q={}{more}", escaped(query))).await
}

async fn page(phone: &Phone, query: &str, more: &str) -> SearchAnswer {
    ask(phone, query, more).await.json()
}

fn bodies(answer: SearchAnswer) -> Vec<String> {
    answer.hits.into_iter().map(|hit| hit.entry.body).collect()
}

async fn found(phone: &Phone, query: &str) -> Vec<String> {
    bodies(page(phone, query, "").await)
}

/// All pages, one after another.
async fn all(phone: &Phone, query: &str, limit: u32) -> Vec<EntryId> {
    let (mut ids, mut before) = (Vec::new(), String::new());
    loop {
        let answer = page(phone, query, &format!("&limit={limit}{before}")).await;
        ids.extend(answer.hits.iter().map(|hit| hit.entry.entry_id));
        match answer.next {
            Some(next) => before = format!("&before={next}"),
            None => return ids,
        }
    }
}

/// Sends so many texts at once.
async fn flood(world: &World, phone: &Phone, to: ConversationId, text: &str, count: usize) {
    for round in 0..count.div_ceil(200) {
        let left = (count - round * 200).min(200);
        join_all((0..left).map(|_| phone.send(world, to, text))).await;
    }
}

/// A direct message of mara with a colleague who has just come.
async fn direct_with_nadia(world: &World, mara: &Phone) -> (ConversationId, Phone) {
    let email = "nadia@harbourlane.example";
    let new =
        NewPerson { name: "Nadia Petrova".to_owned(), email: email.to_owned(), standing: Standing::Staff };
    let nadia = world.app.store().add_person(world.firm.firm_id, new).await.unwrap();
    let plan = BeginConversation {
        key: world.fresh_key(),
        kind: ConversationKind::Direct,
        title: String::new(),
        matter_id: None,
        participants: vec![nadia],
    };
    let begun: ConversationBegun = mara.post("/v1/conversations", &plan).await.json();
    let mut phone = Phone::new(world);
    phone.sign_in(world, email).await;
    (begun.conversation_id, phone)
}

// R15, R16, R17, R18: staff find what they are not in, but for direct messages and matters shut to them.
#[tokio::test]
async fn everybody_finds_what_they_may_read_and_nothing_else() {
    let world = World::new().await;
    let phones = ["mara", "jonas", "amina", "kenji", "ines"];
    let mut by_name = std::collections::BTreeMap::new();
    for short in phones {
        by_name.insert(short, world.phone(short).await);
    }
    let (_, nadia) = direct_with_nadia(&world, &by_name["mara"]).await;
    for (who, place) in
        [("mara", "claim"), ("jonas", "notes"), ("jonas", "library"), ("mara", "direct"), ("mara", "estate")]
    {
        world.clock.advance_ms(1);
        by_name[who].send(&world, world.conversation(place), &format!("falcon in {place}")).await;
    }

    let staff = ["falcon in library", "falcon in notes", "falcon in claim"];
    assert_eq!(found(&nadia, "falcon").await, staff);
    assert_eq!(found(&by_name["jonas"], "falcon").await[1..], staff);
    assert_eq!(found(&by_name["jonas"], "falcon").await[0], "falcon in direct");
    assert_eq!(found(&by_name["mara"], "falcon in ").await.len(), 5);
    assert_eq!(found(&by_name["amina"], "falcon").await, ["falcon in claim"]);
    assert_eq!(found(&by_name["kenji"], "falcon").await, ["falcon in estate"]);
    assert_eq!(found(&by_name["ines"], "falcon").await, Vec::<String>::new());
    let titles = page(&nadia, "falcon", "").await.hits.into_iter().map(|hit| hit.title);
    assert_eq!(titles.collect::<Vec<_>>(), ["Library", "Haddad claim, internal", "Haddad claim"]);
}

// R16, R17, R41: the answer has the bytes of a firm in which what is denied was never said, however much of it there is.
#[tokio::test]
async fn what_is_denied_leaves_no_trace_in_the_answer() {
    let world = World::new().await;
    let (mara, jonas, kenji) =
        (world.phone("mara").await, world.phone("jonas").await, world.phone("kenji").await);
    let (secret, nadia) = direct_with_nadia(&world, &mara).await;
    for place in ["claim", "library", "notes"] {
        mara.send(&world, world.conversation(place), "falcon").await;
    }
    let claim = world.conversation("claim");
    let questions =
        ["falcon", "fal", "f", "from:mara", "from:m falcon", "after:2020-01-01", "has:attachment"];
    let trace = async |phone: &Phone| {
        let mut bytes = Vec::new();
        for question in questions {
            for more in ["", "&limit=1", "&limit=2", &format!("&before={}", EntryId::from_bytes([0xFF; 16]))]
            {
                bytes.push(ask(phone, question, more).await.body);
            }
        }
        bytes
    };
    let (before, outside) = (trace(&jonas).await, trace(&kenji).await);
    assert_eq!(found(&jonas, "falcon").await.len(), 3);

    flood(&world, &mara, secret, "falcon", MANY).await;
    flood(&world, &nadia, secret, "falcon one more", 3).await;
    flood(&world, &mara, world.conversation("estate"), "falcon", MANY).await;
    let pack =
        Pack::of_files(&mara, &world, world.conversation("estate"), &[("falcon".to_owned(), content(1, 9))]);
    mara.carry(&pack).await;

    assert_eq!(trace(&jonas).await, before);
    assert!(page(&mara, "falcon", "").await.next.is_some());
    assert_ne!(trace(&kenji).await, outside);
    // Access that ends has ended in the search too.
    let open = found(&jonas, "falcon").await;
    let shut = MatterAccess { restricted_to: Some(vec![person(&world, "mara")]) };
    let matter = world.firm.matters["harbour"];
    assert_eq!(mara.put(&format!("/v1/matters/{matter}/access"), &shut).await.status, StatusCode::OK);
    assert_eq!((open.len(), found(&jonas, "falcon").await.len()), (3, 1));
    assert_eq!(jonas.get(&format!("/v1/conversations/{claim}")).await.status, StatusCode::NOT_FOUND);
}

// R19: a client who left searches as of leaving, and sees nothing of what follows.
#[tokio::test]
async fn client_who_left_finds_what_was_there_on_leaving() {
    let world = World::new().await;
    let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
    let [mara_id, amina_id, kenji_id] = ["mara", "amina", "kenji"].map(|short| person(&world, short));
    let (mara, amina, kenji) =
        (world.phone("mara").await, world.phone("amina").await, world.phone("kenji").await);
    mara.send(&world, claim, "falcon early").await;
    world.app.store().add_participant(firm, claim, kenji_id, mara_id).await.unwrap();
    mara.send(&world, claim, "falcon for both").await;
    world.app.store().remove_participant(firm, claim, amina_id, mara_id).await.unwrap();
    let left = ask(&amina, "falcon", "").await.body;

    flood(&world, &mara, claim, "falcon afterwards", MANY).await;

    assert_eq!(found(&amina, "falcon").await, ["falcon for both", "falcon early"]);
    assert_eq!(ask(&amina, "falcon", "").await.body, left);
    assert_eq!(found(&amina, "\"falcon early\"").await, ["falcon early"]);
    assert!(found(&kenji, "\"falcon early\"").await.is_empty());
    assert_eq!(found(&kenji, "falcon").await[0], "falcon afterwards");
    assert_eq!(all(&mara, "falcon", 500).await.len(), MANY + 2);
}

// R15: pages follow one another without a double or a hole, also where many messages share a millisecond and more come
// in meanwhile.
#[tokio::test]
async fn pages_double_and_leave_out_nothing_while_messages_come_in() {
    let world = World::new().await;
    let (mara, jonas) = (world.phone("mara").await, world.phone("jonas").await);
    let places = ["claim", "notes", "library", "direct"].map(|short| world.conversation(short));
    let mut said: Vec<Entry> = Vec::new();
    for round in 0..40 {
        for place in places {
            said.push(jonas.send(&world, place, "falcon").await.entry);
        }
        world.clock.advance_ms(i64::from(round % 2));
    }
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let answer = page(&mara, "falcon", &format!("&limit=7{before}")).await;
        seen.extend(answer.hits.into_iter().map(|hit| hit.entry));
        jonas.send(&world, places[seen.len() % 4], "falcon").await;
        let Some(next) = answer.next else { break };
        before = format!("&before={next}");
    }

    let ids = |entries: &[Entry]| {
        let mut ids: Vec<EntryId> = entries.iter().map(|entry| entry.entry_id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&seen), ids(&said));
    assert!(seen.is_sorted_by_key(|entry| std::cmp::Reverse(entry.accepted_at_ms)));
    for place in places {
        let of_it = seen.iter().filter(|entry| entry.conversation_id == place);
        assert!(of_it.is_sorted_by_key(|entry| std::cmp::Reverse(entry.seq)));
    }
}

// R15: a query that the index does not narrow goes on where it stopped, and finds what is far back.
#[tokio::test]
async fn request_looks_at_so_much_and_says_where_to_go_on() {
    let world = World::new().await;
    let (mara, claim) = (world.phone("mara").await, world.conversation("claim"));
    mara.send(&world, claim, "zeppelin").await;
    world.clock.advance_ms(1);
    flood(&world, &mara, claim, "falcon", MANY).await;

    let first = page(&mara, "z", "").await;
    let rest = page(&mara, "z", &format!("&before={}", first.next.unwrap())).await;

    assert!(first.hits.is_empty());
    assert_eq!((bodies(rest.clone()), rest.next), (vec!["zeppelin".to_owned()], None));
    assert_eq!(found(&mara, "zep").await, ["zeppelin"]);
    // What the firm does not have says the time by itself.
    let absent = EntryId::from_parts(world.app.now_ms(), [0; 10]);
    assert_eq!(bodies(page(&mara, "z", &format!("&before={absent}")).await), ["zeppelin"]);
}

// R4: a page of long texts ends early, and every text comes whole.
#[tokio::test]
async fn long_texts_come_whole_page_by_page() {
    let world = World::new().await;
    let (mara, claim) = (world.phone("mara").await, world.conversation("claim"));
    let long = format!("falcon {}", "\u{1}".repeat(65_000));
    flood(&world, &mara, claim, &long, 3).await;

    let first = page(&mara, "falcon", "").await;

    assert_eq!((first.hits.len(), first.next.is_some()), (1, true));
    assert_eq!(first.hits[0].entry.body, long);
    assert_eq!(all(&mara, "falcon", 50).await.len(), 3);
}

// R15: the grammar, over files and authors too; another firm on the same server has its own.
#[tokio::test]
async fn files_authors_and_days_are_found() {
    let world = World::new().await;
    let (mut mara, amina, claim) =
        (world.phone("mara").await, world.phone("amina").await, world.conversation("claim"));
    let mut other = other_firm(&world).await;
    let pack = Pack::of_files(&amina, &world, claim, &[("賃貸契約書.pdf".to_owned(), content(1, 9))]);
    amina.carry(&pack).await;
    world.clock.advance_ms(86_400_000);
    mara.refresh().await;
    other.refresh().await;
    mara.send(&world, claim, "received, thank you").await;
    other.send(&world, other_room(&other).await, "falcon of another firm").await;

    assert_eq!(found(&mara, "契約").await, ["The papers"]);
    assert_eq!(found(&mara, "has:attachment from:haddad").await, ["The papers"]);
    assert!(found(&mara, "has:attachment from:okafor").await.is_empty());
    // The clock of this world stands at 2023-11-14, and a day later.
    assert_eq!(found(&mara, "after:2023-11-15").await, ["received, thank you"]);
    assert_eq!(found(&mara, "before:2023-11-15 from:amina papers").await, ["The papers"]);
    assert!(found(&mara, "falcon").await.is_empty());
    assert_eq!(found(&other, "falcon").await, ["falcon of another firm"]);
    assert!(found(&other, "papers").await.is_empty());
    let keys = page(&mara, "papers", "").await.hits.into_iter().map(|hit| hit.entry.send_key);
    assert!(keys.flatten().next().is_none(), "a send key is its author's alone");
}

async fn other_firm(world: &World) -> Phone {
    let store = world.app.store();
    let firm = store.add_firm("Another firm".to_owned()).await.unwrap();
    let by_mail = SignInPolicy { staff: Least::Email, ..SignInPolicy::USUAL };
    store.set_sign_in_policy(firm, by_mail).await.unwrap();
    let email = "otto@another.example";
    let otto = NewPerson { name: "Otto".to_owned(), email: email.to_owned(), standing: Standing::Staff };
    let otto = store.add_person(firm, otto).await.unwrap();
    let room = NewConversation {
        conversation_id: None,
        kind: ConversationKind::StaffChannel,
        title: "Room".to_owned(),
        matter_id: None,
        participants: vec![otto],
    };
    store.add_conversation(firm, room).await.unwrap();
    let mut phone = Phone::new(world);
    phone.sign_in(world, email).await;
    phone
}

async fn other_room(phone: &Phone) -> ConversationId {
    let listed: Conversations = phone.get("/v1/conversations").await.json();
    listed.conversations[0].conversation_id
}

/// Every message that the phone's person may read, by the routes that show conversations.
async fn readable(phone: &Phone) -> Vec<Entry> {
    let listed: Conversations = phone.get("/v1/conversations").await.json();
    let mut entries = Vec::new();
    for head in listed.conversations {
        let path = format!("/v1/conversations/{}/entries?limit=500", head.conversation_id);
        let history: HistoryPage = phone.get(&path).await.json();
        assert!(!history.more);
        entries.extend(history.entries.into_iter().filter(|entry| entry.kind.as_str() == "message"));
    }
    entries
}

/// What engines read as their own language, half quotes, half emoji, filters of nothing.
const HOSTILE: [&str; 41] = [
    "\"",
    "\"\"",
    "\"near",
    "ne\"ar",
    "NEAR(the river)",
    "NEAR(\"the\" \"river\", 2)",
    "and OR not",
    "NOT and",
    "tok*",
    "*",
    "^near",
    "{tokens}: love",
    "tokens : love",
    "tokens:love",
    "-love",
    "a + b",
    "c\0d",
    "\0",
    "\u{1F600}",
    "\u{1F469}",
    "\u{1F469}\u{200D}\u{2695}",
    "*\u{200D}\u{1F469}",
    "\"\u{200D}\u{1F600}",
    "\u{E000}h",
    "\u{E000}amara",
    "\u{E000}f",
    "from:",
    "from:\"",
    "from:\"\"",
    "before:",
    "after:9999-99-99",
    "has:",
    "%",
    "_",
    "'; DROP TABLE entries; --",
    "\\",
    "(",
    ")",
    "((((((",
    "\u{202E}love",
    "\u{FEFF}love",
];

// R3, R15: whatever is typed is a query, and finds what the shared rule says of everything that can be read.
#[tokio::test]
async fn hostile_queries_are_answered_by_the_shared_rule() {
    let world = World::new().await;
    let (mara, library) = (world.phone("mara").await, world.conversation("library"));
    for text in [
        "NEAR the river",
        "and or not",
        "tokens of love",
        "c d e",
        "\u{1F469}\u{200D}\u{2695}\u{FE0F} called",
        "a \u{1F600}",
        "1 2 3",
        "quo\"ted text",
        "\u{E000}h \u{E000}amara",
        "word ",
        "100% of _it_",
    ] {
        mara.send(&world, library, text).await;
    }
    let entries = readable(&mara).await;
    let long = "word ".repeat(2_000);
    let phrase = format!("\"{}\"", "a ".repeat(3_000));
    let queries = HOSTILE.into_iter().chain([long.as_str(), &phrase]);
    for query in queries {
        let reply = ask(&mara, query, "&limit=500").await;
        assert_eq!(reply.status, StatusCode::OK, "{query:?}");
        let mut hits: Vec<EntryId> =
            reply.json::<SearchAnswer>().hits.into_iter().map(|hit| hit.entry.entry_id).collect();
        hits.sort_unstable();
        let parsed = Query::parse(query);
        let matching =
            entries.iter().filter(|entry| parsed.as_ref().is_some_and(|q| q.matches(&Searchable::of(entry))));
        let mut expected: Vec<EntryId> = matching.map(|entry| entry.entry_id).collect();
        expected.sort_unstable();
        assert_eq!(hits, expected, "{query:?}");
    }
    for (path, code) in [("/v1/search", "bad_request"), ("/v1/search?q=a&before=x", "bad_request")] {
        assert_eq!(mara.get(path).await.code(), code);
    }
    assert_eq!(mara.get("/v1/search?q=%FF%C3").await.status, StatusCode::OK);
    assert_eq!(page(&mara, "word", "&limit=0").await.hits.len(), 1);
}

// R15, R21: the index is part of the database: a backup has it, and what a restore lost is not found.
#[tokio::test]
async fn index_is_restored_with_the_database() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mara = world.phone("mara").await;
    mara.send(&world, claim, "falcon kept").await;
    world.backup("b");
    world.clock.advance_ms(1);
    let lost = mara.send(&world, claim, "falcon lost").await.entry;
    drop(mara);

    let world = world.restore("b");
    let mara = world.phone("mara").await;

    assert_eq!(found(&mara, "falcon").await, ["falcon kept"]);
    assert_eq!(bodies(page(&mara, "falcon", &format!("&before={}", lost.entry_id)).await), ["falcon kept"]);
    mara.send(&world, claim, "falcon again").await;
    assert_eq!(found(&mara, "falcon").await, ["falcon again", "falcon kept"]);
    assert_eq!(world.app.verify().await.unwrap().faults, []);
}
