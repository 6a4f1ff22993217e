//! Settings: defaults, then `portico.toml`, then `PORTICO_*`. An unknown key is refused, never ignored.
//!
//! In the environment a nested key is written with two underscores: `PORTICO_THROTTLE__SIGN_IN_BURST=20`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};

use crate::scan;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Holds the database, keys, mails and pushes.
    pub data_folder: PathBuf,
    /// Where the portal is served.
    pub listen: SocketAddr,
    /// Where metrics are served; a loopback address.
    pub metrics_listen: SocketAddr,
    /// Certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// The address at which phones reach this server, as invitations name it; else what `listen` says.
    pub public_url: Option<String>,
    /// Whether it serves one office: under certificates that it makes itself, to phones that scan its link.
    pub lan: bool,
    /// Names and addresses by which the office's network knows this machine, the one of links first; none: the address that it
    /// has there.
    pub lan_hosts: Vec<String>,
    /// Whether a proxy in front speaks TLS; only then is plain HTTP served beyond loopback.
    pub behind_proxy: bool,
    /// Proxies of our own: the entry that they add to `X-Forwarded-For` is the caller.
    pub trusted_proxies: Vec<IpAddr>,
    /// Who mails come from.
    pub mail_from: String,
    /// A file with 64 hex digits: the key the database is encrypted with. Absent: plain.
    pub database_key_file: Option<PathBuf>,
    /// How many backups, the newest first, may still be restored. Phones keep what is not in the oldest of them.
    pub backups_kept: u32,
    /// What uploads leave free on the disk, in bytes: the database needs room to go on.
    pub disk_reserve_bytes: u64,
    /// A program and its arguments: it reads each file from its standard input, and what it says decides whether the
    /// file is served. Absent: no file is scanned.
    pub scan_command: Option<Vec<String>>,
    /// Connections.
    pub connections: Connections,
    /// Delays for those who ask too often.
    pub throttle: Throttles,
}

/// What one connection may hold up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Open at a time in all: each costs about 30 kB while idle.
    pub all_max: u32,
    /// Open at a time from one address: an office behind one router has a few hundred phones. Trusted proxies are exempt.
    pub per_address_max: u32,
    /// From accept to the first whole request head, TLS included.
    pub first_request_ms: u64,
    /// From the first byte of a later head to its end, and the longest idle HTTP/1.1 connection.
    pub header_ms: u64,
    /// What requests in flight get to finish when the server stops.
    pub stop_grace_ms: u64,
}

/// Token buckets: so many at once, then one every so often. They delay and never disable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttles {
    /// Codes for one email address.
    pub sign_in: Rate,
    /// Sign-in and refresh requests from one network address: an office of 500 phones refreshes twice a second.
    pub sign_in_address: Rate,
    /// Requests of one device.
    pub device: Rate,
}

/// One token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Then one per so many milliseconds; 0 sets no limit.
    pub every_ms: u64,
}

