//! One contender of the uploads: a server and a sender, each in a process of its own, and a line between them.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum as _;
use portico_core::ports::{Clock as _, SystemClock};
use portico_server::ports::Stopwatch;
use portico_tests::process::ServerProcess;
use portico_tests::slow_line::{Requests, SlowLine};

use crate::Failed;
use crate::comparison::Taken;
use crate::office::{real_phone, sign_in};
use crate::peer::Peer;
use crate::raw_put::Writes;
use crate::usage::{Cpu, Syncs, begin_peak, peak};

/// Who uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Portico(Pack),
    Raw(Writes),
    Tus(usize, Creation),
}

/// Whether the disk had time for the phone's pack between the last pick and "send".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pack {
    JustPicked,
    OnDisk,
}

/// What the first of a file's requests carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    /// Nothing: a second one brings the bytes. tus-js-client's default.
    Bare,
    /// The bytes.
    WithUpload,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portico(Pack::JustPicked) => write!(f, "Portico"),
            Self::Portico(Pack::OnDisk) => write!(f, "Portico, the picked files on the disk already"),
            Self::Raw(Writes::Straight) => write!(f, "one raw PUT, one fdatasync"),
            Self::Raw(Writes::TokioFs) => write!(f, "the same through tokio::fs"),
            Self::Tus(at_once, Creation::Bare) => write!(f, "tus, {at_once} at once"),
            Self::Tus(at_once, Creation::WithUpload) => {
                write!(f, "tus, {at_once} at once, bytes in the first request")
            }
        }
    }
}

/// What all contenders of a case have.
pub(crate) struct Stage<'a> {
    /// Everything of this case lies in it.
    pub(crate) folder: &'a Path,
    /// The files that are sent, and nothing else, lie in it.
    pub(crate) files: &'a Path,
    /// As many bytes in one file, as they are on Portico's wire.
    pub(crate) pack: &'a Path,
    /// The folder of tests/tus, installed.
    pub(crate) tus: Option<&'a Path>,
    /// One way.
    pub(crate) delay_ms: u64,
    pub(crate) portico: &'a ServerProcess,
}

/// A way from the sender to the server.
struct Way {
    /// What the sender is told to open: a phone's folder that knows the address, or the address.
    open: String,
    line: Option<SlowLine>,
}

/// One contender.
pub(crate) struct Lane {
    pub(crate) contender: Contender,
    pub(crate) taken: Taken,
    sender: Peer,
    server: u32,
    /// None where it is Portico's, which all its lanes share.
    _serving: Option<Peer>,
    timed: Way,
    counted: Way,
    /// Emptied after each round; Portico keeps what it accepted.
    out: PathBuf,
}

impl Lane {
    /// Starts both processes; a phone is signed in.
    pub(crate) async fn open(contender: Contender, number: usize, stage: &Stage<'_>) -> Result<Self, Failed> {
        let own = stage.folder.join(format!("lane-{number}"));
        let out = own.join("out");
        std::fs::create_dir_all(&out)?;
        let this = std::env::current_exe()?;
        let mut sends = Command::new(&this);
        let mut serves = None;
        match contender {
            Contender::Portico(_) => {
                sends.args(["--send-of", "phone", &stage.portico.conversation("claim")]).arg(stage.files);
            }
            Contender::Raw(writes) => {
                sends.args(["--send-of", "raw"]).arg(stage.pack);
                let writes = writes.to_possible_value().ok_or("a way to write has a name")?;
                let mut command = Command::new(&this);
                command.arg("--take-raw").arg(out.join("taken")).args(["--writes", writes.get_name()]);
                serves = Some(command);
            }
            Contender::Tus(at_once, creation) => {
                let tus = stage.tus.ok_or("tus is only measured where it is")?;
                let creation = if creation == Creation::Bare { "default" } else { "early" };
                sends = Command::new("node");
                sends.arg(tus.join("client.mjs")).arg(stage.files).args([&at_once.to_string(), creation]);
                let mut command = Command::new("node");
                command.arg(tus.join("server.mjs")).arg(&out);
                serves = Some(command);
            }
        }
        let mut serving = serves.map(Peer::start).transpose()?;
        let (address, server) = match &mut serving {
            Some(serving) => (serving.address().await?, serving.id()?),
            None => {
                let address = stage.portico.url.strip_prefix("http://").ok_or("it speaks plain HTTP")?;
                (address.parse()?, stage.portico.id())
            }
        };
        let sender = Peer::start(sends)?;
        let mut ways = Vec::new();
        for requests in [Requests::Ignored, Requests::Counted] {
            ways.push(Way::open(contender, stage, &own, address, requests).await?);
        }
        let [timed, counted] = <[Way; 2]>::try_from(ways).map_err(|_| "there are two")?;
        let taken = Taken::default();
        Ok(Self { contender, taken, sender, server, _serving: serving, timed, counted, out })
    }

