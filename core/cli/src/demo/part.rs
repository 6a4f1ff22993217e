//! Parts that the demo plays in processes of their own, so that a SIGKILL really kills one.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use portico_core::timeline::item::TimelineItem;
use portico_wire::encoding::Sha256;
use portico_wire::entry::EntryKind;
use serde_json::json;

use super::messages;
use crate::phone::{self, CliError};
use crate::{Cli, pick, print};

/// One part.
#[derive(Debug, Args)]
pub(crate) struct Part {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The server on `data`, until it is killed; prints its address.
    Serve {
        /// Its data folder.
        data: PathBuf,
    },
    /// The app on the phone: queues the lines it has not queued yet, and prints the number of each once it is durable.
    Write {
        /// Where to.
        conversation: String,
        /// One message per line.
        lines: Option<PathBuf>,
    },
    /// Another process: the SHA-256 of each file of a folder, by name.
    FileHashes {
        /// Which.
        folder: PathBuf,
    },
    /// Another process on another phone: the SHA-256 of each message of a conversation, in order.
    Hashes {
        /// Which.
        conversation: String,
    },
}

impl Part {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        match &self.role {
            Role::Serve { data } => serve(data.clone()).await,
            Role::Write { conversation, lines } => write(cli, conversation, lines.as_deref()),
            Role::FileHashes { folder } => file_hashes(folder),
            Role::Hashes { conversation } => hashes(cli, conversation),
        }
    }
}

async fn serve(data: PathBuf) -> Result<(), CliError> {
    let fault = |fault: &dyn std::fmt::Display| CliError::Demo(format!("the server: {fault}"));
    let config = portico_server::config::Config::in_folder(data);
    let app = portico_server::App::open(config, portico_server::ports::Ports::real())
        .map_err(|error| fault(&error))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| fault(&error))?;
    println!("{}", listener.local_addr().map_err(|error| fault(&error))?);
    app.serve(listener, std::future::pending()).await.map_err(|error| fault(&error))
}

/// What is in the outbox already is not queued twice: a person sees there where they were interrupted.
fn write(cli: &Cli, conversation: &str, lines: Option<&Path>) -> Result<(), CliError> {
    let texts = messages::load(lines)?;
    let portal = phone::portal(cli)?;
    let conversation = pick::conversation(&portal, conversation)?.conversation_id;
    let queued = portal.outbox()?.len();
    for (number, text) in texts.iter().enumerate().skip(queued) {
        portal.send(conversation, text)?;
        println!("{}", number + 1);
        std::io::stdout().flush().map_err(|fault| CliError::Demo(fault.to_string()))?;
    }
    Ok(())
}

fn file_hashes(folder: &Path) -> Result<(), CliError> {
    let fault = |fault: std::io::Error| CliError::Demo(format!("{}: {fault}", folder.display()));
    let mut hashes = BTreeMap::new();
    for file in std::fs::read_dir(folder).map_err(fault)? {
        let file = file.map_err(fault)?;
        let bytes = std::fs::read(file.path()).map_err(fault)?;
        hashes.insert(file.file_name().to_string_lossy().into_owned(), Sha256::of(&[&bytes]).to_string());
    }
    print::json(&json!(hashes));
    Ok(())
}

fn hashes(cli: &Cli, conversation: &str) -> Result<(), CliError> {
    let portal = phone::portal(cli)?;
    let conversation = pick::conversation(&portal, conversation)?.conversation_id;
    let page = portal.timeline(conversation, None, usize::MAX)?;
    let hashes: Vec<_> = page
        .items
        .iter()
        .filter_map(|item| match item {
            TimelineItem::Logged { entry, .. } if entry.kind == EntryKind::Message => Some(json!({
                "entry_id": entry.entry_id, "seq": entry.seq, "sha256": Sha256::of(&[entry.body.as_bytes()]),
            })),
            _ => None,
        })
        .collect();
    print::json(&json!({ "messages": hashes }));
    Ok(())
}
