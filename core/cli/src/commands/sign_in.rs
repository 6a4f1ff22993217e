//! `portico sign-in`: asks for a code by mail, then for the code.

use std::io::{BufRead as _, Write as _};

use clap::Args;
use portico_core::error::PortalError;
use portico_core::signin::driver::{Answered, PendingSignIn, Phone, SignedIn};
use portico_wire::ids::FirmId;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, print, words};

/// Sign in with a code that the server mails.
#[derive(Debug, Args)]
pub(crate) struct SignIn {
    /// The server's address, from the invitation.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The address that was invited.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The code from the mail. Without --server, it answers the sign-in begun before.
    #[arg(long)]
    code: Option<String>,
    /// Which firm, for a person of several.
    #[arg(long)]
    firm: Option<FirmId>,
    /// Begin only: print where the code went, and end. Answer later with --code.
    #[arg(long)]
    begin: bool,
}

impl SignIn {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let phone = phone::phone(cli)?;
        let pending = self.pending(&phone).await?;
        if self.begin {
            if cli.json {
                print::json(
                    &json!({ "challenge_id": pending.challenge_id, "expires_at_ms": pending.expires_at_ms }),
                );
            } else {
                println!("A code is on its way by mail. Then: portico sign-in --code CODE");
            }
            return Ok(());
        }
        let signed_in = self.answer(cli, &phone, &pending).await?;
        // This terminal has no push provider; its device id stands for an address there.
        signed_in.portal.keep_push_token(&signed_in.portal.session().device_id.to_string())?;
        phone::catch_up(cli, &signed_in.portal).await?;
        say_welcome(cli, &signed_in);
        Ok(())
    }

    /// The sign-in that the code answers: a new one, or the one begun before.
    async fn pending(&self, phone: &Phone) -> Result<PendingSignIn, CliError> {
        let (Some(server), Some(email)) = (&self.server, &self.email) else {
            return phone.pending_sign_in().ok_or_else(|| {
                CliError::Input("No sign-in was begun: say --server URL and --email ADDRESS.".to_owned())
            });
        };
        Ok(phone.begin_sign_in(server, email).await?)
    }

    async fn answer(&self, cli: &Cli, phone: &Phone, pending: &PendingSignIn) -> Result<SignedIn, CliError> {
        let mut given = self.code.clone();
        loop {
            let typed = given.is_none();
            let code = match given.take() {
                Some(code) => code,
                None => ask("Code from the mail: ")?,
            };
            match phone.answer(pending, &code, self.firm, &device_name()).await {
                Ok(Answered::SignedIn(signed_in)) => return Ok(signed_in),
                Ok(Answered::ChooseFirm(firms)) => {
                    let list: Vec<String> = firms
                        .iter()
                        .map(|firm| format!("{}  {}", firm.firm_id, print::safe(&firm.name)))
                        .collect();
                    return Err(CliError::Input(format!("Choose a firm with --firm:\n{}", list.join("\n"))));
                }
                // A person at a keyboard types again; a script hears why.
                Err(fault @ (PortalError::WrongCode { .. } | PortalError::CodeMalformed))
                    if typed && !cli.json =>
                {
                    eprintln!("{}", words::error(&fault.into()));
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }
}

fn say_welcome(cli: &Cli, signed_in: &SignedIn) {
    let session = signed_in.portal.session();
    if cli.json {
        print::json(&json!({
            "person_id": session.person_id, "firm_id": session.firm_id, "device_id": session.device_id,
            "name": session.name, "firm_name": session.firm_name, "sealed_entries": signed_in.sealed,
        }));
        return;
    }
    println!("Signed in at {} as {}.", print::safe(&session.firm_name), print::safe(&session.name));
    if let Some(waiting) = signed_in.sealed {
        println!(
            "Somebody else was signed in here. Their store is sealed, with {waiting} unsent; you see none of it."
        );
    }
    if signed_in.began_anew {
        println!(
            "The key of your store on this phone was lost, so a new one was begun; what was unsent is gone."
        );
    }
}

fn ask(question: &str) -> Result<String, CliError> {
    eprint!("{question}");
    // A question that can not be shown is still answered.
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => Err(CliError::Input("no code was given".to_owned())),
        Ok(_) => Ok(line.trim().to_owned()),
    }
}

fn device_name() -> String {
    format!("portico on {}", std::env::consts::OS)
}
