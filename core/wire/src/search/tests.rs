//! What the vectors say, and what no query does.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vectors {
    tokens: Vec<TokensCase>,
    matches: Vec<MatchCase>,
}

#[derive(Deserialize)]
struct TokensCase {
    text: String,
    tokens: Vec<String>,
}

#[derive(Deserialize)]
struct MatchCase {
    query: String,
    text: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    at_ms: i64,
    found: bool,
}

impl MatchCase {
    fn searched(&self) -> Searchable<'_> {
        Searchable {
            body: &self.text,
            author_name: &self.author,
            file_names: self.files.iter().map(String::as_str).collect(),
            at_ms: self.at_ms,
        }
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../../tests/vectors/search_v1.json")).unwrap()
}

fn text(body: &str) -> Searchable<'_> {
    Searchable { body, author_name: "", file_names: Vec::new(), at_ms: 0 }
}

// R3: in every script.
#[test]
fn texts_of_every_script_give_the_tokens_of_the_vectors() {
    for case in vectors().tokens {
        assert_eq!(tokens(&case.text), case.tokens, "{}", case.text);
    }
}

// R3, R50
#[test]
fn queries_of_every_script_find_what_the_vectors_say() {
    for case in vectors().matches {
        let found = Query::parse(&case.query).is_some_and(|query| query.matches(&case.searched()));
        assert_eq!(found, case.found, "{} in {}", case.query, case.text);
    }
}

// R3: what an engine would be asked for is there, in every script.
#[test]
fn what_matches_holds_every_word_that_the_engine_is_asked_for() {
    for case in vectors().matches.iter().filter(|case| case.found) {
        let query = Query::parse(&case.query).unwrap();
        let content = index::content(&case.searched(), &[]);
        let content: Vec<&str> = content.split(' ').collect();
        for asked in [index::Beginnings::All, index::Beginnings::Long] {
            let expression = query.expression(asked).unwrap_or_default();
            for word in expression.split(['"', ' ', '*']).filter(|word| !word.is_empty() && *word != "AND") {
                assert!(content.iter().any(|token| token.starts_with(word)), "{word:?} of {}", case.query);
            }
        }
        assert!(query.span().contains(&index::place(case.at_ms, 1)), "{}", case.query);
    }
}

#[test]
fn query_of_nothing_is_none() {
    for nothing in ["", "  ", " \"\" -- ", "\"", "* ^ ( ) :", "\0"] {
        assert_eq!(Query::parse(nothing), None, "{nothing:?}");
    }
}

#[test]
fn query_longer_than_anybody_types_is_looked_for_by_its_beginning() {
    let long = "word ".repeat(20_000);

    let query = Query::parse(&format!("{long}unseen")).unwrap();

    assert!(query.matches(&text("word")));
    assert!(!query.matches(&text("wor")));
    let phrase = Query::parse(&format!("\"{long}\"")).unwrap();
    assert!(!phrase.matches(&text("word word")));
    assert!(phrase.matches(&text(&"word ".repeat(256))));
}

#[test]
fn what_people_search_for_is_not_in_debug() {
    let query = Query::parse("secret from:mara").unwrap();

    assert_eq!(
        format!("{query:?} {:?}", text("secret")),
        "Query(1 terms, 1 authors) Searchable(6 bytes, 0 files)"
    );
}
