//! The store alone: keys, disk, schemas, order, gaps, purges, adoption.

mod damage;

use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState, Standing as Side};
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, DeviceId, EntryId, Epoch, FirmId, PersonId, SendKey};
use portico_wire::looked_at::SeqRange;
use portico_wire::message::Body;
use portico_wire::push::PushContent;
use portico_wire::receipt::Receipt;
use portico_wire::search::Query;
use portico_wire::sync::{Snapshot, SnapshotConversation};
use tempfile::TempDir;

use super::*;
use crate::compose::draft::Draft;
use crate::outbox::entry::{Lane, Progress, SendState, Tried};
use crate::timeline::item::TimelineItem;

const FIRM: FirmId = FirmId::from_bytes([2; 16]);
const ME: PersonId = PersonId::from_bytes([3; 16]);
const OTHER: PersonId = PersonId::from_bytes([4; 16]);
const ROOM: ConversationId = ConversationId::from_bytes([5; 16]);
const FIRST_EPOCH: Epoch = Epoch::from_bytes([7; 16]);
const SECOND_EPOCH: Epoch = Epoch::from_bytes([8; 16]);

struct Fixture {
    folder: TempDir,
    store: Store,
}

fn key() -> StoreKey {
    StoreKey::from_slice(&[9; 48]).unwrap()
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("portal.db"), &key()).unwrap();
    store
        .write(|writing| {
            writing.set(
                Fact::Session,
                &SessionFacts {
                    server_url: String::new(),
                    person_id: ME,
                    name: String::new(),
                    standing: Side::Client,
                    firm_id: FIRM,
                    firm_name: String::new(),
                    device_id: DeviceId::from_bytes([1; 16]),
                },
            )
        })
        .unwrap();
    Fixture { folder, store }
}

impl Fixture {
    fn write(&self, change: impl FnOnce(&Writing<'_>) -> Result<(), StoreError>) {
        self.store.write(change).unwrap();
    }

    fn enqueue(&self, number: u8, text: &str) -> SendKey {
        let draft = Draft {
            send_key: SendKey::from_bytes([number; 16]),
            conversation_id: ROOM,
            body: Body::parse(text).unwrap(),
            composed_at_ms: i64::from(number),
        };
        self.write(|writing| writing.enqueue(&draft));
        draft.send_key
    }

    fn adopt(&self, epoch: Epoch, entries: Vec<Entry>, restored_to_ms: Option<i64>) -> Adopted {
        let snapshot = snapshot(epoch, entries, restored_to_ms);
        self.store.write(|writing| writing.adopt(&snapshot, 1)).unwrap()
    }

    fn items(&self) -> Vec<String> {
        let page = self.store.read(|reading| reading.timeline(ROOM, None, 50)).unwrap().unwrap();
        page.items.iter().map(shown).collect()
    }
}

fn shown(item: &TimelineItem) -> String {
    match item {
        TimelineItem::Logged { entry, standing: EntryStanding::Held, .. } => entry.body.clone(),
        TimelineItem::Logged { entry, standing, .. } => format!("{} ({standing:?})", entry.body),
        TimelineItem::Gap { from_seq, to_seq } => format!("gap {from_seq}-{to_seq}"),
        TimelineItem::Unsent(echo) => format!("{} ...", echo.body),
    }
}

/// A log of `texts`, chained by hash, written by `OTHER` at 1,000 ms each.
fn log(texts: &[&str], salt: u8) -> Vec<Entry> {
    let mut previous_hash = Sha256::ZERO;
    let mut out = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let seq = number as u64 + 1;
        let mut entry = Entry {
            entry_id: EntryId::from_parts(seq as i64, [salt; 10]),
            conversation_id: ROOM,
            seq,
            epoch: FIRST_EPOCH,
            kind: EntryKind::Message,
            author_id: OTHER,
            author_name: "Mara".to_owned(),
            accepted_at_ms: seq as i64 * 1_000,
            composed_at_ms: 0,
            body: (*text).to_owned(),
            salt: Base64(vec![salt; 16]),
            files: Vec::new(),
            previous_hash,
            hash: Sha256::ZERO,
            send_key: None,
        };
        entry.hash = entry.computed_hash(FIRM);
        previous_hash = entry.hash;
        out.push(entry);
    }
    out
}

