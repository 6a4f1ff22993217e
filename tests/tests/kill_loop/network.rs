//! The network between phones and a server whose port changes: one address for all, with a trap that stops the
//! traffic after a drawn number of bytes, so that a process can be killed in the middle of a request or an answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::Outcome;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the phone to the server.
    Up,
    /// Back.
    Down,
}

/// The network.
pub(crate) struct Network {
    address: SocketAddr,
    line: Arc<Line>,
    /// Ends with this value, and every connection with it.
    _carrying: JoinSet<()>,
}

/// What every connection shares.
struct Line {
    /// Guards where the server is; none while it is down.
    server: Mutex<Option<SocketAddr>>,
    /// Guards the trap: which way, and how many bytes still pass.
    trap: Mutex<Option<(Way, usize)>>,
    sprung: Notify,
    /// Counts how often what is held was let go.
    let_go: watch::Sender<u64>,
}

impl Network {
    /// An address on loopback, with no server behind it yet.
    pub(crate) async fn open() -> Outcome<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|fault| fault.to_string())?;
        let address = listener.local_addr().map_err(|fault| fault.to_string())?;
        let line = Arc::new(Line {
            server: Mutex::default(),
            trap: Mutex::default(),
            sprung: Notify::new(),
            let_go: watch::Sender::new(0),
        });
        let mut carrying = JoinSet::new();
        carrying.spawn(accept(listener, Arc::clone(&line)));
        Ok(Self { address, line, _carrying: carrying })
    }

    /// What phones know.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads to `server` from here on; none refuses.
    pub(crate) fn lead_to(&self, server: Option<SocketAddr>) {
        *self.line.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// Lets `bytes` pass that way, then holds everything of that connection. Ends when the trap has sprung.
    pub(crate) async fn trap(&self, way: Way, bytes: usize) {
        *self.line.trap.lock().unwrap_or_else(PoisonError::into_inner) = Some((way, bytes));
        self.line.sprung.notified().await;
    }

    /// Takes the trap away and breaks what it holds.
    pub(crate) fn let_go(&self) {
        *self.line.trap.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.line.let_go.send_modify(|count| *count += 1);
    }
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    while let Ok((phone, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let server = *line.server.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Arc::clone(&line);
        connections.spawn(async move {
            if let Some(server) = server
                && let Ok(server) = TcpStream::connect(server).await
            {
                line.carry(phone, server).await;
            }
        });
    }
}

impl Line {
    /// Until either side ends, or the trap's victim is dead.
    async fn carry(&self, mut phone: TcpStream, mut server: TcpStream) {
        let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        let mut let_go = self.let_go.subscribe();
        loop {
            let (way, read) = tokio::select! {
                read = phone.read(&mut up) => (Way::Up, read),
                read = server.read(&mut down) => (Way::Down, read),
            };
            let (bytes, to) = match way {
                Way::Up => (&up, &mut server),
                Way::Down => (&down, &mut phone),
            };
            let Some(bytes) = read.ok().filter(|count| *count > 0).and_then(|count| bytes.get(..count))
            else {
                return;
            };
            let passes = self.passes(way, bytes.len());
            if to.write_all(&bytes[..passes.unwrap_or(bytes.len())]).await.is_err() {
                return;
            }
            if passes.is_some() {
                let_go.mark_unchanged();
                self.sprung.notify_one();
                // The sender lives as long as this line.
                drop(let_go.changed().await);
                return;
            }
        }
    }

    /// How many of `count` bytes pass before the trap springs; none if it does not.
    fn passes(&self, way: Way, count: usize) -> Option<usize> {
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, left) = trap.as_mut().filter(|(trapped, _)| *trapped == way)?;
        if count < *left {
            *left -= count;
            return None;
        }
        trap.take().map(|(_, left)| left)
    }
}
