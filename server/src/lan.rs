//! A server of one office: a root certificate of its own, and the certificates under it that it shows.
//!
//! Holds: the root is made once and never by itself again, for phones know the server by its hash; its key is in `keys/`,
//! readable by the owner alone. What it signs is made at each start and before it is over, and lies with its key in no file.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use portico_wire::encoding::Sha256;
use portico_wire::server_address::ServerAddress;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::config::Config;
use crate::keys::{KeyError, write_key};
use crate::ports::{Clock, Ports};

/// Why a server of one office does not serve.
#[derive(Debug, thiserror::Error)]
pub enum LanError {
    /// The root can not be read or written.
    #[error(transparent)]
    Root(#[from] KeyError),
    /// This machine has no address on a network.
    #[error("this machine has no address on a network; name it with lan_hosts or --lan-host")]
    NoAddress,
    /// A certificate can not be made.
    #[error("a certificate can not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A certificate that was made does not serve.
    #[error("the certificate does not serve: {0}")]
    Serving(#[from] rustls::Error),
}

/// The root of one server, and what it shows now. `Debug` shows the root's hash.
pub struct Lan {
    root: CertificateDer<'static>,
    root_key: KeyPair,
    hosts: Vec<String>,
    clock: Arc<dyn Clock>,
    /// Guards what is shown now; none before the first certificate.
    shown: Mutex<Option<Shown>>,
}

struct Shown {
    certified: Arc<CertifiedKey>,
    /// While it is now in here, it is shown.
    while_ms: Range<i64>,
}

impl std::fmt::Debug for Lan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lan({})", self.root_hash())
    }
}

impl Lan {
    /// Reads the root of `config`'s folder; makes it if there is none.
    pub(crate) fn open(config: &Config, ports: &Ports) -> Result<Self, LanError> {
        let (root, root_key) = open_root(&config.keys())?;
        let clock = Arc::clone(&ports.clock);
        Ok(Self { root, root_key, hosts: hosts(config), clock, shown: Mutex::default() })
    }

    /// What phones know this server by: the hash of the root's DER.
    #[must_use]
    pub fn root_hash(&self) -> Sha256 {
        Sha256::of(&[&self.root])
    }

    /// What links name, for a server that listens there.
    pub(crate) fn address(&self, listen: SocketAddr) -> ServerAddress {
        let host = match self.hosts.first().map(|host| (host, host.parse::<IpAddr>())) {
            Some((_, Ok(IpAddr::V6(address)))) => format!("[{address}]"),
            Some((host, _)) => host.clone(),
            // It does not serve: `certify` says why.
            None => listen.ip().to_string(),
        };
        ServerAddress { url: format!("https://{host}:{}", listen.port()), root: Some(self.root_hash()) }
    }

    /// What is shown now, made anew if there is none yet or it is over soon.
    pub(crate) fn certify(&self) -> Result<Arc<CertifiedKey>, LanError> {
        let now_ms = self.clock.now_ms();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = shown.as_ref().filter(|shown| shown.while_ms.contains(&now_ms)) {
            return Ok(Arc::clone(&shown.certified));
        }
        let certified = Arc::new(self.make(now_ms)?);
        let while_ms = now_ms.saturating_sub(EARLY_MS)..now_ms.saturating_add(SHOWN_MS);
        *shown = Some(Shown { certified: Arc::clone(&certified), while_ms });
        Ok(certified)
    }

    fn make(&self, now_ms: i64) -> Result<CertifiedKey, LanError> {
        if self.hosts.is_empty() {
            return Err(LanError::NoAddress);
        }
        // Not of the dice port: no run is replayed with it, and ring takes no other.
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(self.hosts.clone())?;
        params.distinguished_name = named("Portico server");
        params.not_before = time(now_ms.saturating_sub(EARLY_MS));
        params.not_after = time(now_ms.saturating_add(GOOD_MS));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key, &Issuer::new(root_params(), &self.root_key))?.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The root goes along: a phone holds its hash alone.
        Ok(CertifiedKey::new(vec![leaf, self.root.clone()], any_ecdsa_type(&key)?))
    }
}

impl ResolvesServerCert for Lan {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match self.certify() {
            Ok(certified) => Some(certified),
            Err(fault) => {
                tracing::error!(%fault, "there is no certificate to show");
                None
            }
        }
    }
}

fn open_root(keys: &Path) -> Result<(CertificateDer<'static>, KeyPair), LanError> {
    let path = keys.join(ROOT_FILE);
    let malformed = || KeyError::Malformed(path.clone());
    if !path.exists() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let root = root_params().self_signed(&key)?;
        write_key(keys, ROOT_FILE, format!("{}{}", root.pem(), key.serialize_pem()).as_bytes())?;
        return Ok((root.der().clone(), key));
    }
    let pem = fs::read(&path).map_err(|fault| KeyError::File(path.clone(), fault))?;
    let root = CertificateDer::from_pem_slice(&pem).map_err(|_| malformed())?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| malformed())?;
    let key =
        KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).map_err(|_| malformed())?;
    Ok((root, key))
}

