//! `portico outbox`: what has no answer yet, and what was refused.

use clap::Args;
use portico_wire::ids::SendKey;
use serde_json::{Value, json};

use crate::phone::{self, CliError};
use crate::{Cli, print};

/// Show what has no answer yet, and what was refused.
#[derive(Debug, Args)]
pub(crate) struct Outbox {
    /// Send a refused or withdrawn message again, as a new one.
    #[arg(long, value_name = "KEY")]
    send_again: Option<SendKey>,
}

impl Outbox {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        if let Some(key) = self.send_again {
            portal.send_again(key)?;
        }
        phone::catch_up(cli, &portal).await?;
        let echoes = portal.outbox()?;
        if cli.json {
            let rows: Vec<Value> = echoes.iter().map(print::echo_json).collect();
            print::json(&json!({ "outbox": rows, "connection": print::connection(&portal)? }));
            return Ok(());
        }
        echoes.iter().for_each(print::echo_line);
        if echoes.is_empty() {
            println!("Everything is delivered.");
        }
        print::honest(&portal)
    }
}
