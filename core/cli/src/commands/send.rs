//! `portico send`: queues a text durably, then tries to deliver it.

use std::io::Read as _;

use clap::Args;
use portico_core::Portal;
use portico_core::outbox::entry::SendState;
use portico_core::timeline::item::Delivery;
use portico_wire::ids::SendKey;
use portico_wire::message::Body;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, pick, print, words};

/// Send a text, exactly as it is; it is queued durably before this returns.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Its number in the list, its id, or a part of its title.
    conversation: String,
    /// The text; `-` reads standard input, every byte of it.
    text: String,
}

impl Send {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let text = self.text()?;
        let portal = phone::portal(cli)?;
        let conversation = pick::conversation(&portal, &self.conversation)?.conversation_id;
        let key = portal.send(conversation, &text)?;
        phone::catch_up(cli, &portal).await?;
        say_how_it_stands(cli, &portal, key)
    }

    fn text(&self) -> Result<String, CliError> {
        if self.text != "-" {
            return Ok(self.text.clone());
        }
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|fault| CliError::Input(format!("standard input: {fault}")))?;
        let body = Body::parse_bytes(bytes).map_err(portico_core::PortalError::from)?;
        Ok(body.into_string())
    }
}

fn say_how_it_stands(cli: &Cli, portal: &Portal, key: SendKey) -> Result<(), CliError> {
    let accepted = portal.entry_state(key)? == SendState::Accepted;
    let waiting = portal.outbox()?.into_iter().find(|echo| echo.send_key == key);
    if let Some(Delivery::Refused(refusal)) = waiting.as_ref().map(|echo| &echo.delivery) {
        // Not done: whoever sent it must not take it for sent. The text is kept.
        return Err(CliError::NotSent { key, refusal: refusal.clone() });
    }
    if cli.json {
        let echo = waiting.as_ref().map(print::echo_json);
        let state = if accepted { "accepted" } else { "waiting" };
        print::json(&json!({
            "send_key": key, "state": state, "echo": echo, "connection": print::connection(portal)?,
        }));
        return Ok(());
    }
    match waiting {
        None => println!("Accepted by the server.  {key}"),
        Some(echo) => {
            println!("Kept on this phone: {}.  {key}", words::delivery(&echo.delivery));
            println!("It is sent by the next command that finds a connection, or by: portico watch");
        }
    }
    Ok(())
}
