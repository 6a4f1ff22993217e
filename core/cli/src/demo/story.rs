//! The story, step by step. Each step is played, then looked at; what was seen goes into the table.

#![expect(clippy::indexing_slicing, reason = "a JSON value indexed by name gives null, never a panic")]

use portico_server::ports::Ports;
use portico_wire::encoding::Sha256;
use serde_json::Value;

use super::check::{arrived, ensure};
use super::stage::{AMINA, MARA, Stage, io};
use crate::phone::CliError;

/// Plays it all.
pub(super) async fn play(stage: &mut Stage, texts: &[String], seed: u64) -> Result<(), CliError> {
    let conversation = stage
        .firm
        .conversations
        .get("claim")
        .ok_or_else(|| CliError::Demo("the seed made no claim".to_owned()))?
        .to_string();
    let lines = stage.path("lines.txt");
    std::fs::write(&lines, lines_of(texts)).map_err(io("the lines"))?;
    // Lines can not hold line breaks; the demo's own texts are known to both processes.
    let by_file = !texts.iter().any(|text| text.contains('\n'));
    let lines = if by_file { lines.display().to_string() } else { String::new() };
    sign_in(stage).await?;
    back_up(stage)?;
    write_offline(stage, texts, seed, &conversation, &lines).await?;
    lose_answers(stage, texts, seed).await?;
    restore(stage).await?;
    come_back(stage, texts, &conversation).await?;
    tap_and_search(stage, texts, &conversation).await
}

fn lines_of(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text}\n")).collect()
}

async fn sign_in(stage: &mut Stage) -> Result<(), CliError> {
    stage.start_server().await?;
    stage.sign_in("amina", AMINA).await?;
    stage.sign_in("mara", MARA).await?;
    stage.seen("a client and a lawyer sign in", "codes by mail, a key on each phone");
    Ok(())
}

fn back_up(stage: &mut Stage) -> Result<(), CliError> {
    portico_server::backup::backup(&stage.config(), &stage.path("backup"), &Ports::real())
        .map_err(|fault| CliError::Demo(format!("the backup: {fault}")))?;
    stage.seen("the server is backed up", "while it serves");
    Ok(())
}

async fn write_offline(
    stage: &mut Stage,
    texts: &[String],
    seed: u64,
    conversation: &str,
    lines: &str,
) -> Result<(), CliError> {
    stage.kill_server().await?;
    let mut arguments = vec!["demo-part", "write", conversation];
    if !lines.is_empty() {
        arguments.push(lines);
    }
    let kill_after = 1 + (seed as usize) % (texts.len() - 1);
    let printed = stage.kill_on_phone("amina", &arguments, kill_after).await?;
    let kept = outbox(stage, "amina").await?;
    ensure(kept.len() >= printed, || format!("{printed} were durable, {} are left", kept.len()))?;
    stage.seen(
        "no server; the app is killed while writing",
        format!("{printed} said to be kept, {} found", kept.len()),
    );

    stage.on_phone("amina", &arguments).await?;
    let kept = outbox(stage, "amina").await?;
    let bodies: Vec<&str> = kept.iter().filter_map(|echo| echo["body"].as_str()).collect();
    ensure(bodies == texts, || {
        format!("the outbox holds {} of {} texts, or others", bodies.len(), texts.len())
    })?;
    stage.seen("it starts again and goes on", format!("{} queued, in order, byte for byte", kept.len()));
    Ok(())
}

async fn outbox(stage: &Stage, home: &str) -> Result<Vec<Value>, CliError> {
    let told = stage.on_phone(home, &["outbox"]).await?;
    Ok(told["outbox"].as_array().cloned().unwrap_or_default())
}

/// Twice the network comes back, lets some sends through, and loses the answer to the next.
async fn lose_answers(stage: &mut Stage, texts: &[String], seed: u64) -> Result<(), CliError> {
    for round in 0..2 {
        let through = ((seed / 7 + round) % 3) as i64;
        stage.start_server().await?;
        stage.network.lose_answer_after(through);
        let left = outbox(stage, "amina").await?;
        stage.kill_server().await?;
        ensure(!left.is_empty(), || "nothing is left to lose an answer to".to_owned())?;
        stage.seen(
            "the answer to a send is lost",
            format!("the phone knows of {} accepted, the server of one more", texts.len() - left.len()),
        );
    }
    stage.network.lose_answer_after(-1);
    Ok(())
}