impl Rate {
    /// No limit.
    pub const NONE: Self = Self { burst: u32::MAX, every_ms: 0 };
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown or a value has the wrong form; the text names both.
    #[error("the configuration is wrong: {0}")]
    Malformed(Box<figment::Error>),
    /// The named file is not there.
    #[error("{path} is not there", path = .0.display())]
    Missing(PathBuf),
    /// Only one half of the TLS pair is set.
    #[error("tls_cert and tls_key belong together; only one of them is set")]
    HalfTls,
    /// Something is set that `lan` makes itself.
    #[error("lan = true makes certificate and address itself; leave {0} out")]
    BesideLan(&'static str),
    /// Phones could not reach it by that.
    #[error("lan_hosts: {0:?} is neither a name nor the address of a machine")]
    LanHost(String),
    /// Plain HTTP would leave the machine.
    #[error("{0} is not a loopback address: set tls_cert and tls_key, or behind_proxy = true")]
    PlainBeyondLoopback(SocketAddr),
    /// Metrics would leave the machine.
    #[error("metrics_listen is {0}; metrics are served on a loopback address only")]
    MetricsBeyondLoopback(SocketAddr),
    /// No backup could ever be restored.
    #[error("backups_kept must be 1 or more")]
    NoBackupKept,
    /// There is nothing to run.
    #[error("scan_command is an empty list; leave it out, and no file is scanned")]
    ScanCommandEmpty,
    /// The scanner is not there, or may not be run.
    #[error("scan_command: there is no program {0:?}; give its whole path, or a name that is found in PATH")]
    ScanProgramMissing(String),
    /// The database key can not be read.
    #[error("database_key_file {path}: {fault}", path = .0.display(), fault = .1)]
    DatabaseKeyFile(PathBuf, String),
}

impl Config {
    /// The defaults, with everything in `folder`.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            data_folder: folder.into(),
            listen: LISTEN,
            metrics_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            tls_cert: None,
            tls_key: None,
            public_url: None,
            lan: false,
            lan_hosts: Vec::new(),
            behind_proxy: false,
            trusted_proxies: Vec::new(),
            mail_from: "portico@localhost".to_owned(),
            database_key_file: None,
            backups_kept: 7,
            disk_reserve_bytes: 256 * 1024 * 1024,
            scan_command: None,
            connections: Connections {
                all_max: 10_000,
                per_address_max: 2_000,
                first_request_ms: 10_000,
                header_ms: 10_000,
                stop_grace_ms: 10_000,
            },
            throttle: Throttles {
                sign_in: Rate { burst: 5, every_ms: 30_000 },
                sign_in_address: Rate { burst: 120, every_ms: 100 },
                device: Rate { burst: 2_000, every_ms: 10 },
            },
        }
    }

    /// Reads the defaults, then `file` (absent: none), then the environment, and checks the whole.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    pub fn load(folder: &Path, file: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(file) = file.filter(|file| !file.exists()) {
            return Err(ConfigError::Missing(file.to_owned()));
        }
        let file = file.map_or_else(|| folder.join("portico.toml"), Path::to_path_buf);
        let config: Self = Figment::from(Serialized::defaults(Self::in_folder(folder)))
            .merge(Toml::file(file))
            // The terminal's own settings begin with the same word.
            .merge(Env::prefixed("PORTICO_").ignore(&["HOME", "ROOT", "LOG"]).split("__"))
            .extract()
            .map_err(|fault| ConfigError::Malformed(Box::new(fault)))?;
        let config = if config.lan { config.on_lan() } else { config };
        config.check()?;
        Ok(config)
    }

    /// The same for one office: it listens on every network of the machine, unless another address was set.
    #[must_use]
    pub fn on_lan(self) -> Self {
        let listen = if self.listen == LISTEN { LISTEN_ON_LAN } else { self.listen };
        Self { lan: true, listen, ..self }
    }

    /// What an invitation names, but for `lan`.
    #[must_use]
    pub fn public_url(&self) -> String {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        self.public_url.clone().unwrap_or_else(|| format!("{scheme}://{}", self.listen))
    }

    /// Whether the parts fit together.
    ///
    /// # Errors
    /// A [`ConfigError`] that names what does not fit.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::HalfTls);
        }
        self.check_lan()?;
        if !self.listen.ip().is_loopback() && self.tls_cert.is_none() && !self.behind_proxy && !self.lan {
            return Err(ConfigError::PlainBeyondLoopback(self.listen));
        }
        if !self.metrics_listen.ip().is_loopback() {
            return Err(ConfigError::MetricsBeyondLoopback(self.metrics_listen));
        }
        if self.backups_kept == 0 {
            return Err(ConfigError::NoBackupKept);
        }
        match self.scan_command.as_ref().map(|words| words.first()) {
            None => {}
            Some(None) => return Err(ConfigError::ScanCommandEmpty),
            Some(Some(program)) if scan::is_program(program) => {}
            Some(Some(program)) => return Err(ConfigError::ScanProgramMissing(program.clone())),
        }
        self.database_key().map(|_| ())
    }

    fn check_lan(&self) -> Result<(), ConfigError> {
        let beside = [
            ("tls_cert", self.tls_cert.is_some()),
            ("behind_proxy", self.behind_proxy),
            ("public_url", self.public_url.is_some()),
        ];
        if let Some((name, _)) = beside.iter().find(|(_, set)| self.lan && *set) {
            return Err(ConfigError::BesideLan(name));
        }
        match self.lan_hosts.iter().find(|host| !is_host(host)) {
            Some(host) => Err(ConfigError::LanHost(host.clone())),
            None => Ok(()),
        }
    }

    /// The key of the database, as 64 hex digits; none for a plain one.
    pub(crate) fn database_key(&self) -> Result<Option<zeroize::Zeroizing<String>>, ConfigError> {
        let Some(path) = &self.database_key_file else { return Ok(None) };
        let refuse = |fault: String| ConfigError::DatabaseKeyFile(path.clone(), fault);
        let text = std::fs::read_to_string(path).map_err(|fault| refuse(fault.to_string()))?;
        let digits = text.trim();
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse("it must hold 64 hex digits".to_owned()));
        }
        Ok(Some(zeroize::Zeroizing::new(digits.to_owned())))
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data_folder.join("portico.db")
    }

    /// The keys; apart from every backup.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.data_folder.join("keys")
    }

    /// The segments: sealed packs of files.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.data_folder.join("blobs")
    }

    /// Where mails go.
    #[must_use]
    pub fn mail(&self) -> PathBuf {
        self.data_folder.join("mail")
    }

    /// Where pushes go.
    #[must_use]
    pub fn push(&self) -> PathBuf {
        self.data_folder.join("push")
    }
}

