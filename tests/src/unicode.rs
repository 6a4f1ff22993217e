//! Unicode's own test files as input: every line of each is a text that must arrive as it was sent.

use std::path::{Path, PathBuf};

/// The three files of R3 and R4.
pub const FILES: [&str; 3] = ["emoji-test.txt", "GraphemeBreakTest.txt", "NormalizationTest.txt"];

/// Every line of `file` that is not empty, `together` of them to a text, with the characters that its code points
/// stand for appended: the files write them as hexadecimal numbers, and the sequences themselves are what software
/// bends.
///
/// # Panics
/// Where the file is not found; `tests/run` brings it.
#[must_use]
pub fn texts(file: &str, together: usize) -> Vec<String> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|fault| {
        panic!("{}: {fault}; `tests/run rust` brings it, or set UNICODE_DATA_FOLDER", path.display())
    });
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("{}\n{line}", sequence(line)))
        .collect();
    lines.chunks(together).map(|chunk| chunk.join("\n")).collect()
}

/// The characters that the hexadecimal numbers before a `;` or `#` stand for; surrogates and U+0000 are none.
fn sequence(line: &str) -> String {
    let numbers = line.split(['#']).next().unwrap_or("");
    numbers
        .split(|c: char| !c.is_ascii_hexdigit())
        .filter(|number| number.len() >= 4)
        .filter_map(|number| char::from_u32(u32::from_str_radix(number, 16).ok()?))
        .filter(|c| *c != '\0')
        .collect()
}

fn folder() -> PathBuf {
    match std::env::var_os("UNICODE_DATA_FOLDER") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/unicode"),
    }
}
