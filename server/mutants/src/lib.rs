//! `mutant!`: a source file once more, as a module, with one piece of one function replaced. Tests ask through it whether
//! anybody would notice if that piece were missing.
//!
//! Holds: the piece is there exactly once, or the tests do not compile. So a source that changes takes its mutants along.
//! Sources are taken without comments and with one blank for any white space; places are counted in that text.

use std::ops::Range;
use std::path::PathBuf;

use proc_macro::{TokenStream, TokenTree};

/// `mutant!(name, "src/file.rs", "function", "piece", "what stands there instead")` is `mod name` with the file's content.
/// The module also has `NAME`, and `PLACE`: where the piece is in [`source`]. The path is that of the package.
#[proc_macro]
pub fn mutant(input: TokenStream) -> TokenStream {
    let words = words(input);
    let [name, file, function, piece, instead] = words.as_slice() else {
        panic!("mutant!(name, file, function, piece, instead)")
    };
    let source = read(file);
    let body = body_of(&source, function).unwrap_or_else(|| panic!("{file} has no one function {function}"));
    let place = place_of(&source, body, piece);
    let place = place.unwrap_or_else(|| panic!("{function} of {file} does not have once: {piece}"));
    let mut mutated = source;
    mutated.replace_range(place.clone(), instead);
    let module = format!(
        "#[allow(warnings)] pub(super) mod {name} {{
            pub(crate) const NAME: &str = \"{name}\";
            pub(crate) const PLACE: std::ops::Range<usize> = {}..{};
            {mutated} }}",
        place.start, place.end
    );
    module.parse().expect("a function without one of its pieces is still Rust")
}

/// `source!("src/file.rs")` is the text in which places are counted.
#[proc_macro]
pub fn source(input: TokenStream) -> TokenStream {
    let words = words(input);
    let [file] = words.as_slice() else { panic!("source!(file)") };
    // The compiler looks at the file again where it has changed.
    let path = path(file);
    format!("{{ const _: &str = include_str!({path:?}); {:?} }}", read(file)).parse().expect("a text is Rust")
}

/// Names and texts of the input, in order. What came through another macro may be wrapped once.
fn words(input: TokenStream) -> Vec<String> {
    let mut words = Vec::new();
    for tree in input {
        match tree {
            TokenTree::Group(group) => words.extend(self::words(group.stream())),
            TokenTree::Ident(name) => words.push(name.to_string()),
            TokenTree::Literal(text) => words.push(unquoted(&text.to_string())),
            TokenTree::Punct(_) => {}
        }
    }
    words
}

fn unquoted(literal: &str) -> String {
    let text = literal.trim_start_matches('r').trim_matches('#');
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = text.unwrap_or_else(|| panic!("{literal} is no text"));
    assert!(literal.starts_with('r') || !text.contains('\\'), "{literal}: write it raw");
    text.to_owned()
}

fn path(file: &str) -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says whose macro this is");
    PathBuf::from(package).join(file)
}

fn read(file: &str) -> String {
    let path = path(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// From the name of the one function `name` to its closing brace. Braces within texts come in pairs.
fn body_of(source: &str, name: &str) -> Option<Range<usize>> {
    let start = once(source, &format!("fn {name}("))?.start;
    let (mut depth, rest) = (0_i32, source.get(start..)?);
    for (at, letter) in rest.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(start..start + at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn place_of(source: &str, within: Range<usize>, piece: &str) -> Option<Range<usize>> {
    let found = once(source.get(within.clone())?, piece)?;
    Some(within.start + found.start..within.start + found.end)
}

/// Where `piece` is in `text`, if it is there once.
fn once(text: &str, piece: &str) -> Option<Range<usize>> {
    let mut found = text.match_indices(piece);
    let (at, _) = found.next()?;
    found.next().is_none().then_some(at..at + piece.len())
}
