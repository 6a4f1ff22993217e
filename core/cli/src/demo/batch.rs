//! The second half of the story: 130 files of 100 MB, an app and a server that are killed within the bytes.

#![expect(clippy::indexing_slicing, reason = "a JSON value indexed by name gives null, never a panic")]

use std::path::{Path, PathBuf};

use portico_wire::limits::{BATCH_BYTES_MAX, BATCH_FILES_MAX};
use serde_json::Value;

use super::check::ensure;
use super::stage::{Stage, io};
use crate::phone::CliError;

/// Plays it; the server is down before and after.
pub(super) async fn play(stage: &mut Stage, files: Option<&Path>, seed: u64) -> Result<(), CliError> {
    let conversation = stage.firm.conversations.get("claim").map(ToString::to_string);
    let conversation = conversation.ok_or_else(|| CliError::Demo("the seed made no claim".to_owned()))?;
    let folder = match files {
        Some(folder) => folder.to_owned(),
        None => write_files(&stage.path("photos"), seed)?,
    };
    let sent = stage.on_phone("amina", &["demo-part", "file-hashes", &folder.display().to_string()]).await?;
    let size_bytes = size_of(&folder)?;
    stage.seen("files are picked", format!("{} files, {size_bytes} bytes", count(&sent)));

    kill_phone_and_server(stage, &conversation, &folder, size_bytes, seed).await?;
    stage.start_server().await?;
    let left = stage.on_phone("amina", &["outbox"]).await?;
    ensure(left["outbox"].as_array().is_some_and(Vec::is_empty), || format!("it is not delivered: {left}"))?;
    stage.seen("the app goes on where the server stands", "accepted: one message, with every file");

    arrived(stage, &conversation, &sent).await?;
    stage.kill_server().await?;
    let entries = stage.verify_log().await?;
    stage.seen("the server's log and files are verified", format!("{entries} entries, every hash"));
    Ok(())
}

/// The app dies within its bytes; it starts again, and then the server dies within the rest.
async fn kill_phone_and_server(
    stage: &mut Stage,
    conversation: &str,
    folder: &Path,
    size_bytes: u64,
    seed: u64,
) -> Result<(), CliError> {
    let mut arguments: Vec<String> =
        ["send", conversation, "All the photos", "--attach"].map(str::to_owned).to_vec();
    arguments.extend(names(folder)?.iter().map(|path| path.display().to_string()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let first = size_bytes / 10 + seed.wrapping_mul(7_919_777) % (size_bytes / 2).max(1);
    stage.start_server().await?;
    let mut app = stage.within_bytes("amina", &arguments, first).await?;
    app.kill().await.map_err(io("the app's process"))?;
    let held = held(stage, conversation).await?;
    stage.seen("the app is killed within the bytes", format!("after {first} of them; nothing of it is seen"));

    let second = (size_bytes - first) / 3;
    let mut app = stage.within_bytes("amina", &["outbox"], second).await?;
    stage.kill_server().await?;
    // It hears that there is no connection, and ends by itself.
    app.wait().await.map_err(io("the app's process"))?;
    let now = held_here(stage).await?;
    ensure(now >= held, || format!("the server held {held}, and then {now}"))?;
    stage.seen("the server is killed within the rest", format!("the phone knows of {now} that it holds"));
    Ok(())
}

/// What the phone knows that the server holds; the lawyer sees nothing of it yet.
async fn held(stage: &mut Stage, conversation: &str) -> Result<u64, CliError> {
    let page = stage.on_phone("mara", &["read", conversation, "--limit", "1"]).await?;
    let newest = &page["items"][0]["entry"];
    ensure(newest["files"].is_null() && newest["body"] != "All the photos", || {
        format!("half a batch is seen: {newest}")
    })?;
    held_here(stage).await
}

async fn held_here(stage: &Stage) -> Result<u64, CliError> {
    let told = stage.on_phone("amina", &["outbox", "--offline"]).await?;
    told["outbox"][0]["held_bytes"].as_u64().ok_or_else(|| CliError::Demo(format!("the outbox holds {told}")))
}

/// The lawyer's phone saves every file, and another process hashes them.
async fn arrived(stage: &mut Stage, conversation: &str, sent: &Value) -> Result<(), CliError> {
    let page = stage.on_phone("mara", &["read", conversation, "--limit", "1"]).await?;
    let seq = page["items"][0]["entry"]["seq"].to_string();
    let to = stage.path("saved").display().to_string();
    stage.on_phone("mara", &["download", conversation, &seq, "--to", &to]).await?;
    let saved = stage.on_phone("mara", &["demo-part", "file-hashes", &to]).await?;
    ensure(saved == *sent, || format!("{} files were saved, or others", count(&saved)))?;
    stage.seen(
        "the lawyer's phone saves them",
        format!("{} files; hashes by another process agree", count(sent)),
    );
    Ok(())
}

fn count(hashes: &Value) -> usize {
    hashes.as_object().map_or(0, serde_json::Map::len)
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let files = std::fs::read_dir(folder).map_err(io("the files"))?;
    let mut names = files
        .map(|file| file.map(|file| file.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io("the files"))?;
    names.sort();
    Ok(names)
}

fn size_of(folder: &Path) -> Result<u64, CliError> {
    let sizes = names(folder)?.into_iter().map(|path| std::fs::metadata(path).map(|metadata| metadata.len()));
    Ok(sizes.collect::<Result<Vec<_>, _>>().map_err(io("the files"))?.into_iter().sum())
}

/// As many files and bytes as one send may hold, drawn from `seed`; no two alike.
fn write_files(folder: &Path, seed: u64) -> Result<PathBuf, CliError> {
    std::fs::create_dir_all(folder).map_err(io("the files"))?;
    let mut state = seed | 1;
    let mut left = BATCH_BYTES_MAX;
    for number in 1..=BATCH_FILES_MAX {
        let even = left / u64::from(BATCH_FILES_MAX - number + 1);
        let size = if number == BATCH_FILES_MAX { left } else { even / 2 + step(&mut state) % even.max(1) };
        let words = (0..size.div_ceil(8)).flat_map(|_| step(&mut state).to_le_bytes());
        let bytes: Vec<u8> = words.take(usize::try_from(size).unwrap_or(0)).collect();
        std::fs::write(folder.join(format!("IMG_{number:04}.jpg")), bytes).map_err(io("the files"))?;
        left -= size;
    }
    Ok(folder.to_owned())
}

/// The next word of xorshift64 (Marsaglia, 2003): quick, and nobody's secret.
const fn step(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
