//! SQL lives in a `store/` folder; the one fragment that answers "may they?" lives in `server/src/access.rs`.

use crate::lexer::lex;
use crate::{assert_none, tree};

/// Folders whose code reaches a database only through its store.
const SHIPPED: [&str; 3] = ["core/src/", "core/cli/src/", "server/src/"];

#[test]
fn sql_stays_in_the_store() {
    let mut strays = Vec::new();
    for file in tree::rust_files() {
        let shipped = SHIPPED.iter().any(|folder| file.path.starts_with(folder));
        if !shipped
            || file.is_test()
            || file.parts().any(|part| part == "store")
            || file.path == "server/src/access.rs"
        {
            continue;
        }
        let statements =
            lex(&file.without_tests()).strings.into_iter().filter(|(_, text)| is_statement(text));
        strays.extend(statements.map(|(line, _)| format!("{}:{line}", file.path)));
    }

    assert_none("SQL belongs in a `store/` folder, or in the fragment of server/src/access.rs.", &strays);
}

fn is_statement(text: &str) -> bool {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ["SELECT ", "INSERT INTO ", "INSERT OR ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA "]
        .iter()
        .any(|word| text.contains(word))
        || text.split_once("UPDATE ").is_some_and(|(_, after)| after.contains(" SET "))
}

#[test]
fn statements_are_told_from_sentences() {
    assert!(is_statement("UPDATE outbox\n   SET state = ?1") && is_statement("SELECT 1"));
    assert!(!is_statement("Select a firm, then update it") && !is_statement("UPDATE is refused"));
}