fn head(last_seq: u64) -> ConversationHead {
    ConversationHead {
        conversation_id: ROOM,
        kind: ConversationKind::ExternalMatter,
        title: "Lease".to_owned(),
        matter_id: None,
        state: ConversationState::Open,
        may_post: true,
        participants: Vec::new(),
        readable_from_seq: 1,
        last_seq,
        last_at_ms: 0,
    }
}

fn snapshot(epoch: Epoch, entries: Vec<Entry>, restored_to_ms: Option<i64>) -> Snapshot {
    let last_seq = entries.last().map_or(0, |entry| entry.seq);
    Snapshot {
        epoch,
        next_seq: 10,
        restored_to_ms,
        conversations: vec![SnapshotConversation { head: head(last_seq), entries, looked_at: Vec::new() }],
        access_lost: Vec::new(),
        server_time_ms: 0,
        backed_up_through_ms: None,
    }
}

fn accept(fixture: &Fixture, key: SendKey, entry: &Entry) {
    let receipt = Receipt {
        key_id: "r".to_owned(),
        conversation_id: ROOM,
        epoch: entry.epoch,
        seq: entry.seq,
        accepted_at_ms: entry.accepted_at_ms,
        signature: Base64::default(),
    };
    fixture.write(|writing| {
        let progress = Progress { state: SendState::Accepted, tried: Tried::Perhaps, ..Progress::NEW };
        writing.keep_progress(key, &progress)?;
        writing.keep_receipt(key, &receipt, writing.epoch_count()?)?;
        writing.put_entry(entry).map(|_| ())
    });
}

// R55
#[test]
fn stolen_files_yield_nothing_without_the_key() {
    let fixture = fixture();
    fixture.enqueue(1, "the canary sings");
    let path = fixture.folder.path().to_owned();

    for file in std::fs::read_dir(&path).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"));
    }
    let wrong = StoreKey::from_slice(&[8; 48]).unwrap();
    assert_eq!(Store::open(&path.join("portal.db"), &wrong).err(), Some(StoreError::WrongKey));
    assert_eq!(fixture.store.read(|reading| reading.open_count()), Ok(1));
}

// R51
#[test]
fn full_disk_refuses_the_new_and_keeps_the_old() {
    let fixture = fixture();
    fixture.enqueue(1, "before");
    fixture.store.leave_pages(0).unwrap();
    let draft = Draft {
        send_key: SendKey::from_bytes([2; 16]),
        conversation_id: ROOM,
        body: Body::parse("x".repeat(60_000)).unwrap(),
        composed_at_ms: 0,
    };

    let refused = fixture.store.write(|writing| writing.enqueue(&draft));

    assert_eq!(refused, Err(StoreError::Full));
    assert_eq!(fixture.store.read(|reading| reading.open_count()), Ok(1));
    fixture.store.leave_pages(1_000).unwrap();
    assert_eq!(fixture.store.write(|writing| writing.enqueue(&draft)), Ok(()));
}

// R51: no migration loses an outbox row.
#[test]
fn every_historic_schema_opens_with_its_queued_rows() {
    for last in 1..=migrate::MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portal.db");
        let mut old = connect(&path, &key(), OpenFlags::default()).unwrap();
        migrate::migrate_to(&mut old, last).unwrap();
        old.execute_batch(
            "INSERT INTO outbox (position, send_key, conversation_id, lane, line, body, composed_at_ms, is_open, state)
             VALUES (1, x'0101010101010101010101010101010101', x'05050505050505050505050505050505', 'texts', 1,
                'kept', 1, 1, 'queued')",
        )
        .unwrap_or_else(|fault| panic!("schema {last}: {fault}"));
        drop(old);

        let store = Store::open(&path, &key()).unwrap();

        assert_eq!(store.read(|reading| reading.open_count()), Ok(1), "schema {last}");
    }
}

