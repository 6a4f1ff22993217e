//! `portico tap`: what a tap on a push opens. Never touches the network.

use std::path::PathBuf;

use clap::Args;
use portico_core::push::tap::{Shown, TapTarget};
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, pick, print, words};

/// Say what a tap on a push opens, from this phone's own data.
#[derive(Debug, Args)]
pub(crate) struct Tap {
    /// A file with the payload as a push provider carries it. Without it: the tap that waited for signing in.
    payload: Option<PathBuf>,
}

impl Tap {
    pub(crate) fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        let target = match &self.payload {
            Some(path) => {
                let payload = std::fs::read_to_string(path)
                    .map_err(|fault| CliError::Input(format!("{}: {fault}", path.display())))?;
                portal.resolve_tap(&payload)?
            }
            None => portal.pending_tap()?.ok_or(portico_core::PortalError::NotHere)?,
        };
        if cli.json {
            print::json(&json!({ "target": print::target_json(&target) }));
            return Ok(());
        }
        match target {
            TapTarget::Message { conversation_id, seq, shown, .. } => {
                let title = pick::conversation(&portal, &conversation_id.to_string()).map(|head| head.title);
                println!(
                    "Opens message {seq} of {}.",
                    print::safe(&title.unwrap_or(conversation_id.to_string()))
                );
                if let Shown::Preview { text, complete } = shown {
                    let more = if complete { "" } else { " ... (beginning)" };
                    println!("Not synced yet; the push says: {}{more}", print::safe(&text));
                }
            }
            TapTarget::SignInFirst => println!("Opens the sign-in; the message follows after it."),
            TapTarget::Inbox(why) => println!("Opens the list of conversations: {}.", words::why_inbox(why)),
        }
        Ok(())
    }
}
