//! A file says what it is for, and is named for a thing of the domain.

use crate::{assert_none, tree};

/// Words that name a shape of code instead of a thing of the domain.
const EMPTY_WORDS: [&str; 10] =
    ["manager", "handler", "service", "util", "utils", "helper", "helpers", "common", "misc", "managers"];

#[test]
fn every_rust_file_opens_with_its_purpose() {
    let silent: Vec<String> = tree::rust_files()
        .into_iter()
        .filter(|file| {
            !file.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 10)
        })
        .map(|file| file.path)
        .collect();

    assert_none("A Rust file opens with `//!` and one sentence of purpose.", &silent);
}

#[test]
fn no_file_or_module_has_an_empty_name() {
    let mut empty = Vec::new();
    for file in tree::rust_files() {
        if file.parts().any(says_nothing) {
            empty.push(file.path.clone());
        }
        let modules = file
            .text
            .lines()
            .filter_map(|line| line.trim_start().trim_start_matches("pub ").strip_prefix("mod "));
        for module in modules.filter(|module| says_nothing(module.trim_end_matches([' ', '{', ';', '}']))) {
            empty.push(format!("{}: mod {module}", file.path));
        }
    }

    assert_none("Files and modules are named for a thing of the domain.", &empty);
}

#[test]
fn main_carries_no_reminders() {
    // Put together here, so that this file does not find itself.
    let reminders = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let is_checked = |path: &str| {
        [".rs", ".sh", ".md", "/run"].iter().any(|end| path.ends_with(end)) && !path.starts_with("ios/.build")
    };

    let mut found = Vec::new();
    for file in tree::files(is_checked) {
        for (at, line) in file.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            if words.any(|word| reminders.iter().any(|reminder| reminder == word)) {
                found.push(format!("{}:{}", file.path, at + 1));
            }
        }
    }

    assert_none("A reminder belongs in an issue or an ADR, not in the main branch.", &found);
}

/// A shell takes the last of two functions of one name, and says nothing.
#[test]
fn no_script_names_two_functions_alike() {
    let mut twice = Vec::new();
    for file in tree::files(|path| path.ends_with(".sh") || path.ends_with("/run")) {
        let mut names: Vec<&str> = file.text.lines().filter_map(|line| line.strip_suffix("() {")).collect();
        names.sort_unstable();
        twice.extend(
            names
                .iter()
                .zip(names.iter().skip(1))
                .filter(|(one, next)| one == next)
                .map(|(name, _)| format!("{}: {name}", file.path)),
        );
    }

    assert_none("A script's functions have names of their own.", &twice);
}

fn says_nothing(name: &str) -> bool {
    name.split('_').any(|word| EMPTY_WORDS.contains(&word))
}
