//! What the key costs: the phone's store against one without a key, through the same code, in one run and in turns.
//!
//! Times are the processor's where the row does not say otherwise: the disk is the same for both, and blurs both.

use std::path::{Path, PathBuf};
use std::process::Command;

use portico_core::store::{Fact, SessionFacts, Store, StoreError, StoreKey};
use portico_core::testing::SeededDice;
use portico_wire::conversation::Standing;
use portico_wire::entry::Entry;
use portico_wire::ids::{DeviceId, Epoch, FirmId, PersonId};
use portico_wire::search::Query;
use portico_wire::search::index::Beginnings;

use crate::archive::BATCH;
use crate::enqueue::bare_connection;
use crate::figures::{Figure, Sample, cpu_us, grouped};
use crate::firm_log::{self, FirmLog};
use crate::table::{Budget, Table};
use crate::{Failed, say, vocabulary};

/// Rounds; the figure is their median.
const ROUNDS: usize = 9;
/// Pages, or queries, of a round.
const EACH: usize = 100;
/// Processes that open a store, of each kind.
const OPENINGS: usize = 31;
/// Messages in one written batch, on one page, in one list of hits.
const SHOWN: usize = 50;
const ME: PersonId = PersonId::from_bytes([3; 16]);

/// Draws a query of its kind.
type Draw = fn(&SeededDice) -> String;

/// The same messages under a key and under none.
struct Pair {
    keyed: Store,
    plain: Store,
}

/// Adds the rows.
pub(crate) fn measure(this: &Path, beside: &Path, messages: u64, table: &mut Table) -> Result<(), Failed> {
    say("store");
    let folder = tempfile::tempdir_in(beside)?;
    let paths = (folder.path().join("keyed.db"), folder.path().join("plain.db"));
    let log = FirmLog::of(messages, ME, Epoch::from_bytes([4; 16]));
    let pair = Pair { keyed: Store::open(&paths.0, &key()?)?, plain: Store::open_unkeyed(&paths.1)? };
    fill(&pair, &log)?;
    add_file_size(&paths, messages, table)?;
    add_openings(this, &paths, table)?;
    add_pages(&pair, &log, table)?;
    add_searches(&pair, table)?;
    add_ranks(&paths, table)?;
    add_batches(&pair, &log, table)
}

fn key() -> Result<StoreKey, Failed> {
    StoreKey::from_slice(&[7; 48]).ok_or_else(|| "a key has 48 bytes".into())
}

fn fill(pair: &Pair, log: &FirmLog) -> Result<(), Failed> {
    let session = SessionFacts {
        server_url: String::new(),
        person_id: ME,
        name: String::new(),
        standing: Standing::Staff,
        firm_id: FirmId::from_bytes([2; 16]),
        firm_name: String::new(),
        device_id: DeviceId::from_bytes([1; 16]),
    };
    for store in [&pair.keyed, &pair.plain] {
        store.write(|writing| writing.set(Fact::Session, &session))?;
    }
    let dice = SeededDice::of(1);
    for first in (0..log.messages).step_by(usize::try_from(BATCH)?) {
        let entries: Vec<Entry> =
            (first..(first + BATCH).min(log.messages)).map(|number| log.entry(number, &dice)).collect();
        for store in [&pair.keyed, &pair.plain] {
            firm_log::keep(store, &entries)?;
        }
    }
    for store in [&pair.keyed, &pair.plain] {
        store.checkpoint()?;
    }
    Ok(())
}

fn add_file_size(paths: &(PathBuf, PathBuf), messages: u64, table: &mut Table) -> Result<(), Failed> {
    let size = |path: &Path| Ok::<_, Failed>(Figure::Megabytes(std::fs::metadata(path)?.len() as f64 / 1e6));
    table.add(
        format!("store of {} messages: its file", grouped(messages)),
        size(&paths.0)?,
        Some(("without a key", size(&paths.1)?)),
        Budget::RatioAtMost(1.06),
    );
    Ok(())
}

