//! `portico withdraw`: takes a message back, as far as that is still possible.

use clap::Args;
use portico_core::timeline::item::Delivery;
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
        let left = portal.outbox()?.into_iter().find(|echo| echo.send_key == self.key);
        let delivery = left.map(|echo| echo.delivery);
        if matches!(delivery, Some(Delivery::Withdrawn { .. })) {
            // Seen to its end, so it need not be shown again.
            portal.discard(self.key)?;
        }
        let (state, words) = match delivery {
            Some(Delivery::Withdrawn { .. }) => ("withdrawn", "Taken back. It never arrives."),
            Some(Delivery::Withdrawing) => {
                ("withdrawing", "The server will be asked to take it back as soon as there is a connection.")
            }
            Some(_) => ("refused", "It had been refused; nothing was sent."),
            None => {
                ("accepted_or_dismissed", "Too late: it is in the conversation, or it was dismissed before.")
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
