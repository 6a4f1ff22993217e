//! `portico download`: brings the files of a message onto this phone, and writes them into a folder.

use std::path::{Path, PathBuf};

use clap::Args;
use portico_core::Portal;
use portico_core::timeline::item::TimelineItem;
use portico_wire::entry::{Entry, EntryFile};
use portico_wire::file::disk_name;
use portico_wire::ids::ConversationId;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, bar, pick, print};

/// Save the files of a message into a folder. What is on this phone already needs no network.
#[derive(Debug, Args)]
pub(crate) struct Download {
    /// Its conversation: number in the list, id, or a part of the title.
    conversation: String,
    /// The message's number in the conversation, as `portico read` shows it.
    seq: u64,
    /// Only the file of this number, from 1.
    #[arg(long, value_name = "NUMBER")]
    file: Option<usize>,
    /// Where to; made if it is not there. No file that is there is written over.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,
}

impl Download {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::fresh_portal(cli).await?;
        let conversation = pick::conversation(&portal, &self.conversation)?.conversation_id;
        let entry = entry_at(&portal, conversation, self.seq)?;
        std::fs::create_dir_all(&self.to)
            .map_err(|fault| CliError::Input(format!("{}: {fault}", self.to.display())))?;
        let mut saved = Vec::new();
        for (number, file) in (1..).zip(&entry.files) {
            if self.file.is_none_or(|only| only == number) {
                saved.push(json!({
                    "file": number, "path": self.save(cli, &portal, &entry, file).await?, "sha256": file.sha256,
                }));
            }
        }
        if saved.is_empty() {
            return Err(CliError::Input("this message has no such file".to_owned()));
        }
        if cli.json {
            print::json(&json!({ "saved": saved }));
        }
        Ok(())
    }

    async fn save(
        &self,
        cli: &Cli,
        portal: &Portal,
        entry: &Entry,
        file: &EntryFile,
    ) -> Result<PathBuf, CliError> {
        let bar = bar::of(cli, file.size_bytes, &print::safe(&file.name));
        tokio::select! {
            fetched = portal.fetch_attachment(entry.entry_id, file.attachment_id) => {
                // One file of several may be refused: `--file` fetches the others.
                fetched.map_err(|fault| CliError::File { path: disk_name(&file.name).into(), fault })?;
            }
            () = bar::follow(portal, &bar, || portal.held_bytes(file.attachment_id).unwrap_or(0)) => {}
        }
        bar.finish_and_clear();
        let path = free_path(&self.to, &disk_name(&file.name));
        portal.save_attachment(file.attachment_id, &path)?;
        if !cli.json {
            println!("{}", path.display());
        }
        Ok(path)
    }
}

/// The entry of that number.
pub(super) fn entry_at(portal: &Portal, conversation: ConversationId, seq: u64) -> Result<Entry, CliError> {
    let page = portal.timeline(conversation, Some(seq.saturating_add(1)), 1)?;
    let entry = page.items.into_iter().find_map(|item| match item {
        TimelineItem::Logged { entry, .. } if entry.seq == seq => Some(*entry),
        TimelineItem::Logged { .. } | TimelineItem::Gap { .. } | TimelineItem::Unsent(_) => None,
    });
    Ok(entry.ok_or(portico_core::PortalError::NotHere)?)
}

/// `name` in `folder`, with a number before its ending where that is taken.
pub(super) fn free_path(folder: &Path, name: &str) -> PathBuf {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name, String::new()),
    };
    let numbered = (2..).map(|number| folder.join(format!("{stem} ({number}){ending}")));
    let mut candidates = std::iter::once(folder.join(name)).chain(numbered);
    candidates.find(|path| !path.exists()).expect("a folder holds fewer files than there are numbers")
}