#[test]
fn store_of_a_newer_app_is_left_alone() {
    let fixture = fixture();
    let path = fixture.store.path().to_owned();
    connect(&path, &key(), OpenFlags::default()).unwrap().pragma_update(None, "user_version", 99).unwrap();

    assert_eq!(Store::open(&path, &key()).err(), Some(StoreError::Newer));
}

// R40, R51
#[test]
fn lane_gives_its_entries_in_the_order_they_were_sent() {
    let fixture = fixture();
    let keys: Vec<SendKey> = (1..=3).map(|number| fixture.enqueue(number, "text")).collect();

    let mut order = Vec::new();
    while let Some(head) = fixture.store.read(|reading| reading.lane_head(ROOM, Lane::Texts)).unwrap() {
        order.push(head.entry.send_key);
        let done = Progress { state: SendState::Accepted, ..Progress::NEW };
        fixture.write(|writing| writing.keep_progress(head.entry.send_key, &done));
    }

    assert_eq!(order, keys);
}

// R50
#[test]
fn gaps_are_shown_as_gaps() {
    let fixture = fixture();
    let log = log(&["one", "two", "three", "four", "five"], 1);
    fixture.adopt(FIRST_EPOCH, log[..2].to_vec(), None);

    fixture.write(|writing| writing.put_entry(&log[4]).map(|_| ()));
    fixture.enqueue(1, "six");

    assert_eq!(fixture.items(), ["one", "two", "gap 3-4", "five", "six ..."]);
    fixture.write(|writing| writing.put_page(ROOM, 3, 4, &log[2..4]));
    assert_eq!(fixture.items(), ["one", "two", "three", "four", "five", "six ..."]);
}

// R6, R54
#[test]
fn unread_counts_what_was_not_on_screen() {
    let fixture = fixture();
    fixture.adopt(FIRST_EPOCH, log(&["a", "b", "c", "d", "e"], 1), None);

    fixture.write(|writing| writing.look_at(ROOM, SeqRange { from_seq: 5, to_seq: 5 }, 9).map(|_| ()));
    assert_eq!(fixture.store.read(|reading| reading.first_screen(9)).unwrap().unread, 4);
    let heard = [SeqRange { from_seq: 1, to_seq: 3 }];
    fixture.write(|writing| writing.hear_looked_at(ROOM, &heard).map(|_| ()));

    assert_eq!(fixture.store.read(|reading| reading.first_screen(9)).unwrap().unread, 1);
    let (_, told, _) = fixture.store.read(|reading| reading.untold_looks(9)).unwrap().unwrap();
    assert_eq!(told.len(), 1);
}

// R50: words, phrases, prefixes, any script, newest first.
#[test]
fn search_finds_newest_first_whatever_the_order_of_arrival() {
    let fixture = fixture();
    let log = log(&["the hearing is near", "東京タワー hearing", "nothing", "THE HEARING IS OVER"], 1);
    fixture.write(|writing| {
        for entry in log.iter().rev() {
            writing.put_entry(entry)?;
        }
        Ok(())
    });
    let found = |query: &str| {
        let query = Query::parse(query).unwrap();
        let hits = fixture.store.read(|reading| reading.search(&query, None, 10)).unwrap();
        hits.into_iter().map(|hit| hit.entry.seq).collect::<Vec<_>>()
    };

    assert_eq!(found("hearing"), [4, 2, 1]);
    assert_eq!(found("\"hearing is\""), [4, 1]);
    assert_eq!(found("hea"), [4, 2, 1]);
    assert_eq!(found("h"), [4, 2, 1]);
    assert_eq!(found("京タ"), [2]);
    assert!(found("absent").is_empty());
}

