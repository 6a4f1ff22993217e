//! The network of the demo: an address that phones know, which can be taken away, and can lose one answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::phone::CliError;

/// What went through.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Requests of phones.
    pub(super) requests: AtomicU64,
    /// Bytes in both directions.
    pub(super) bytes: AtomicU64,
    /// Answers that were cut off.
    pub(super) lost_answers: AtomicU64,
    /// Sends to let through before the answer to one is lost; below zero, none is.
    lose_after: AtomicI64,
}

/// The network.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
    listening: Option<JoinHandle<()>>,
}

impl Proxy {
    /// An address of its own on loopback, with nobody listening yet.
    pub(super) async fn new() -> Result<Self, CliError> {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr().map_err(fault)?;
        let counters = Arc::new(Counters::default());
        counters.lose_after.store(-1, Ordering::Relaxed);
        Ok(Self { address, counters, listening: None })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Listens, and passes everything on to `server`.
    pub(super) async fn connect(&mut self, server: SocketAddr) -> Result<(), CliError> {
        self.disconnect().await;
        let listener = bind(self.address).await?;
        let counters = Arc::clone(&self.counters);
        self.listening = Some(tokio::spawn(async move {
            let mut passing = tokio::task::JoinSet::new();
            while let Ok((phone, _)) = listener.accept().await {
                let counters = Arc::clone(&counters);
                passing.spawn(async move {
                    if let Ok(upstream) = TcpStream::connect(server).await {
                        pass(phone, upstream, &counters).await;
                    }
                });
            }
        }));
        Ok(())
    }

    /// Takes the network away: nobody listens, and every connection breaks.
    pub(super) async fn disconnect(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            // Ends with the word that it was aborted.
            let _ = listening.await;
        }
    }

    /// Lets `sends` sends through, then loses the answer to the next one: it arrives, and nobody hears of it.
    pub(super) fn lose_answer_after(&self, sends: i64) {
        self.counters.lose_after.store(sends, Ordering::Relaxed);
    }
}

async fn pass(mut phone: TcpStream, mut server: TcpStream, counters: &Counters) {
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut lose = false;
    loop {
        tokio::select! {
            read = phone.read(&mut up) => {
                let Some(bytes) = got(read, &up) else { return };
                counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                // A request begins a read; within the bytes of a file nobody looks for one.
                let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
                counters.requests.fetch_add(count(head, b" HTTP/1.1\r\n"), Ordering::Relaxed);
                if count(head, b"PUT /v1/messages/") > 0 {
                    lose |= counters.lose_after.fetch_sub(1, Ordering::Relaxed) == 0;
                }
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Some(bytes) = got(read, &down) else { return };
                if lose {
                    counters.lost_answers.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                if phone.write_all(bytes).await.is_err() { return }
            }
        }
    }
}

/// The first line of a request is shorter.
const HEAD_BYTES: usize = 1_024;

fn got(read: std::io::Result<usize>, buffer: &[u8]) -> Option<&[u8]> {
    buffer.get(..read.ok()?).filter(|bytes| !bytes.is_empty())
}

fn count(bytes: &[u8], pattern: &[u8]) -> u64 {
    bytes.windows(pattern.len()).filter(|window| *window == pattern).count() as u64
}

async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(fault)
}

fn fault(fault: std::io::Error) -> CliError {
    CliError::Demo(format!("the demo's network: {fault}"))
}
