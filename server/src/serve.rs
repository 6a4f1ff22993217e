//! The accept loop: caps, timeouts, TLS, HTTP/1.1 and HTTP/2, graceful stop.
//!
//! `axum::serve` never times out a slow head. Here a connection that has not sent its first whole request head in time
//! is closed, whatever it sent instead: nothing, half a TLS handshake, half a head. Later heads have their own limit.
//! Bounds: connections in all and per address.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use futures_util::future::{Either, select};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::config::Connections;
use crate::door::Peer;
use crate::lan::{Lan, LanError};
use crate::metrics;
use crate::state::App;

/// Workers look this often for what became due without a wake.
const JOBS_EVERY_MS: u64 = 1_000;

/// What one HTTP/2 stream may send ahead: 100 MB/s at 40 ms, 40 MB/s at 100 ms.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// What all streams of one HTTP/2 connection may send ahead.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// The largest HTTP/2 frame a phone may send.
const FRAME_BYTES_MAX: u32 = 1024 * 1024;

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificate or its key can not be read.
    #[error("{path}: {fault}", path = .0.display(), fault = .1)]
    Tls(PathBuf, String),
    /// The server has no certificate of its own to show.
    #[error(transparent)]
    Lan(#[from] LanError),
    /// Certificate and key do not fit together.
    #[error("the certificate does not serve: {0}")]
    Certificate(rustls::Error),
    /// The listener fails.
    #[error("the listener fails: {0}")]
    Listener(#[from] io::Error),
}

impl App {
    /// Serves until `shutdown` ends, then finishes what is in flight. Long polls answer at once.
    ///
    /// # Errors
    /// A [`ServeError`]; nothing was served.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let tls = self.tls()?;
        // Sets of tasks, not bare ones: they end with this future, however it ends.
        let mut jobs = JoinSet::new();
        jobs.spawn(carry_jobs(self.clone()));
        jobs.spawn(carry_scans(self.clone()));
        accept(self, listener, tls, shutdown).await;
        while jobs.join_next().await.is_some() {}
        Ok(())
    }

    /// Serves the metrics until `shutdown` ends.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn serve_metrics(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        axum::serve(listener, metrics::routes(self.clone())).with_graceful_shutdown(shutdown).await
    }

    fn tls(&self) -> Result<Option<TlsAcceptor>, ServeError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ServeError::Certificate)?
            .with_no_client_auth();
        let mut config = if let Some(lan) = self.lan() {
            lan.certify()?;
            builder.with_cert_resolver(Arc::<Lan>::clone(lan))
        } else if let (Some(cert), Some(key)) = (&self.config().tls_cert, &self.config().tls_key) {
            let (chain, key) = read_certificate(cert, key)?;
            builder.with_single_cert(chain, key).map_err(ServeError::Certificate)?
        } else {
            return Ok(None);
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn read_certificate(
    cert: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ServeError> {
    let refuse = |path: &Path, fault: rustls_pki_types::pem::Error| {
        ServeError::Tls(path.to_owned(), fault.to_string())
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|fault| refuse(cert, fault))?;
    Ok((chain, PrivateKeyDer::from_pem_file(key).map_err(|fault| refuse(key, fault))?))
}

/// Carries what is due: at each wake, and once a second.
async fn carry_jobs(app: App) {
    let mut stopping = app.stopping();
    while !*stopping.borrow() {
        if let Err(fault) = app.run_jobs_once().await {
            tracing::warn!(%fault, "jobs could not be carried");
        }
        let due = Box::pin(app.store().wakes().jobs.notified());
        let tick = app.ports().clock.sleep_ms(JOBS_EVERY_MS);
        let stopped = Box::pin(stopping.wait_for(|stopping| *stopping));
        select(select(due, tick), stopped).await;
    }
}

/// Scans what is due: at each commit with files, and once a second.
async fn carry_scans(app: App) {
    let mut stopping = app.stopping();
    while !*stopping.borrow() {
        let stopped = Box::pin(stopping.wait_for(|stopping| *stopping));
        // Stopping does not wait for a scanner. It is killed, and its file is due when the server starts again.
        let Either::Left((scanned, stopped)) = select(Box::pin(app.run_scans_once()), stopped).await else {
            return;
        };
        if let Err(fault) = scanned {
            tracing::warn!(%fault, "files could not be scanned");
        }
        let due = Box::pin(app.store().wakes().scans.notified());
        let tick = app.ports().clock.sleep_ms(JOBS_EVERY_MS);
        select(select(due, tick), stopped).await;
    }
}

/// Who is connected.
struct Caps {
    all: Arc<Semaphore>,
    /// Guards how many connections each address has; an address with none is not in it.
    by_address: Mutex<BTreeMap<IpAddr, u32>>,
    per_address_max: u32,
    exempt: Vec<IpAddr>,
}

impl Caps {
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_insert(0);
        if *count >= self.per_address_max && !self.exempt.contains(&address) {
            return None;
        }
        *count += 1;
        Some(Place { caps: Arc::clone(self), address, _all: all })
    }
}

/// One connection's place; given back when dropped.
struct Place {
    caps: Arc<Caps>,
    address: IpAddr,
    _all: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.caps.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Line {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Connections,
}

async fn accept(
    app: &App,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let limits = app.config().connections.clone();
    let grace = Duration::from_millis(limits.stop_grace_ms);
    let caps = Arc::new(Caps {
        all: Arc::new(Semaphore::new(limits.all_max as usize)),
        by_address: Mutex::default(),
        per_address_max: limits.per_address_max,
        exempt: app.config().trusted_proxies.clone(),
    });
    let line = Line { router: app.router(), tls, limits };
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let mut shutdown = Box::pin(shutdown);
    loop {
        let accepted = match select(Box::pin(listener.accept()), shutdown.as_mut()).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => match caps.enter(peer.ip()) {
                Some(place) => {
                    connections.spawn(line.clone().carry(stream, peer, place, graceful.watcher()));
                }
                // Full: closing at once tells the caller sooner than a queue would.
                None => drop(stream),
            },
            // Out of descriptors: others will be given back; a tight loop would only burn the processor.
            Err(fault) => {
                tracing::warn!(%fault, "a connection was not accepted");
                app.ports().clock.sleep_ms(50).await;
            }
        }
    }
    drop(listener);
    app.stop();
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off at the end of the grace");
    }
    connections.shutdown().await;
    // What appends has lost its body and makes durable what had come.
    if timeout(grace, app.uploads().settled()).await.is_err() {
        tracing::warn!("some uploads were cut off at the end of the grace");
    }
}

