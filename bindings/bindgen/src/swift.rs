//! What UniFFI's Swift does when library and bindings are of two versions: it ends the app. Here it becomes an error.

use camino::Utf8Path;

use crate::Failed;

/// What is replaced by what, and how often it must be there: another release of the generator says something else.
const CHANGES: [(&str, &str, usize); 4] = [
    ("    uniffiEnsurePorticoFfiInitialized()\n", "    try uniffiEnsurePorticoFfiInitialized()\n", 2),
    (
        "public func uniffiEnsurePorticoFfiInitialized() {",
        "public func uniffiEnsurePorticoFfiInitialized() throws {",
        1,
    ),
    (
        "fatalError(\"UniFFI contract version mismatch: try cleaning and rebuilding your project\")",
        "throw PortalError.Bug(what: \"library of another version\")",
        1,
    ),
    (
        "fatalError(\"UniFFI API checksum mismatch: try cleaning and rebuilding your project\")",
        "throw PortalError.Bug(what: \"library of another version\")",
        1,
    ),
];

/// Rewrites the generated file.
pub(crate) fn tell_of_another_version(file: &Utf8Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file)?;
    std::fs::write(file, told(text)?)?;
    Ok(())
}

fn told(mut text: String) -> Result<String, Failed> {
    for (from, to, times) in CHANGES {
        let found = text.matches(from).count();
        if found != times {
            return Err(format!("the generated Swift has {found} of {from:?}, not {times}").into());
        }
        text = text.replace(from, to);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_of_the_generator_is_noticed() {
        let known = CHANGES.iter().fold(String::new(), |text, (from, _, times)| text + &from.repeat(*times));

        assert!(!told(known.clone()).unwrap().contains("fatalError"));
        assert!(told(known + CHANGES[0].0).is_err());
    }
}
