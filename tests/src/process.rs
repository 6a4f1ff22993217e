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
        let seeded = command(data).args(["seed", "--json"]).output().map_err(|fault| fault.to_string())?;
        let firm = serde_json::from_slice(&seeded.stdout).map_err(|fault| format!("the seed: {fault}"))?;
        let mut child = command(data)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
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

fn command(data: &Path) -> Command {
    let mut command = Command::new(program("portico-server"));
    unset_settings(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).stderr(Stdio::null()).arg("--data").arg(data);
    command
}
