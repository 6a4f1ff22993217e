//! One side of an upload in a process of its own, so that what it uses can be read from outside.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::Failed;

/// A process that is told a line and answers with one; killed when dropped.
pub(crate) struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    pub(crate) fn start(command: std::process::Command) -> Result<Self, Failed> {
        let mut command = Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|fault| format!("{command:?}: {fault}"))?;
        let orders = child.stdin.take().ok_or("it has an input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("it has an output")?).lines();
        Ok(Self { child, orders, answers })
    }

    pub(crate) fn id(&self) -> Result<u32, Failed> {
        Ok(self.child.id().ok_or("it runs")?)
    }

    /// What a server says first: where it listens.
    pub(crate) async fn address(&mut self) -> Result<SocketAddr, Failed> {
        let line = self.answers.next_line().await?.ok_or("the server ended")?;
        Ok(line.strip_prefix("listening on http://").ok_or("the server listens")?.parse()?)
    }

    /// Gives an order and waits until it is done.
    pub(crate) async fn order(&mut self, order: &str) -> Result<(), Failed> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await?;
        let answer = self.answers.next_line().await?;
        match answer.as_deref() {
            Some("ok") => Ok(()),
            other => Err(format!("{order}: {}", other.unwrap_or("the process ended")).into()),
        }
    }
}
