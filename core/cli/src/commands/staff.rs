//! `portico staff`: runs a firm from a terminal. Needs the server; nothing of it is queued.

use clap::{Subcommand, ValueEnum};
use portico_core::Portal;
use portico_wire::conversation::{ConversationHead, ConversationKind, ConversationState, Standing};
use portico_wire::ids::{ConversationId, MatterId, PersonId};
use portico_wire::office::{AddPerson, PersonRow};
use serde_json::{Value, json};

use super::documents::Documents;
use super::factors::in_person;
use crate::phone::{self, CliError};
use crate::{Cli, pick, print};

/// Run the firm: people, matters and their documents, conversations, who is in them, who has read what.
///
/// A person, a matter or a conversation is named by its id, or by a part of its name or title that no other has.
#[derive(Debug, Subcommand)]
pub(crate) enum Staff {
    /// List everybody of the firm.
    People,
    /// Add a contact of the firm, or a colleague.
    AddPerson {
        /// Their name.
        name: String,
        /// The address that signs in.
        #[arg(long)]
        email: String,
        /// On which side of the firm's door.
        #[arg(long, value_enum, default_value = "client")]
        standing: Side,
    },
    /// Somebody leaves: a client every conversation, one of the staff the firm.
    Depart {
        /// Who.
        person: String,
    },
    /// Mail somebody a link with which they need type neither server nor address; it is shown too.
    Invite {
        /// Whom.
        person: String,
    },
    /// Let somebody in again who lost every device and factor. Make sure first who asks.
    Readmit {
        /// Whom.
        person: String,
    },
    /// List the matters that you may know of.
    Matters,
    /// Open a matter, to all staff or to some.
    OpenMatter {
        /// What it is called.
        title: String,
        /// Only these of the staff may know of it.
        #[arg(long, value_name = "PERSON", num_args = 1..)]
        only: Vec<String>,
    },
    /// Restrict a matter to some of the staff; without `--only`, open it to all.
    Access {
        /// Which.
        matter: String,
        /// Only these of the staff may know of it.
        #[arg(long, value_name = "PERSON", num_args = 1..)]
        only: Vec<String>,
    },
    /// List every conversation that you may know of, in it or not.
    Conversations,
    /// Begin a conversation; you are in it.
    Begin {
        /// Of which kind.
        #[arg(value_enum)]
        kind: Kind,
        /// What it is called.
        title: String,
        /// Its matter, for `external` and `internal`.
        #[arg(long)]
        matter: Option<String>,
        /// Who else is in it.
        #[arg(long, value_name = "PERSON", num_args = 1..)]
        with: Vec<String>,
    },
    /// Add somebody to a conversation; yourself, if nobody is named.
    Join {
        /// Which.
        conversation: String,
        /// Who.
        person: Option<String>,
    },
    /// Remove somebody from a conversation; yourself, if nobody is named.
    Leave {
        /// Which.
        conversation: String,
        /// Who.
        person: Option<String>,
    },
    /// Archive a conversation: clients read on and can not post.
    Archive {
        /// Which.
        conversation: String,
    },
    /// Undo `archive`.
    Unarchive {
        /// Which.
        conversation: String,
    },
    /// Show who has read what of a conversation, and when.
    Readers {
        /// Which.
        conversation: String,
    },
    /// Keep the documents of a matter: add, new version, rename, remove, send copies.
    #[command(subcommand)]
    Documents(Documents),
}

/// On which side of the firm's door.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Side {
    /// Works at the firm.
    Staff,
    /// The one the firm acts for.
    Client,
    /// An outside person who is not.
    ThirdParty,
}

/// The kinds of conversations.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Clients, third parties and staff, about a matter.
    External,
    /// Staff, about a matter.
    Internal,
    /// Staff, about a topic.
    Channel,
    /// Two or more of the staff.
    Direct,
}

