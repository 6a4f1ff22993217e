//! What a process uses, read from outside it: processor time, memory, and what it asks the disk to make durable.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Failed;

/// Processor time of each thread of a process so far, in nanoseconds. A thread that ends takes its time along: the
/// pools of both sides keep an idle thread for seconds, so none ends within a round that it worked in.
#[derive(Debug)]
pub(crate) struct Cpu(BTreeMap<std::ffi::OsString, u64>);

impl Cpu {
    /// Reads it; `stat` counts in ticks of 10 ms, which is as long as a small batch.
    pub(crate) fn of(process: u32) -> Result<Self, Failed> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task"))?.flatten();
        let times = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some((thread.file_name(), text.split(' ').next()?.parse().ok()?))
        });
        Ok(Self(times.collect()))
    }

    /// What was used since then, in microseconds.
    pub(crate) fn since(&self, before: &Self) -> f64 {
        let used = self.0.iter().map(|(thread, time)| time - before.0.get(thread).unwrap_or(&0));
        used.sum::<u64>() as f64 / 1_000.0
    }
}

/// Lets the highest mark of a process's memory begin anew; gives what is resident, in megabytes.
pub(crate) fn begin_peak(process: u32) -> Result<f64, Failed> {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
    megabytes(process, "VmRSS:")
}

/// The most that was resident since [`begin_peak`], in megabytes.
pub(crate) fn peak(process: u32) -> Result<f64, Failed> {
    megabytes(process, "VmHWM:")
}

fn megabytes(process: u32, name: &str) -> Result<f64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("the status has it")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1_024.0 / 1e6)
}

/// `strace` on one process, which slows it: what it counts is not timed.
pub(crate) struct Syncs {
    strace: Child,
    log: PathBuf,
}

impl Syncs {
    /// Attaches to every thread of `process`; none where there is no `strace`, or it may not.
    pub(crate) async fn watch(process: u32, log: PathBuf) -> Option<Self> {
        let mut strace = Command::new("strace")
            .args(["-f", "-e", "trace=fsync,fdatasync,sync_file_range,sync,syncfs,msync", "-o"])
            .arg(&log)
            .args(["-p", &process.to_string()])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut said = BufReader::new(strace.stderr.take()?).lines();
        let attached = said.next_line().await.ok()??.contains(" attached");
        // It says one line per thread, and stops if nobody reads them.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        attached.then_some(Self { strace, log })
    }

    /// Detaches; how many calls there were.
    pub(crate) async fn count(mut self) -> Result<usize, Failed> {
        let id = self.strace.id().ok_or("strace runs")?.to_string();
        Command::new("kill").args(["-INT", &id]).status().await?;
        self.strace.wait().await?;
        let text = std::fs::read_to_string(&self.log)?;
        // A call that was interrupted by another thread's has a second line: `<... fsync resumed>`.
        let calls = ["fsync(", "fdatasync(", "sync_file_range(", " sync(", "syncfs(", "msync("];
        Ok(text.lines().filter(|line| calls.iter().any(|call| line.contains(call))).count())
    }
}