async fn restore(stage: &mut Stage) -> Result<(), CliError> {
    let restored = portico_server::backup::restore(&stage.config(), &stage.path("backup"), &Ports::real())
        .map_err(|fault| CliError::Demo(format!("the restore: {fault}")))?;
    stage.forget_pushes();
    stage.start_server().await?;
    stage.seen(
        "the server is restored from the backup",
        format!("it lost them; its epoch is {}", restored.epoch),
    );

    let left = outbox(stage, "amina").await?;
    let waiting = left.iter().filter(|echo| echo["state"] == "needs_sign_in").count();
    ensure(waiting == left.len(), || format!("{waiting} of {} wait for signing in", left.len()))?;
    // The lawyer first: a phone that is signed out gets no push.
    stage.sign_in("mara", MARA).await?;
    stage.sign_in("amina", AMINA).await?;
    stage.seen("both sign in again", format!("{waiting} unsent waited, nothing was deleted"));
    Ok(())
}

async fn come_back(stage: &mut Stage, texts: &[String], conversation: &str) -> Result<(), CliError> {
    let left = outbox(stage, "amina").await?;
    ensure(left.is_empty(), || format!("{} are still not delivered", left.len()))?;
    stage.seen("the phone offers again what the server lost", format!("{} accepted", texts.len()));

    stage.on_phone("mara", &["conversations"]).await?;
    arrived(&stage.on_phone("mara", &["demo-part", "hashes", conversation]).await?, texts)?;
    stage.seen("the lawyer's phone has them", "once, in order; hashes by another process agree");
    arrived(&stage.on_phone("amina", &["demo-part", "hashes", conversation]).await?, texts)?;
    Ok(())
}

async fn tap_and_search(stage: &mut Stage, texts: &[String], conversation: &str) -> Result<(), CliError> {
    let told = stage.on_phone("mara", &["demo-part", "hashes", conversation]).await?;
    let device = device_of(stage, "mara").await?;
    let pushes = stage.pushes(&device, texts.len()).await;
    stage.kill_server().await?;
    let entries = stage.verify_log().await?;
    stage.seen("the server's log is verified", format!("{entries} entries, every hash and chain"));
    let newest = pushes.last().ok_or_else(|| CliError::Demo("no push was handed over".to_owned()))?;
    let newest = newest.display().to_string();
    let target = &stage.on_phone("mara", &["tap", &newest]).await?["target"];
    let entry =
        told["messages"].as_array().into_iter().flatten().find(|row| row["entry_id"] == target["entry_id"]);
    let text = texts.iter().find(|text| {
        entry.is_some_and(|row| row["sha256"] == Sha256::of(&[text.as_bytes()]).to_string().as_str())
    });
    ensure(target["opens"] == "message" && text.is_some(), || format!("the tap opens {target}"))?;
    stage.seen("a push is tapped, with no server running", format!("opens message {}", target["seq"]));

    let foreign = stage.on_phone("amina", &["tap", &newest]).await?;
    ensure(foreign["target"]["opens"] == "inbox", || format!("a foreign push opens {foreign}"))?;
    stage.seen("the same push on another phone", "opens the inbox, and nothing else");

    let word = texts.iter().rev().find_map(|text| longest_word(text)).unwrap_or_default();
    let found = stage.on_phone("mara", &["search", &word]).await?;
    let hit = found["hits"].as_array().into_iter().flatten().any(|hit| {
        hit["body"].as_str().is_some_and(|body| texts.iter().any(|text| text == body && text.contains(&word)))
    });
    ensure(hit, || format!("searching {word} finds nothing"))?;
    stage.seen(
        "searched, with no server running",
        format!("{} found", found["hits"].as_array().map_or(0, Vec::len)),
    );
    Ok(())
}

fn longest_word(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).max_by_key(|word| word.chars().count()).map(str::to_owned)
}

/// The newest device of a phone, as its own file of people has it.
async fn device_of(stage: &Stage, home: &str) -> Result<String, CliError> {
    let people =
        tokio::fs::read_to_string(stage.path(home).join("people.json")).await.map_err(io("people.json"))?;
    let people: Value = serde_json::from_str(&people).map_err(|fault| CliError::Demo(fault.to_string()))?;
    people["known"][0]["device_id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| CliError::Demo("the phone has no device id".to_owned()))
}