    /// One round that nothing is added to the times by: requests and fsyncs are counted, and caches warmed.
    pub(crate) async fn count(&mut self) -> Result<(), Failed> {
        self.prepare(Requests::Counted).await?;
        let before = self.counted.requests();
        let client = Syncs::watch(self.sender.id()?, self.out.with_extension("client")).await;
        let server = Syncs::watch(self.server, self.out.with_extension("server")).await;
        self.go().await?;
        self.taken.syncs = match (client, server) {
            (Some(client), Some(server)) => Some((client.count().await?, server.count().await?)),
            _ => None,
        };
        self.taken.requests = self.counted.requests() - before;
        self.empty()
    }

    /// One round.
    pub(crate) async fn measure(&mut self) -> Result<(), Failed> {
        self.prepare(Requests::Ignored).await?;
        let (client, server) = (Cpu::of(self.sender.id()?)?, Cpu::of(self.server)?);
        let took = self.go().await?;
        // What a server does after its answer is part of the price.
        SystemClock.wait(AFTER_MS).await;
        self.taken.time.add(took);
        self.taken.client_cpu.add(Cpu::of(self.sender.id()?)?.since(&client));
        self.taken.server_cpu.add(Cpu::of(self.server)?.since(&server));
        self.empty()
    }

    /// Sends; microseconds from the order to its answer.
    async fn go(&mut self) -> Result<f64, Failed> {
        let process = self.sender.id()?;
        let resident = begin_peak(process)?;
        let began = Stopwatch::start();
        self.sender.order("go").await?;
        let took = began.elapsed().as_secs_f64() * 1e6;
        self.taken.memory = self.taken.memory.max(peak(process)? - resident);
        Ok(took)
    }

    /// Everything up to "send". What other contenders wrote does not reach the disk within this round.
    async fn prepare(&mut self, requests: Requests) -> Result<(), Failed> {
        sync_disks()?;
        let way = if requests == Requests::Counted { &self.counted } else { &self.timed };
        self.sender.order(&format!("open {}", way.open)).await?;
        if self.contender == Contender::Portico(Pack::OnDisk) {
            sync_disks()?;
        }
        Ok(())
    }

    fn empty(&self) -> Result<(), Failed> {
        for file in std::fs::read_dir(&self.out)? {
            std::fs::remove_file(file?.path())?;
        }
        Ok(())
    }
}

impl Way {
    /// That passed here; 0 where nobody counts.
    fn requests(&self) -> u64 {
        self.line.as_ref().and_then(SlowLine::requests).unwrap_or(0)
    }

    async fn open(
        contender: Contender,
        stage: &Stage<'_>,
        own: &Path,
        server: SocketAddr,
        requests: Requests,
    ) -> Result<Self, Failed> {
        let line = if stage.delay_ms > 0 || requests == Requests::Counted {
            Some(SlowLine::open(server, stage.delay_ms, requests).await?)
        } else {
            None
        };
        let url = format!("http://{}", line.as_ref().map_or(server, |line| line.address));
        let mut open = url.clone();
        if matches!(contender, Contender::Portico(_)) {
            let home = own.join(format!("{requests:?}"));
            let mail = stage.folder.join("server").join("mail");
            let email = stage.portico.email("amina");
            let portal = sign_in(&real_phone(&home)?, &url, &email, &mail, None).await?;
            portal.catch_up().await?;
            open = home.to_string_lossy().into_owned();
        }
        Ok(Self { open, line })
    }
}

/// Until everything that was written is on the disk.
fn sync_disks() -> Result<(), Failed> {
    let done = Command::new("sync").status()?;
    if done.success() { Ok(()) } else { Err("sync failed".into()) }
}

/// Until a server has done what it does after its answer.
const AFTER_MS: u64 = 200;
