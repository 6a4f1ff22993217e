//! Which rules a test proves: the comment line above it says so, as `// R4, R51: bytes in equal bytes out.`

use crate::tree::Source;

/// A test that cites rules.
pub(crate) struct Citation {
    /// `path::test_name`.
    pub(crate) test: String,
    /// Rule numbers in the order they are written.
    pub(crate) rules: Vec<u32>,
}

/// What the tests of `file` cite, and the lines that begin like a citation and are none.
pub(crate) fn read(file: &Source) -> (Vec<Citation>, Vec<String>) {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let (mut citations, mut broken) = (Vec::new(), Vec::new());
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| is_test_attribute(line)) {
        let above =
            lines.iter().take(at).rev().take_while(|line| line.starts_with("//") || line.starts_with("#["));
        let below = lines.iter().skip(at).find_map(|line| test_name(line));
        // A macro that writes tests has no name to show; the tests it writes are cited where it is called.
        let Some(name) = below.filter(|name| !name.is_empty()) else { continue };
        let mut rules = Vec::new();
        for line in above.filter(|line| begins_like_a_citation(line)) {
            if let Some(cited) = cited_rules(line) {
                rules.splice(0..0, cited);
            } else {
                broken.push(format!("{}::{name}: {line}", file.path));
            }
        }
        if !rules.is_empty() {
            citations.push(Citation { test: format!("{}::{name}", file.path), rules });
        }
    }
    (citations, broken)
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test")
}

/// The name in `fn name(` or `async fn name(`; empty where a macro writes it.
fn test_name(line: &str) -> Option<String> {
    let after = line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ")?;
    Some(after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

fn begins_like_a_citation(line: &str) -> bool {
    let mut text = line.trim_start_matches('/').trim_start().chars();
    text.next() == Some('R') && text.next().is_some_and(|next| next.is_ascii_digit())
}

/// `// R4, R51 and R3: text.` gives 4, 51, 3; none unless everything before the colon or period is rule numbers.
fn cited_rules(line: &str) -> Option<Vec<u32>> {
    let text = line.strip_prefix("// ")?;
    let list = text.split([':', '.']).next()?.replace(" and ", ", ");
    list.split(", ").map(|rule| rule.trim().strip_prefix('R')?.parse().ok()).collect()
}

#[test]
fn a_citation_is_a_list_of_rules() {
    assert_eq!(cited_rules("// R4, R51"), Some(vec![4, 51]));
    assert_eq!(cited_rules("// R3 and R4: in every script, unchanged."), Some(vec![3, 4]));
    assert_eq!(cited_rules("// R4 holds here"), None);
}

#[test]
fn a_test_is_found_below_its_attributes() {
    let text = "    // R7: an address.\n    /// Doc.\n    #[tokio::test(start_paused = true)]\n    async fn an_outcome() {}\n";
    let file = Source { path: "core/src/x.rs".to_owned(), text: text.to_owned() };

    let (citations, broken) = read(&file);

    assert!(broken.is_empty());
    assert!(
        matches!(citations.as_slice(), [one] if one.test == "core/src/x.rs::an_outcome" && one.rules == [7])
    );
}
