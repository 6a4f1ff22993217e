//! `portico sign-out`: ends this device's session on the server.

use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, print};

pub(crate) async fn run(cli: &Cli) -> Result<(), CliError> {
    let portal = phone::fresh_portal(cli).await?;
    let waiting = portal.outbox()?.len();
    portal.sign_out().await?;
    if cli.json {
        print::json(&json!({ "signed_out": true, "unsent": waiting }));
        return Ok(());
    }
    println!("Signed out. What this phone holds stays on it, sealed by its key.");
    if waiting > 0 {
        println!("{waiting} unsent stay in it and go on after signing in.");
    }
    Ok(())
}
