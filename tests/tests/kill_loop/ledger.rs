//! What the phone said of each text, and what must be true of the log because of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::Outcome;

/// What is known of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The process died before it said anything: at most once.
    Unsaid,
    /// A process printed that it is kept, or showed it in the outbox: exactly once.
    Kept,
    /// A process printed that the server has it: exactly once, for ever.
    Accepted,
    /// Somebody tried to take it back and heard no end of it: at most once.
    Withdrawing,
    /// A process printed that it is taken back: never.
    Withdrawn,
}

/// One text that somebody sent.
pub(crate) struct Said {
    pub(crate) home: &'static str,
    pub(crate) conversation: String,
    pub(crate) text: String,
    /// SHA-256 of each file, in order; none for a text.
    pub(crate) files: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) fate: Fate,
}

/// Every text of the run, in the order in which they were sent.
#[derive(Default)]
pub(crate) struct Ledger(pub(crate) Vec<Said>);

impl Ledger {
    /// Notes a text before its process begins; its number.
    pub(crate) fn begin(
        &mut self,
        home: &'static str,
        conversation: &str,
        text: String,
        files: Vec<String>,
    ) -> usize {
        let fate = Fate::Unsaid;
        self.0.push(Said { home, conversation: conversation.to_owned(), text, files, key: None, fate });
        self.0.len() - 1
    }

    /// Notes what `portico send` printed.
    pub(crate) fn sent(&mut self, number: usize, printed: &Value) -> Outcome {
        let said = &mut self.0[number];
        said.key = printed["send_key"].as_str().map(str::to_owned);
        said.fate = match printed["state"].as_str() {
            Some("waiting") => Fate::Kept,
            Some("accepted") => Fate::Accepted,
            _ => return Err(format!("send printed {printed}")),
        };
        Ok(())
    }

    /// Notes what `portico outbox` of the phone `home` printed: every text in it is durable, and what it leaves out
    /// of the kept ones is at the server.
    pub(crate) fn listed(&mut self, home: &str, printed: &Value) -> Outcome {
        let rows = printed["outbox"].as_array().ok_or_else(|| format!("outbox printed {printed}"))?;
        let rows: BTreeMap<&str, &Value> =
            rows.iter().filter_map(|row| Some((row["body"].as_str()?, row))).collect();
        let known: BTreeSet<&str> = self.0.iter().map(|said| said.text.as_str()).collect();
        if let Some(stranger) = rows.keys().find(|text| !known.contains(*text)) {
            return Err(format!("the outbox holds a text that nobody sent: {stranger:?}"));
        }
        for said in self.0.iter_mut().filter(|said| said.home == home) {
            match rows.get(said.text.as_str()) {
                None if said.fate == Fate::Kept => said.fate = Fate::Accepted,
                None => {}
                Some(row) => said.shown(row)?,
            }
        }
        Ok(())
    }

    /// Notes that a process is about to take the text of that key back.
    pub(crate) fn begin_withdrawal(&mut self, number: usize) {
        let said = &mut self.0[number];
        if matches!(said.fate, Fate::Kept | Fate::Unsaid) {
            said.fate = Fate::Withdrawing;
        }
    }

    /// Notes what `portico withdraw` printed; `before`: the fate before it was asked.
    pub(crate) fn withdrew(&mut self, number: usize, before: Fate, printed: &Value) -> Outcome {
        let said = &mut self.0[number];
        said.fate = match (printed["state"].as_str(), before) {
            (Some("withdrawn"), Fate::Accepted) => {
                return Err(format!("what was accepted is said to be withdrawn: {said}"));
            }
            (Some("withdrawn"), _) => Fate::Withdrawn,
            (Some("withdrawing"), Fate::Accepted) => {
                return Err(format!("what was accepted is being withdrawn: {said}"));
            }
            (Some("withdrawing"), _) => Fate::Withdrawing,
            (Some("accepted"), Fate::Withdrawn) => {
                return Err(format!("what was withdrawn is said to be accepted: {said}"));
            }
            (Some("accepted"), _) => Fate::Accepted,
            _ => return Err(format!("withdraw printed {printed} of {said}")),
        };
        Ok(())
    }

    /// Whether something of `home` is kept that the server is not known to have.
    pub(crate) fn waits(&self, home: &str) -> bool {
        self.0.iter().any(|said| said.home == home && said.fate == Fate::Kept)
    }

    /// Texts of `home` that can be asked back: those that wait, or else the newest three of any fate.
    pub(crate) fn withdrawable(&self, home: &str) -> Vec<usize> {
        let keyed = self.0.iter().enumerate().filter(|(_, said)| said.home == home && said.key.is_some());
        let waiting = keyed.clone().filter(|(_, said)| matches!(said.fate, Fate::Kept | Fate::Withdrawing));
        let waiting: Vec<usize> = waiting.map(|(number, _)| number).collect();
        if waiting.is_empty() { keyed.map(|(number, _)| number).rev().take(3).collect() } else { waiting }
    }

    /// Holds `log`, the messages of one conversation in their order, against what was said of them.
    pub(crate) fn check(&self, conversation: &str, log: &[Message]) -> Outcome {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, message) in log.iter().enumerate() {
            places.entry(&message.text).or_default().push(place);
        }
        // Texts keep their order, and so do messages with files; a text may pass one of those (R40).
        let mut last: BTreeMap<(&str, bool), (usize, &Said)> = BTreeMap::new();
        for said in self.0.iter().filter(|said| said.conversation == conversation) {
            let found = places.remove(said.text.as_str()).unwrap_or_default();
            let allowed = match said.fate {
                Fate::Kept | Fate::Accepted => 1..=1,
                Fate::Unsaid | Fate::Withdrawing => 0..=1,
                Fate::Withdrawn => 0..=0,
            };
            if !allowed.contains(&found.len()) {
                return Err(format!("arrived {} times: {said}", found.len()));
            }
            let Some(place) = found.first().copied() else { continue };
            if log[place].files != said.files {
                return Err(format!("arrived with other files: {said}"));
            }
            match last.insert((said.home, said.files.is_empty()), (place, said)) {
                Some((before, earlier)) if before > place => {
                    return Err(format!("arrived before what was sent before it: {said}; {earlier}"));
                }
                _ => {}
            }
        }
        places.keys().next().map_or(Ok(()), |text| Err(format!("arrived, and nobody sent it: {text:?}")))
    }
}

/// A message of the log, as a phone prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) text: String,
    /// SHA-256 of each file, in order.
    pub(crate) files: Vec<String>,
}

impl Said {
    /// Notes a row of the outbox.
    fn shown(&mut self, row: &Value) -> Outcome {
        self.key = row["send_key"].as_str().map(str::to_owned);
        self.fate = match (row["state"].as_str(), self.fate) {
            (Some("withdrawn"), Fate::Withdrawing | Fate::Withdrawn) => Fate::Withdrawn,
            (Some("withdrawing"), Fate::Withdrawing) => Fate::Withdrawing,
            (Some("queued" | "sending" | "waiting"), Fate::Unsaid | Fate::Kept) => Fate::Kept,
            // The process that should take it back died before it did.
            (Some("queued" | "sending" | "waiting"), Fate::Withdrawing) => Fate::Kept,
            (state, _) => return Err(format!("the outbox shows it as {state:?}: {self}")),
        };
        Ok(())
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: String = self.text.chars().take(40).collect();
        let (home, fate, bytes) = (self.home, self.fate, self.text.len());
        write!(f, "{fate:?}, {} of {home}, {bytes} bytes: {head:?}", self.key.as_deref().unwrap_or("no key"))
    }
}
