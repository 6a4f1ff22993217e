//! docs/requirements.md says every rule, and its table names the tests that prove it, built from their own comments.

use crate::{assert_none, citations, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const PAGE: &str = "docs/requirements.md";
const BEGIN: &str = "<!-- rule-tests:begin -->\n";
const END: &str = "<!-- rule-tests:end -->";

#[test]
fn rule_table_is_what_the_tests_cite() {
    let page = tree::read(PAGE);
    let (head, rest) = page.split_once(BEGIN).expect("the page has the mark where the table begins");
    let (table, tail) = rest.split_once(END).expect("the page has the mark where the table ends");
    let (mut proven, mut faults) = (BTreeMap::<u32, Vec<String>>::new(), Vec::new());
    for file in tree::rust_files() {
        let (cited, broken) = citations::read(&file);
        faults.extend(broken);
        for citation in cited {
            for rule in citation.rules {
                proven.entry(rule).or_default().push(citation.test.clone());
            }
        }
    }
    let rules = stated_rules(head);
    let unknown = proven.iter().filter(|(rule, _)| !rules.contains(rule));
    faults.extend(
        unknown.map(|(rule, tests)| format!("R{rule} is no rule of {PAGE}; cited by {}", tests.join(", "))),
    );

    let wanted = format!("\n{}\n", render(&rules, &proven));

    assert_none("A citation is `// R4, R51: text` with rules of docs/requirements.md.", &faults);
    if std::env::var_os("PORTICO_TIDY_WRITE").is_some() {
        fs::write(tree::root().join(PAGE), format!("{head}{BEGIN}{wanted}{END}{tail}"))
            .expect("the page can be written");
        return;
    }
    let differences: Vec<String> = differing_lines(table, &wanted);
    assert_none(
        "The rule table is old: PORTICO_TIDY_WRITE=1 cargo test -p portico-tests --test tidy",
        &differences,
    );
}

/// The rules that the page states, each as a list item `- **R12** ...`, once.
fn stated_rules(page: &str) -> BTreeSet<u32> {
    let mut rules = BTreeSet::new();
    for line in page.lines() {
        let Some((rule, _)) = line.strip_prefix("- **R").and_then(|rest| rest.split_once("**")) else {
            continue;
        };
        let rule = rule.parse().unwrap_or_else(|_| panic!("{PAGE}: R{rule} is not a rule number"));
        assert!(rules.insert(rule), "{PAGE} states R{rule} twice");
    }
    assert!(!rules.is_empty(), "{PAGE} states no rule");
    rules
}

fn render(rules: &BTreeSet<u32>, proven: &BTreeMap<u32, Vec<String>>) -> String {
    let rows = rules.iter().map(|rule| {
        let tests =
            proven.get(rule).map(|tests| tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>());
        format!("| R{rule} | {} |\n", tests.map_or("not yet".to_owned(), |tests| tests.join("<br>")))
    });
    format!("| Rule | Tests |\n|---|---|\n{}", rows.collect::<String>())
}

fn differing_lines(stored: &str, wanted: &str) -> Vec<String> {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (stored.lines().collect(), wanted.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect()
}
