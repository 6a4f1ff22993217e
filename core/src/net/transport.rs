//! The real network: one reqwest client, rustls with ring, roots of our own bundle (ADR 0002), or the one that an address
//! names (ADR 0014).
//!
//! Holds: HTTPS, but for this machine's own loopback; no redirects; stall timeouts, never a total one; an answer
//! larger than any of ours is cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use portico_wire::encoding::Sha256;
use portico_wire::server_address::ServerAddress;
use portico_wire::upload::{CAPABILITY_HEADER, COMPLETE_HEADER, OFFSET_HEADER, PARTIAL_UPLOAD_MEDIA_TYPE};
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE, RETRY_AFTER,
};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_pki_types::CertificateDer;

use super::pinned_root::PinnedRoot;
use crate::ports::{
    BadServerUrl, Carry, CarryTo, Clock as _, Fetch, Fetched, Method, Network, Patience, Request, Response,
    SystemClock, Transport, TransportFault,
};

/// Makes real connections.
#[derive(Debug, Clone)]
pub struct RealNetwork {
    usual: reqwest::Client,
    long_poll: reqwest::Client,
    /// HTTP/1.1 alone: no window stands between the bytes and the line. It has connections of its own.
    upload: reqwest::Client,
}

impl RealNetwork {
    /// Trusts the bundled roots, and `extra_root` (DER) of a firm that runs its own authority.
    ///
    /// # Errors
    /// [`rustls::Error`] where `extra_root` is no certificate.
    pub fn new(extra_root: Option<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(root) = extra_root {
            roots.add(root)?;
        }
        Ok(Self::over(tls_builder(&provider()).with_root_certificates(roots).with_no_client_auth()))
    }

    /// Trusts that root alone: neither the bundled ones nor the firm's.
    fn knowing(root: Sha256) -> Self {
        let provider = provider();
        let verifier = Arc::new(PinnedRoot::new(root, Arc::clone(&provider)));
        let tls = tls_builder(&provider).dangerous().with_custom_certificate_verifier(verifier);
        Self::over(tls.with_no_client_auth())
    }

