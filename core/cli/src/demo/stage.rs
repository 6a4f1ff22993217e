//! What the demo plays on: a data folder, the server's process, the phones' processes, the network between them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::Ordering;

use portico_core::ports::{Clock as _, SystemClock};
use portico_server::App;
use portico_server::config::Config;
use portico_server::ports::Ports;
use portico_server::seed::SeededFirm;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::proxy::Proxy;
use crate::phone::CliError;

/// A step that was played, and what was seen.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) what: String,
    pub(super) seen: String,
    pub(super) took_ms: i64,
}

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    program: PathBuf,
    pub(super) firm: SeededFirm,
    pub(super) network: Proxy,
    server: Option<(Child, SocketAddr)>,
    pub(super) steps: Vec<Step>,
    step_began_ms: i64,
    pub(super) began_ms: i64,
}

impl Stage {
    /// A seeded firm in a new folder; nothing runs yet.
    pub(super) async fn build() -> Result<Self, CliError> {
        let began_ms = SystemClock.now_ms();
        let folder = std::env::temp_dir().join(format!("portico-demo-{}-{began_ms}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(io("the demo's folder"))?;
        let program = std::env::current_exe().map_err(io("this program"))?;
        let app = open_server(Config::in_folder(folder.join("server")))?;
        let firm = portico_server::seed::seed(&app)
            .await
            .map_err(|fault| CliError::Demo(format!("the seed: {fault}")))?;
        drop(app);
        let network = Proxy::new().await?;
        Ok(Self {
            folder,
            program,
            firm,
            network,
            server: None,
            steps: Vec::new(),
            step_began_ms: began_ms,
            began_ms,
        })
    }

    /// Notes that a step ended as it must.
    pub(super) fn seen(&mut self, what: &str, seen: impl Into<String>) {
        let now_ms = SystemClock.now_ms();
        let took_ms = now_ms - self.step_began_ms;
        self.step_began_ms = now_ms;
        self.steps.push(Step { what: what.to_owned(), seen: seen.into(), took_ms });
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("server")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn config(&self) -> Config {
        Config::in_folder(self.data())
    }

    /// Recomputes every hash of the log; how many entries it has. The server must be stopped.
    pub(super) async fn verify_log(&self) -> Result<u64, CliError> {
        let report = open_server(self.config())?
            .verify()
            .await
            .map_err(|fault| CliError::Demo(format!("the log: {fault}")))?;
        match report.faults.first() {
            None => Ok(report.entries),
            Some(fault) => Err(CliError::Demo(format!("the log: {fault}"))),
        }
    }

    /// Starts the server's process and connects the network to it.
    pub(super) async fn start_server(&mut self) -> Result<(), CliError> {
        let mut child = Command::new(&self.program)
            .args(["demo-part", "serve"])
            .arg(self.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(io("the server's process"))?;
        let stdout = child.stdout.take().ok_or_else(|| CliError::Demo("the server is mute".to_owned()))?;
        let line = BufReader::new(stdout).lines().next_line().await.map_err(io("the server's process"))?;
        let address = line
            .and_then(|line| line.trim().parse().ok())
            .ok_or_else(|| CliError::Demo("the server did not start".to_owned()))?;
        self.network.connect(address).await?;
        self.server = Some((child, address));
        Ok(())
    }

    /// Kills the server's process (SIGKILL) and takes the network away.
    pub(super) async fn kill_server(&mut self) -> Result<(), CliError> {
        self.network.disconnect().await;
        if let Some((mut child, _)) = self.server.take() {
            child.kill().await.map_err(io("the server's process"))?;
        }
        Ok(())
    }

    fn phone(&self, home: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--json").arg("--home").arg(self.path(home)).args(arguments);
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        command
    }

    /// Runs the app on the phone `home` once, and reads what it says.
    pub(super) async fn on_phone(&self, home: &str, arguments: &[&str]) -> Result<Value, CliError> {
        let output = self.phone(home, arguments).output().await.map_err(io("the phone's process"))?;
        said(&output).ok_or_else(|| {
            CliError::Demo(format!(
                "portico {} on {home} said {}",
                arguments.first().unwrap_or(&""),
                String::from_utf8_lossy(&output.stdout).trim()
            ))
        })
    }

    /// Runs the app on the phone `home` and kills it (SIGKILL) once it has printed `lines` lines. How many it had
    /// printed when it died.
    pub(super) async fn kill_on_phone(
        &self,
        home: &str,
        arguments: &[&str],
        lines: usize,
    ) -> Result<usize, CliError> {
        let mut child =
            self.phone(home, arguments).stdout(Stdio::piped()).spawn().map_err(io("the phone's process"))?;
        let stdout = child.stdout.take().ok_or_else(|| CliError::Demo("the phone is mute".to_owned()))?;
        let mut said = BufReader::new(stdout).lines();
        let mut count = 0;
        while count < lines && said.next_line().await.map_err(io("the phone's process"))?.is_some() {
            count += 1;
        }
        child.kill().await.map_err(io("the phone's process"))?;
        while said.next_line().await.map_err(io("the phone's process"))?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Signs `email` in on the phone `home`, with the code from the server's mail folder.
    pub(super) async fn sign_in(&self, home: &str, email: &str) -> Result<(), CliError> {
        let before = files(&self.data().join("mail"));
        let url = self.network.url();
        self.on_phone(home, &["sign-in", "--begin", "--server", &url, "--email", email]).await?;
        let mail =
            wait_for(|| files(&self.data().join("mail")).into_iter().find(|file| !before.contains(file)))
                .await
                .ok_or_else(|| CliError::Demo("no mail with a code arrived".to_owned()))?;
        let text = std::fs::read_to_string(&mail).map_err(io("the mail"))?;
        let code = code_in(&text).ok_or_else(|| CliError::Demo("the mail holds no code".to_owned()))?;
        self.on_phone(home, &["sign-in", "--code", &code]).await?;
        Ok(())
    }

    /// Begins a command on a phone, and gives its process once `bytes` have passed the network.
    pub(super) async fn within_bytes(
        &self,
        home: &str,
        arguments: &[&str],
        bytes: u64,
    ) -> Result<Child, CliError> {
        let mut command = self.phone(home, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let passed = &self.network.counters().bytes;
        let until = passed.load(Ordering::Relaxed) + bytes;
        let mut child = command.spawn().map_err(io("the app's process"))?;
        while passed.load(Ordering::Relaxed) < until {
            if child.try_wait().map_err(io("the app's process"))?.is_some() {
                return Err(CliError::Demo(format!("it ended before {bytes} bytes had passed")));
            }
            SystemClock.wait(1).await;
        }
        Ok(child)
    }

    /// The pushes that the server handed over for any device, oldest first, once there are `count` or more.
    pub(super) async fn pushes(&self, device: &str, count: usize) -> Vec<PathBuf> {
        let folder = self.data().join("push").join(device);
        wait_for(|| Some(files(&folder)).filter(|files| files.len() >= count))
            .await
            .unwrap_or_else(|| files(&folder))
    }

    /// Forgets the pushes of before, as a provider that has delivered them would.
    pub(super) fn forget_pushes(&self) {
        // There is nothing to forget where no push was handed over.
        let _ = std::fs::remove_dir_all(self.data().join("push"));
    }

    /// Says how to sign in, and keeps the server up until Ctrl-C.
    pub(super) async fn stay(&mut self) -> Result<(), CliError> {
        self.start_server().await?;
        println!("\nThe server stays up at {} until Ctrl-C.", self.network.url());
        println!(
            "Sign in as a client: portico --home /tmp/amina sign-in --server {} --email {AMINA}",
            self.network.url()
        );
        println!(
            "Sign in as staff:    portico --home /tmp/mara sign-in --server {} --email {MARA}",
            self.network.url()
        );
        println!("Codes arrive in {}", self.data().join("mail").display());
        tokio::signal::ctrl_c().await.map_err(io("Ctrl-C"))?;
        self.kill_server().await
    }

    /// Removes what the demo made.
    pub(super) fn clear(&self) {
        // A folder that can not be removed is in the system's own folder for such things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The server as a library, for what is done while no server runs.
fn open_server(config: Config) -> Result<App, CliError> {
    App::open(config, Ports::real()).map_err(|fault| CliError::Demo(format!("the server: {fault}")))
}

/// The client of the demo.
pub(super) const AMINA: &str = "amina@clients.example";
/// The lawyer of the demo.
pub(super) const MARA: &str = "mara@harbourlane.example";

fn said(output: &Output) -> Option<Value> {
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    if text.trim().is_empty() {
        Some(Value::Null)
    } else {
        serde_json::from_str(text.trim()).ok().or(Some(Value::Null))
    }
}

/// The first code-like word: four, hyphen, four.
fn code_in(mail: &str) -> Option<String> {
    let is_code = |word: &&str| {
        word.len() == 9
            && word.chars().enumerate().all(|(place, c)| {
                if place == 4 { c == '-' } else { c.is_ascii_uppercase() || c.is_ascii_digit() }
            })
    };
    mail.split_whitespace().find(is_code).map(str::to_owned)
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml" || extension == "json"))
        .collect();
    // Names are numbers: by length first, then by letter.
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    found
}

/// Looks every 20 ms for up to 10 s: the server's workers are processes of their own.
async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..500 {
        if let Some(found) = look() {
            return Some(found);
        }
        SystemClock.wait(20).await;
    }
    None
}

pub(super) fn io(what: &'static str) -> impl Fn(std::io::Error) -> CliError {
    move |fault| CliError::Demo(format!("{what}: {fault}"))
}
