//! `portico staff documents`: the documents of a matter.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use portico_core::outbox::entry::CopiedDocument;
use portico_core::portal::DocumentSource;
use portico_core::{Portal, PortalError};
use portico_wire::document::{Document, DocumentAct, DocumentKept, DocumentRow};
use portico_wire::file::disk_name;
use portico_wire::ids::MatterId;
use portico_wire::office::title_of;
use serde_json::json;

use super::download::free_path;
use super::send::say_how_it_stands;
use super::staff::{done, matter};
use crate::phone::{self, CliError};
use crate::{Cli, pick, print};

/// A matter and a document are named by their id, or by a part of their title or name that no other has.
#[derive(Debug, Subcommand)]
pub(crate) enum Documents {
    /// List the documents of a matter.
    List {
        /// Whose.
        matter: String,
    },
    /// Add a file of this device.
    Add {
        /// To which.
        matter: String,
        /// The file.
        file: PathBuf,
        /// What it is called; else as the file.
        #[arg(long)]
        name: Option<String>,
    },
    /// Add a file that came in a message.
    Keep {
        /// To which.
        matter: String,
        /// The message's conversation.
        conversation: String,
        /// The message's number in it, as `portico read` shows it.
        seq: u64,
        /// Which of its files, from 1.
        #[arg(long, default_value = "1")]
        file: usize,
        /// What it is called; else as the file.
        #[arg(long)]
        name: Option<String>,
    },
    /// Give a document a new version. Copies in messages stay what they are.
    NewVersion {
        /// Whose.
        matter: String,
        /// Which.
        document: String,
        /// A file of this device.
        file: PathBuf,
    },
    /// Show everything that was done to a document.
    History {
        /// Whose.
        matter: String,
        /// Which.
        document: String,
    },
    /// Give a document another name.
    Rename {
        /// Whose.
        matter: String,
        /// Which.
        document: String,
        /// The new one.
        name: String,
    },
    /// Remove a document: nobody finds it any more. Copies in messages stay.
    Remove {
        /// Whose.
        matter: String,
        /// Which.
        document: String,
    },
    /// Save a document into a folder.
    Save {
        /// Whose.
        matter: String,
        /// Which.
        document: String,
        /// Which version, from 1; else the newest.
        #[arg(long)]
        version: Option<u32>,
        /// Where to. No file that is there is written over.
        #[arg(long, value_name = "FOLDER", default_value = ".")]
        to: PathBuf,
    },
    /// Send a message with a copy of each document, as it is now.
    Send {
        /// Whose.
        matter: String,
        /// Which.
        #[arg(required = true)]
        documents: Vec<String>,
        /// The conversation.
        #[arg(long)]
        to: String,
        /// A text beside them.
        #[arg(long, default_value = "")]
        text: String,
    },
}

impl Documents {
    pub(crate) async fn run(&self, cli: &Cli, portal: &Portal) -> Result<(), CliError> {
        match self {
            Self::List { matter } => list(cli, portal, self::matter(portal, matter).await?).await,
            Self::Add { matter, file, name } => {
                let matter = self::matter(portal, matter).await?;
                let name = named_as(name.as_ref(), &file_name(file))?;
                let source = DocumentSource::File(file.clone());
                let kept = portal.add_document(matter, &name, source).await;
                say_kept(cli, kept.map_err(|fault| of_file(file, fault))?);
                Ok(())
            }
            Self::Keep { matter, conversation, seq, file, name } => {
                let matter = self::matter(portal, matter).await?;
                let conversation = pick::conversation(portal, conversation)?.conversation_id;
                let entry = super::download::entry_at(portal, conversation, *seq)?;
                let file = file.checked_sub(1).and_then(|place| entry.files.get(place));
                let file = file.ok_or(PortalError::NotHere)?;
                let name = named_as(name.as_ref(), &file.name)?;
                let source = DocumentSource::Attachment(file.attachment_id);
                say_kept(cli, portal.add_document(matter, &name, source).await?);
                Ok(())
            }
            Self::NewVersion { matter, document, file } => {
                let document = one(portal, matter, document).await?.document_id;
                let kept = portal.add_version(document, DocumentSource::File(file.clone())).await;
                say_kept(cli, kept.map_err(|fault| of_file(file, fault))?);
                Ok(())
            }
            Self::History { matter, document } => {
                let document = one(portal, matter, document).await?.document_id;
                history(cli, &portal.document(document).await?);
                Ok(())
            }
            Self::Rename { matter, document, name } => {
                let document = one(portal, matter, document).await?.document_id;
                portal.rename_document(document, name).await?;
                done(cli);
                Ok(())
            }
            Self::Remove { matter, document } => {
                portal.remove_document(one(portal, matter, document).await?.document_id).await?;
                done(cli);
                Ok(())
            }
            Self::Save { matter, document, version, to } => {
                let row = one(portal, matter, document).await?;
                save(cli, portal, &row, *version, to).await
            }
            Self::Send { matter, documents, to, text } => {
                send(cli, portal, matter, documents, to, text).await
            }
        }
    }
}

