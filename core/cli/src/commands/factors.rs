//! `portico factors`, `portico authenticator`: what proves this person, and this phone as an authenticator app.
//!
//! Whoever sits at a terminal is there: where the server asks for a proof of it, the presence key of this phone gives it.

use clap::Subcommand;
use portico_core::Portal;
use portico_core::error::PortalError;
use portico_wire::factor::FactorsHeld;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, print};

/// What proves you at this firm, beyond the mailed code.
#[derive(Debug, Subcommand)]
pub(crate) enum Factors {
    /// List what you hold.
    List,
    /// Show the secret for a new authenticator app; `confirm` takes it.
    SetUp,
    /// Take the new app, by the first code that it shows.
    Confirm {
        /// Six digits.
        code: String,
    },
    /// Make this phone the authenticator app.
    ThisPhone,
    /// Take the app away, where the firm asks for none.
    Remove,
    /// Make ten recovery codes to write down; those before are void.
    RecoveryCodes,
}

/// This phone as an authenticator app.
#[derive(Debug, Subcommand)]
pub(crate) enum Authenticator {
    /// Show the code of now. Works offline.
    Show,
    /// Keep the secret of an `otpauth://` address, as a QR code holds it.
    Keep {
        /// The address.
        uri: String,
    },
    /// Forget it. The server still asks for its codes: see `factors remove`.
    Forget,
}

impl Factors {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = &phone::portal(cli)?;
        match self {
            Self::List => list(cli, &portal.factors().await?),
            Self::SetUp => {
                let shown = in_person(portal, async || portal.show_totp().await).await?;
                if cli.json {
                    print::json(&json!({ "uri": shown.uri, "secret": shown.secret }));
                } else {
                    println!(
                        "{}\n  {}\nThen: portico factors confirm CODE",
                        print::qr(&shown.uri),
                        shown.uri
                    );
                }
            }
            Self::Confirm { code } => {
                in_person(portal, async || portal.confirm_totp(code).await).await?;
                done(cli, "The app is set up. Make recovery codes too: portico factors recovery-codes");
            }
            Self::ThisPhone => {
                in_person(portal, async || portal.set_up_authenticator().await).await?;
                done(cli, "This phone is your authenticator app: portico authenticator show");
            }
            Self::Remove => {
                in_person(portal, async || portal.remove_totp().await).await?;
                done(cli, "The app is taken away.");
            }
            Self::RecoveryCodes => {
                let made = in_person(portal, async || portal.make_recovery_codes().await).await?;
                if cli.json {
                    print::json(&json!({ "codes": made.codes }));
                } else {
                    println!("Write these down, and keep them off this phone. Each works once:");
                    made.codes.iter().for_each(|code| println!("  {code}"));
                }
            }
        }
        Ok(())
    }
}

impl Authenticator {
    pub(crate) fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::portal(cli)?;
        match self {
            Self::Show => {
                let code = portal.authenticator()?.ok_or(PortalError::NotHere)?;
                if cli.json {
                    print::json(
                        &json!({ "code": code.code, "until_ms": code.until_ms, "issuer": code.issuer }),
                    );
                } else {
                    let (left, right) = code.code.split_at_checked(3).unwrap_or((&code.code, ""));
                    println!(
                        "{left} {right}  {}, until {}",
                        print::safe(&code.issuer),
                        print::time(code.until_ms)
                    );
                }
            }
            Self::Keep { uri } => {
                portal.keep_authenticator(uri)?;
                done(cli, "Kept: portico authenticator show");
            }
            Self::Forget => {
                portal.forget_authenticator()?;
                done(cli, "Forgotten.");
            }
        }
        Ok(())
    }
}

/// Does it, after proving that somebody is there where the server asks for that.
pub(crate) async fn in_person<T>(
    portal: &Portal,
    act: impl AsyncFn() -> Result<T, PortalError>,
) -> Result<T, CliError> {
    match act().await {
        Err(PortalError::StepUpNeeded) => {
            portal.step_up_in_person().await?;
            Ok(act().await?)
        }
        done => Ok(done?),
    }
}

pub(crate) fn done(cli: &Cli, words: &str) {
    if cli.json { print::json(&json!({ "done": true })) } else { println!("{words}") }
}

fn list(cli: &Cli, held: &FactorsHeld) {
    if cli.json {
        return print::json(&json!(held));
    }
    match &held.totp {
        None => println!("No authenticator app."),
        Some(totp) if totp.disabled => {
            println!("An authenticator app, disabled by wrong codes: set it up again.")
        }
        Some(totp) => {
            println!("An authenticator app, since {}.", print::time(totp.added_at_ms));
            if totp.off_s != 0 {
                let side = if totp.off_s > 0 { "ahead" } else { "behind" };
                println!("  Its clock was about {} seconds {side} the last time.", totp.off_s.abs());
            }
        }
    }
    println!("Recovery codes left: {}.", held.recovery_codes_left);
    if held.totp_required {
        println!("The firm asks you for an authenticator app.");
    }
}
