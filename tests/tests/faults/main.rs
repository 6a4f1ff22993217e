//! Faults that only a kernel makes: packets that are lost, a disk that is full, a file that may not be read. Real processes in namespaces of their own.
//!
//! `tests/run faults` runs these where namespaces are permitted, and says where they are not; cargo alone ignores them.
#![cfg(target_os = "linux")]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod denied;
mod disk;
mod messages;
mod packets;

use std::process::Command;

/// Runs a program of the system that must succeed; what it printed.
fn system(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|fault| panic!("{program}: {fault}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {said}{fault}", arguments.join(" "));
    said
}
