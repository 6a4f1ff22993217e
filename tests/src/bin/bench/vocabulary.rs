//! Messages that look like those of a law firm to a search index: common words often, rare ones rarely, several
//! scripts, some emoji. Drawn from a seed, so every run searches the same texts.

use portico_core::testing::SeededDice;

/// Syllables of made-up words.
const SYLLABLES: [&str; 32] = [
    "con", "tra", "lex", "ver", "dic", "jur", "man", "ten", "pro", "vis", "sub", "rog", "am", "lit", "ig",
    "or", "est", "fid", "nov", "pac", "qua", "res", "sol", "tim", "ul", "vol", "wex", "yl", "zan", "bri",
    "cor", "dom",
];
/// How words begin that were common once and are not written any more: a case that was closed.
pub(crate) const OLD_ONSETS: [&str; 6] = ["ki", "ko", "ku", "he", "ho", "hu"];
/// How many different words there are.
const WORDS: u64 = 20_000;
/// Han characters that are used, from U+4E00 on: as many as a newspaper uses.
const HAN: u64 = 2_500;
/// Words of scripts that join, stack or run from right to left.
const OTHERS: [&str; 8] = ["عقد", "المحكمة", "חוזה", "अनुबंध", "договор", "συμβόλαιο", "сроки", "न्यायालय"];

/// The word of that rank; 0 is the most common one. Every word begins with a letter of the Latin alphabet.
pub(crate) fn word(rank: u64) -> String {
    let mut rest = rank;
    let mut word = String::new();
    for _ in 0..3 {
        word.push_str(syllable(rest % 32));
        rest /= 32;
    }
    word
}

fn syllable(number: u64) -> &'static str {
    usize::try_from(number).ok().and_then(|number| SYLLABLES.get(number)).copied().unwrap_or("a")
}

/// A rank that falls as words of a language do: log-uniform, close to Zipf's law.
pub(crate) fn draw_rank(dice: &SeededDice) -> u64 {
    let bits = dice.below(15);
    (dice.below(1 << bits) + (1 << bits) - 1).min(WORDS - 1)
}

fn han(dice: &SeededDice) -> char {
    // Common characters come more often here too.
    let number = dice.below(dice.below(HAN) + 1);
    u32::try_from(0x4E00 + number).ok().and_then(char::from_u32).unwrap_or('一')
}

/// A message of years ago: one in five has a word of the closed case besides.
pub(crate) fn old_message(dice: &SeededDice) -> String {
    let text = message(dice);
    let onset = usize::try_from(dice.below(30)).ok().and_then(|place| OLD_ONSETS.get(place));
    onset.map_or_else(|| text.clone(), |onset| format!("{onset}{} {text}", word(dice.below(1_024))))
}

/// One message: 3 to 30 words, one in ten Chinese, one in twenty with another script, one in ten with an emoji.
pub(crate) fn message(dice: &SeededDice) -> String {
    if dice.chance(10) {
        return (0..6 + dice.below(40)).map(|_| han(dice)).collect();
    }
    let mut words: Vec<String> = (0..3 + dice.below(28)).map(|_| word(draw_rank(dice))).collect();
    if dice.chance(5) {
        let other = usize::try_from(dice.below(OTHERS.len() as u64)).ok().and_then(|place| OTHERS.get(place));
        words.extend(other.map(|word| (*word).to_owned()));
    }
    if dice.chance(10) {
        words.push("👩🏽\u{200D}⚖\u{FE0F}".to_owned());
    }
    words.join(" ")
}
