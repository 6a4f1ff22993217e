//! A file is read in one sitting, a function on one screen, and a tree is not deep.

use crate::exceptions::{LONG_FILES, LONG_FUNCTIONS};
use crate::lexer::lex;
use crate::{assert_none, tree};

/// Aim at 200; past 500 a file has two subjects.
const FILE_LINES_MAX: usize = 500;
/// One screen. The models that the style was learned from have 1 to 4 % of their functions above it.
const FUNCTION_LINES_MAX: usize = 70;
/// `src/routes/messages/put.rs` is two folders deep.
const FOLDERS_MAX: usize = 2;

#[test]
fn every_rust_file_stays_within_its_size() {
    let long: Vec<(String, usize)> = tree::rust_files()
        .iter()
        .map(|file| (file.path.clone(), file.without_tests().lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .collect();

    assert_none(
        &format!("A Rust file has at most {FILE_LINES_MAX} lines without its tests; split it by subject."),
        &judge(&long, LONG_FILES),
    );
}

#[test]
fn every_function_stays_within_its_size() {
    let long: Vec<(String, usize)> = tree::rust_files()
        .iter()
        .flat_map(|file| {
            let functions = functions(&lex(&file.text).code);
            functions.into_iter().map(|(name, lines)| (format!("{}::{name}", file.path), lines))
        })
        .filter(|(_, lines)| *lines > FUNCTION_LINES_MAX)
        .collect();

    assert_none(
        &format!("A function has at most {FUNCTION_LINES_MAX} lines; name its steps."),
        &judge(&long, LONG_FUNCTIONS),
    );
}

#[test]
fn no_source_lies_deeper_than_two_folders() {
    let deep: Vec<String> = tree::rust_files()
        .into_iter()
        .map(|file| file.path)
        .filter(|path| {
            let below = path.split_once("/src/").map_or("", |(_, below)| below);
            below.matches('/').count() > FOLDERS_MAX
        })
        .collect();

    assert_none("A source lies at most two folders below `src`.", &deep);
}

/// What is too long without an exception, and each exception that nothing needs.
fn judge(long: &[(String, usize)], exceptions: &[(&str, &str)]) -> Vec<String> {
    let excused = |name: &str| exceptions.iter().any(|(path, _)| *path == name);
    let needed = |path: &str| long.iter().any(|(name, _)| name == path);
    let too_long = long
        .iter()
        .filter(|(name, _)| !excused(name))
        .map(|(name, lines)| format!("{name} has {lines} lines"));
    let unneeded = exceptions.iter().filter(|(path, _)| !needed(path));
    let silent = exceptions.iter().filter(|(_, reason)| reason.len() < 10);
    too_long
        .chain(unneeded.map(|(path, _)| format!("{path} does not need its exception in exceptions.rs")))
        .chain(silent.map(|(path, _)| format!("{path} is excepted without a reason")))
        .collect()
}

/// Every function that has a body, with the number of lines from `fn` to its closing brace.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    starts.filter_map(|(at, name)| Some((name, length(lines.iter().skip(at))?))).collect()
}

/// The name after `fn ` where the line declares a function, not a function type.
pub(crate) fn function_name(line: &str) -> Option<String> {
    let (before, after) = line.split_once("fn ")?;
    let declares = before.split_whitespace().all(|word| {
        // `pub(in crate::store)` is two words.
        word.starts_with("pub")
            || word.ends_with(')')
            || ["const", "async", "unsafe", "extern"].contains(&word)
    });
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (declares && !name.is_empty()).then_some(name)
}

/// Lines up to the brace that closes the first one opened; none for a declaration that ends in `;`.
fn length<'a>(lines: impl Iterator<Item = &'a &'a str>) -> Option<usize> {
    let (mut braces, mut others, mut opened) = (0_i32, 0_i32, false);
    for (count, line) in lines.enumerate() {
        for sign in line.chars() {
            match sign {
                '{' => (braces, opened) = (braces + 1, true),
                '}' => braces -= 1,
                '(' | '[' => others += 1,
                ')' | ']' => others -= 1,
                // The `;` of an array type stands within brackets.
                ';' if !opened && others == 0 => return None,
                _ => {}
            }
            if opened && braces == 0 {
                return Some(count + 1);
            }
        }
    }
    None
}

#[test]
fn a_function_is_measured_from_name_to_brace() {
    let code = "pub(crate) async fn one(a: [u8; 4]) -> u8 {\n    let f: fn (u8) = g;\n    1\n}\nfn two(&self);\nfn three() {}\n";

    assert_eq!(functions(code), [("one".to_owned(), 4), ("three".to_owned(), 1)]);
}
