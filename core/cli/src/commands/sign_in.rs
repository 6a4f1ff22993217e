//! `portico sign-in`: asks for a code by mail, then for the code, then for what the firm asks besides.

use std::future::Future;
use std::io::{BufRead as _, Write as _};

use clap::Args;
use portico_core::error::PortalError;
use portico_core::signin::driver::{Answered, PendingSignIn, Phone, SignedIn};
use portico_wire::factor::{FactorAnswer, FactorKind, TotpSetUp};
use portico_wire::ids::FirmId;
use portico_wire::invitation::Invitation;
use portico_wire::server_address::ServerAddress;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, print, words};

/// Sign in with a code that the server mails, and with what the firm asks besides.
#[derive(Debug, Args)]
pub(crate) struct SignIn {
    /// The server's address, or the link that a server of one office shows.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The address that was invited.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The link of an invitation: it names the server and stands for the address.
    #[arg(long, value_name = "LINK", conflicts_with_all = ["server", "email"])]
    invitation: Option<String>,
    /// The code from the mail. Without --server, it answers the sign-in begun before.
    #[arg(long)]
    code: Option<String>,
    /// Which firm, for a person of several.
    #[arg(long)]
    firm: Option<FirmId>,
    /// The code that an authenticator app shows.
    #[arg(long, value_name = "CODE")]
    totp: Option<String>,
    /// One of the codes that were written down.
    #[arg(long, value_name = "CODE", conflicts_with = "totp")]
    recovery_code: Option<String>,
    /// Where the firm asks for an authenticator app: let this phone be it.
    #[arg(long, conflicts_with_all = ["totp", "recovery_code"])]
    this_phone: bool,
    /// Ask for a yes on another device, where you are signed in: portico devices approve NUMBER.
    #[arg(long, conflicts_with_all = ["totp", "recovery_code", "this_phone"])]
    approval: bool,
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
        let signed_in = self.let_in(cli, &phone).await?;
        // This terminal has no push provider; its device id stands for an address there.
        signed_in.portal.keep_push_token(&signed_in.portal.session().device_id.to_string())?;
        phone::catch_up(cli, &signed_in.portal).await?;
        say_welcome(cli, &signed_in);
        Ok(())
    }

    /// The sign-in that the code answers: a new one, or the one begun before.
    async fn pending(&self, phone: &Phone) -> Result<PendingSignIn, CliError> {
        if let Some(link) = &self.invitation {
            if Invitation::parse(link).is_err()
                && link.parse().is_ok_and(|ServerAddress { root, .. }| root.is_some())
            {
                return Err(CliError::Input(
                    "This link names a server and nobody: say --server LINK --email ADDRESS.".to_owned(),
                ));
            }
            return Ok(phone.begin_invited(link).await?);
        }
        let (Some(server), Some(email)) = (&self.server, &self.email) else {
            return phone.pending_sign_in().ok_or_else(|| {
                CliError::Input(
                    "No sign-in was begun: say --invitation LINK, or --server URL and --email ADDRESS."
                        .to_owned(),
                )
            });
        };
        Ok(phone.begin_sign_in(server, email).await?)
    }

    /// Answers what is asked, one thing after the other.
    async fn let_in(&self, cli: &Cli, phone: &Phone) -> Result<SignedIn, CliError> {
        let name = device_name();
        let mut answered = self
            .until_right(cli, self.code.as_deref(), "Code from the mail: ", async |code| {
                phone.answer(&code, &name).await
            })
            .await?;
        loop {
            answered = match answered {
                Answered::SignedIn(signed_in) => return Ok(signed_in),
                Answered::ChooseFirm(firms) => match self.firm {
                    Some(firm) if firms.iter().any(|choice| choice.firm_id == firm) => {
                        phone.choose_firm(firm).await?
                    }
                    _ => {
                        let lines =
                            firms.iter().map(|firm| format!("{}  {}", firm.firm_id, print::safe(&firm.name)));
                        let lines: Vec<String> = lines.collect();
                        return Err(CliError::Input(format!(
                            "Choose a firm with --firm:\n{}",
                            lines.join("\n")
                        )));
                    }
                },
                Answered::FactorNeeded(factors) => {
                    // It may have been about to be the app when it was killed.
                    let by_itself =
                        if self.this_phone { phone.prove_with_this_phone().await.ok() } else { None };
                    match by_itself {
                        Some(answered) => answered,
                        None => self.prove(cli, phone, &factors).await?,
                    }
                }
                Answered::ApprovalAwaited(awaited) => {
                    eprintln!(
                        "On a device where you are signed in, type {} (portico devices approve). If you have none, ask the firm.",
                        awaited.number
                    );
                    if self.code.is_some() {
                        return Err(CliError::Input(
                            "Say the same again once the other device said yes.".to_owned(),
                        ));
                    }
                    ask("Then press Enter: ")?;
                    phone.prove(FactorAnswer::Approval).await?
                }
                Answered::SetUpTotp(_) if self.this_phone => phone.prove_with_this_phone().await?,
                Answered::SetUpTotp(shown) => self.set_up(cli, phone, &shown).await?,
            };
        }
    }

    async fn prove(&self, cli: &Cli, phone: &Phone, factors: &[FactorKind]) -> Result<Answered, CliError> {
        let has = |kind| factors.contains(&kind);
        if has(FactorKind::Approval) && (self.approval || factors == [FactorKind::Approval]) {
            return Ok(phone.prove(FactorAnswer::Approval).await?);
        }
        if !has(FactorKind::Totp) && !has(FactorKind::RecoveryCode) {
            return Err(CliError::Input(
                "The mailed code alone does not let a further device in, and nothing else was set up. Ask the firm."
                    .to_owned(),
            ));
        }
        let asked = if has(FactorKind::Totp) { "Code from the authenticator app" } else { "Recovery code" };
        let either = has(FactorKind::Totp) && has(FactorKind::RecoveryCode);
        let question = format!("{asked}{}: ", if either { ", or a recovery code" } else { "" });
        let given = self.totp.as_deref().or(self.recovery_code.as_deref());
        self.until_right(cli, given, &question, async |code| phone.prove(factor(code)).await).await
    }

    async fn set_up(&self, cli: &Cli, phone: &Phone, shown: &TotpSetUp) -> Result<Answered, CliError> {
        eprintln!("The firm asks for an authenticator app. Scan this, or add it by hand:");
        eprintln!("{}", print::qr(&shown.uri));
        eprintln!("  {}", shown.uri);
        let question = "The first code that it shows: ";
        self.until_right(cli, self.totp.as_deref(), question, async |code| {
            phone.prove(FactorAnswer::Totp { code }).await
        })
        .await
    }

    /// Asks until it is right; what came on the command line is tried once. A person at a keyboard types again, a script
    /// hears why.
    async fn until_right<F: Future<Output = Result<Answered, PortalError>>>(
        &self,
        cli: &Cli,
        given: Option<&str>,
        question: &str,
        act: impl Fn(String) -> F,
    ) -> Result<Answered, CliError> {
        if let Some(given) = given {
            return Ok(act(given.to_owned()).await?);
        }
        if self.code.is_some() {
            return Err(CliError::Input(format!(
                "{} is asked for besides. Say the same again with --totp CODE, --recovery-code CODE or --this-phone.",
                question.trim_end_matches([':', ' '])
            )));
        }
        loop {
            match act(ask(question)?).await {
                Err(fault) if may_type_again(&fault) && !cli.json => {
                    eprintln!("{}", words::error(&fault.into()));
                }
                answered => return Ok(answered?),
            }
        }
    }
}

const fn may_type_again(fault: &PortalError) -> bool {
    matches!(
        fault,
        PortalError::WrongCode { .. }
            | PortalError::CodeMalformed
            | PortalError::WrongFactor { .. }
            | PortalError::FactorUsed
            | PortalError::ClockOff { .. }
    )
}

/// What was typed: an app's code has six digits, a recovery code is longer.
pub(crate) fn factor(code: String) -> FactorAnswer {
    if code.chars().filter(char::is_ascii_alphanumeric).count() > 8 {
        FactorAnswer::RecoveryCode { code }
    } else {
        FactorAnswer::Totp { code }
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
