//! How a text becomes tokens, on phone and server alike.
//!
//! - folded: compatibility decomposed, caseless, without Latin, Greek, Cyrillic, Arabic and Hebrew vowel and
//!   accent marks, composed again. Marks of other scripts stay: in Hindi or Thai they are letters of the word.
//! - cut at word boundaries (UAX 29), and there at everything that is neither letter, digit nor mark.
//! - scripts written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Myanmar, Tibetan) give one token per
//!   grapheme; a query of several is a phrase, so any part of a sentence is found.
//! - an emoji sequence is one token, without variation selectors.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::emoji::{EmojiStatus, UnicodeEmoji as _};
use unicode_properties::general_category::{GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

/// The tokens of `text`, in order. Their only ASCII characters are letters and digits, small ones: a token can be
/// quoted in any engine's language.
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
    // A joiner ties an emoji to whatever stands before it, a skin tone to a blank: that is no part of it.
    let emoji = segment.find(is_emoji).unwrap_or(segment.len());
    let (before, emoji) = segment.split_at_checked(emoji).unwrap_or((segment, ""));
    push_words(before.trim_end_matches('\u{200D}'), out);
    if !emoji.is_empty() {
        out.push(emoji.to_owned());
    }
}

fn push_words(segment: &str, out: &mut Vec<String>) {
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

/// Whether `token` is one written sign: a letter of a script without spaces, or an emoji.
pub(super) fn is_sign(token: &str) -> bool {
    token.chars().next().is_some_and(|first| is_unspaced(first) || is_emoji(first))
}

/// Whether `token` goes on after `beginning` with a whole grapheme: a vowel sign or a joined emoji is no
/// continuation but part of the letter before it.
pub(super) fn begins_with(token: &str, beginning: &str) -> bool {
    token.starts_with(beginning)
        && GraphemeCursor::new(beginning.len(), token.len(), true).is_boundary(token, 0) == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R50: however it stands among blanks, an emoji is one token.
    #[test]
    fn emoji_is_one_token_whatever_stands_before_it() {
        let joined = "hello\u{200D}\u{1F469} palette: \u{1F3FB} \u{1F3FE}";

        assert_eq!(tokens(joined), ["hello", "\u{1F469}", "palette", "\u{1F3FB}", "\u{1F3FE}"]);
    }

    #[test]
    fn token_holds_nothing_that_an_engine_reads_as_its_own() {
        let joined = |c: char| format!("{c}\u{200D}\u{1F469}\u{200D}{c} {c}e\u{301}{c}\u{E000}{c}");
        for text in (0..=0x7F_u8).map(|byte| joined(char::from(byte))) {
            for token in tokens(&text) {
                let is_plain = |c: char| !c.is_ascii() || c.is_ascii_lowercase() || c.is_ascii_digit();
                assert!(token.chars().all(|c| is_plain(c) && c != '\u{E000}'), "{token:?} of {text:?}");
            }
        }
    }
}
