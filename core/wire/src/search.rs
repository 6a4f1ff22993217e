//! Search: one tokenizer, one grammar and one rule, so that the same query finds the same messages on phone and server.
//!
//! An engine (FTS5, later PostgreSQL arrays) only finds candidates by what [`index`] gives it; [`Query::matches`]
//! decides. `docs/search.md` says the grammar to people.
//!
//! Holds: every text is a query; what the grammar does not know is searched as words. A term is found whole within the
//! text or within one file name, never across two of them.

mod answer;
mod dates;
pub mod index;
mod tokens;

pub use answer::{FoundMessage, SearchAnswer};
pub use tokens::tokens;

use crate::entry::Entry;

/// Most tokens of a query that are looked for: far above what a person types, and matching stays quick. What follows is
/// left out, on phone and server alike.
const TOKENS_MAX: usize = 256;

/// What is searched of a message.
#[derive(Clone)]
pub struct Searchable<'a> {
    /// The text.
    pub body: &'a str,
    /// The author's name at that time.
    pub author_name: &'a str,
    /// The names of its files.
    pub file_names: Vec<&'a str>,
    /// When it was accepted, or composed where it is not accepted yet; UTC milliseconds.
    pub at_ms: i64,
}

impl<'a> Searchable<'a> {
    /// What is searched of an entry of the log.
    #[must_use]
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            body: &entry.body,
            author_name: &entry.author_name,
            file_names: entry.files.iter().map(|file| file.name.as_str()).collect(),
            at_ms: entry.accepted_at_ms,
        }
    }
}

impl std::fmt::Debug for Searchable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Searchable({} bytes, {} files)", self.body.len(), self.file_names.len())
    }
}

/// One thing that must be in the text: tokens that follow one another, the last one possibly begun only.
#[derive(Clone, PartialEq, Eq)]
struct Term {
    /// At least one token.
    tokens: Vec<String>,
    /// Whether the last token may go on: set for the last word while it is being typed.
    prefix: bool,
}

/// A parsed query: every part of it must hold, in any order. `Debug` shows how many parts there are.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Words and phrases of the text or of a file name.
    terms: Vec<Term>,
    /// Parts of the author's name.
    authors: Vec<Term>,
    /// Whether there must be a file.
    with_files: bool,
    /// The first millisecond that counts.
    from_ms: Option<i64>,
    /// The first one that does not count any more.
    below_ms: Option<i64>,
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Query({} terms, {} authors)", self.terms.len(), self.authors.len())
    }
}

impl Query {
    /// Reads words, `"phrases"`, `from:NAME`, `from:"NAME"`, `has:attachment`, `before:YYYY-MM-DD` and
    /// `after:YYYY-MM-DD`. The last word, unless quoted, also matches longer ones; so does the last one of an unquoted
    /// NAME. Days are those of UTC: `before` leaves its day out, `after` begins with it.
    ///
    /// None where the text holds nothing to search for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Typographic quotes are what phones type.
        let text = text.replace(['\u{201C}', '\u{201D}', '\u{201E}'], "\"");
        let mut parser = Parser { query: Self::default(), tokens_left: TOKENS_MAX };
        let mut parts = text.split('"');
        while let Some(words) = parts.next() {
            let Some(quoted) = parts.next() else {
                parser.read_last_words(words);
                break;
            };
            match without_from(words) {
                Some(words) => {
                    parser.read_words(words);
                    parser.read_author(quoted);
                }
                None => {
                    parser.read_words(words);
                    parser.read_term(quoted);
                }
            }
        }
        (parser.query != Self::default()).then_some(parser.query)
    }

    /// Whether everything that is asked for holds of a message.
    #[must_use]
    pub fn matches(&self, searched: &Searchable<'_>) -> bool {
        let in_time = self.from_ms.is_none_or(|from| from <= searched.at_ms)
            && self.below_ms.is_none_or(|below| searched.at_ms < below);
        if !in_time || (self.with_files && searched.file_names.is_empty()) {
            return false;
        }
        if !self.authors.is_empty() {
            let name = tokens(searched.author_name);
            if !self.authors.iter().all(|term| term.is_in(&name)) {
                return false;
            }
        }
        if self.terms.is_empty() {
            return true;
        }
        let texts = std::iter::once(searched.body).chain(searched.file_names.iter().copied());
        let texts: Vec<Vec<String>> = texts.map(tokens).collect();
        self.terms.iter().all(|term| texts.iter().any(|text| term.is_in(text)))
    }
}

