//! Search: one tokenizer and one rule, so that the same query finds the same messages on phone and server.
//!
//! An engine (FTS5, later PostgreSQL arrays) only finds candidates from [`tokens`]; [`Query::matches`] decides.
//!
//! How a text becomes tokens:
//! - folded: compatibility decomposed, caseless, without Latin, Greek, Cyrillic, Arabic and Hebrew vowel and
//!   accent marks, composed again. Marks of other scripts stay: in Hindi or Thai they are letters of the word.
//! - cut at word boundaries (UAX 29), and there at everything that is neither letter, digit nor mark.
//! - scripts written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Myanmar, Tibetan) give one token per
//!   grapheme; a query of several is a phrase, so any part of a sentence is found.
//! - an emoji sequence is one token, without variation selectors.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::emoji::{EmojiStatus, UnicodeEmoji as _};
use unicode_properties::general_category::{GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_segmentation::UnicodeSegmentation as _;

/// The tokens of `text`, in order.
#[must_use]
pub fn tokens(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return ascii_tokens(text);
    }
    let folded = fold(text);
    let mut out = Vec::new();
    for segment in folded.split_word_bounds() {
        push_segment(segment, &mut out);
    }
    out
}

/// The common case, without tables.
fn ascii_tokens(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|token| !token.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Makes texts that read alike equal: `Größe` and `GRO\u{308}SSE` fold to the same letters.
fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_dropped_mark(*c))
        // Up and down again is full case folding but for a few letters of dead scripts.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|c| !is_dropped_mark(*c))
        .nfc()
        .collect()
}

/// Marks that people leave out when they search.
const fn is_dropped_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}'       // accents of Latin, Greek and Cyrillic
        | '\u{591}'..='\u{5C7}'     // Hebrew points and accents
        | '\u{610}'..='\u{61A}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{640}' // Arabic vowels, tatweel
        | '\u{FE00}'..='\u{FE0F}'   // variation selectors: text or emoji style
        | '\u{AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}' // invisible
    )
}

/// Adds the tokens of one segment between word boundaries.
fn push_segment(segment: &str, out: &mut Vec<String>) {
    if segment.chars().any(is_emoji) {
        // A skin tone by itself clings to the blank before it.
        out.push(segment.trim().to_owned());
        return;
    }
    let mut word = String::new();
    for grapheme in segment.graphemes(true) {
        let Some(first) = grapheme.chars().next() else { continue };
        if !is_word_part(first) {
            flush(&mut word, out);
        } else if is_unspaced(first) {
            flush(&mut word, out);
            out.push(grapheme.to_owned());
        } else {
            word.push_str(grapheme);
        }
    }
    flush(&mut word, out);
}

fn flush(word: &mut String, out: &mut Vec<String>) {
    if !word.is_empty() {
        out.push(std::mem::take(word));
    }
}

/// Letters, digits and the marks that belong to them.
fn is_word_part(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    matches!(c.general_category_group(), Letter | Mark | Number)
}

/// Digits, `#` and `*` have the property too, but are words or nothing on their own.
fn is_emoji(c: char) -> bool {
    !c.is_ascii()
        && !matches!(c, '\u{A9}' | '\u{AE}')
        && !matches!(c.emoji_status(), EmojiStatus::NonEmoji | EmojiStatus::NonEmojiButEmojiComponent)
}

/// Letters of scripts that are written without spaces between words.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{E00}'..='\u{EFF}'       // Thai, Lao
        | '\u{F00}'..='\u{FFF}'     // Tibetan
        | '\u{1000}'..='\u{109F}'   // Myanmar
        | '\u{1780}'..='\u{17FF}'   // Khmer
        | '\u{1950}'..='\u{19DF}'   // Tai Le, New Tai Lue
        | '\u{1A20}'..='\u{1AAF}'   // Tai Tham
        | '\u{2E80}'..='\u{2FDF}'   // radicals
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' // kana, iteration marks
        | '\u{3100}'..='\u{312F}' | '\u{31A0}'..='\u{31BF}' // bopomofo
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' // Han
        | '\u{A980}'..='\u{A9DF}' | '\u{A9E0}'..='\u{A9FF}' | '\u{AA60}'..='\u{AA7F}' // Javanese, Myanmar extended
        | '\u{AA80}'..='\u{AADF}'   // Tai Viet
        | '\u{1B000}'..='\u{1B16F}' // historic kana
        | '\u{20000}'..='\u{3FFFF}' // Han, further planes
    )
}

