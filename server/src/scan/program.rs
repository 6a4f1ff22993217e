//! One run of the scanner: it reads a file from its standard input, and how it ends is what it says (as `clamdscan -`
//! has it: 0 clean, 1 refused).

use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;

use futures_util::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::store::Verdict;

/// Why there is no verdict. None of these names the file or its content.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanFault {
    /// It does not start, or can not be talked to.
    #[error("the scanner can not be run: {0}")]
    Program(io::Error),
    /// The file can not be read.
    #[error("the file can not be read: {0}")]
    File(io::Error),
    /// It ended in a way that says nothing.
    #[error("the scanner ended with {0:?}")]
    Ended(Option<i32>),
    /// It said clean of bytes that it never took.
    #[error("the scanner said clean and had not read the whole file")]
    Unread,
    /// It did not end in time.
    #[error("the scanner did not end in time")]
    Hung,
}

/// How much of the file the program took.
enum Taken {
    Whole,
    Part,
}

/// A scanner that runs. Dropping it kills it.
pub(super) struct Program(Child);

impl Program {
    /// Starts `command`: a program and its arguments, no shell. Of our environment it gets PATH alone: what else stands
    /// there is for the server. What it prints goes nowhere, for it may quote the file.
    pub(super) fn start(command: &[String]) -> Result<Self, ScanFault> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| ScanFault::Program(io::ErrorKind::NotFound.into()))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        // A group of its own: what it has started ends with it.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map(Self).map_err(ScanFault::Program)
    }

    /// Gives it `bytes` as they come, and waits for its end.
    pub(super) async fn judge(
        &mut self,
        bytes: impl Stream<Item = io::Result<Vec<u8>>>,
    ) -> Result<Verdict, ScanFault> {
        let taken = self.feed(bytes).await?;
        let ended = self.0.wait().await.map_err(ScanFault::Program)?;
        match (ended.code(), taken) {
            (Some(0), Taken::Whole) => Ok(Verdict::Clean),
            (Some(0), Taken::Part) => Err(ScanFault::Unread),
            // Whoever has found something need not read on.
            (Some(1), Taken::Whole | Taken::Part) => Ok(Verdict::Refused),
            (code, Taken::Whole | Taken::Part) => Err(ScanFault::Ended(code)),
        }
    }

    async fn feed(&mut self, bytes: impl Stream<Item = io::Result<Vec<u8>>>) -> Result<Taken, ScanFault> {
        // Dropped at the end of this function: the program reads the end of the file.
        let mut stdin = self.0.stdin.take().expect("the program was started with a pipe, and is fed once");
        let mut bytes = pin!(bytes);
        while let Some(some) = bytes.next().await {
            match stdin.write_all(&some.map_err(ScanFault::File)?).await {
                Ok(()) => {}
                Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => return Ok(Taken::Part),
                Err(fault) => return Err(ScanFault::Program(fault)),
            }
        }
        Ok(Taken::Whole)
    }

    /// Ends it, and what it has started, and waits until it is gone.
    pub(super) async fn end(mut self) {
        self.kill_group();
        if let Err(fault) = self.0.kill().await {
            tracing::warn!(%fault, "a scanner could not be ended");
        }
    }

    /// Its number is its own until it was waited for, so this hits nobody else.
    fn kill_group(&self) {
        #[cfg(unix)]
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            if let Err(fault) = killed {
                tracing::debug!(%fault, "a scanner has ended by itself");
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Whether `name` is a program that may be run: at its path, or in PATH where it has none.
pub(crate) fn is_program(name: &str) -> bool {
    if name.contains(std::path::is_separator) {
        return may_run(Path::new(name));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| may_run(&folder.join(name)))
}

fn may_run(path: &Path) -> bool {
    #[cfg(unix)]
    if rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_err() {
        return false;
    }
    path.is_file()
}
