//! What an FTS5 index (`tokenize = 'ascii'`) holds of a message, and which of its rows may match a query.
//!
//! Beside its words a row has marks: tokens that no text can give, since they begin with a character of private use.
//! The author's name is in marks, so that a name is not found as a word of the text.
//!
//! Holds: every message that matches is among the candidates of [`Query::expression`] within [`Query::span`].

use std::ops::Range;

use super::tokens::is_sign;
use super::{Query, Searchable, Term, tokens};

/// Begins every mark, and stands between two texts, so that no phrase spans them.
const MARK: char = '\u{E000}';
/// The latest time that a place tells apart, in milliseconds: 2109.
const PLACE_MS_MAX: i64 = 1 << 42;
/// Most tokens that the engine is asked for: each costs it a walk through all messages that have it. The first ones
/// narrow enough, and [`Query::matches`] asks for all.
const EXPRESSION_TOKENS_MAX: usize = 8;
/// Beginnings up to so many letters are begun by a large part of all words.
const SHORT_LETTERS_MAX: usize = 2;

/// Which begun words the engine is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginnings {
    /// All of them.
    All,
    /// Those of three letters or more: a shorter one makes the engine merge the lists of very many words.
    Long,
}

/// Where a message stands in the index: time first, so that the engine steps from the newest to older ones by number
/// alone. The next free place is taken where this one is.
#[must_use]
pub const fn place(accepted_at_ms: i64, seq: u64) -> i64 {
    // The low 20 bits of seq fit; two entries of one conversation and one millisecond are rarely 2^20 apart.
    (in_range(accepted_at_ms) << 20) | (seq & 0xF_FFFF).cast_signed()
}

const fn in_range(at_ms: i64) -> i64 {
    if at_ms < 0 {
        0
    } else if at_ms > PLACE_MS_MAX {
        PLACE_MS_MAX
    } else {
        at_ms
    }
}

/// A mark that says `text`, which is of ASCII letters and digits, or of one token.
#[must_use]
pub fn mark(text: &str) -> String {
    format!("{MARK}{text}")
}

/// The content of a message's row: its words, then its marks and those in `marks`.
#[must_use]
pub fn content(searched: &Searchable<'_>, marks: &[String]) -> String {
    let mut all = tokens(searched.body);
    for name in &searched.file_names {
        all.push(MARK.to_string());
        all.extend(tokens(name));
    }
    if !searched.file_names.is_empty() {
        all.push(with_files());
    }
    all.extend(tokens(searched.author_name).iter().map(|token| author(token)));
    all.extend_from_slice(marks);
    all.join(" ")
}

fn author(token: &str) -> String {
    mark(&format!("a{token}"))
}

fn with_files() -> String {
    mark("h")
}

impl Query {
    /// FTS5's words for the rows that may match; none where every row in [`Query::span`] may.
    #[must_use]
    pub fn expression(&self, beginnings: Beginnings) -> Option<String> {
        let mut left = EXPRESSION_TOKENS_MAX;
        let mut parts = Vec::new();
        if self.with_files {
            parts.push(phrase(&[with_files()], false));
        }
        let authors = self.authors.iter().map(|term| (term, true));
        for (term, is_author) in authors.chain(self.terms.iter().map(|term| (term, false))) {
            let (tokens, prefix) = term.asked(beginnings, left);
            left -= tokens.len();
            if is_author && !tokens.is_empty() {
                let marks: Vec<String> = tokens.iter().map(|token| author(token)).collect();
                parts.push(phrase(&marks, prefix));
            } else if !tokens.is_empty() {
                parts.push(phrase(tokens, prefix));
            }
        }
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    /// The places in which a message can match.
    #[must_use]
    pub fn span(&self) -> Range<i64> {
        let from = self.from_ms.map_or(0, |from_ms| place(from_ms, 0));
        let below = self.below_ms.filter(|below_ms| *below_ms <= PLACE_MS_MAX);
        from..below.map_or(i64::MAX, |below_ms| place(below_ms, 0))
    }

    /// Whether it is one word of one or two letters that is still being typed, and nothing else but days.
    #[must_use]
    pub fn is_short_beginning(&self) -> bool {
        match self.terms.as_slice() {
            [term] => {
                self.authors.is_empty() && !self.with_files && term.tokens.len() == 1 && term.ends_short()
            }
            _ => false,
        }
    }
}

impl Term {
    /// The first tokens of it, `most` at most, and whether the last of them may go on.
    fn asked(&self, beginnings: Beginnings, most: usize) -> (&[String], bool) {
        let whole = (self.tokens.as_slice(), self.prefix);
        let (tokens, prefix) = match (beginnings, self.tokens.split_last()) {
            (Beginnings::Long, Some((_, before))) if self.ends_short() => (before, false),
            _ => whole,
        };
        tokens.get(..most).map_or((tokens, prefix), |first| (first, prefix && first.len() == tokens.len()))
    }