impl Staff {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        match self {
            Self::People
            | Self::AddPerson { .. }
            | Self::Depart { .. }
            | Self::Invite { .. }
            | Self::Readmit { .. } => self.people(cli, &portal).await,
            Self::Matters | Self::OpenMatter { .. } | Self::Access { .. } => self.matters(cli, &portal).await,
            Self::Conversations
            | Self::Begin { .. }
            | Self::Join { .. }
            | Self::Leave { .. }
            | Self::Archive { .. }
            | Self::Unarchive { .. }
            | Self::Readers { .. } => self.conversations(cli, &portal).await,
            Self::Documents(documents) => return documents.run(cli, &portal).await,
        }?;
        // What follows from it comes by this person's log.
        phone::catch_up(cli, &portal).await.map(drop)
    }

    async fn people(&self, cli: &Cli, portal: &Portal) -> Result<(), CliError> {
        match self {
            Self::AddPerson { name, email, standing } => {
                let standing = match standing {
                    Side::Staff => Standing::Staff,
                    Side::Client => Standing::Client,
                    Side::ThirdParty => Standing::ThirdParty,
                };
                let person = AddPerson { name: name.clone(), email: email.clone(), standing };
                let person_id = portal.add_person(person).await?;
                made(cli, "person_id", &person_id.to_string());
            }
            Self::Invite { person } => {
                let invited = portal.invite(self::person(portal, person).await?).await?;
                if cli.json {
                    print::json(&json!({ "link": invited.link, "expires_at_ms": invited.expires_at_ms }));
                } else {
                    println!("{}\n  {}", print::qr(&invited.link), invited.link);
                    println!(
                        "It is on its way by mail too, and good until {}.",
                        print::time(invited.expires_at_ms)
                    );
                }
            }
            Self::Readmit { person } => {
                let person = self::person(portal, person).await?;
                in_person(portal, async || portal.readmit(person).await).await?;
                done(cli);
            }
            Self::Depart { person } => {
                portal.depart(self::person(portal, person).await?).await?;
                done(cli);
            }
            _ => {
                let people = portal.people().await?;
                if cli.json {
                    print::json(&json!({ "people": people }));
                }
                for person in people.iter().filter(|_| !cli.json) {
                    let left = if person.has_left { ", has left" } else { "" };
                    let side = format!("{:?}", person.standing).to_lowercase();
                    let name = print::safe(&person.name);
                    println!("{}  {name}  <{}>  {side}{left}", person.person_id, print::safe(&person.email));
                }
            }
        }
        Ok(())
    }

    async fn matters(&self, cli: &Cli, portal: &Portal) -> Result<(), CliError> {
        match self {
            Self::OpenMatter { title, only } => {
                let matter_id = portal.open_matter(title, list(portal, only).await?).await?;
                made(cli, "matter_id", &matter_id.to_string());
            }
            Self::Access { matter, only } => {
                let matter = self::matter(portal, matter).await?;
                portal.set_matter_access(matter, list(portal, only).await?).await?;
                done(cli);
            }
            _ => {
                let matters = portal.matters().await?;
                if cli.json {
                    print::json(&json!({ "matters": matters }));
                }
                for matter in matters.iter().filter(|_| !cli.json) {
                    let to = match &matter.restricted_to {
                        Some(list) => format!("restricted to {} of the staff", list.len()),
                        None => "open to all staff".to_owned(),
                    };
                    println!("{}  {}  ({to})", matter.matter_id, print::safe(&matter.title));
                }
            }
        }
        Ok(())
    }

    async fn conversations(&self, cli: &Cli, portal: &Portal) -> Result<(), CliError> {
        match self {
            Self::Begin { kind, title, matter, with } => {
                let kind = match kind {
                    Kind::External => ConversationKind::ExternalMatter,
                    Kind::Internal => ConversationKind::InternalMatter,
                    Kind::Channel => ConversationKind::StaffChannel,
                    Kind::Direct => ConversationKind::Direct,
                };
                let matter = match matter {
                    Some(matter) => Some(self::matter(portal, matter).await?),
                    None => None,
                };
                let with = list(portal, with).await?.unwrap_or_default();
                let conversation_id = portal.begin_conversation(kind, title, matter, with).await?;
                made(cli, "conversation_id", &conversation_id.to_string());
            }
            Self::Join { conversation, person } => {
                let who = person_or_me(portal, person.as_deref()).await?;
                portal.add_participant(self::conversation(portal, conversation).await?, who).await?;
                done(cli);
            }
            Self::Leave { conversation, person } => {
                let who = person_or_me(portal, person.as_deref()).await?;
                portal.remove_participant(self::conversation(portal, conversation).await?, who).await?;
                done(cli);
            }
            Self::Archive { conversation } => {
                let conversation = self::conversation(portal, conversation).await?;
                portal.set_conversation_state(conversation, ConversationState::Archived).await?;
                done(cli);
            }
            Self::Unarchive { conversation } => {
                let conversation = self::conversation(portal, conversation).await?;
                portal.set_conversation_state(conversation, ConversationState::Open).await?;
                done(cli);
            }
            Self::Readers { conversation } => {
                readers(cli, portal, self::conversation(portal, conversation).await?).await?;
            }
            _ => conversations(cli, portal).await?,
        }
        Ok(())
    }
}