/// One thing that must be in the text: tokens that follow one another, the last one possibly begun only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// At least one token.
    pub tokens: Vec<String>,
    /// Whether the last token may go on: set for the last word while it is being typed.
    pub prefix: bool,
}

/// A parsed query: every term must be found, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<Term>);

impl Query {
    /// Reads words and `"phrases"`; the last word, unless quoted, also matches longer ones.
    ///
    /// None where the text holds nothing to search for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Typographic quotes are what phones type.
        let text = text.replace(['\u{201C}', '\u{201D}', '\u{201E}'], "\"");
        let mut terms = Vec::new();
        let mut quoted = false;
        for part in text.split('"') {
            if quoted {
                terms.extend(term(part, false));
            } else {
                terms.extend(part.split_whitespace().filter_map(|word| term(word, false)));
            }
            quoted = !quoted;
        }
        // `quoted` is true here where the last part stands outside of quotes.
        let last_part = text.rsplit('"').next().unwrap_or("");
        let ends_in_word =
            quoted && !last_part.ends_with(char::is_whitespace) && term(last_part, true).is_some();
        if let Some(last) = terms.last_mut().filter(|_| ends_in_word) {
            last.prefix = true;
        }
        (!terms.is_empty()).then_some(Self(terms))
    }

    /// What must be found.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.0
    }

    /// Whether `text` has every term.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let tokens = tokens(text);
        self.0.iter().all(|term| term.is_in(&tokens))
    }
}

fn term(text: &str, prefix: bool) -> Option<Term> {
    let tokens = tokens(text);
    (!tokens.is_empty()).then_some(Term { tokens, prefix })
}

impl Term {
    fn is_in(&self, text: &[String]) -> bool {
        let Some((last, before)) = self.tokens.split_last() else { return false };
        text.windows(self.tokens.len()).any(|window| {
            window.split_last().is_some_and(|(end, start)| {
                start == before && if self.prefix { begins_with(end, last) } else { end == last }
            })
        })
    }
}

/// Whether `token` goes on after `beginning` with a whole grapheme: a vowel sign or a joined emoji is no
/// continuation but part of the letter before it.
fn begins_with(token: &str, beginning: &str) -> bool {
    token.strip_prefix(beginning).is_some_and(|rest| match rest.chars().next() {
        None => true,
        Some(next) => {
            next != '\u{200D}'
                && !is_skin_tone(next)
                && next.general_category_group() != GeneralCategoryGroup::Mark
        }
    })
}

const fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        tokens: Vec<TokensCase>,
        matches: Vec<MatchCase>,
    }

    #[derive(Deserialize)]
    struct TokensCase {
        text: String,
        tokens: Vec<String>,
    }

    #[derive(Deserialize)]
    struct MatchCase {
        query: String,
        text: String,
        found: bool,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(include_str!("../../../tests/vectors/search_v1.json")).unwrap()
    }

    #[test]
    fn texts_of_every_script_give_the_tokens_of_the_vectors() {
        for case in vectors().tokens {
            assert_eq!(tokens(&case.text), case.tokens, "{}", case.text);
        }
    }

    // R50
    #[test]
    fn queries_of_every_script_find_what_the_vectors_say() {
        for case in vectors().matches {
            let found = Query::parse(&case.query).is_some_and(|query| query.matches(&case.text));
            assert_eq!(found, case.found, "{} in {}", case.query, case.text);
        }
    }

    #[test]
    fn query_of_nothing_is_none() {
        assert_eq!(Query::parse(" \"\" -- "), None);
    }

    // R50: however it stands among blanks, an emoji is one token.
    #[test]
    fn skin_tone_after_a_blank_is_found() {
        let text = "palette: \u{1F3FB} \u{1F3FE}";

        assert_eq!(tokens(text), ["palette", "\u{1F3FB}", "\u{1F3FE}"]);
        assert!(Query::parse("\u{1F3FE}").unwrap().matches(text));
    }
}