    /// Whether it ends in a beginning of one or two letters. A sign of Chinese or an emoji says as much as a word.
    fn ends_short(&self) -> bool {
        self.prefix
            && self
                .tokens
                .last()
                .is_some_and(|last| last.chars().count() <= SHORT_LETTERS_MAX && !is_sign(last))
    }
}

/// Tokens hold no quote, so quoting them is enough.
fn phrase(tokens: &[String], prefix: bool) -> String {
    format!("\"{}\"{}", tokens.join(" "), if prefix { "*" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str, beginnings: Beginnings) -> Option<String> {
        Query::parse(text).unwrap().expression(beginnings).map(|words| words.replace(MARK, "@"))
    }

    #[test]
    fn engine_is_asked_for_words_authors_and_files() {
        let all = |text| expression(text, Beginnings::All);

        assert_eq!(
            all("the \"old report\" hear").as_deref(),
            Some("\"the\" AND \"old report\" AND \"hear\"*")
        );
        assert_eq!(all("from:mara has:attachment").as_deref(), Some("\"@h\" AND \"@amara\"*"));
        assert_eq!(all("from:\"Mara Okafor\" x ").as_deref(), Some("\"@amara @aokafor\" AND \"x\""));
        assert_eq!(all("before:2026-01-01"), None);
    }

    #[test]
    fn short_beginnings_are_left_to_the_rule_where_asked() {
        let long = |text| expression(text, Beginnings::Long);

        assert_eq!(long("m"), None);
        assert_eq!(long("m "), Some("\"m\"".to_owned()));
        assert_eq!(long("the m"), Some("\"the\"".to_owned()));
        assert_eq!(long("3.1"), Some("\"3\"".to_owned()));
        assert_eq!(long("from:jo"), None);
        assert_eq!(long("\u{4EAC}"), Some("\"\u{4EAC}\"*".to_owned()));
    }

    #[test]
    fn long_query_asks_the_engine_for_its_first_words() {
        let words = "a b c d e f g h i";

        assert_eq!(
            expression(&format!("\"{words}\""), Beginnings::All),
            Some("\"a b c d e f g h\"".to_owned())
        );
        assert!(!expression(words, Beginnings::All).unwrap().contains('i'));
        assert_eq!(expression("a b c d e f g hij", Beginnings::All).unwrap().matches('*').count(), 1);
    }

    #[test]
    fn every_time_lies_in_the_span_that_allows_it() {
        let query = |text: &str| Query::parse(text).unwrap();
        let day_ms = 1_772_323_200_000;
        let (before, after) = (query("before:2026-03-01").span(), query("after:2026-03-01").span());

        assert!(before.contains(&place(day_ms - 1, 0xF_FFFF)) && !before.contains(&place(day_ms, 0)));
        assert!(!after.contains(&place(day_ms - 1, 7)) && after.contains(&place(day_ms, 0)));
        assert!(query("before:9999-12-31").span().contains(&place(i64::MAX - 1, u64::MAX)));
        assert!(query("before:0001-01-01").span().is_empty());
        assert!(query("x").span().contains(&place(i64::MIN, 0)));
    }
}
