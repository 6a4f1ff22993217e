//! Texts that a store, a wire or a shell could damage, drawn from the seed.

use portico_core::testing::SeededDice;
use portico_wire::limits::BODY_BYTES_MAX;

/// Line ends, control characters, joined emoji, marks that stand apart, right to left, scripts without spaces.
const PIECES: [&str; 20] = [
    "\r\n",
    "\n",
    "\r",
    "\t",
    " \u{A0} ",
    "\u{1}\u{1b}[2J\u{7f}",
    "\u{FEFF}",
    "e\u{301} = é",
    "👩🏽\u{200D}⚖\u{FE0F}",
    "👨\u{200D}👩\u{200D}👧\u{200D}👦",
    "🇵🇹🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "مرحبا \u{202E}قانون\u{202C}",
    "שלום עו\u{5B9}רך",
    "契約書を確認してください。",
    "สวัสดีครับ",
    "न\u{94D}यायालय",
    "Größe ẞ ﬁ Ⅷ",
    "\"quoted\" \\ {\"json\": null} %00 &amp;",
    "\u{10FFFF}\u{E000}",
    "plain words of a letter",
];

/// One text that no other of the run equals: mostly a few pieces, sometimes as long as a body may be.
pub(crate) fn draw(dice: &SeededDice, number: usize) -> String {
    let mark = format!("#{number}#");
    let bytes_max = match dice.below(20) {
        0 => BODY_BYTES_MAX,
        1..=3 => 8_000,
        _ => 120,
    };
    let mut text = if dice.chance(50) { mark.clone() } else { String::new() };
    let room = bytes_max - mark.len();
    loop {
        let piece = PIECES[usize::try_from(dice.below(PIECES.len() as u64)).unwrap()];
        if text.len() + piece.len() > room {
            break;
        }
        text.push_str(piece);
    }
    if !text.starts_with(&mark) {
        text.push_str(&mark);
    }
    text
}
