//! `portico withdraw`: takes a message back, as far as that is still possible.

use clap::Args;
use portico_core::outbox::entry::SendState;
use portico_wire::ids::SendKey;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, print};

/// Take a message back, or dismiss a refused one.
#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The key that `send` and `outbox` print.
    key: SendKey,
}

impl Withdraw {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        portal.discard(self.key)?;
        phone::catch_up(cli, &portal).await?;
        let (state, words) = match portal.entry_state(self.key)? {
            SendState::Withdrawn => {
                // Seen to its end, so it need not be shown again.
                portal.discard(self.key)?;
                ("withdrawn", "Taken back. It never arrives.")
            }
            SendState::Refused(_) => ("refused", "It had been refused; nothing was sent."),
            SendState::Accepted => ("accepted", "Too late: it is in the conversation."),
            SendState::Queued
            | SendState::Sending
            | SendState::Waiting { .. }
            | SendState::NeedsSignIn
            | SendState::Paused
            | SendState::HandedToOs { .. }
            | SendState::Withdrawing { .. } => {
                ("withdrawing", "The server will be asked to take it back as soon as there is a connection.")
            }
        };
        if cli.json {
            print::json(&json!({ "send_key": self.key, "state": state }));
        } else {
            println!("{words}");
        }
        Ok(())
    }
}