impl Line {
    async fn carry(self, stream: TcpStream, peer: SocketAddr, place: Place, watcher: Watcher) {
        let seen = Arc::new(Notify::new());
        let first_request = Duration::from_millis(self.limits.first_request_ms);
        drop(stream.set_nodelay(true));
        let connection = Box::pin(self.talk(stream, peer, Arc::clone(&seen), watcher));
        let first = Box::pin(timeout(first_request, seen.notified()));
        match select(connection, first).await {
            Either::Right((Ok(()), connection)) => connection.await,
            Either::Right((Err(_), _)) => tracing::debug!("a connection sent no request in time"),
            Either::Left(_) => {}
        }
        drop(place);
    }

    async fn talk(self, stream: TcpStream, peer: SocketAddr, seen: Arc<Notify>, watcher: Watcher) {
        match self.tls.clone() {
            None => self.speak(stream, peer, seen, watcher).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => self.speak(stream, peer, seen, watcher).await,
                Err(fault) => tracing::debug!(%fault, "no TLS"),
            },
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        seen: Arc<Notify>,
        watcher: Watcher,
    ) {
        let router = self.router;
        let service =
            hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                seen.notify_one();
                request.extensions_mut().insert(Peer(peer.ip()));
                let answer = router.clone().oneshot(request.map(axum::body::Body::new));
                async move { answer.await.map_err(|never: Infallible| never) }
            });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(self.limits.header_ms));
        // A phone that vanished is noticed within half a minute. With the default window of 64 KiB 100 MB take minutes at
        // 100 ms, and on loopback the default frame alone costs 1.8 times as long. What a connection can hold up in
        // memory is its window, 8 MiB, times the connections that `connections` lets in.
        builder
            .http2()
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES_MAX)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_concurrent_streams(64);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(fault) = watcher.watch(connection).await {
            tracing::debug!(%fault, "a connection ended badly");
        }
    }
}

#[cfg(test)]
mod tests;
