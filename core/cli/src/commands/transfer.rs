//! `portico transfer`: hands a queued batch to another program, such as curl, and takes it back.

use std::path::PathBuf;

use clap::Args;
use portico_core::portal::TransferHeader;
use portico_wire::ids::SendKey;
use serde_json::json;

use super::send;
use crate::phone::{self, CliError};
use crate::{Cli, print};

/// Hand a queued batch to another program: print what it takes to send it. `--done` takes it back.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// Its key, as `portico outbox` shows it.
    key: SendKey,
    /// The other program is done, or gave up.
    #[arg(long)]
    done: bool,
    /// With `--done`: the body of the answer it got.
    #[arg(long, value_name = "FILE", requires = "done")]
    answer: Option<PathBuf>,
}

impl Transfer {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        if self.done {
            let body = match &self.answer {
                Some(path) => std::fs::read(path)
                    .map_err(|fault| CliError::Input(format!("{}: {fault}", path.display())))?,
                None => Vec::new(),
            };
            // What the body is, it says itself; one that is no acceptance is asked for again.
            portal.background_transfer_finished(self.key, 200, "application/json", &body)?;
            phone::catch_up(cli, &portal).await?;
            return send::say_how_it_stands(cli, &portal, self.key);
        }
        let Some(transfer) = portal.prepare_background_transfer(self.key).await? else {
            return send::say_how_it_stands(cli, &portal, self.key);
        };
        if cli.json {
            let headers: Vec<_> =
                transfer.headers.iter().map(|header| (&header.name, &header.value)).collect();
            print::json(&json!({
                "url": transfer.url, "method": transfer.method, "headers": headers, "file": transfer.file,
                "length_bytes": transfer.length_bytes, "held_bytes": transfer.held_bytes,
                "expires_at_ms": transfer.expires_at_ms,
            }));
            return Ok(());
        }
        let header = |header: &TransferHeader| format!(" -H '{}: {}'", header.name, header.value);
        let headers: String = transfer.headers.iter().map(header).collect();
        println!("curl -sS -T '{}'{headers} '{}'", transfer.file, transfer.url);
        Ok(())
    }
}