async fn list(cli: &Cli, portal: &Portal, matter: MatterId) -> Result<(), CliError> {
    let rows = rows(portal, matter).await?;
    if cli.json {
        print::json(&json!({ "documents": rows }));
        return Ok(());
    }
    for row in &rows {
        let (name, at) = (print::safe(&row.name), print::time(row.changed_at_ms));
        println!("{}  {name}  version {}, {} bytes, {at}", row.document_id, row.version, row.size_bytes);
    }
    if rows.is_empty() {
        println!("There are no documents.");
    }
    Ok(())
}

fn history(cli: &Cli, document: &Document) {
    if cli.json {
        print::json(&json!({ "document": document.document, "changes": document.changes }));
        return;
    }
    for change in &document.changes {
        let what = match change.act {
            DocumentAct::Added => "added",
            DocumentAct::Versioned => "new version",
            DocumentAct::Renamed => "renamed",
            DocumentAct::Unknown => "changed",
        };
        let (at, by, name) =
            (print::time(change.at_ms), print::safe(&change.by_name), print::safe(&change.name));
        println!("{at}  {what} by {by}: {name}, version {}, {} bytes", change.version, change.size_bytes);
    }
}

async fn save(
    cli: &Cli,
    portal: &Portal,
    row: &DocumentRow,
    version: Option<u32>,
    to: &Path,
) -> Result<(), CliError> {
    let version = version.unwrap_or(row.version);
    let told = portal.document(row.document_id).await?;
    let change = told.changes.iter().rev().find(|change| change.version == version);
    let change = change.ok_or(PortalError::NotHere)?;
    std::fs::create_dir_all(to).map_err(|fault| CliError::Input(format!("{}: {fault}", to.display())))?;
    let path = free_path(to, &disk_name(&change.name));
    portal.save_document(row.document_id, version, change.sha256, &path).await?;
    if cli.json {
        print::json(&json!({ "path": path, "sha256": change.sha256 }));
    } else {
        println!("{}", path.display());
    }
    Ok(())
}

async fn send(
    cli: &Cli,
    portal: &Portal,
    matter: &str,
    documents: &[String],
    to: &str,
    text: &str,
) -> Result<(), CliError> {
    let rows = rows(portal, self::matter(portal, matter).await?).await?;
    let mut copies = Vec::new();
    for document in documents {
        copies.push(CopiedDocument::from(named(document, &rows)?));
    }
    let conversation = pick::conversation(portal, to)?.conversation_id;
    let key = portal.send_documents(conversation, text, copies)?;
    phone::catch_up(cli, portal).await?;
    say_how_it_stands(cli, portal, key)
}

fn say_kept(cli: &Cli, kept: DocumentKept) {
    let DocumentKept { document_id, version, .. } = kept;
    if cli.json {
        print::json(&json!({ "document_id": document_id, "version": version }));
    } else {
        println!("{document_id}  version {version}");
    }
}

/// The name that was given, or the file's as a title.
fn named_as(given: Option<&String>, file: &str) -> Result<String, CliError> {
    let name = given.cloned().or_else(|| title_of(file));
    name.ok_or_else(|| CliError::Input("the file has no name; give one with --name".to_owned()))
}

fn file_name(file: &Path) -> String {
    file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Names the file that can not be read.
fn of_file(file: &Path, fault: PortalError) -> CliError {
    match fault {
        PortalError::FileUnreadable { .. } => CliError::File { path: file.to_owned(), fault },
        fault => fault.into(),
    }
}

/// All documents of a matter.
async fn rows(portal: &Portal, matter: MatterId) -> Result<Vec<DocumentRow>, CliError> {
    let (mut rows, mut before) = (Vec::new(), None);
    loop {
        let page = portal.documents(matter, before).await?;
        before = page.documents.last().map(|row| row.document_id);
        rows.extend(page.documents);
        if !page.more || before.is_none() {
            return Ok(rows);
        }
    }
}

fn named<'a>(text: &str, rows: &'a [DocumentRow]) -> Result<&'a DocumentRow, CliError> {
    pick::one(text, rows, |row| (row.document_id.to_string(), &row.name))
}

async fn one(portal: &Portal, matter: &str, document: &str) -> Result<DocumentRow, CliError> {
    let rows = rows(portal, self::matter(portal, matter).await?).await?;
    named(document, &rows).cloned()
}
