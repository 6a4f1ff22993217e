//! A line with a delay: what goes in comes out later, at any rate. No loss, no slow start: round trips only.
//!
//! It can count requests, too, by the end of an HTTP/1.1 request's first line. In the middle of random bytes these
//! eleven do not occur.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use portico_core::ports::{Clock as _, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Passes connections on until it is dropped.
#[derive(Debug)]
pub struct SlowLine {
    /// Where it listens, on loopback.
    pub address: SocketAddr,
    requests: Option<Arc<AtomicU64>>,
    _passing: JoinSet<()>,
}

/// Whether a line looks for requests in what passes: that takes processor time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// It counts.
    Counted,
    /// It passes bytes on.
    Ignored,
}

const REQUEST: &[u8] = b" HTTP/1.1\r\n";

impl SlowLine {
    /// A line to `server` that takes `delay_ms` each way, the handshake too.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn open(server: SocketAddr, delay_ms: u64, requests: Requests) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = (requests == Requests::Counted).then(Arc::<AtomicU64>::default);
        let counter = requests.clone();
        let mut passing = JoinSet::new();
        passing.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let counter = counter.clone();
                connections.spawn(async move {
                    // A handshake is one round trip before the first byte.
                    SystemClock.wait(2 * delay_ms).await;
                    if let Ok(far) = TcpStream::connect(server).await {
                        drop((near.set_nodelay(true), far.set_nodelay(true)));
                        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                        tokio::join!(
                            carry(near_in, far_out, delay_ms, counter),
                            carry(far_in, near_out, delay_ms, None)
                        );
                    }
                });
            }
        });
        Ok(Self { address, requests, _passing: passing })
    }

    /// Requests so far; none where they are not counted.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        self.requests.as_ref().map(|requests| requests.load(Relaxed))
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay_ms: u64,
    requests: Option<Arc<AtomicU64>>,
) {
    let (late, mut due) = mpsc::unbounded_channel::<(i64, Vec<u8>)>();
    let delay = i64::try_from(delay_ms).unwrap_or(i64::MAX);
    let reading = async move {
        let mut buffer = vec![0; 256 * 1024];
        let mut seen = Vec::new();
        while let Ok(count) = from.read(&mut buffer).await {
            let at_ms = SystemClock.now_ms().saturating_add(delay);
            let bytes = buffer.get(..count).unwrap_or(&[]).to_vec();
            if let Some(requests) = &requests {
                requests.fetch_add(count_requests(&mut seen, &bytes), Relaxed);
            }
            if count == 0 || late.send((at_ms, bytes)).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at_ms, bytes)) = due.recv().await {
            let wait_ms = at_ms.saturating_sub(SystemClock.now_ms());
            if wait_ms > 0 {
                SystemClock.wait(wait_ms.unsigned_abs()).await;
            }
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}

/// Requests that begin in `bytes`. `seen` keeps the end of what came before: a first line may come in two parts.
fn count_requests(seen: &mut Vec<u8>, bytes: &[u8]) -> u64 {
    seen.extend_from_slice(bytes);
    let count = seen.windows(REQUEST.len()).filter(|window| *window == REQUEST).count();
    // One less than a whole one, so that none is counted twice.
    seen.drain(..seen.len().saturating_sub(REQUEST.len() - 1));
    count as u64
}