/// Whether a certificate can name it.
fn is_host(text: &str) -> bool {
    match ServerName::try_from(text) {
        Ok(ServerName::IpAddress(address)) => !IpAddr::from(address).is_unspecified(),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// On this machine alone.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// On every network of the machine, at the port that is usual for HTTPS where 443 wants an administrator.
const LISTEN_ON_LAN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("portico.toml"), "backups_kept = 3\nlistn = \"x\"\n").unwrap();

        let refused = Config::load(folder.path(), None).unwrap_err().to_string();

        assert!(refused.contains("listn"), "{refused}");
    }

    #[test]
    fn file_overrides_defaults_and_leaves_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let text = "backups_kept = 3\n[throttle]\nsign_in = { burst = 9, every_ms = 1 }\n";
        std::fs::write(folder.path().join("portico.toml"), text).unwrap();

        let config = Config::load(folder.path(), None).unwrap();

        assert_eq!(config.backups_kept, 3);
        assert_eq!(config.throttle.sign_in, Rate { burst: 9, every_ms: 1 });
        assert_eq!(config.listen, Config::in_folder(folder.path()).listen);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let fits = Config::in_folder("x");
        let open = Config { listen: SocketAddr::from(([0, 0, 0, 0], 80)), ..fits.clone() };

        assert!(fits.check().is_ok());
        assert!(matches!(open.check(), Err(ConfigError::PlainBeyondLoopback(_))));
        assert!(Config { behind_proxy: true, ..open }.check().is_ok());
        let half = Config { tls_cert: Some("c.pem".into()), ..fits.clone() };
        assert!(matches!(half.check(), Err(ConfigError::HalfTls)));
        let none = Config { backups_kept: 0, ..fits.clone() };
        assert!(matches!(none.check(), Err(ConfigError::NoBackupKept)));
        let scanned_by = |words: &[&str]| Config {
            scan_command: Some(words.iter().map(|word| (*word).to_owned()).collect()),
            ..fits.clone()
        };
        assert!(matches!(scanned_by(&[]).check(), Err(ConfigError::ScanCommandEmpty)));
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = file.path().to_str().unwrap();
        for absent in ["", "/absent/scanner", "no-such-scanner", "/", text] {
            let refused = scanned_by(&[absent, "-"]).check();
            assert!(matches!(refused, Err(ConfigError::ScanProgramMissing(_))), "{absent}");
        }
        for present in ["sh", "/bin/sh"] {
            assert!(scanned_by(&[present, "-"]).check().is_ok(), "{present}");
        }
        let office = fits.clone().on_lan();
        assert_eq!((office.listen.port(), office.check().is_ok()), (8443, true));
        let set = SocketAddr::from(([192, 0, 2, 7], 443));
        assert_eq!(Config { listen: set, ..fits.clone() }.on_lan().listen, set);
        let proxied = Config { behind_proxy: true, ..office.clone() };
        let named = Config { public_url: Some("https://x.example".to_owned()), ..office.clone() };
        for beside in [proxied, named] {
            assert!(matches!(beside.check(), Err(ConfigError::BesideLan(_))), "{beside:?}");
        }
        let known_by = |host: &str| Config { lan_hosts: vec![host.to_owned()], ..office.clone() };
        for host in ["", "0.0.0.0", "https://office.local", "office.local:8443", "a b"] {
            assert!(matches!(known_by(host).check(), Err(ConfigError::LanHost(_))), "{host}");
        }
        for host in ["office.local", "office", "192.0.2.7", "fd00::7"] {
            assert!(known_by(host).check().is_ok(), "{host}");
        }
        let key = Config { database_key_file: Some("absent".into()), ..fits };
        assert!(matches!(key.check(), Err(ConfigError::DatabaseKeyFile(..))));
    }
}
