//! The real network to a real socket: a certificate that is trusted, and one that is not.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::sync::Arc;

use portico_core::PortalError;
use portico_core::net::transport::RealNetwork;
use portico_core::ports::{Ports, SecretStore, SoftwareDeviceKey, SystemClock, SystemDice};
use portico_core::signin::driver::Phone;
use portico_core::testing::MemorySecrets;
use portico_server::App;
use portico_server::config::Config;
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

/// A server with a certificate of its own for `localhost`: its address, the certificate, and its folder.
async fn serve() -> (String, CertificateDer<'static>, TempDir) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = portico_tests::world::scratch();
    let mut config = Config::in_folder(folder.path().join("server"));
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (config.tls_cert, config.tls_key) = (Some(cert), Some(key));
    let app = App::open(config, portico_server::ports::Ports::real()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { app.serve(listener, std::future::pending()).await });
    (url, made.cert.der().clone(), folder)
}

fn phone(folder: &TempDir, root: Option<CertificateDer<'static>>) -> Phone {
    let secrets: Arc<dyn SecretStore> = Arc::new(MemorySecrets::default());
    let ports = Ports {
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice::default()),
        network: Arc::new(RealNetwork::new(root).unwrap()),
        device_key: Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
        secrets,
    };
    Phone::new(folder.path().join("phone"), ports)
}

// R42: an untrusted server is an honest state of signing in.
#[tokio::test]
async fn server_of_an_unknown_authority_is_told_as_untrusted() {
    let (url, root, folder) = serve().await;

    let stranger = phone(&folder, None).begin_sign_in(&url, "amina@clients.example").await;
    let known = phone(&folder, Some(root)).begin_sign_in(&url, "amina@clients.example").await;

    assert_eq!(stranger.err(), Some(PortalError::UntrustedServer));
    assert!(known.is_ok(), "{known:?}");
}
