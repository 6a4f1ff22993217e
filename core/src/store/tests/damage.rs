//! One bit of a store's files turns over, wherever: it is told, or nothing differs; what was never written is never shown.

use super::*;

/// Offsets within a page, and within the frame of a page: its head, its middle, its proof at the end.
const WITHIN_PAGE: [usize; 3] = [40, 2_000, 4_090];
const PAGE: usize = 4_096;
/// Of the write-ahead log: its header, and that of each frame.
const LOG_HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

/// Long texts, which reach over several pages, and short ones.
fn texts() -> Vec<String> {
    (0..40).map(|number| format!("hearing {number} ").repeat(if number % 4 == 0 { 900 } else { 1 })).collect()
}

/// Everything that screens ask for: the conversation, hits, the outbox, the list.
fn shown_by(store: &Store) -> Result<String, StoreError> {
    store.read(|reading| {
        let page = reading.timeline(ROOM, None, 50)?;
        let items: Vec<String> = page.iter().flat_map(|page| page.items.iter().map(shown)).collect();
        let query = Query::parse("hearing").expect("it is a query");
        let hits: Vec<u64> = reading.search(&query, None, 50)?.iter().map(|hit| hit.entry.seq).collect();
        let (unread, session) = (reading.first_screen(9)?.unread, reading.session()?);
        // Last: nothing is read after its last page.
        let draft = reading.draft(ROOM)?;
        Ok(format!("{items:?} {hits:?} {unread} {:?} {draft:?}", session.map(|session| session.person_id)))
    })
}

fn read_of(folder: &Path) -> Result<String, StoreError> {
    shown_by(&Store::open(&folder.join("portal.db"), &key())?)
}

/// The files of a store, copied while it is open.
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn of(fixture: &Fixture) -> Self {
        let read = |name| std::fs::read(fixture.folder.path().join(name)).unwrap();
        Self { database: read("portal.db"), log: read("portal.db-wal") }
    }

    fn laid_down(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("portal.db"), &self.database).unwrap();
        if !self.log.is_empty() {
            std::fs::write(folder.path().join("portal.db-wal"), &self.log).unwrap();
        }
        folder
    }
}

fn filled() -> Fixture {
    let fixture = fixture();
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    fixture.adopt(FIRST_EPOCH, log(&texts, 1), None);
    fixture.enqueue(1, "unsent");
    fixture.write(|writing| writing.keep_draft(ROOM, &"begun ".repeat(2_000), 1));
    fixture
}

fn flip(bytes: &mut [u8], place: usize, bit: usize) {
    bytes[place] ^= 1 << bit;
}

// R55: (S5) every page has a proof, and the proof is asked for.
#[test]
fn flipped_bit_of_any_page_is_noticed() {
    let fixture = filled();
    fixture.store.checkpoint().unwrap();
    let truth = shown_by(&fixture.store).unwrap();
    let mut files = Files::of(&fixture);
    let (mut told, pages) = (0, files.database.len() / PAGE);

    for place in (0..pages).flat_map(|page| WITHIN_PAGE.map(|within| page * PAGE + within)) {
        flip(&mut files.database, place, place % 8);
        let folder = files.laid_down();
        match read_of(folder.path()) {
            Err(StoreError::WrongKey | StoreError::PageDamaged) => told += 1,
            other => assert_eq!(other.as_ref(), Ok(&truth), "byte {place}"),
        }
        let verified = Store::open(&folder.path().join("portal.db"), &key()).and_then(|store| store.verify());
        assert!(matches!(verified, Err(StoreError::WrongKey | StoreError::PageDamaged)), "byte {place}");
        flip(&mut files.database, place, place % 8);
    }

    assert!(pages > 40 && told > pages, "{told} of {pages} pages");
    assert_eq!(read_of(files.laid_down().path()), Ok(truth));
}

// R55: (S5) the clear header has no proof: what it may say is known.
#[test]
fn flipped_bit_of_the_clear_header_is_told_or_changes_nothing() {
    let fixture = filled();
    fixture.store.checkpoint().unwrap();
    let truth = shown_by(&fixture.store).unwrap();
    let mut files = Files::of(&fixture);

    for (place, bit) in (0..32).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        flip(&mut files.database, place, bit);
        let folder = files.laid_down();
        if let Ok(store) = Store::open(&folder.path().join("portal.db"), &key()) {
            match shown_by(&store) {
                Err(StoreError::WrongKey | StoreError::PageDamaged) => {}
                other => assert_eq!(other.as_ref(), Ok(&truth), "bit {bit} of byte {place}"),
            }
            let written = store.write(|writing| writing.keep_draft(ROOM, "begun", 1));
            assert!(matches!(written, Ok(()) | Err(StoreError::PageDamaged)), "bit {bit} of byte {place}");
        }
        flip(&mut files.database, place, bit);
    }
}

// R55: (S5) SQLite takes a log up to its first frame that does not fit: an older state, whole, or an error.
#[test]
fn flipped_bit_of_the_write_ahead_log_gives_an_earlier_state_or_is_told() {
    let fixture = filled();
    fixture.store.checkpoint().unwrap();
    let mut states = vec![shown_by(&fixture.store).unwrap()];
    for number in 2..9 {
        fixture.enqueue(number, &"later ".repeat(2_000));
        states.push(shown_by(&fixture.store).unwrap());
    }
    let mut files = Files::of(&fixture);
    let frames = (files.log.len() - LOG_HEADER) / FRAME;
    let within = WITHIN_PAGE.map(|within| 24 + within).into_iter().chain([1, 10, 20]);
    let within: Vec<usize> = within.collect();
    let places = (0..frames).flat_map(|frame| within.iter().map(move |at| LOG_HEADER + frame * FRAME + at));

    for place in (0..LOG_HEADER).chain(places) {
        flip(&mut files.log, place, place % 8);
        match read_of(files.laid_down().path()) {
            Err(StoreError::WrongKey | StoreError::PageDamaged) => {}
            other => assert!(states.iter().any(|state| Ok(state) == other.as_ref()), "byte {place}"),
        }
        flip(&mut files.log, place, place % 8);
    }

    assert_eq!(read_of(files.laid_down().path()).as_ref(), Ok(&states[7]));
}

// R55: (S5) the same under a store that is open.
#[test]
fn flipped_bit_of_the_log_in_use_is_noticed() {
    let fixture = filled();
    let (truth, mut files) = (shown_by(&fixture.store).unwrap(), Files::of(&fixture));
    let frames = (files.log.len() - LOG_HEADER) / FRAME;
    let mut told = 0;

    for place in (0..frames).map(|frame| LOG_HEADER + frame * FRAME + 24 + WITHIN_PAGE[1]) {
        let folder = files.laid_down();
        let store = Store::open(&folder.path().join("portal.db"), &key()).unwrap();
        flip(&mut files.log, place, 3);
        std::fs::write(folder.path().join("portal.db-wal"), &files.log).unwrap();
        match shown_by(&store) {
            Err(StoreError::PageDamaged) => told += 1,
            other => assert_eq!(other.as_ref(), Ok(&truth), "byte {place}"),
        }
        flip(&mut files.log, place, 3);
    }

    assert!(told > 10, "{told} of {frames} frames");
}