/// The first opening of a process makes the tables of the ciphers too.
fn add_openings(this: &Path, paths: &(PathBuf, PathBuf), table: &mut Table) -> Result<(), Failed> {
    let (mut keyed, mut plain) = <(Sample, Sample)>::default();
    let (mut keyed_later, mut plain_later) = <(Sample, Sample)>::default();
    for _ in 0..OPENINGS {
        for (path, first, later) in
            [(&paths.0, &mut keyed, &mut keyed_later), (&paths.1, &mut plain, &mut plain_later)]
        {
            let output = Command::new(this).arg("--opening-of").arg(path).output()?;
            let said = String::from_utf8(output.stdout)?;
            let (one, other) = said.trim().split_once(' ').ok_or("the child says two times")?;
            first.add(one.parse()?);
            later.add(other.parse()?);
        }
    }
    table.add(
        "open the store and read from it, the first of its process",
        Figure::Micros(keyed.median()),
        Some(("without a key", Figure::Micros(plain.median()))),
        Budget::AtMost(Figure::millis(3.0)),
    );
    table.add(
        "the same once more in that process",
        Figure::Micros(keyed_later.median()),
        Some(("without a key", Figure::Micros(plain_later.median()))),
        Budget::None,
    );
    Ok(())
}

/// The child: opens the store twice and says what each took of the processor, in microseconds.
pub(crate) fn open(path: &Path) -> Result<(), Failed> {
    let (key, is_plain) = (key()?, path.ends_with("plain.db"));
    let mut took = [0.0; 2];
    for took in &mut took {
        let before = cpu_us();
        let store = if is_plain { Store::open_unkeyed(path)? } else { Store::open(path, &key)? };
        store.read(|reading| reading.open_count())?;
        *took = cpu_us() - before;
    }
    let [first, later] = took;
    println!("{first} {later}");
    Ok(())
}

fn add_pages(pair: &Pair, log: &FirmLog, table: &mut Table) -> Result<(), Failed> {
    let dice = SeededDice::of(2);
    let (keyed, plain) = in_turns(
        || {
            let place = usize::try_from(dice.below(log.conversations.len() as u64)).unwrap_or(0);
            let conversation =
                log.conversations.get(place).copied().expect("the place is below their number");
            move |store: &Store| {
                let page = store.read(|reading| reading.timeline(conversation, None, SHOWN))?;
                Ok(page.map_or(0, |page| page.items.len()))
            }
        },
        pair,
    )?;
    table.add("a page of 50 messages, warm", keyed, Some(("without a key", plain)), Budget::RatioAtMost(1.2));
    Ok(())
}

fn add_searches(pair: &Pair, table: &mut Table) -> Result<(), Failed> {
    let kinds: [(&str, Draw); 3] = [
        ("one word", word),
        ("two words", |dice| format!("{} {}", word(dice), word(dice))),
        ("a prefix of 3 letters", |dice| {
            vocabulary::word(vocabulary::draw_rank(dice)).chars().take(3).collect()
        }),
    ];
    for (kind, draw) in kinds {
        let dice = SeededDice::of(5);
        let (keyed, plain) = in_turns(
            || {
                let query = Query::parse(&draw(&dice)).expect("a word is a query");
                move |store: &Store| Ok(store.read(|reading| reading.search(&query, None, SHOWN))?.len())
            },
            pair,
        )?;
        table.add(
            format!("search, newest first: {kind}"),
            keyed,
            Some(("without a key", plain)),
            Budget::RatioAtMost(1.5),
        );
    }
    Ok(())
}

/// A word as often as it is written; quoted, so no prefix.
fn word(dice: &SeededDice) -> String {
    format!("\"{}\"", vocabulary::word(vocabulary::draw_rank(dice)))
}

