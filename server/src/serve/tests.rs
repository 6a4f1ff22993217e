//! The accept loop over real sockets. Its timeouts are the machine's, so these tests wait for real; each is bounded.

use portico_wire::ids::Epoch;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::*;
use crate::config::Config;
use crate::ports::Ports;

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), ServeError>>,
    folder: tempfile::TempDir,
    epoch: Epoch,
}

async fn serve(change: impl FnOnce(&mut Config)) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::in_folder(folder.path());
    config.connections.first_request_ms = 300;
    config.connections.header_ms = 300;
    change(&mut config);
    let app = App::open(config, Ports::real()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, epoch) = (listener.local_addr().unwrap(), app.epoch());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move { app.serve(listener, async { drop(stopped.await) }).await });
    Served { address, stop, served, folder, epoch }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Everything until the other side closes.
async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // A reset is a close too.
    drop(
        timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("it is closed in time"),
    );
    String::from_utf8(bytes).unwrap()
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn connections_without_a_whole_head_are_closed() {
    let server = serve(|_| {}).await;
    for sent in ["", "P", "PRI", "GET /healthz HTTP/1.1\r\nhos", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();

        let answer = rest(stream).await;

        assert!(!answer.contains("200 OK"), "{sent}");
    }
}

#[tokio::test]
async fn slow_second_head_is_closed_too() {
    let server = serve(|_| {}).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /hea").await.unwrap();

    let answers = rest(stream).await;

    assert_eq!(answers.matches("200 OK").count(), 1, "{answers}");
}

#[tokio::test]
async fn whole_request_is_answered() {
    let server = serve(|_| {}).await;
    let mut stream = server.connect().await;
    stream.write_all(HEALTH).await.unwrap();

    assert!(rest(stream).await.ends_with("\r\n\r\nok\n"));
}

#[tokio::test]
async fn connections_over_the_cap_of_an_address_are_closed_at_once() {
    let server = serve(|config| {
        config.connections.per_address_max = 1;
        config.connections.first_request_ms = 60_000;
    })
    .await;
    let mut held = server.connect().await;
    held.write_all(b"GET").await.unwrap();

    assert_eq!(rest(server.connect().await).await, "");

    held.write_all(&HEALTH[3..]).await.unwrap();
    assert!(rest(held).await.contains("200 OK"));
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_frees_the_folder() {
    let server = serve(|config| config.connections.header_ms = 60_000).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.unwrap();

    server.stop.send(()).unwrap();
    timeout(Duration::from_secs(20), server.served).await.unwrap().unwrap().unwrap();

    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let again = App::open(Config::in_folder(server.folder.path()), Ports::real()).unwrap();
    assert_eq!(again.epoch(), server.epoch);
}

#[tokio::test]
async fn tls_serves_with_the_given_certificate() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let (cert, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = serve(|config| {
        config.connections.first_request_ms = 10_000;
        (config.tls_cert, config.tls_key) = (Some(cert), Some(key));
    })
    .await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));

    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, server.connect().await).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();

    assert!(rest(stream).await.contains("200 OK"));
}

#[tokio::test]
async fn certificate_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::in_folder(folder.path());
    (config.tls_cert, config.tls_key) = (Some("absent.pem".into()), Some("absent.key".into()));
    let app = App::open(config, Ports::real()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

    let refused = app.serve(listener, std::future::ready(())).await.unwrap_err();

    assert!(refused.to_string().contains("absent.pem"));
}