/// The same each time: what it signs names it as its issuer. Its dates are wide, for nobody reads those of a root.
fn root_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Portico root of one office");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// A time beyond the calendar reads as 1970.
fn time(at_ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// What the office's network knows this machine by: what was set, or where it listens, or the address of its way out.
fn hosts(config: &Config) -> Vec<String> {
    if !config.lan_hosts.is_empty() {
        return config.lan_hosts.clone();
    }
    let listen = config.listen.ip();
    let found = if listen.is_unspecified() { address_of_way_out() } else { Some(listen) };
    found.into_iter().map(|address| address.to_string()).collect()
}

/// The address that others would see. Connecting a UDP socket chooses it, and sends nothing.
fn address_of_way_out() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((ELSEWHERE, 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

const ROOT_FILE: &str = "lan-root.pem";
/// An address that is no machine's (RFC 5737).
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// A certificate is good from so long before it was made: a phone's clock may be behind, and turns away what begins later.
const EARLY_MS: i64 = 30 * DAY_MS;
/// And for so long after. A short life would guard nothing: its key is as safe as the root's, which is beside it.
const GOOD_MS: i64 = 365 * DAY_MS;
/// So long it is shown: a phone's clock may be ahead by the rest.
const SHOWN_MS: i64 = 180 * DAY_MS;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls_pki_types::{ServerName, UnixTime};

    use super::*;
    use crate::testing::World;

    fn office(world: &World) -> Config {
        let hosts = vec!["192.0.2.7".to_owned(), "office.local".to_owned()];
        Config { lan_hosts: hosts, ..world.config().on_lan() }
    }

    /// Whether a phone takes it that trusts the root, reaches the server by `host`, and has that time.
    fn is_taken(chain: &[CertificateDer<'static>], host: &str, at_ms: i64) -> bool {
        let (leaf, root) = (&chain[0], &chain[1]);
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at_ms.try_into().unwrap()));
        let host = ServerName::try_from(host).unwrap();
        chain.len() == 2 && verifier.verify_server_cert(leaf, &[], &host, &[], at).is_ok()
    }

    #[tokio::test]
    async fn root_is_made_once_and_is_the_owners_alone() {
        let (world, elsewhere) = (World::new().await, World::new().await);
        let config = office(&world);

        let first = Lan::open(&config, world.ports()).unwrap().root_hash();
        let again = Lan::open(&config, world.ports()).unwrap().root_hash();
        let other = Lan::open(&office(&elsewhere), world.ports()).unwrap().root_hash();

        assert_eq!(first, again);
        assert_ne!(first, other);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(config.keys().join(ROOT_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn root_that_can_not_be_read_is_told_and_stays() {
        let world = World::new().await;
        let config = office(&world);
        let path = config.keys().join(ROOT_FILE);
        Lan::open(&config, world.ports()).unwrap();
        let whole = fs::read(&path).unwrap();
        let half = &whole[..whole.len() / 2];
        fs::write(&path, half).unwrap();

        let refused = Lan::open(&config, world.ports()).unwrap_err();

        assert!(matches!(refused, LanError::Root(KeyError::Malformed(_))), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), half);
    }

    #[tokio::test]
    async fn certificate_names_every_host_and_bears_with_clocks_that_are_off() {
        let world = World::new().await;
        world.clock.advance_ms(20_000 * DAY_MS);
        let lan = Lan::open(&office(&world), world.ports()).unwrap();
        let now_ms = world.ports().clock.now_ms();

        let chain = lan.certify().unwrap().cert.clone();

        for host in ["192.0.2.7", "office.local"] {
            for off_days in [-29, 0, 180, 364] {
                assert!(is_taken(&chain, host, now_ms + off_days * DAY_MS), "{host}, {off_days}");
            }
        }
        assert!(!is_taken(&chain, "192.0.2.8", now_ms));
        assert!(!is_taken(&chain, "192.0.2.7", now_ms + 366 * DAY_MS));
    }

    #[tokio::test]
    async fn certificate_is_made_anew_before_it_is_over() {
        let world = World::new().await;
        world.clock.advance_ms(20_000 * DAY_MS);
        let lan = Lan::open(&office(&world), world.ports()).unwrap();
        let first = lan.certify().unwrap().cert.clone();

        world.clock.advance_ms(SHOWN_MS - 1);
        let same = lan.certify().unwrap().cert.clone();
        world.clock.advance_ms(1);
        let next = lan.certify().unwrap().cert.clone();
        // The machine's clock was a year ahead, and is set right.
        world.clock.advance_ms(-365 * DAY_MS);
        let after = lan.certify().unwrap().cert.clone();

        let now_ms = world.ports().clock.now_ms();
        assert_eq!(first, same);
        assert!(next != first && after != next && [&next, &after].iter().all(|chain| chain[1] == first[1]));
        assert!(is_taken(&next, "192.0.2.7", now_ms + 365 * DAY_MS + GOOD_MS - DAY_MS));
        assert!(is_taken(&after, "192.0.2.7", now_ms));
    }

    #[tokio::test]
    async fn links_name_the_first_host_and_the_root() {
        let world = World::new().await;
        let known_by = |hosts: &[&str], listen: &str| {
            let lan_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let config = Config { lan_hosts, listen: listen.parse().unwrap(), ..office(&world) };
            let lan = Lan::open(&config, world.ports()).unwrap();
            (lan.address(config.listen), lan.root_hash())
        };

        let (named, root) = known_by(&["office.local", "192.0.2.7"], "0.0.0.0:8443");

        assert_eq!(named, ServerAddress { url: "https://office.local:8443".to_owned(), root: Some(root) });
        assert_eq!(known_by(&["fd00::7"], "0.0.0.0:443").0.url, "https://[fd00::7]:443");
        assert_eq!(known_by(&[], "192.0.2.9:8443").0.url, "https://192.0.2.9:8443");
    }

    #[tokio::test]
    async fn machine_without_a_network_is_told_what_to_do() {
        let world = World::new().await;
        let lan = Lan { hosts: Vec::new(), ..Lan::open(&office(&world), world.ports()).unwrap() };

        assert!(matches!(lan.certify(), Err(LanError::NoAddress)));
    }
}
