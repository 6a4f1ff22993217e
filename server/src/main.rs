//! The binary: serve, seed, check-config, backup, restore, verify, admin.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use portico_server::App;
use portico_server::assurance::{Least, SignInPolicy};
use portico_server::backup::{backup, restore};
use portico_server::config::Config;
use portico_server::ports::Ports;
use portico_server::seed::seed;
use portico_server::store::{Change, FirmLimits, Verdict};
use portico_wire::ids::{ContentId, ConversationId, FirmId, PersonId};
use portico_wire::invitation::Invited;
use portico_wire::signin::is_email;
use tokio::net::TcpListener;

type Failed = Box<dyn std::error::Error>;

/// Portico's companion server.
#[derive(Parser)]
#[command(name = "portico-server", version)]
struct Command {
    /// Where everything is kept; ./portico-data by default.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// The settings; portico.toml of the data folder by default.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Serves the portal.
    Serve {
        /// Address and port; port 0 takes a free one and prints it.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Where metrics are served; a loopback address.
        #[arg(long)]
        metrics_listen: Option<SocketAddr>,
        /// Certificate chain, PEM.
        #[arg(long)]
        tls_cert: Option<PathBuf>,
        /// Its private key, PEM.
        #[arg(long)]
        tls_key: Option<PathBuf>,
        /// Serves one office: makes certificates itself, and shows a link that phones scan to know the server by.
        #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
        lan: bool,
        /// A name or an address by which the office's network knows this machine; the first is the one of links.
        #[arg(long, value_name = "NAME", requires = "lan")]
        lan_host: Vec<String>,
        /// Shows an invitation for whoever has this address, and mails it to them.
        #[arg(long, value_name = "EMAIL")]
        invite: Option<String>,
    },
    /// Makes a small firm to look at.
    Seed {
        /// Prints ids as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Says what is wrong with the settings, or prints them.
    CheckConfig,
    /// Copies the database and its files into a folder; works beside a running server. Keys are not in it.
    Backup {
        /// A new folder.
        #[arg(long)]
        to: PathBuf,
    },
    /// Goes back to a backup, in a new epoch. The server must be stopped.
    Restore {
        /// The folder of the backup.
        #[arg(long)]
        from: PathBuf,
    },
    /// Computes every hash of the log and of its files anew.
    Verify,
    /// Lists and changes what a stopped server holds.
    Admin {
        #[command(subcommand)]
        change: Admin,
    },
}

#[derive(Subcommand)]
enum Admin {
    /// Prints every firm, person and conversation with its id, as JSON.
    List,
    /// Archives a conversation: clients read on and cannot post.
    Archive(Where),
    /// Undoes it.
    Unarchive(Where),
    /// Adds somebody to a conversation.
    Add(Whom),
    /// Ends somebody's stay in a conversation.
    Remove(Whom),
    /// Sets what the files of a firm may take. An option that is left out is the product's own limit.
    Limits {
        /// The firm.
        #[arg(long)]
        firm: FirmId,
        /// Files in one send; at most 130.
        #[arg(long)]
        batch_files_max: Option<u32>,
        /// Bytes of files in one send; at most 104857600.
        #[arg(long)]
        batch_bytes_max: Option<u64>,
        /// Bytes of all files of the firm.
        #[arg(long)]
        storage_bytes_max: Option<u64>,
    },
    /// Records what a firm asks of those who sign in, beyond the mailed code. An option that is left out is the usual.
    Policy {
        /// The firm.
        #[arg(long)]
        firm: FirmId,
        /// Of staff: an authenticator app, unless it says `email`.
        #[arg(long, value_enum, default_value = "second-factor")]
        staff: Asked,
        /// Of clients and third parties: something besides on every further device, unless it says `email`.
        #[arg(long, value_enum, default_value = "second-factor")]
        clients: Asked,
    },
    /// Lets somebody in again who lost every device and factor: their next sign-in is like their first. They are told by mail
    /// once the server runs.
    Readmit {
        /// The firm.
        #[arg(long)]
        firm: FirmId,
        /// Whom.
        #[arg(long)]
        person: PersonId,
    },
    /// Gives somebody another address who has neither phone nor mailbox left; a person changes their own in the app. The address
    /// before is told by mail once the server runs.
    Readdress {
        /// A firm of theirs.
        #[arg(long)]
        firm: FirmId,
        /// Whom.
        #[arg(long)]
        person: PersonId,
        /// What signs them in from now on.
        #[arg(long)]
        email: String,
    },
    /// Says whether a file may be fetched, whatever the scan says of it.
    Verdict {
        /// The file, as the log names it; or the id of an attachment.
        file: ContentId,
        /// What holds from now on.
        verdict: Word,
    },
    /// Ends somebody's membership: every stay and every session.
    EndMembership {
        /// The firm.
        #[arg(long)]
        firm: FirmId,
        /// Whose.
        #[arg(long)]
        person: PersonId,
        /// Who does it.
        #[arg(long)]
        by: PersonId,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Asked {
    /// The mailed code alone.
    Email,
    /// Something that they hold besides.
    SecondFactor,
}

impl From<Asked> for Least {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Email => Self::Email,
            Asked::SecondFactor => Self::SecondFactor,
        }
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Word {
    Clean,
    Refused,
}

#[derive(clap::Args)]
struct Where {
    /// The firm.
    #[arg(long)]
    firm: FirmId,
    /// The conversation.
    #[arg(long)]
    conversation: ConversationId,
    /// Who does it.
    #[arg(long)]
    by: PersonId,
}

#[derive(clap::Args)]
struct Whom {
    #[command(flatten)]
    place: Where,
    /// Whom.
    #[arg(long)]
    person: PersonId,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(command) {
        Ok(code) => code,
        Err(failed) => {
            eprintln!("portico-server: {failed}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> Result<ExitCode, Failed> {
    let mut config = load(command.data, command.config.as_deref())?;
    let ports = Ports::real();
    match command.action {
        Action::Serve { listen, metrics_listen, tls_cert, tls_key, lan, lan_host, invite } => {
            if lan {
                config = config.on_lan();
            }
            if !lan_host.is_empty() {
                config.lan_hosts = lan_host;
            }
            config.listen = listen.unwrap_or(config.listen);
            config.metrics_listen = metrics_listen.unwrap_or(config.metrics_listen);
            config.tls_cert = tls_cert.or(config.tls_cert);
            config.tls_key = tls_key.or(config.tls_key);
            serve(config, ports, invite.as_deref()).await?;
        }
        Action::Seed { json } => print_seed(&App::open(config, ports)?, json).await?,
        Action::CheckConfig => println!("{}", toml::to_string(&config)?.trim_end()),
        Action::Backup { to } => print_json(&backup(&config, &to, &ports)?)?,
        Action::Restore { from } => print_json(&restore(&config, &from, &ports)?)?,
        Action::Verify => return verify(config, ports).await,
        Action::Admin { change } => admin(&App::open(config, ports)?, change).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The data folder of the command line wins over file and environment, like every other option.
fn load(data: Option<PathBuf>, file: Option<&Path>) -> Result<Config, Failed> {
    let folder = data.clone().unwrap_or_else(|| PathBuf::from("./portico-data"));
    let config = Config::load(&folder, file)?;
    Ok(Config { data_folder: data.unwrap_or(config.data_folder.clone()), ..config })
}

async fn serve(mut config: Config, ports: Ports, invite: Option<&str>) -> Result<(), Failed> {
    config.check()?;
    let listener = TcpListener::bind(config.listen).await?;
    // Links name the port that was free.
    config.listen = listener.local_addr()?;
    let app = App::open(config, ports)?;
    let scheme = if app.config().tls_cert.is_some() || app.config().lan { "https" } else { "http" };
    println!("listening on {scheme}://{}", app.config().listen);
    match TcpListener::bind(app.config().metrics_listen).await {
        Ok(metrics) => {
            println!("metrics on http://{}/metrics", metrics.local_addr()?);
            let served = app.clone();
            tokio::spawn(async move { served.serve_metrics(metrics, signalled()).await });
        }
        // A second server on one machine is no reason not to serve.
        Err(fault) => tracing::warn!(%fault, "metrics are not served"),
    }
    println!("mail goes to {}", absolute(&app.config().mail()).display());
    show_link(&app, invite).await?;
    app.serve(listener, signalled()).await?;
    Ok(())
}

/// What a phone on the desk scans: an invitation, or the address of a server that no phone knows by itself.
async fn show_link(app: &App, invite: Option<&str>) -> Result<(), Failed> {
    let Some(email) = invite else {
        let address = app.address();
        if address.root.is_some() {
            println!("Scan this as the server, and type the address that was invited:");
            println!("{}\n{address}", qr(&address.to_string()));
        }
        return Ok(());
    };
    let invited = app.invite(email).await?;
    if invited.is_empty() {
        return Err(format!("nobody has the address {email}").into());
    }
    for Invited { link, .. } in invited {
        println!("{email} scans this, or opens it:");
        println!("{}\n{link}", qr(&link));
    }
    Ok(())
}

/// A QR code, two rows in a line of the terminal; nothing where the text is too long for one.
fn qr(text: &str) -> String {
    use qrcode::render::unicode::Dense1x2;
    let Ok(code) = qrcode::QrCode::new(text.as_bytes()) else { return String::new() };
    // Light on dark, as most terminals are: cameras read both.
    code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Ends at Ctrl-C, and at SIGTERM where there is such a thing.
async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            let interrupted = Box::pin(tokio::signal::ctrl_c());
            futures_util::future::select(interrupted, Box::pin(terminated.recv())).await;
            return;
        }
    }
    drop(tokio::signal::ctrl_c().await);
}

async fn print_seed(app: &App, json: bool) -> Result<(), Failed> {
    let firm = seed(app).await?;
    if json {
        return print_json(&firm);
    }
    println!("Harbour & Lane is there. Who can sign in:");
    for person in firm.people.values() {
        println!("  {:<28} {}", person.email, person.name);
    }
    println!("Codes are mailed to {}", absolute(&app.config().mail()).display());
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failed> {
    use std::io::Write as _;
    // Whoever reads may have seen enough.
    drop(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(value)?));
    Ok(())
}

async fn verify(config: Config, ports: Ports) -> Result<ExitCode, Failed> {
    let report = App::open(config, ports)?.verify().await?;
    println!(
        "{} conversations, {} entries, {} event logs, {} files, {} faults",
        report.conversations,
        report.entries,
        report.event_logs,
        report.files,
        report.faults.len()
    );
    for fault in &report.faults {
        println!("  {fault}");
    }
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn admin(app: &App, change: Admin) -> Result<(), Failed> {
    let store = app.store();
    let made = match change {
        Admin::List => return print_json(&store.list_firms().await?),
        Admin::Archive(at) => store.archive(at.firm, at.conversation, at.by).await?,
        Admin::Unarchive(at) => store.unarchive(at.firm, at.conversation, at.by).await?,
        Admin::Add(Whom { place: at, person }) => {
            store.add_participant(at.firm, at.conversation, person, at.by).await?
        }
        Admin::Remove(Whom { place: at, person }) => {
            store.remove_participant(at.firm, at.conversation, person, at.by).await?
        }
        Admin::Limits { firm, batch_files_max, batch_bytes_max, storage_bytes_max } => {
            let limits = FirmLimits { batch_files_max, batch_bytes_max, storage_bytes_max };
            store.set_limits(firm, limits).await?
        }
        Admin::Policy { firm, staff, clients } => {
            let policy = SignInPolicy { staff: staff.into(), clients: clients.into() };
            store.set_sign_in_policy(firm, policy).await?
        }
        Admin::Readmit { firm, person } => app.let_in_again(firm, person).await?,
        Admin::Readdress { email, .. } if !is_email(&email) => {
            return Err("that is no email address".into());
        }
        Admin::Readdress { firm, person, email } => app.readdress(firm, person, &email).await?,
        Admin::Verdict { file, verdict } => {
            let verdict = match verdict {
                Word::Clean => Verdict::Clean,
                Word::Refused => Verdict::Refused,
            };
            store.set_verdict(file, verdict).await?
        }
        Admin::EndMembership { firm, person, by } => store.end_membership(firm, person, by).await?,
    };
    match made {
        Change::Made => println!("done"),
        Change::AlreadySo => println!("it is so already"),
        Change::NotFound => return Err("there is no such firm, conversation, person or file".into()),
        Change::NotAllowed => return Err("that is not allowed".into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use portico_server::store::FirmListing;

    use super::*;

    /// Every command, with words by which it does something, and what it does to what was said. `FIRM` and the like stand
    /// for ids. What only takes requests or prints is not run.
    const COMMANDS: [(&str, &str, &str); 17] = [
        ("serve", "", "takes requests, none of which deletes"),
        ("seed", "", "works on an empty folder alone"),
        ("check-config", "", "prints"),
        ("backup", "--to BACKUP", "copies"),
        ("restore", "--from BACKUP", "goes back to a copy, in a new epoch: phones send again what it lacks"),
        ("verify", "", "reads"),
        ("admin list", "", "prints"),
        ("admin archive", "--firm FIRM --conversation CLAIM --by MARA", "adds an entry that says so"),
        ("admin unarchive", "--firm FIRM --conversation CLAIM --by MARA", "adds an entry that says so"),
        (
            "admin add",
            "--firm FIRM --conversation CLAIM --by MARA --person INES",
            "adds an entry that says so",
        ),
        (
            "admin remove",
            "--firm FIRM --conversation CLAIM --by MARA --person AMINA",
            "adds an entry that says so",
        ),
        ("admin limits", "--firm FIRM --batch-files-max 1", "changes what may come"),
        ("admin policy", "--firm FIRM --staff email", "changes what a sign-in asks"),
        ("admin readmit", "--firm FIRM --person INES", "ends sessions, and leaves the words"),
        ("admin readdress", "--firm FIRM --person INES --email i@new.example", "changes who signs in"),
        ("admin verdict", "NOFILE refused", "changes who may fetch a file, and can change it back"),
        (
            "admin end-membership",
            "--firm FIRM --person JONAS --by MARA",
            "takes access, and leaves the words",
        ),
    ];

    /// The names of all commands that do something, outermost first.
    fn names(command: &clap::Command) -> Vec<String> {
        let inner = command.get_subcommands().flat_map(|inner| {
            let below = names(inner);
            let own = if below.is_empty() { vec![inner.get_name().to_owned()] } else { Vec::new() };
            own.into_iter().chain(below.into_iter().map(|name| format!("{} {name}", inner.get_name())))
        });
        inner.collect()
    }

    fn words(words: &str, folder: &Path, firm: &FirmListing) -> String {
        let person =
            |name: &str| firm.people.iter().find(|person| person.name.starts_with(name)).unwrap().person_id;
        let claim =
            firm.conversations.iter().find(|row| row.title == "Haddad claim").unwrap().conversation_id;
        words
            .replace("BACKUP", &folder.join("backup").display().to_string())
            .replace("FIRM", &firm.firm_id.to_string())
            .replace("CLAIM", &claim.to_string())
            .replace("MARA", &person("Mara").to_string())
            .replace("AMINA", &person("Amina").to_string())
            .replace("INES", &person("In").to_string())
            .replace("JONAS", &person("Jonas").to_string())
            .replace("NOFILE", &ContentId::from_bytes([9; 16]).to_string())
    }

    /// What was said in the firm of `folder`, conversation by conversation.
    async fn said(folder: &Path) -> Vec<(ConversationId, Vec<portico_wire::entry::Entry>)> {
        let app = App::open(Config::in_folder(folder), Ports::real()).unwrap();
        assert_eq!(app.verify().await.unwrap().faults, []);
        let mut logs = Vec::new();
        for row in app.store().list_firms().await.unwrap().into_iter().flat_map(|firm| firm.conversations) {
            logs.push((row.conversation_id, app.store().read_log(row.conversation_id).await.unwrap()));
        }
        logs
    }

    // R21: no command deletes what was said, not even one of who holds the server's disk.
    #[test]
    fn no_command_takes_back_what_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let firm = runtime.block_on(async {
            let app = App::open(Config::in_folder(&data), Ports::real()).unwrap();
            seed(&app).await.unwrap();
            app.store().list_firms().await.unwrap().remove(0)
        });

        assert_eq!(names(&Command::command()), COMMANDS.map(|(name, _, _)| name));
        let is_run = |effect: &str| effect != "prints" && !effect.starts_with("takes requests");
        for (name, with, effect) in COMMANDS.iter().filter(|(_, _, effect)| is_run(effect)) {
            let before = runtime.block_on(said(&data));
            let line = format!(
                "portico-server --data {} {name} {}",
                data.display(),
                words(with, folder.path(), &firm)
            );
            let command =
                Command::try_parse_from(line.split_whitespace()).unwrap_or_else(|fault| panic!("{fault}"));
            let refused = run(command).err().map(|failed| failed.to_string());
            let after = runtime.block_on(said(&data));

            assert_eq!(refused.is_some(), ["seed", "admin verdict"].contains(name), "{name}: {refused:?}");
            for ((talk, before), (same, after)) in before.iter().zip(&after) {
                assert!(talk == same && after.starts_with(before), "{name} {effect}");
            }
            assert_eq!(before.len(), after.len());
        }
    }
}
