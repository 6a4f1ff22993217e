//! `portico`: a real phone without a screen, for terminals and scripts; and the demo.
//!
//! Every command works on the phone's own store first, says honestly what it could not learn from the server, and
//! prints JSON with `--json`. Exit codes: 0 done, 1 not done (the reason is printed), 2 wrong use.

mod bar;
mod commands;
mod demo;
mod phone;
mod pick;
mod print;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::phone::CliError;

/// Portico for terminals and scripts.
#[derive(Debug, Parser)]
#[command(name = "portico", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where this phone keeps its store and keys; else where the platform expects it.
    #[arg(long, global = true, env = "PORTICO_HOME", value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// A firm's own root certificate (PEM or DER), besides the bundled ones.
    #[arg(long, global = true, env = "PORTICO_ROOT", value_name = "FILE")]
    root: Option<PathBuf>,
    /// Print JSON, one document per command (one per line for `watch`).
    #[arg(long, global = true)]
    json: bool,
    /// Do not ask the server; work on what this phone holds.
    #[arg(long, global = true)]
    offline: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in with a code that the server mails.
    SignIn(commands::sign_in::SignIn),
    /// List conversations, newest first.
    Conversations,
    /// Show a conversation, and mark what was shown as looked at.
    Read(commands::read::Read),
    /// Send a text, exactly as it is; it is queued durably before this returns.
    Send(commands::send::Send),
    /// Go on with a paused upload.
    Resume(commands::resume::Resume),
    /// Hand a queued batch to another program, and take it back.
    Transfer(commands::transfer::Transfer),
    /// Save the files of a message into a folder.
    Download(commands::download::Download),
    /// Show what has no answer yet, and what was refused.
    Outbox(commands::outbox::Outbox),
    /// Take a message back, or dismiss a refused one.
    Withdraw(commands::withdraw::Withdraw),
    /// Find messages on this phone: words, "phrases", any script; the last word also matches longer ones.
    Search(commands::search::Search),
    /// Stay connected, deliver the outbox, and print what changes, until Ctrl-C.
    Watch,
    /// Say what a tap on a push opens, from this phone's own data.
    Tap(commands::tap::Tap),
    /// Run the firm: people, matters, conversations, who is in them, who has read what.
    #[command(subcommand)]
    Staff(commands::staff::Staff),
    /// What proves you beyond the mailed code: an authenticator app, recovery codes.
    #[command(subcommand)]
    Factors(commands::factors::Factors),
    /// This phone as an authenticator app.
    #[command(subcommand)]
    Authenticator(commands::factors::Authenticator),
    /// Where you are signed in; sign a lost phone out, or wipe it.
    #[command(subcommand)]
    Devices(commands::devices::Devices),
    /// The address that signs you in.
    #[command(subcommand)]
    Email(commands::email::Email),
    /// Sign this device out. The store stays, sealed.
    SignOut,
    /// Show the main job: a phone that is killed, cut off and outlives a restored server, and loses nothing.
    Demo(demo::Demo),
    /// Parts that the demo plays in processes of their own.
    #[command(hide = true)]
    DemoPart(demo::part::Part),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("PORTICO_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            eprintln!("portico: no runtime: {fault}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            print::failed(cli.json, &fault);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<(), CliError> {
    match &cli.command {
        Command::SignIn(command) => command.run(cli).await,
        Command::Conversations => commands::conversations::run(cli).await,
        Command::Read(command) => command.run(cli).await,
        Command::Send(command) => command.run(cli).await,
        Command::Resume(command) => command.run(cli).await,
        Command::Transfer(command) => command.run(cli).await,
        Command::Download(command) => command.run(cli).await,
        Command::Outbox(command) => command.run(cli).await,
        Command::Withdraw(command) => command.run(cli).await,
        Command::Search(command) => command.run(cli).await,
        Command::Watch => commands::watch::run(cli).await,
        Command::Tap(command) => command.run(cli),
        Command::Staff(command) => command.run(cli).await,
        Command::Factors(command) => command.run(cli).await,
        Command::Authenticator(command) => command.run(cli),
        Command::Devices(command) => command.run(cli).await,
        Command::Email(command) => command.run(cli).await,
        Command::SignOut => commands::sign_out::run(cli).await,
        Command::Demo(command) => command.run().await,
        Command::DemoPart(part) => part.run(cli).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Every command, and what it does to what was said.
    const COMMANDS: [(&str, &str); 53] = [
        ("sign-in", "nothing"),
        ("conversations", "reads"),
        ("read", "reads, and says what was shown"),
        ("send", "adds"),
        ("resume", "adds, when the upload is whole"),
        ("transfer", "adds, when the upload is whole"),
        ("download", "reads"),
        ("outbox", "reads"),
        ("withdraw", "takes back what is in no log yet; what is stays, and says so"),
        ("search", "reads"),
        ("watch", "delivers and reads"),
        ("tap", "reads"),
        ("staff people", "reads"),
        ("staff add-person", "nothing"),
        ("staff depart", "adds entries that say so"),
        ("staff invite", "nothing"),
        ("staff readmit", "nothing; it ends sessions"),
        ("staff matters", "reads"),
        ("staff open-matter", "nothing"),
        ("staff access", "adds entries that say so"),
        ("staff conversations", "reads"),
        ("staff begin", "adds a conversation"),
        ("staff join", "adds an entry that says so"),
        ("staff leave", "adds an entry that says so"),
        ("staff archive", "adds an entry that says so"),
        ("staff unarchive", "adds an entry that says so"),
        ("staff readers", "reads"),
        ("staff documents list", "reads"),
        ("staff documents add", "adds a document"),
        ("staff documents keep", "adds a document"),
        ("staff documents new-version", "adds a version"),
        ("staff documents history", "reads"),
        ("staff documents rename", "adds a change that says so"),
        ("staff documents remove", "adds a change that hides a document; copies in messages stay"),
        ("staff documents save", "reads"),
        ("staff documents send", "adds"),
        ("factors list", "reads"),
        ("factors set-up", "nothing"),
        ("factors confirm", "nothing"),
        ("factors this-phone", "nothing"),
        ("factors remove", "nothing"),
        ("factors recovery-codes", "nothing"),
        ("authenticator show", "reads"),
        ("authenticator keep", "nothing"),
        ("authenticator forget", "nothing"),
        ("devices list", "reads"),
        ("devices sign-out", "nothing; the store there stays, sealed"),
        ("devices approve", "nothing"),
        ("devices turn-down", "ends a sign-in"),
        (
            "devices wipe",
            "nothing at the firm; what was not sent from that phone is gone with it, as its person said",
        ),
        ("email change", "nothing"),
        ("email confirm", "nothing"),
        ("sign-out", "nothing; the store stays, sealed"),
    ];

    /// The names of all commands that do something, outermost first.
    fn names(command: &clap::Command) -> Vec<String> {
        let inner = command.get_subcommands().filter(|inner| !inner.get_name().starts_with("demo"));
        let named = inner.flat_map(|inner| {
            let below = names(inner);
            let own = if below.is_empty() { vec![inner.get_name().to_owned()] } else { Vec::new() };
            own.into_iter().chain(below.into_iter().map(|name| format!("{} {name}", inner.get_name())))
        });
        named.collect()
    }

    // R21: there is no command by which anybody deletes what was said. What these ask of the server is walked there.
    #[test]
    fn no_command_deletes_what_was_said() {
        assert_eq!(names(&Cli::command()), COMMANDS.map(|(name, _)| name));
        assert!(COMMANDS.iter().all(|(_, effect)| !effect.is_empty()));
    }
}
