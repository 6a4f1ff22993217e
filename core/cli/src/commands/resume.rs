//! `portico resume`: lets a batch go on that was paused, from the byte where the server stands.

use clap::Args;
use portico_wire::ids::SendKey;

use super::send;
use crate::Cli;
use crate::phone::{self, CliError};

/// Go on with a paused upload.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// Its key, as `portico outbox` shows it.
    key: SendKey,
}

impl Resume {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        portal.resume(self.key)?;
        send::carry(cli, &portal, self.key).await?;
        send::say_how_it_stands(cli, &portal, self.key)
    }
}
