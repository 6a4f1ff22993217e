//! docs/errors.md is whole: it says what to do about every problem `type` and every `PortalError`.

use crate::lexer::lex;
use crate::walks::code_spans;
use crate::{assert_none, tree};
use std::collections::BTreeSet;

/// Where the wire's codes are listed, each as `Name = "code"` within one macro call.
const CODE_TABLES: [&str; 2] = ["core/wire/src/problem.rs", "core/wire/src/refusal.rs"];

#[test]
fn every_problem_and_error_is_explained() {
    let page = tree::read("docs/errors.md");
    let explained: BTreeSet<&str> = code_spans(&page)
        .map(|span| span.trim_start_matches("urn:portico:problem:").trim_start_matches("PortalError::"))
        .collect();
    let codes: Vec<String> = CODE_TABLES.iter().flat_map(|path| codes(&tree::read(path))).collect();
    let variants = variants(&lex(&tree::read("core/src/error.rs")).code, "pub enum PortalError {");
    assert!(
        codes.len() > 10 && variants.len() > 2,
        "tidy cannot read the codes any more: {codes:?} {variants:?}"
    );

    let missing: Vec<String> =
        codes.into_iter().chain(variants).filter(|name| !explained.contains(name.as_str())).collect();

    assert_none("docs/errors.md says what to do about each of these, named in backticks.", &missing);
}

/// The `code` of each line `Name = "code"`.
fn codes(text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.trim_start().split_once(" = \""));
    let named = rows.filter(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
    });
    named.filter_map(|(_, rest)| rest.split('"').next()).map(str::to_owned).collect()
}

/// The variants of the enum that `opening` opens: names that begin an item one brace deep.
fn variants(code: &str, opening: &str) -> Vec<String> {
    let body = code.split_once(opening).map_or("", |(_, body)| body);
    let (mut found, mut depth, mut starts) = (Vec::new(), 1_i32, true);
    let mut name = String::new();
    for sign in body.chars() {
        match sign {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        let in_name = depth == 1 && starts && (sign.is_alphanumeric() || sign == '_');
        if in_name {
            name.push(sign);
        } else if !name.is_empty() {
            found.push(std::mem::take(&mut name));
            starts = false;
        }
        if depth == 1 && sign == ',' {
            starts = true;
        }
    }
    found
}

#[test]
fn codes_and_variants_are_read_from_their_tables() {
    let table = "const A: &str = \"x\";\n    Busy = \"busy\", 503, \"Busy.\";\n    let b = \"c\";\n";
    let code = "pub enum E {\n    #[error(x)]\n    Offline,\n    Refused { reason: Code, limit: Option<u64> },\n    Bug(u8)\n}\nstruct S;";

    assert_eq!(codes(table), ["busy"]);
    assert_eq!(variants(code, "pub enum E {"), ["Offline", "Refused", "Bug"]);
}
