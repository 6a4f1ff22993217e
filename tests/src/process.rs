//! The released binaries as processes of their own: found, started without this run's settings, ended by their id.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portico_core::ports::{Clock as _, SystemClock};
use portico_wire::ids::{ChallengeId, DeviceId};
use serde_json::Value;

/// A binary beside this test's folder: `target/debug/NAME`.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a test knows where it is");
    let folder = this.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    let folder = folder.expect("cargo puts tests below the profile's folder");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing; run: cargo build --bins", path.display());
    path
}

/// Takes the settings of whoever runs the tests away: the server refuses names that it does not know.
pub fn unset_settings(mut unset: impl FnMut(&std::ffi::OsStr)) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PORTICO_")) {
        unset(&name);
    }
}

/// The code that was mailed for `challenge` into the server's folder `data`: the indented line. The server's worker
/// writes it within a moment.
///
/// # Errors
/// In words, if no mail comes.
pub async fn mailed_code(data: &Path, challenge: &str) -> Result<String, String> {
    for _ in 0..500 {
        let mails = std::fs::read_dir(data.join("mail")).into_iter().flatten().flatten();
        let mut paths = mails.map(|mail| mail.path());
        if let Some(mail) = paths.find(|path| path.to_string_lossy().ends_with(&format!("{challenge}.eml"))) {
            let text = std::fs::read_to_string(mail).map_err(|fault| fault.to_string())?;
            let code = text.lines().find_map(|line| line.strip_prefix("    ")).map(str::trim);
            return code.map(str::to_owned).ok_or_else(|| "the mail holds no code".to_owned());
        }
        SystemClock.wait(20).await;
    }
    Err("no mail with a code arrived".to_owned())
}

/// The seeded firm on a server of its own. Dropping it ends the process.
#[derive(Debug)]
pub struct ServerProcess {
    data: PathBuf,
    child: Child,
    /// Where it listens.
    pub url: String,
    /// What `seed --json` said: ids by short name.
    pub firm: Value,
}

impl ServerProcess {
    /// Seeds the folder `data` and serves it.
    ///
    /// # Errors
    /// In words.
    pub fn seeded(data: &Path) -> Result<Self, String> {
        Self::seeded_with(data, &[])
    }

    /// The same under settings of its own: names and values of environment variables.
    ///
    /// # Errors
    /// In words.
    pub fn seeded_with(data: &Path, settings: &[(&str, &str)]) -> Result<Self, String> {
        let seeded = command(data).args(["seed", "--json"]).output().map_err(|fault| fault.to_string())?;
        let firm = serde_json::from_slice(&seeded.stdout).map_err(|fault| format!("the seed: {fault}"))?;
        let mut child = command(data)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|fault| fault.to_string())?;
        let mut output = BufReader::new(child.stdout.take().ok_or("the server is mute")?);
        let mut line = String::new();
        output.read_line(&mut line).map_err(|fault| fault.to_string())?;
        // It stays open: the server has more to say.
        child.stdout = Some(output.into_inner());
        let url = line.trim().strip_prefix("listening on ").ok_or("the server does not listen")?.to_owned();
        Ok(Self { data: data.to_owned(), child, url, firm })
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The id of a conversation of the seed, by short name.
    #[must_use]
    pub fn conversation(&self, name: &str) -> String {
        self.seeded_text(&format!("/conversations/{name}"))
    }

    /// The address of somebody of the seed, by short name.
    #[must_use]
    pub fn email(&self, name: &str) -> String {
        self.seeded_text(&format!("/people/{name}/email"))
    }

    fn seeded_text(&self, pointer: &str) -> String {
        let text = self.firm.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("the seed has no {pointer}")).to_owned()
    }

    /// The code that was mailed for `challenge`.
    ///
    /// # Errors
    /// In words, if no mail comes.
    pub async fn code(&self, challenge: ChallengeId) -> Result<String, String> {
        mailed_code(&self.data, &challenge.to_string()).await
    }

    /// The newest payload handed over for a device, as a push provider would carry it, once there is one.
    ///
    /// # Errors
    /// In words, if none comes.
    pub async fn push(&self, device: DeviceId) -> Result<String, String> {
        for _ in 0..500 {
            let files = std::fs::read_dir(self.data.join("push").join(device.to_string()));
            let files = files.into_iter().flatten().flatten().map(|file| file.path());
            let newest = files.max_by_key(|path| (path.as_os_str().len(), path.clone()));
            // A file is renamed into place whole.
            if let Some(text) = newest.and_then(|path| std::fs::read_to_string(path).ok()) {
                return Ok(text);
            }
            SystemClock.wait(20).await;
        }
        Err("no push came".to_owned())
    }

    /// SIGKILL, and then every hash of its log and files computed anew: what `verify` says.
    ///
    /// # Errors
    /// In words, if it finds a fault.
    pub fn verify(&mut self) -> Result<String, String> {
        self.kill();
        let output = command(&self.data).arg("verify").output().map_err(|fault| fault.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let whole = output.status.success() && said.contains(" 0 faults");
        if whole { Ok(said) } else { Err(format!("the server's data is damaged: {said}")) }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A phone of the terminal client: a home folder, and one process for each command.
#[derive(Debug)]
pub struct PhoneProcess {
    home: PathBuf,
}

impl PhoneProcess {
    /// The phone whose home is `home`.
    #[must_use]
    pub const fn at(home: PathBuf) -> Self {
        Self { home }
    }

    /// Runs one command to its end: the document it prints.
    ///
    /// # Errors
    /// What it printed, if it did not succeed.
    pub async fn run(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut command = tokio::process::Command::new(program("portico"));
        unset_settings(|name| {
            command.env_remove(name);
        });
        command.kill_on_drop(true).stdin(Stdio::null()).arg("--json").arg("--home").arg(&self.home);
        let output = command.args(arguments).output().await.map_err(|fault| fault.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(format!("portico {}: {said}", arguments.join(" ")));
        }
        serde_json::from_str(&said)
            .map_err(|fault| format!("portico {}: {fault}: {said}", arguments.join(" ")))
    }

    /// Signs somebody of `server`'s seed in, over the address `url`, with the code that was mailed.
    ///
    /// # Errors
    /// In words.
    pub async fn sign_in(&self, server: &ServerProcess, url: &str, person: &str) -> Result<(), String> {
        self.sign_in_as(server, url, &server.email(person)).await
    }

    /// The same for any address.
    ///
    /// # Errors
    /// In words.
    pub async fn sign_in_as(&self, server: &ServerProcess, url: &str, email: &str) -> Result<(), String> {
        let begun = self.run(&["sign-in", "--begin", "--server", url, "--email", email]).await?;
        let challenge =
            begun.pointer("/challenge_id").and_then(Value::as_str).ok_or("no challenge was begun")?;
        let code = mailed_code(&server.data, challenge).await?;
        self.run(&["sign-in", "--code", &code]).await.map(|_| ())
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(program("portico-server"));
    unset_settings(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).stderr(Stdio::null()).arg("--data").arg(data);
    command
}
