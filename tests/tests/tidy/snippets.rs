//! The code that a page shows is code that runs: each block of docs/embedding.md stands word for word in a file of the
//! kits' examples or tests, each of docs/uploads.md in a walk of tests/interop.

use crate::{assert_none, tree};

/// The languages whose blocks are checked.
const LANGUAGES: [(&str, &str); 4] = [("kotlin", ".kt"), ("swift", ".swift"), ("rust", ".rs"), ("sh", ".sh")];
/// The pages, and how many blocks each has at least: a page whose blocks are not found proves nothing.
const PAGES: [(&str, usize); 2] = [("docs/embedding.md", 4), ("docs/uploads.md", 5)];

#[test]
fn every_block_of_code_runs_somewhere() {
    let sources = tree::files(|path| LANGUAGES.iter().any(|(_, ending)| path.ends_with(ending)));
    for (page, blocks_min) in PAGES {
        let blocks = blocks(&tree::read(page));

        let lost: Vec<String> = blocks
            .iter()
            .filter(|(ending, code)| {
                !sources
                    .iter()
                    .any(|source| source.path.ends_with(ending) && bare(&source.text).contains(&bare(code)))
            })
            .map(|(_, code)| code.lines().next().unwrap_or_default().to_owned())
            .collect();

        assert_none(&format!("{page} shows code that no file has; copy it from the file again."), &lost);
        assert!(blocks.len() >= blocks_min, "{page} shows {} blocks of code", blocks.len());
    }
}

/// Each block of a known language: its files' ending, and its lines.
fn blocks(page: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut open: Option<(&'static str, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, code)), None) => {
                code.push_str(line);
                code.push('\n');
            }
            (None, Some(language)) => {
                let known = LANGUAGES.iter().find(|(name, _)| *name == language);
                open = known.map(|(_, ending)| (*ending, String::new()));
            }
            (None, None) => {}
        }
    }
    found
}

/// Without indentation and empty lines: a page shows a part of a file at its margin.
fn bare(code: &str) -> String {
    code.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn blocks_are_found_and_bared() {
    let page = "Text\n```kotlin\nfun main() {\n    go()\n}\n```\n```\nplain\n```\n";

    let found = blocks(page);

    assert_eq!(found, [(".kt", "fun main() {\n    go()\n}\n".to_owned())]);
    assert!(bare("class A {\n\n  fun main() {\n      go()\n  }\n}").contains(&bare(&found[0].1)));
}