    fn over(mut tls: ClientConfig) -> Self {
        // A preconfigured client announces nothing by itself.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (usual, long_poll) = (http(&tls, Some(STALL)), http(&tls, Some(STALL_LONG_POLL)));
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // The client's own limit would count the sending too, which takes as long as it takes.
        Self { usual, long_poll, upload: http(&tls, None) }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn tls_builder(provider: &Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
}

#[expect(clippy::disallowed_methods, reason = "this is the one builder of the network port")]
fn http(tls: &ClientConfig, stall: Option<Duration>) -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .tcp_keepalive(KEEP_ALIVE);
    let builder = match stall {
        Some(stall) => builder.read_timeout(stall),
        None => builder,
    };
    builder.build().expect("the settings above are fixed and valid")
}

impl Network for RealNetwork {
    fn connect(&self, url: &str) -> Result<Arc<dyn Transport>, BadServerUrl> {
        let ServerAddress { url: base, root } = url.parse().map_err(|_| BadServerUrl)?;
        let parsed = reqwest::Url::parse(&base).map_err(|_| BadServerUrl)?;
        let loopback = matches!(parsed.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        // Plain HTTP shows no certificate, so nothing would ask for the root.
        let plain = parsed.scheme() == "http" && loopback && root.is_none();
        if !(parsed.scheme() == "https" || plain) || !parsed.has_host() {
            return Err(BadServerUrl);
        }
        let network = root.map_or_else(|| self.clone(), Self::knowing);
        Ok(Arc::new(RealTransport { base, network }))
    }
}

/// A certificate given as PEM or DER; what is neither is refused by [`RealNetwork::new`].
#[must_use]
pub fn certificate(bytes: &[u8]) -> CertificateDer<'static> {
    use rustls_pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(bytes).unwrap_or_else(|_| CertificateDer::from(bytes.to_vec()))
}

/// A connection to one server.
struct RealTransport {
    base: String,
    network: RealNetwork,
}

impl Transport for RealTransport {
    fn exchange(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportFault>> {
        let http = match request.patience {
            Patience::Usual => &self.network.usual,
            Patience::LongPoll => &self.network.long_poll,
            Patience::Upload => &self.network.upload,
        };
        let method = match request.method {
            Method::Delete => reqwest::Method::DELETE,
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut builder =
            http.request(method, format!("{}{}", self.base, request.path)).header(WIRE_HEADER, WIRE_VERSION);
        if let Some(bearer) = request.bearer {
            builder = builder.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        let exchanged = async move { receive(builder.send().await.map_err(|fault| fault_of(&fault))?).await };
        match request.patience {
            Patience::Usual | Patience::LongPoll => Box::pin(exchanged),
            Patience::Upload => Box::pin(unless_it_stalls(exchanged, Arc::default())),
        }
    }

    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>> {
        let builder = self
            .network
            .usual
            .get(format!("{}{}", self.base, fetch.path))
            .header(WIRE_HEADER, WIRE_VERSION)
            .header(AUTHORIZATION, format!("Bearer {}", fetch.bearer));
        // An empty file has no range.
        let builder = if fetch.from_bytes == 0 {
            builder
        } else {
            let etag = format!("\"{}\"", fetch.etag);
            builder.header(RANGE, format!("bytes={}-", fetch.from_bytes)).header(IF_RANGE, etag)
        };
        Box::pin(async move {
            fetched(builder.send().await.map_err(|fault| fault_of(&fault))?, fetch.from_bytes).await
        })
    }

    fn carry(&self, carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>> {
        let moved = Arc::new(AtomicU64::new(0));
        let counted = {
            let moved = Arc::clone(&moved);
            carry.bytes.inspect(move |_| {
                moved.fetch_add(1, Relaxed);
            })
        };
        let upload = &self.network.upload;
        let builder = match carry.to {
            CarryTo::Upload { capability, offset_bytes } => upload
                .patch(format!("{}/v1/uploads", self.base))
                .header(CAPABILITY_HEADER, capability)
                .header(OFFSET_HEADER, offset_bytes)
                .header(COMPLETE_HEADER, "?1")
                .header(CONTENT_TYPE, PARTIAL_UPLOAD_MEDIA_TYPE),
            CarryTo::Whole { path, bearer } => upload
                .put(format!("{}{path}", self.base))
                .header(WIRE_HEADER, WIRE_VERSION)
                .header(AUTHORIZATION, format!("Bearer {bearer}"))
                .header(CONTENT_TYPE, "application/octet-stream"),
        };
        let builder =
            builder.header(CONTENT_LENGTH, carry.length_bytes).body(reqwest::Body::wrap_stream(counted));
        let exchanged = async move { receive(builder.send().await.map_err(|fault| fault_of(&fault))?).await };
        Box::pin(unless_it_stalls(exchanged, moved))
    }
}

async fn fetched(answer: reqwest::Response, asked_from: u64) -> Result<Fetched, TransportFault> {
    let from_bytes = match answer.status().as_u16() {
        200 => 0,
        206 => asked_from,
        _ => return Ok(Fetched::Answer(receive(answer).await?)),
    };
    let bytes = answer.bytes_stream().map(|chunk| chunk.map_err(|fault| fault_of(&fault))).boxed();
    Ok(Fetched::Bytes { from_bytes, bytes })
}

/// Gives up where nothing has moved for [`STALL`]: no byte taken, no answer.
async fn unless_it_stalls(
    exchanged: impl Future<Output = Result<Response, TransportFault>>,
    moved: Arc<AtomicU64>,
) -> Result<Response, TransportFault> {
    let stalled = async {
        let mut seen = u64::MAX;
        while moved.load(Relaxed) != seen {
            seen = moved.load(Relaxed);
            SystemClock.wait(STALL.as_millis() as u64).await;
        }
    };
    tokio::select! {
        exchanged = exchanged => exchanged,
        () = stalled => Err(TransportFault::Broken),
    }
}

async fn receive(answer: reqwest::Response) -> Result<Response, TransportFault> {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let media_type = header(CONTENT_TYPE).and_then(|text| text.split(';').next()).unwrap_or("");
    let mut response = Response {
        status: answer.status().as_u16(),
        media_type: media_type.trim().to_ascii_lowercase(),
        retry_after_s: header(RETRY_AFTER).and_then(|text| text.parse().ok()),
        upload_offset: header(HeaderName::from_static(OFFSET_HEADER)).and_then(|text| text.parse().ok()),
        body: Vec::new(),
    };
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|fault| fault_of(&fault))?;
        if response.body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(TransportFault::TooLarge);
        }
        response.body.extend_from_slice(&chunk);
    }
    Ok(response)
}

/// Reqwest wraps the cause; a certificate that is not trusted is the one a person must hear of.
fn fault_of(fault: &reqwest::Error) -> TransportFault {
    if is_certificate_fault(fault) {
        TransportFault::Untrusted
    } else if fault.is_connect() {
        TransportFault::Unreachable
    } else {
        TransportFault::Broken
    }
}

/// Looks through every layer. Input and output errors carry their cause inside, and name its cause as their own.
fn is_certificate_fault(fault: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(rustls) = fault.downcast_ref::<rustls::Error>() {
        return matches!(rustls, rustls::Error::InvalidCertificate(_));
    }
    let inside = fault.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inside.is_some_and(|inside| is_certificate_fault(inside))
        || fault.source().is_some_and(is_certificate_fault)
}

/// A mobile network that takes longer to connect is none.
const CONNECT: Duration = Duration::from_secs(15);
/// How long an answer may stand still.
const STALL: Duration = Duration::from_secs(30);
/// The server waits 25 s on purpose.
const STALL_LONG_POLL: Duration = Duration::from_secs(45);
/// Finds a dead connection behind a network address translator.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A snapshot is at most 4 MiB of entries and its heads.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        let network = RealNetwork::new(None).unwrap();

        assert!(network.connect("https://portal.example").is_ok());
        assert!(network.connect("http://127.0.0.1:8080/").is_ok());
        for bad in ["http://portal.example", "ftp://127.0.0.1", "portal.example", ""] {
            assert_eq!(network.connect(bad).err(), Some(BadServerUrl), "{bad}");
        }
    }

    #[test]
    fn root_that_nothing_would_check_is_no_address() {
        let network = RealNetwork::new(None).unwrap();
        let root = Sha256::of(&[b"root"]);

        assert!(network.connect(&format!("https://192.0.2.7:8443/#root={root}")).is_ok());
        for bad in [format!("http://127.0.0.1:8080/#root={root}"), "https://192.0.2.7/#root=".to_owned()] {
            assert_eq!(network.connect(&bad).err(), Some(BadServerUrl), "{bad}");
        }
    }
}
