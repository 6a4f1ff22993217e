//! Tidy holds the rules of the house that no compiler holds: arrows, sizes, names, SQL's place, the map, the tables.
//!
//! Each module is one check over the files as they lie in the repository. A failure lists every place at once and says
//! what to do about it. `PORTICO_TIDY_WRITE=1` lets the rule table be rewritten instead of compared.

mod citations;
mod errors;
mod exceptions;
mod lexer;
mod manifests;
mod names;
mod rules;
mod sizes;
mod snippets;
mod sql;
mod tree;
mod walks;

/// Fails with every finding on a line of its own, under the sentence that says which rule they break.
#[track_caller]
fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}
