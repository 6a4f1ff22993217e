//! The repository as tidy sees it: paths relative to the root, with `/`, and the text of each file.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours: build output, a local server's data, version control.
const SKIPPED_FOLDERS: [&str; 5] = [".git", "target", "portico-data", "node_modules", "snapshots"];

/// One text file of the repository.
pub(crate) struct Source {
    /// From the root, with `/`: `core/src/lib.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Whether the whole file is test code: an integration test, or a `tests.rs` beside the code it tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines before the `#[cfg(test)] mod tests {` that ends a file.
    pub(crate) fn without_tests(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        let tail = (0..lines.len()).rev().find(|&at| {
            let opens_module = lines.iter().skip(at + 1).find(|line| !line.starts_with("#["));
            lines.get(at) == Some(&"#[cfg(test)]")
                && opens_module.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        });
        lines.into_iter().take(tail.unwrap_or(usize::MAX)).flat_map(|line| [line, "\n"]).collect()
    }

    /// The folders and the file's stem: `core/src/sync/pull.rs` gives `core`, `src`, `sync`, `pull`.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.path.trim_end_matches(".rs").split('/')
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads one file that must be there.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path))
        .unwrap_or_else(|fault| panic!("{path} must exist and be UTF-8: {fault}"))
}

/// Every Rust file, in the order of their paths.
pub(crate) fn rust_files() -> Vec<Source> {
    files(|path| path.ends_with(".rs"))
}

/// Every file whose path `wanted` accepts, in the order of their paths.
pub(crate) fn files(wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(root().join(&folder)).unwrap_or_else(|fault| panic!("folder {folder}: {fault}"));
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if entry.path().is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if wanted(&path) {
                found.push(Source { text: read(&path), path });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "tidy found no file to check; it looks in the wrong folder");
    found
}
