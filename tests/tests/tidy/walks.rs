//! ARCHITECTURE.md is a map of what is there: every step `file.rs::function` of its walks exists.

use crate::lexer::lex;
use crate::sizes::function_name;
use crate::{assert_none, tree};
use std::fs;

/// Three walks of a good six steps each; fewer would be a sketch.
const STEPS_MIN: usize = 20;

#[test]
fn every_step_of_the_walks_exists() {
    let page = tree::read("ARCHITECTURE.md");
    let steps: Vec<(&str, &str)> = code_spans(&page).filter_map(|span| split_step(span)).collect();

    let lost: Vec<String> = steps
        .iter()
        .filter(|(path, function)| !declares(path, function))
        .map(|(path, function)| format!("{path}::{function}"))
        .collect();

    assert_none("ARCHITECTURE.md names a step that is gone; name the one that took its place.", &lost);
    assert!(steps.len() >= STEPS_MIN, "ARCHITECTURE.md has {} steps; {STEPS_MIN} are the least", steps.len());
}

/// What stands between backticks, line by line.
pub(crate) fn code_spans(page: &str) -> impl Iterator<Item = &str> {
    page.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// `core/src/portal.rs::Portal::send` gives the path and `send`.
fn split_step(span: &str) -> Option<(&str, &str)> {
    let at = span.find(".rs::")? + ".rs".len();
    let (path, name) = span.split_at_checked(at)?;
    Some((path, name.rsplit("::").next()?.trim_end_matches("()")))
}

fn declares(path: &str, function: &str) -> bool {
    let text = fs::read_to_string(tree::root().join(path)).unwrap_or_default();
    lex(&text).code.lines().any(|line| function_name(line).as_deref() == Some(function))
}

#[test]
fn a_step_is_split_into_file_and_function() {
    let spans: Vec<&str> = code_spans("Then `a/b.rs::Door::open()` and `x` go.").collect();

    assert_eq!(spans, ["a/b.rs::Door::open()", "x"]);
    assert_eq!(split_step("a/b.rs::Door::open()"), Some(("a/b.rs", "open")));
}
