//! The processes: one server, phones, and the files that hold what each of them said.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use portico_core::ports::Dice as _;
use portico_core::testing::SeededDice;
use portico_tests::process::{mailed_code, program, unset_settings};
use portico_wire::encoding::Sha256;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::network::Network;
use crate::{HANGS_AFTER, Outcome};

/// A data folder with the seeded firm, the homes of phones, and the network between them.
pub(crate) struct Stage {
    folder: TempDir,
    phone_program: PathBuf,
    server_program: PathBuf,
    pub(crate) network: Network,
    server: Option<Child>,
    /// Ids of conversations by short name.
    pub(crate) conversations: Value,
}

/// A process of a phone.
pub(crate) struct Running {
    pub(crate) child: Child,
    said: PathBuf,
}

/// How a process of a phone ended.
pub(crate) struct Ended {
    /// Whether SIGKILL ended it.
    pub(crate) killed: bool,
    /// The document it printed, if it got that far.
    pub(crate) said: Option<Value>,
}

impl Stage {
    /// Builds the stage; the server is up.
    pub(crate) async fn build() -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
        let mut stage = Self {
            phone_program: program("portico"),
            server_program: program("portico-server"),
            folder,
            network: Network::open().await?,
            server: None,
            conversations: Value::Null,
        };
        let seeded =
            stage.server_command(&["seed", "--json"]).output().await.map_err(|fault| fault.to_string())?;
        let firm: Value =
            serde_json::from_slice(&seeded.stdout).map_err(|fault| format!("the seed: {fault}"))?;
        stage.conversations = firm["conversations"].clone();
        stage.start_server().await?;
        Ok(stage)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    fn server_command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(&self.server_program);
        command.arg("--data").arg(self.data()).args(arguments);
        command
    }

    pub(crate) fn is_server_up(&self) -> bool {
        self.server.is_some()
    }

    /// A server's process whose first word has not come yet.
    pub(crate) fn spawn_server(&self) -> Outcome<Child> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("server.log"));
        self.server_command(&["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log.map_err(|fault| fault.to_string())?)
            .spawn()
            .map_err(|fault| format!("the server's process: {fault}"))
    }

    /// Starts the server and leads the network to it.
    pub(crate) async fn start_server(&mut self) -> Outcome {
        let mut child = self.spawn_server()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("the server is mute")?).lines();
        let line = tokio::time::timeout(HANGS_AFTER, lines.next_line()).await;
        let line = line.map_err(|_| "the server hangs at its start")?.map_err(|fault| fault.to_string())?;
        let address: Option<SocketAddr> = line
            .as_deref()
            .and_then(|line| line.strip_prefix("listening on http://"))
            .and_then(|address| address.parse().ok());
        if address.is_none() {
            return Err(format!("the server does not start: {line:?}\n{}", self.server_log()));
        }
        self.network.lead_to(address);
        // Its later lines go nowhere: they are few, and the pipe holds them.
        child.stdout = Some(lines.into_inner().into_inner());
        self.server = Some(child);
        Ok(())
    }

    /// SIGKILL to the server, if it is up. Whether it was.
    pub(crate) async fn kill_server(&mut self) -> Outcome<bool> {
        self.network.lead_to(None);
        let Some(mut child) = self.server.take() else { return Ok(false) };
        child.kill().await.map_err(|fault| format!("the server's process: {fault}"))?;
        Ok(true)
    }

    /// The end of what the server logged.
    pub(crate) fn server_log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Starts a command on the phone `home`; `text` is its standard input.
    pub(crate) fn spawn_phone(&self, home: &str, arguments: &[&str], text: Option<&str>) -> Outcome<Running> {
        let said = self.folder.path().join(format!("{home}.said"));
        // Files, not pipes: what a killed process said is in them, and none of them fills up.
        let input = match text {
            None => Stdio::null(),
            Some(text) => {
                let path = self.folder.path().join(format!("{home}.text"));
                fs::write(&path, text).map_err(|fault| fault.to_string())?;
                File::open(path).map_err(|fault| fault.to_string())?.into()
            }
        };
        let mut command = bare(&self.phone_program);
        command.arg("--json").arg("--home").arg(self.folder.path().join(home)).args(arguments);
        let output = File::create(&said).map_err(|fault| fault.to_string())?;
        let child = command.stdin(input).stdout(output).spawn();
        Ok(Running { child: child.map_err(|fault| format!("the phone's process: {fault}"))?, said })
    }

    /// Writes two files of `bytes` together, drawn anew: their paths, and their hashes.
    pub(crate) fn write_files(&self, dice: &SeededDice, bytes: u64) -> Outcome<([String; 2], Vec<String>)> {
        let split = dice.below(bytes);
        let mut hashes = Vec::new();
        let paths = [("one", split), ("two", bytes - split)].map(|(name, size)| {
            let mut bytes = vec![0; usize::try_from(size).unwrap()];
            dice.fill(&mut bytes);
            hashes.push(Sha256::of(&[&bytes]).to_string());
            let path = self.folder.path().join(name);
            fs::write(&path, bytes).map(|()| path.display().to_string())
        });
        let [one, two] = paths.map(|path| path.map_err(|fault| fault.to_string()));
        Ok(([one?, two?], hashes))
    }

    /// Runs a command on the phone `home` that nothing interrupts; it must succeed.
    pub(crate) async fn on_phone(
        &self,
        home: &str,
        arguments: &[&str],
        text: Option<&str>,
    ) -> Outcome<Value> {
        let ended = self.spawn_phone(home, arguments, text)?.end().await?;
        ended.said.ok_or_else(|| format!("portico {} on {home} said nothing", arguments.join(" ")))
    }

    /// Signs `email` in on the phone `home`, with the code from the server's mail folder.
    pub(crate) async fn sign_in(&self, home: &str, email: &str) -> Outcome {
        let begin = ["sign-in", "--begin", "--server", &self.network.url(), "--email", email];
        let begun = self.on_phone(home, &begin, None).await?;
        let challenge = begun["challenge_id"].as_str().ok_or("no challenge was begun")?;
        let code = mailed_code(&self.data(), challenge)
            .await
            .map_err(|fault| format!("{fault}\n{}", self.server_log()))?;
        self.on_phone(home, &["sign-in", "--code", &code], None).await.map(|_| ())
    }

    /// What `portico-server verify` says of the stopped server: how many entries its log has.
    pub(crate) async fn verify(&self) -> Outcome<u64> {
        let output = self.server_command(&["verify"]).output().await.map_err(|fault| fault.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || !said.contains(" 0 faults") {
            return Err(format!(
                "the server's log is damaged: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        let entries = said.split(", ").find_map(|part| part.strip_suffix(" entries")?.parse().ok());
        entries.ok_or_else(|| format!("verify says something new: {said}"))
    }

    /// Asks SQLite itself whether the stopped server's file is whole.
    pub(crate) fn check_database(&self) -> Outcome {
        let checked = rusqlite::Connection::open(self.data().join("portico.db")).and_then(|database| {
            database.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        });
        match checked {
            Ok(word) if word == "ok" => Ok(()),
            other => Err(format!("the server's database is damaged: {other:?}")),
        }
    }
}

impl Running {
    /// SIGKILL, if it still runs.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself a moment ago.
        drop(self.child.start_kill());
    }

    /// Waits for the end. A process that was not killed must have succeeded.
    pub(crate) async fn end(mut self) -> Outcome<Ended> {
        let status = tokio::time::timeout(HANGS_AFTER, self.child.wait()).await;
        let status = status.map_err(|_| "a phone's process hangs")?.map_err(|fault| fault.to_string())?;
        let text = fs::read_to_string(&self.said).map_err(|fault| fault.to_string())?;
        let killed = is_killed(status);
        if !killed && !status.success() {
            return Err(format!("a phone's process fails: {text}"));
        }
        // Half a document says nothing.
        Ok(Ended { killed, said: serde_json::from_str(&text).ok() })
    }
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status).is_some()
}

#[cfg(not(unix))]
fn is_killed(status: ExitStatus) -> bool {
    !status.success()
}

/// A command without the settings of whoever runs the tests.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    unset_settings(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}
