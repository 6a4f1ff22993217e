//! What phones of the terminal client say of messages with files, and the files they save.

use std::path::{Path, PathBuf};

use portico_tests::draws::content;
use portico_tests::process::PhoneProcess;
use portico_tests::tally::{Sent, Tally};
use portico_wire::entry::Entry;
use serde_json::Value;

/// A message to be sent, with one file on the disk.
pub(crate) struct Message {
    pub(crate) text: &'static str,
    pub(crate) file: PathBuf,
    bytes: Vec<u8>,
}

impl Message {
    /// `size` bytes that no other message has, in the folder `folder`.
    pub(crate) fn write(folder: &Path, text: &'static str, size: usize) -> Self {
        let (file, bytes) = (folder.join(format!("{text}.bin")), content(size as u64, size));
        std::fs::write(&file, &bytes).unwrap();
        Self { text, file, bytes }
    }

    /// Queues it and tries to deliver it: its key.
    pub(crate) async fn send(&self, phone: &PhoneProcess, conversation: &str, offline: bool) -> String {
        let file = self.file.to_string_lossy();
        let mut arguments = vec!["send", conversation, self.text, "--attach", &*file];
        if offline {
            arguments.insert(0, "--offline");
        }
        let said = phone.run(&arguments).await.unwrap();
        said["send_key"].as_str().unwrap().to_owned()
    }
}

/// What the phone shows of its outbox, after trying once more.
pub(crate) async fn outbox(phone: &PhoneProcess) -> Vec<Value> {
    phone.run(&["outbox"]).await.unwrap()["outbox"].as_array().unwrap().clone()
}

/// Lets the phone try until it has delivered everything. Each try is a process, and takes its time by itself.
pub(crate) async fn drain(phone: &PhoneProcess) {
    for _ in 0..TRIES_MAX {
        if outbox(phone).await.is_empty() {
            return;
        }
    }
    panic!("the outbox is not empty after {TRIES_MAX} tries: {:?}", outbox(phone).await);
}

/// Reads the conversation on `phone`, saves the files of each message, and counts what is lost, doubled or half.
pub(crate) async fn count(
    phone: &PhoneProcess,
    conversation: &str,
    sent: &[&Message],
    saved: &Path,
) -> Tally {
    let page = phone.run(&["read", conversation, "--limit", "1000"]).await.unwrap();
    let entries: Vec<Entry> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| serde_json::from_value(item["entry"].clone()).ok())
        .collect();
    for entry in entries.iter().filter(|entry| !entry.files.is_empty()) {
        let to = saved.join(entry.seq.to_string());
        let download = ["download", conversation, &entry.seq.to_string(), "--to", &to.to_string_lossy()];
        let said = phone.run(&download).await.unwrap();
        let message = sent.iter().find(|message| message.text == entry.body).unwrap();
        let path = said["saved"][0]["path"].as_str().unwrap();
        assert!(std::fs::read(path).unwrap() == message.bytes, "{} came as other bytes", entry.body);
    }
    let sent: Vec<Sent> =
        sent.iter().map(|message| Sent::of(message.text, std::slice::from_ref(&message.bytes))).collect();
    Tally::of(&sent, &entries)
}

/// Far more than any of these tests needs.
const TRIES_MAX: usize = 500;
