//! This terminal as a phone: its home folder, its keys, its network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use portico_core::Portal;
use portico_core::error::PortalError;
use portico_core::net::transport::{RealNetwork, certificate};
use portico_core::outbox::pump::Rest;
use portico_core::ports::{
    BadServerUrl, Carry, Fetch, Fetched, FileSecretStore, Network, Ports, Request, Response, SecretStore,
    SoftwareDeviceKey, SystemClock, SystemDice, Transport, TransportFault,
};
use portico_core::signin::driver::Phone;
use portico_wire::ids::SendKey;
use portico_wire::refusal::Refusal;
use rustls_pki_types::CertificateDer;

use crate::Cli;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The core says why.
    #[error(transparent)]
    Portal(#[from] PortalError),
    /// Nobody is signed in on this phone.
    #[error("nobody is signed in")]
    NobodySignedIn,
    /// The conversation named on the command line is none, or several.
    #[error("{count} match")]
    Pick {
        /// How many.
        count: usize,
    },
    /// A file can not be sent along; nothing was queued.
    #[error("{path}: {fault}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        fault: PortalError,
    },
    /// The server refused the text for good; it is kept on this phone.
    #[error("refused: {refusal}")]
    NotSent {
        /// Its key.
        key: SendKey,
        /// Why.
        refusal: Refusal,
    },
    /// What was typed as a key, a path or a file is none.
    #[error("{0}")]
    Input(String),
    /// The demo saw something that is not as it must be.
    #[error("the demo failed: {0}")]
    Demo(String),
}

/// Where this phone keeps its things.
pub(crate) fn home(cli: &Cli) -> Result<PathBuf, CliError> {
    if let Some(home) = &cli.home {
        return Ok(home.clone());
    }
    directories::ProjectDirs::from("", "", "portico")
        .map(|folders| folders.data_dir().to_owned())
        .ok_or_else(|| CliError::Input("there is no home folder; say --home FOLDER".to_owned()))
}

/// The phone of this command line.
pub(crate) fn phone(cli: &Cli) -> Result<Phone, CliError> {
    let home = home(cli)?;
    let network = RealNetwork::new(extra_root(cli.root.as_deref())?)
        .map_err(|_| CliError::Input("the root certificate is none".to_owned()))?;
    let secrets: Arc<dyn SecretStore> = Arc::new(FileSecretStore::in_folder(home.join("keys")));
    let ports = Ports {
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice::default()),
        network: if cli.offline { Arc::new(NoNetwork) } else { Arc::new(network) },
        device_key: Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
        secrets,
    };
    Ok(Phone::new(home, ports))
}

fn extra_root(path: Option<&Path>) -> Result<Option<CertificateDer<'static>>, CliError> {
    let Some(path) = path else { return Ok(None) };
    let bytes =
        std::fs::read(path).map_err(|fault| CliError::Input(format!("{}: {fault}", path.display())))?;
    Ok(Some(certificate(&bytes)))
}

/// The portal of whoever is signed in.
pub(crate) fn portal(cli: &Cli) -> Result<Portal, CliError> {
    phone(cli)?.portal()?.ok_or(CliError::NobodySignedIn)
}

/// The portal, brought up to date as far as the network lets it.
pub(crate) async fn fresh_portal(cli: &Cli) -> Result<Portal, CliError> {
    let portal = portal(cli)?;
    catch_up(cli, &portal).await?;
    Ok(portal)
}

/// Does what is due, and what becomes due within a moment: a person waits for this.
pub(crate) async fn catch_up(cli: &Cli, portal: &Portal) -> Result<(), CliError> {
    if cli.offline {
        return Ok(());
    }
    // What waits was waiting for somebody to look.
    portal.became_active()?;
    for _ in 0..CATCH_UP_ROUNDS_MAX {
        match portal.catch_up().await? {
            Rest::NeedsSnapshot => {}
            Rest::Empty | Rest::Until(_) | Rest::SignedOut => break,
        }
    }
    Ok(())
}

/// `--offline`: a phone in airplane mode.
#[derive(Debug)]
struct NoNetwork;

impl Network for NoNetwork {
    fn connect(&self, _url: &str) -> Result<Arc<dyn Transport>, BadServerUrl> {
        Ok(Arc::new(NoTransport))
    }
}

struct NoTransport;

impl Transport for NoTransport {
    fn exchange(&self, _request: Request) -> BoxFuture<'static, Result<Response, TransportFault>> {
        Box::pin(async { Err(TransportFault::Unreachable) })
    }

    fn fetch(&self, _fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>> {
        Box::pin(async { Err(TransportFault::Unreachable) })
    }

    fn carry(&self, _carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>> {
        Box::pin(async { Err(TransportFault::Unreachable) })
    }
}

/// A server that is restored again and again while we look is not worth more rounds.
const CATCH_UP_ROUNDS_MAX: usize = 3;
