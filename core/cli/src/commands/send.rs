//! `portico send`: queues a text durably, then tries to deliver it.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use portico_core::Portal;
use portico_core::outbox::entry::SendState;
use portico_core::timeline::item::Delivery;
use portico_core::upload::source::PickSource;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::message::Body;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, bar, pick, print, words};

/// Send a text, exactly as it is; it is queued durably before this returns.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Its number in the list, its id, or a part of its title.
    conversation: String,
    /// The text; `-` reads standard input, every byte of it. With files it may be empty.
    text: String,
    /// Files to send along: one message, visible whole. Ctrl-C pauses; `portico resume` goes on.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    attach: Vec<PathBuf>,
}

impl Send {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let text = self.text()?;
        let portal = phone::portal(cli)?;
        let conversation = pick::conversation(&portal, &self.conversation)?.conversation_id;
        if self.attach.is_empty() {
            let key = portal.send(conversation, &text)?;
            phone::catch_up(cli, &portal).await?;
            return say_how_it_stands(cli, &portal, key);
        }
        let key = self.queue_files(&portal, conversation, &text).await?;
        carry(cli, &portal, key).await?;
        say_how_it_stands(cli, &portal, key)
    }

    /// All of them, or none: what was picked before one that can not be taken is put back.
    async fn queue_files(
        &self,
        portal: &Portal,
        conversation: ConversationId,
        text: &str,
    ) -> Result<SendKey, CliError> {
        // What an earlier command had picked when it was killed is not part of this message.
        put_back(portal, conversation)?;
        let queued = async {
            for path in &self.attach {
                let picked = portal.pick(conversation, PickSource::Path(path.clone()), None).await;
                picked.map_err(|fault| CliError::File { path: path.clone(), fault })?;
            }
            Ok(portal.send_files(conversation, text).await?)
        };
        let queued = queued.await;
        if queued.is_err() {
            put_back(portal, conversation)?;
        }
        queued
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

fn put_back(portal: &Portal, conversation: ConversationId) -> Result<(), CliError> {
    for file in portal.timeline(conversation, None, 1)?.picked {
        portal.take_out(conversation, file.slot)?;
    }
    Ok(())
}

/// Sends what is due, with a bar for the batch of `key`. Ctrl-C pauses it.
pub(crate) async fn carry(cli: &Cli, portal: &Portal, key: SendKey) -> Result<(), CliError> {
    let bar = bar::of(cli, portal.upload_progress(key)?.size_bytes, "sending");
    let held = || portal.upload_progress(key).map_or(0, |progress| progress.held_bytes);
    let ended = tokio::select! {
        caught_up = phone::catch_up(cli, portal) => caught_up,
        () = bar::follow(portal, &bar, held) => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(portal.pause(key)?),
    };
    bar.finish_and_clear();
    ended
}

pub(crate) fn say_how_it_stands(cli: &Cli, portal: &Portal, key: SendKey) -> Result<(), CliError> {
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
            if echo.delivery == Delivery::Paused {
                println!("Go on with: portico resume {key}");
            } else {
                println!("It is sent by the next command that finds a connection, or by: portico watch");
            }
        }
    }
    Ok(())
}