async fn conversations(cli: &Cli, portal: &Portal) -> Result<(), CliError> {
    let known = known(portal).await?;
    if cli.json {
        print::json(&json!({ "conversations": known }));
        return Ok(());
    }
    let me = portal.session().person_id;
    for head in &known {
        let is_in_it = head.participants.iter().any(|participant| participant.person_id == me);
        let mine = if is_in_it { "in it" } else { "not in it" };
        println!("{}  {}  ({mine})", head.conversation_id, print::safe(&head.title));
    }
    Ok(())
}

async fn readers(cli: &Cli, portal: &Portal, conversation: ConversationId) -> Result<(), CliError> {
    let readers = portal.readers(conversation).await?;
    if cli.json {
        print::json(&json!({ "readers": readers }));
        return Ok(());
    }
    for reader in &readers {
        println!("{}", print::safe(&reader.name));
        for look in &reader.looks {
            let which = if look.from_seq == look.to_seq {
                format!("{}", look.from_seq)
            } else {
                format!("{} to {}", look.from_seq, look.to_seq)
            };
            println!("  {which}  on screen {}", print::time(look.shown_at_ms));
        }
    }
    if readers.is_empty() {
        println!("Nobody has looked at it.");
    }
    Ok(())
}

fn made(cli: &Cli, what: &str, id: &str) {
    if cli.json { print::json(&json!({ what: id })) } else { println!("{id}") }
}

pub(super) fn done(cli: &Cli) {
    if cli.json { print::json(&Value::Object(serde_json::Map::new())) } else { println!("Done.") }
}

/// Everything that this person may know of.
async fn known(portal: &Portal) -> Result<Vec<ConversationHead>, CliError> {
    let (mut heads, mut before) = (Vec::new(), None);
    loop {
        let page = portal.known_conversations(before).await?;
        before = page.conversations.last().map(|head| head.conversation_id);
        heads.extend(page.conversations);
        if !page.more || before.is_none() {
            return Ok(heads);
        }
    }
}

async fn person(portal: &Portal, text: &str) -> Result<PersonId, CliError> {
    let people = portal.people().await?;
    named(text, &people)
}

fn named(text: &str, people: &[PersonRow]) -> Result<PersonId, CliError> {
    let found = pick::one(text, people, |person| (person.person_id.to_string(), &person.name))?;
    Ok(found.person_id)
}

async fn person_or_me(portal: &Portal, text: Option<&str>) -> Result<PersonId, CliError> {
    match text {
        Some(text) => person(portal, text).await,
        None => Ok(portal.session().person_id),
    }
}

/// None where nobody is named.
async fn list(portal: &Portal, texts: &[String]) -> Result<Option<Vec<PersonId>>, CliError> {
    let people = if texts.is_empty() { return Ok(None) } else { portal.people().await? };
    texts.iter().map(|text| named(text, &people)).collect::<Result<_, _>>().map(Some)
}

pub(super) async fn matter(portal: &Portal, text: &str) -> Result<MatterId, CliError> {
    let matters = portal.matters().await?;
    let found = pick::one(text, &matters, |matter| (matter.matter_id.to_string(), &matter.title))?;
    Ok(found.matter_id)
}

async fn conversation(portal: &Portal, text: &str) -> Result<ConversationId, CliError> {
    let known = known(portal).await?;
    let found = pick::one(text, &known, |head| (head.conversation_id.to_string(), &head.title))?;
    Ok(found.conversation_id)
}
