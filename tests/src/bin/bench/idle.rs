//! What a server that does nothing costs: resident memory of the real binary, alone and with 1,000 idle long polls.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::Method;
use portico_core::ports::{Clock as _, SystemClock};
use portico_core::store::Fact;
use portico_wire::sync::Cursor;
use tokio::task::JoinSet;

use crate::figures::{Figure, grouped};
use crate::line::Line;
use crate::office::{real_phone, sign_in};
use crate::table::{Budget, Table};
use crate::{Failed, say};

const POLLS: usize = 1_000;
/// Until the server has settled, in milliseconds.
const SETTLE_MS: u64 = 3_000;

/// The server's process; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Adds the rows; without the binary beside this one or without `/proc`, says so and adds none.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    let program = beside.join(format!("portico-server{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() || !Path::new("/proc/self/status").exists() {
        say(
            "idle: skipped; it needs /proc, and portico-server beside this binary (cargo build --release --bins)",
        );
        return Ok(());
    }
    say("idle");
    let folder = tempfile::tempdir_in(beside)?;
    let data = folder.path().join("server");
    let seeded =
        Command::new(&program).arg("--data").arg(&data).arg("seed").stdout(Stdio::null()).status()?;
    if !seeded.success() {
        return Err("the server was not seeded".into());
    }
    let server = start(&program, &data)?;
    SystemClock.wait(SETTLE_MS).await;
    let idle = resident_megabytes(&server)?;
    table.add(
        "server: idle, resident",
        Figure::Megabytes(idle),
        None,
        Budget::AtMost(Figure::Megabytes(60.0)),
    );
    let polling = poll(&server, &folder.path().join("phone"), &data.join("mail")).await?;
    SystemClock.wait(SETTLE_MS).await;
    let with_polls = resident_megabytes(&server)?;
    if polling.len() < POLLS {
        return Err("some polls did not stay".into());
    }
    table.add(
        format!("server: {} idle long polls, more", grouped(POLLS as u64)),
        Figure::Megabytes(with_polls - idle),
        Some(("the idle server", Figure::Megabytes(idle))),
        Budget::AtMost(Figure::Megabytes(50.0)),
    );
    Ok(())
}

fn start(program: &Path, data: &Path) -> Result<Server, Failed> {
    let mut child = Command::new(program)
        .arg("--data")
        .arg(data)
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut output = std::io::BufReader::new(child.stdout.take().ok_or("the server has an output")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    // It stays open: the server has more to say.
    child.stdout = Some(output.into_inner());
    let address = line.trim().strip_prefix("listening on http://").ok_or("the server listens")?.parse()?;
    Ok(Server { child, address })
}

/// Opens the polls of one signed-in device, each on a connection of its own, and waits for none of them.
async fn poll(server: &Server, home: &Path, mail: &Path) -> Result<JoinSet<()>, Failed> {
    let url = format!("http://{}", server.address);
    let portal = sign_in(&real_phone(home)?, &url, "amina@clients.example", mail, None).await?;
    portal.catch_up().await?;
    let (access, epoch, seq) = portal.store().read(|reading| {
        Ok::<_, portico_core::store::StoreError>((
            reading.access()?,
            reading.epoch()?,
            reading.fact(Fact::Cursor)?,
        ))
    })?;
    let token = access.ok_or("the phone has a token")?.access_token;
    let cursor = Cursor { epoch: epoch.ok_or("the phone has an epoch")?, seq: seq.unwrap_or(0) };
    let path = format!("/v1/sync?cursor={cursor}&wait=25");
    let mut polling = JoinSet::new();
    for _ in 0..POLLS {
        let mut line = Line::open(server.address, Some(&token)).await?;
        let path = path.clone();
        polling.spawn(async move {
            // An answer within the time of the measurement ends the task, and the measurement sees it.
            drop(line.ask(Method::GET, &path, Vec::new()).await);
        });
    }
    SystemClock.wait(SETTLE_MS).await;
    if polling.try_join_next().is_some() {
        return Err("a long poll was answered at once".into());
    }
    Ok(polling)
}

/// `VmRSS`, in megabytes.
fn resident_megabytes(server: &Server) -> Result<f64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the status has VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1_024.0 / 1e6)
}
