//! `portico email`: another address signs in from now on.

use clap::Subcommand;
use serde_json::json;

use super::factors::{done, in_person};
use crate::phone::{self, CliError};
use crate::{Cli, print};

/// The address that signs you in.
#[derive(Debug, Subcommand)]
pub(crate) enum Email {
    /// Have a code mailed to a new address. Your account and all that is in it stay.
    Change {
        /// The new address.
        address: String,
    },
    /// Confirm it with the code from that mail.
    Confirm {
        /// The code.
        code: String,
        /// The code from the mail to the address before, where it is asked for.
        #[arg(long, value_name = "CODE")]
        old_code: Option<String>,
    },
}

impl Email {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = &phone::portal(cli)?;
        match self {
            Self::Change { address } => {
                let begun = in_person(portal, async || portal.change_email(address).await).await?;
                if cli.json {
                    print::json(&json!({
                        "change_id": begun.change_id, "expires_at_ms": begun.expires_at_ms,
                        "old_code_needed": begun.old_code_needed,
                    }));
                } else if begun.old_code_needed {
                    println!(
                        "Codes are on their way to both addresses. Then: portico email confirm CODE --old-code CODE"
                    );
                } else {
                    println!(
                        "A code is on its way, if nobody else has that address. Then: portico email confirm CODE"
                    );
                }
            }
            Self::Confirm { code, old_code } => {
                portal.confirm_email(code, old_code.as_deref()).await?;
                done(cli, "Sign in with the new address from now on. Nothing else changed.");
            }
        }
        Ok(())
    }
}