// R41: what was received goes, what was written here stays until it is answered.
#[test]
fn losing_access_purges_what_was_received() {
    let fixture = fixture();
    fixture.adopt(FIRST_EPOCH, log(&["secret"], 1), None);
    let key = fixture.enqueue(1, "mine");
    let push = PushContent {
        epoch: FIRST_EPOCH,
        firm_id: FIRM,
        person_id: ME,
        conversation_id: ROOM,
        entry_id: EntryId::from_bytes([6; 16]),
        seq: 2,
        log_seq: 11,
        text: "late".to_owned(),
        complete: true,
    };

    fixture.write(|writing| writing.purge_conversation(ROOM, FIRST_EPOCH, 12));

    let query = Query::parse("secret").unwrap();
    assert!(fixture.store.read(|reading| reading.search(&query, None, 9)).unwrap().is_empty());
    assert_eq!(fixture.store.read(|reading| reading.timeline(ROOM, None, 9)).unwrap(), None);
    assert!(fixture.store.read(|reading| reading.outbox_entry(key)).unwrap().is_some());
    assert_eq!(fixture.store.write(|writing| writing.keep_preview(&push)), Ok(false));
    let newer = PushContent { log_seq: 13, ..push };
    assert_eq!(fixture.store.write(|writing| writing.keep_preview(&newer)), Ok(true));
}

// R51: a restored server loses nothing that this phone still holds.
#[test]
fn restore_offers_own_sends_again_before_anything_newer() {
    let fixture = fixture();
    let log = log(&["first", "second", "third"], 1);
    fixture.adopt(FIRST_EPOCH, Vec::new(), None);
    let keys: Vec<SendKey> = (1..=3).map(|n| fixture.enqueue(n, &format!("own {n}"))).collect();
    for (key, entry) in keys.iter().zip(&log) {
        let own = Entry { author_id: ME, send_key: Some(*key), ..entry.clone() };
        accept(&fixture, *key, &own);
    }
    let newer = fixture.enqueue(4, "newer");

    let back_ms = 2_000 + portico_wire::limits::RESTORE_MARGIN_MS;
    let adopted = fixture.adopt(SECOND_EPOCH, log[..1].to_vec(), Some(back_ms));

    assert_eq!(adopted, Adopted { restored: true, reoffered: 2, lost: Vec::new() });
    let mut order = Vec::new();
    while let Some(head) = fixture.store.read(|reading| reading.lane_head(ROOM, Lane::Texts)).unwrap() {
        assert_eq!(head.entry.receipt.is_some(), head.entry.send_key != newer);
        order.push(head.entry.send_key);
        let done = Progress { state: SendState::Accepted, ..Progress::NEW };
        fixture.write(|writing| writing.keep_progress(head.entry.send_key, &done));
    }
    assert_eq!(order, [keys[1], keys[2], newer]);
}

// R51: entries of others that a restored server lacks stay, marked so.
#[test]
fn restore_marks_what_the_server_lacks_and_purges_nothing() {
    let fixture = fixture();
    let before = log(&["one", "two", "three"], 1);
    fixture.adopt(FIRST_EPOCH, before.clone(), None);
    fixture.write(|writing| writing.look_at(ROOM, SeqRange { from_seq: 1, to_seq: 2 }, 5).map(|_| ()));

    let mut after = log(&["one", "two", "other three"], 1);
    after[2].entry_id = EntryId::from_bytes([99; 16]);
    fixture.adopt(SECOND_EPOCH, after[1..].to_vec(), Some(0));

    assert_eq!(fixture.items(), ["one", "two", "other three", "three (Missing)"]);
    let (_, told, _) = fixture.store.read(|reading| reading.untold_looks(9)).unwrap().unwrap();
    let told: Vec<u64> = told.iter().map(|range| range.from_seq).collect();
    assert_eq!(told, [1, 2]);
}

#[test]
fn kept_statement_is_not_prepared_anew() {
    let fixture = fixture();
    let held = fixture.store.reader.lock().unwrap();
    let reader = held.as_ref().unwrap();

    let mut prepared_anew = 0;
    for room in [[1; 16], [2; 16], [3; 16]] {
        let sql = "SELECT seq FROM entries WHERE conversation_id = ?1 ORDER BY seq";
        let mut kept = reader.prepare_cached(sql).unwrap();
        kept.exists([room]).unwrap();
        prepared_anew = kept.get_status(rusqlite::StatementStatus::RePrepare);
    }

    assert_eq!(prepared_anew, 0);
}
