//! What must be true; the first thing that is not ends the demo.

use portico_wire::encoding::Sha256;
use serde_json::Value;

use crate::phone::CliError;

/// Ends the demo with `what` unless `holds`.
pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), CliError> {
    if holds { Ok(()) } else { Err(CliError::Demo(what())) }
}

/// The hashes that another process computed on another phone end with those of `texts`: each once, in order, every
/// byte.
pub(super) fn arrived(told: &Value, texts: &[String]) -> Result<(), CliError> {
    let told: Vec<&str> =
        told["messages"].as_array().into_iter().flatten().filter_map(|row| row["sha256"].as_str()).collect();
    let sent: Vec<String> = texts.iter().map(|text| Sha256::of(&[text.as_bytes()]).to_string()).collect();
    let tail = told.get(told.len().saturating_sub(sent.len())..).unwrap_or(&[]);
    ensure(tail == sent, || {
        let once = sent.iter().filter(|hash| told.iter().filter(|other| *other == hash).count() == 1).count();
        format!("of {} messages, {once} arrived once; {} hashes were told", sent.len(), told.len())
    })?;
    let before = told.len() - sent.len();
    let again =
        told.get(..before).unwrap_or(&[]).iter().filter(|hash| sent.iter().any(|own| own == **hash)).count();
    ensure(again == 0, || format!("{again} messages arrived twice"))
}