/// One round of each store after the other for the same things, many times: means of a round, medians of rounds. The
/// first round fills the caches and counts nothing.
fn in_turns<L>(mut draw: impl FnMut() -> L, pair: &Pair) -> Result<(Figure, Figure), Failed>
where
    L: Fn(&Store) -> Result<usize, StoreError>,
{
    let (mut keyed, mut plain) = <(Sample, Sample)>::default();
    for round in 0..=ROUNDS {
        let (mut of_keyed, mut of_plain) = <(Sample, Sample)>::default();
        for number in 0..EACH {
            let look = draw();
            // Who comes second finds the processor's own caches filled by the other.
            let found = if number % 2 == 0 {
                (of_keyed.time_cpu(|| look(&pair.keyed))?, of_plain.time_cpu(|| look(&pair.plain))?)
            } else {
                let plain = of_plain.time_cpu(|| look(&pair.plain))?;
                (of_keyed.time_cpu(|| look(&pair.keyed))?, plain)
            };
            if found.0 != found.1 {
                return Err(format!("the stores differ: {found:?}").into());
            }
        }
        if round > 0 {
            keyed.add(of_keyed.mean());
            plain.add(of_plain.mean());
        }
    }
    Ok((Figure::Micros(keyed.median()), Figure::Micros(plain.median())))
}

/// No screen asks for an order by rank; this is the index alone, at its most costly: the commonest words.
fn add_ranks(paths: &(PathBuf, PathBuf), table: &mut Table) -> Result<(), Failed> {
    let (keyed_index, plain_index) = (bare_connection(&paths.0, true)?, bare_connection(&paths.1, false)?);
    let rank = |connection: &rusqlite::Connection, expression: &str| {
        let mut statement = connection.prepare_cached(
            "SELECT rowid FROM entry_tokens WHERE entry_tokens MATCH ?1 ORDER BY rank LIMIT 50",
        )?;
        statement.query_map([expression], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()
    };
    let (mut keyed, mut plain) = <(Sample, Sample)>::default();
    for round in 0..=ROUNDS {
        let (mut of_keyed, mut of_plain) = <(Sample, Sample)>::default();
        for common in 0..5 {
            let query = Query::parse(&format!("\"{}\"", vocabulary::word(common))).ok_or("it is a query")?;
            let expression = query.expression(Beginnings::All).ok_or("it has an expression")?;
            let found = (
                of_keyed.time_cpu(|| rank(&keyed_index, &expression))?,
                of_plain.time_cpu(|| rank(&plain_index, &expression))?,
            );
            if found.0.is_empty() || found.0 != found.1 {
                return Err("the indexes differ".into());
            }
        }
        if round > 0 {
            keyed.add(of_keyed.mean());
            plain.add(of_plain.mean());
        }
    }
    table.add(
        "the index alone, by rank: the 5 commonest words",
        Figure::Micros(keyed.median()),
        Some(("without a key", Figure::Micros(plain.median()))),
        Budget::RatioAtMost(2.0),
    );
    Ok(())
}

fn add_batches(pair: &Pair, log: &FirmLog, table: &mut Table) -> Result<(), Failed> {
    let dice = SeededDice::of(6);
    let (mut keyed, mut plain) = <(Sample, Sample)>::default();
    let (mut keyed_wall, mut plain_wall) = <(Sample, Sample)>::default();
    let mut number = log.messages;
    for _ in 0..ROUNDS * 20 {
        let entries: Vec<Entry> = (number..).take(SHOWN).map(|number| log.entry(number, &dice)).collect();
        number += SHOWN as u64;
        for (store, cpu, wall) in
            [(&pair.keyed, &mut keyed, &mut keyed_wall), (&pair.plain, &mut plain, &mut plain_wall)]
        {
            wall.time(|| cpu.time_cpu(|| firm_log::keep(store, &entries)))?;
        }
    }
    table.add(
        "a batch of 50 received messages written, with its index, durable",
        Figure::Micros(keyed.median()),
        Some(("without a key", Figure::Micros(plain.median()))),
        Budget::RatioAtMost(2.0),
    );
    table.add(
        "the same by the clock",
        Figure::Micros(keyed_wall.median()),
        Some(("without a key", Figure::Micros(plain_wall.median()))),
        Budget::None,
    );
    Ok(())
}
