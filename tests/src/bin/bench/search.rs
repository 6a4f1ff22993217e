//! Search on a well filled phone, by kinds of query, in turns with reading one page of a conversation.

use portico_core::testing::SeededDice;

use crate::archive::Archive;
use crate::figures::{Figure, Sample, grouped};
use crate::table::{Budget, Table};
use crate::{Failed, say, vocabulary};

/// Queries of each kind.
const QUERIES: usize = 200;
/// Hits on one screen.
const HITS: usize = 30;
/// The kinds.
const KINDS: [(&str, Draw, Limit); 7] = [
    ("words", word, Limit::Budget),
    ("two words", two_words, Limit::Budget),
    ("phrases of 2 and 3 words", phrase, Limit::Budget),
    ("Chinese, 2 to 4 characters", chinese, Limit::Budget),
    ("prefixes of 2 letters", |archive, dice| prefix(archive, dice, 2), Limit::Budget),
    ("prefixes of 2 letters that only old messages have", old_prefix, Limit::Budget),
    ("prefixes of 1 letter", |archive, dice| prefix(archive, dice, 1), Limit::None),
];

/// Draws a query of its kind; none if the drawn message does not give one.
type Draw = fn(&Archive, &SeededDice) -> Option<String>;

/// Whether the budget of 50 ms is for this kind.
enum Limit {
    Budget,
    None,
}

/// Adds two rows for each kind: p50 and p99.
pub(crate) fn measure(archive: &Archive, table: &mut Table) -> Result<(), Failed> {
    let dice = SeededDice::of(5);
    for (kind, draw, limit) in KINDS {
        say(&format!("search: {kind}"));
        let (mut searches, mut pages, mut hits) = (Sample::default(), Sample::default(), 0);
        for _ in 0..QUERIES {
            let query = (0..1_000).find_map(|_| draw(archive, &dice)).ok_or("some message gives a query")?;
            hits += searches.time(|| archive.portal.search(&query, None, HITS))?.hits.len();
            let place = usize::try_from(dice.below(archive.log.conversations.len() as u64))?;
            let conversation =
                archive.log.conversations.get(place).ok_or("the place is below their number")?;
            pages.time(|| archive.portal.timeline(*conversation, None, 50))?;
        }
        if hits == 0 {
            return Err(format!("no query of {kind} found anything").into());
        }
        let budget = match limit {
            Limit::Budget => Budget::AtMost(Figure::millis(50.0)),
            Limit::None => Budget::None,
        };
        for (percent, budget) in [(50, Budget::None), (99, budget)] {
            table.add(
                format!("search {} messages: {kind}, p{percent} of {QUERIES}", grouped(archive.log.messages)),
                Figure::Micros(searches.percentile(percent)),
                Some(("a page of 50 messages", Figure::Micros(pages.percentile(percent)))),
                budget,
            );
        }
    }
    Ok(())
}

/// Words as often as they are written, so that most queries are for common ones; quoted, so no prefix.
fn word(_: &Archive, dice: &SeededDice) -> Option<String> {
    Some(format!("\"{}\"", vocabulary::word(vocabulary::draw_rank(dice))))
}

fn two_words(archive: &Archive, dice: &SeededDice) -> Option<String> {
    Some(format!("{} {}", word(archive, dice)?, word(archive, dice)?))
}

/// Words that stand side by side in a message that is there.
fn phrase(archive: &Archive, dice: &SeededDice) -> Option<String> {
    let words: Vec<&str> = body(archive, dice)?.split(' ').collect();
    let length = 2 + usize::try_from(dice.below(2)).ok()?;
    let first = usize::try_from(dice.below(words.len() as u64)).ok()?;
    words.get(first..first + length).map(|words| format!("\"{}\"", words.join(" ")))
}

fn chinese(archive: &Archive, dice: &SeededDice) -> Option<String> {
    let body = body(archive, dice)?;
    let starts_so = body.starts_with(|c: char| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    let length = usize::try_from(2 + dice.below(3)).ok()?;
    let first = usize::try_from(dice.below(body.chars().count() as u64)).ok()?;
    let query: String = body.chars().skip(first).take(length).collect();
    (starts_so && query.chars().count() == length).then_some(query)
}

/// What is typed of a word first.
fn prefix(_: &Archive, dice: &SeededDice, letters: usize) -> Option<String> {
    Some(vocabulary::word(vocabulary::draw_rank(dice)).chars().take(letters).collect())
}

/// Beginnings that the scan of the newest messages does not find.
fn old_prefix(_: &Archive, dice: &SeededDice) -> Option<String> {
    let place = usize::try_from(dice.below(vocabulary::OLD_ONSETS.len() as u64)).ok()?;
    vocabulary::OLD_ONSETS.get(place).map(|onset| (*onset).to_owned())
}

fn body<'a>(archive: &'a Archive, dice: &SeededDice) -> Option<&'a str> {
    let place = usize::try_from(dice.below(archive.known.len() as u64)).ok()?;
    archive.known.get(place).map(|entry| entry.body.as_str())
}
