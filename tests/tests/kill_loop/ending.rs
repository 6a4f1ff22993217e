//! The end of a run: everything comes up, a phone that knows nothing reads it all, and every book must agree.

use std::fmt;

use serde_json::Value;

use crate::Outcome;
use crate::ledger::{Fate, Message};
use crate::rounds::{JONAS, MARA, Play, SHARED, email};
use crate::stage::Stage;

/// A phone that signs in when all is over.
const FRESH: &str = "mara-again";
/// Most pages of history a phone fetches: 500 entries each.
const PAGES_MAX: usize = 100;

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) phones_killed: u64,
    pub(crate) servers_killed: u64,
    texts: usize,
    unsaid: usize,
    withdrawn: usize,
    arrived: usize,
    batches: usize,
    entries: u64,
}

impl Tally {
    pub(crate) const fn kills(&self) -> u64 {
        self.phones_killed + self.servers_killed
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "killed {} phones and {} servers; of {} messages {} arrived, {} of these with files, {} were withdrawn, {} were never said; \
             {} log entries verified",
            self.phones_killed,
            self.servers_killed,
            self.texts,
            self.arrived,
            self.batches,
            self.withdrawn,
            self.unsaid,
            self.entries
        )
    }
}

/// Lets everything come up and to rest, and holds what a fresh phone reads against the ledger.
pub(crate) async fn finish(mut play: Play) -> Outcome<Tally> {
    if !play.stage.is_server_up() {
        play.stage.start_server().await?;
    }
    for home in [JONAS, MARA] {
        play.drain(home).await?;
    }
    play.stage.sign_in(FRESH, &email(MARA)).await?;
    for short in SHARED {
        let conversation = play.stage.conversations[short].as_str().unwrap().to_owned();
        let log = whole_log(&play.stage, FRESH, &conversation).await?;
        let own = whole_log(&play.stage, JONAS, &conversation).await?;
        if log != own {
            return Err(format!(
                "{short}: the phones hold {} and {} different entries",
                log.len(),
                own.len()
            ));
        }
        let sent: Vec<Message> =
            log.into_iter().filter(|message| !play.seeded.contains(&message.text)).collect();
        play.ledger.check(&conversation, &sent)?;
        play.tally.arrived += sent.len();
        play.tally.batches += sent.iter().filter(|message| !message.files.is_empty()).count();
    }
    play.stage.kill_server().await?;
    play.tally.entries = play.stage.verify().await?;
    play.stage.check_database()?;
    let count = |fate| play.ledger.0.iter().filter(|said| said.fate == fate).count();
    play.tally.texts = play.ledger.0.len();
    play.tally.withdrawn = count(Fate::Withdrawn);
    play.tally.unsaid = count(Fate::Unsaid);
    Ok(play.tally)
}

/// Every message of a conversation, in order, once the phone holds it without a gap.
pub(crate) async fn whole_log(stage: &Stage, home: &str, conversation: &str) -> Outcome<Vec<Message>> {
    let read = ["read", conversation, "--limit", "1000000", "--peek"];
    for _ in 0..PAGES_MAX {
        let page = stage.on_phone(home, &read, None).await?;
        let items = page["items"].as_array().ok_or_else(|| format!("read printed {page}"))?;
        if let Some(echo) =
            items.iter().find(|item| item["echo"]["state"].as_str().is_some_and(|s| s != "withdrawn"))
        {
            return Err(format!("{home} still shows {echo}"));
        }
        let has_gap = page["has_older"] == true || items.iter().any(|item| !item["gap"].is_null());
        if !has_gap {
            let entries = items.iter().filter(|item| item["entry"]["kind"] == "message");
            return Ok(entries
                .map(|item| Message {
                    id: text_of(&item["entry"]["entry_id"]),
                    text: text_of(&item["entry"]["body"]),
                    files: hashes_of(&item["entry"]["files"]),
                })
                .collect());
        }
    }
    Err(format!("{home} does not get the whole of {conversation}"))
}

fn hashes_of(files: &Value) -> Vec<String> {
    files.as_array().into_iter().flatten().map(|file| text_of(&file["sha256"])).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