/// A query that is being read.
struct Parser {
    query: Query,
    tokens_left: usize,
}

/// What a word turned out to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Something to find in the text.
    Term,
    /// One of the words with a colon.
    Filter,
    /// Nothing: it has neither letter, digit nor emoji, or comes after [`TOKENS_MAX`].
    Nothing,
}

impl Parser {
    /// The words after the last quote: the last of them may be still being typed.
    fn read_last_words(&mut self, words: &str) {
        let said = self.read_words(words);
        if said == Said::Term
            && self.tokens_left > 0
            && !words.ends_with(char::is_whitespace)
            && let Some(last) = self.query.terms.last_mut()
        {
            last.prefix = true;
        }
    }

    /// What the last word that says something turned out to be.
    fn read_words(&mut self, words: &str) -> Said {
        let said = words.split_whitespace().map(|word| self.read_word(word));
        said.filter(|said| *said != Said::Nothing).last().unwrap_or(Said::Nothing)
    }

    fn read_word(&mut self, word: &str) -> Said {
        match self.read_filter(word) {
            Some(()) => Said::Filter,
            None => self.read_term(word),
        }
    }

    fn read_filter(&mut self, word: &str) -> Option<()> {
        let (name, value) = split_filter(word)?;
        let query = &mut self.query;
        match name.to_ascii_lowercase().as_str() {
            "from" => {
                let term = self.term(value, true)?;
                self.query.authors.push(term);
            }
            "has" if value.eq_ignore_ascii_case("attachment") => query.with_files = true,
            "after" => query.from_ms = query.from_ms.max(Some(dates::begin_ms(value)?)),
            "before" => {
                let begin_ms = dates::begin_ms(value)?;
                query.below_ms = Some(query.below_ms.map_or(begin_ms, |below| below.min(begin_ms)));
            }
            _ => return None,
        }
        Some(())
    }

    /// `from:"..."`; where nothing is quoted, `from` is a word.
    fn read_author(&mut self, name: &str) {
        match self.term(name, false) {
            Some(term) => self.query.authors.push(term),
            None => drop(self.read_term("from")),
        }
    }

    fn read_term(&mut self, text: &str) -> Said {
        let Some(term) = self.term(text, false) else { return Said::Nothing };
        self.query.terms.push(term);
        Said::Term
    }

    fn term(&mut self, text: &str, prefix: bool) -> Option<Term> {
        let mut tokens = tokens(text);
        tokens.truncate(self.tokens_left);
        self.tokens_left -= tokens.len();
        (!tokens.is_empty()).then_some(Term { tokens, prefix })
    }
}

/// `name:value`; a full-width colon, as Chinese and Japanese keyboards write it, is one too.
fn split_filter(word: &str) -> Option<(&str, &str)> {
    word.split_once([':', '\u{FF1A}'])
}

/// What stands before a `from:` that ends `words`, directly before a quote.
fn without_from(words: &str) -> Option<&str> {
    let begin =
        words.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
    let (before, last) = words.split_at_checked(begin)?;
    let (name, value) = split_filter(last)?;
    (name.eq_ignore_ascii_case("from") && value.is_empty()).then_some(before)
}

impl Term {
    fn is_in(&self, text: &[String]) -> bool {
        let Some((last, before)) = self.tokens.split_last() else { return false };
        text.windows(self.tokens.len()).any(|window| {
            window.split_last().is_some_and(|(end, start)| {
                start == before && if self.prefix { tokens::begins_with(end, last) } else { end == last }
            })
        })
    }
}

#[cfg(test)]
mod tests;
