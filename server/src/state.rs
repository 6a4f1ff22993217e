//! The running server: store, keys, ports and limits behind one handle.
//!
//! Crash: dropping the handle is like a kill. What was answered is on disk; what was not may be or not.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use portico_wire::ids::{Epoch, FirmId, PersonId};
use portico_wire::invitation::Invited;
use portico_wire::server_address::ServerAddress;
use tokio::sync::watch;

use crate::blobs::Segments;
use crate::config::{Config, ConfigError};
use crate::keys::{KeyError, Keys};
use crate::lan::{Lan, LanError};
use crate::ports::Ports;
use crate::store::{Change, OpenDatabaseError, Store, StoreError, Who, normal_email};
use crate::throttle::Throttle;
use crate::uploads::Uploads;
use crate::{mail, push, router, scan, uploads};

/// One server on one data folder. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    ports: Ports,
    keys: Arc<Keys>,
    /// Where it serves one office.
    lan: Option<Arc<Lan>>,
    uploads: Uploads,
    store: Store,
    throttle: Throttle,
    /// The newest nonce issued: no two are of the same millisecond.
    last_nonce_ms: AtomicI64,
    stopping: watch::Sender<bool>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.epoch())
    }
}

/// Why a server does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder can not be used.
    #[error("{path}: {fault}", path = .0.display(), fault = .1)]
    Folder(PathBuf, io::Error),
    /// Another process has it open.
    #[error("another Portico server is running on {path}; stop it first", path = .0.display())]
    AlreadyRunning(PathBuf),
    /// The keys can not be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The root of a server of one office can not be used.
    #[error(transparent)]
    Lan(#[from] LanError),
    /// The database does not open; a wrong key says so.
    #[error(transparent)]
    Database(#[from] OpenDatabaseError),
    /// The database does not tell which files are needed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one round of workers carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobsRun {
    /// Mails written.
    pub mails: u64,
    /// Pushes written.
    pub pushes: u64,
    /// Batches forgotten for want of bytes.
    pub batches_expired: u64,
}

impl App {
    /// Opens the data folder, or makes it: lock, keys, database, segments.
    ///
    /// # Errors
    /// An [`OpenError`] that names what is wrong.
    pub fn open(config: Config, ports: Ports) -> Result<Self, OpenError> {
        config.check()?;
        let lock = lock(&config.data_folder)?;
        let keys = Arc::new(Keys::open(&config.keys(), &ports)?);
        let lan = if config.lan { Some(Arc::new(Lan::open(&config, &ports)?)) } else { None };
        let key = config.database_key()?;
        let store = Store::open(config.database(), key, &ports, lock)?;
        let uploads = Uploads::new(open_segments(&config, &store)?);
        Ok(Self(Arc::new(Inner {
            config,
            ports,
            keys,
            lan,
            uploads,
            store,
            throttle: Throttle::default(),
            last_nonce_ms: AtomicI64::new(0),
            stopping: watch::Sender::new(false),
        })))
    }

    /// The routes, to be called in process or served.
    pub fn router(&self) -> axum::Router {
        router::routes(self).0
    }

    /// Lets somebody of a firm in again who lost everything that proves them, in the administrator's name.
    ///
    /// # Errors
    /// A [`StoreError`]; everything stays.
    pub async fn let_in_again(&self, firm: FirmId, person: PersonId) -> Result<Change, StoreError> {
        self.store().let_in_again(firm, person, Arc::clone(self.keys())).await
    }

    /// Invites whoever has `email`, at each firm that they belong to, in the administrator's name: links, also mailed; none where
    /// nobody has it. What was mailed before works no more.
    ///
    /// # Errors
    /// A [`StoreError`]; no mail goes out.
    pub async fn invite(&self, email: &str) -> Result<Vec<Invited>, StoreError> {
        self.store().invite_address(email, self.address(), Arc::clone(self.keys())).await
    }

    /// Where phones reach this server, and the root that they know it by, if it is its own.
    #[must_use]
    pub fn address(&self) -> ServerAddress {
        let config = self.config();
        match self.lan() {
            Some(lan) => lan.address(config.listen),
            None => ServerAddress { url: config.public_url().trim_end_matches('/').to_owned(), root: None },
        }
    }

    /// Gives somebody of a firm another address, in the administrator's name: who has neither phone nor mailbox left has no way of
    /// their own. [`Change::NotAllowed`] where the address is somebody else's.
    ///
    /// # Errors
    /// A [`StoreError`]; the address stays.
    pub async fn readdress(&self, firm: FirmId, person: PersonId, email: &str) -> Result<Change, StoreError> {
        let who = Who { firm, person };
        self.store().readdress(who, normal_email(email), Arc::clone(self.keys())).await
    }

    /// The use-cases.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The server's life between two restores.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.store.epoch()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Carries everything that is due now, until nothing is. Failures stay due, later.
    ///
    /// # Errors
    /// A [`StoreError`]; what was claimed is claimed again when its lease runs out.
    pub async fn run_jobs_once(&self) -> Result<JobsRun, StoreError> {
        let mails = mail::worker::carry_due(self).await?;
        let pushes = push::worker::carry_due(self).await?;
        let batches_expired = uploads::drop_expired(self).await?;
        Ok(JobsRun { mails, pushes, batches_expired })
    }

    /// Gives every file that is due to the firm's scanner, until none is; how many got a verdict. Apart from
    /// [`App::run_jobs_once`]: a mail with a code does not wait for a scan.
    ///
    /// # Errors
    /// A [`StoreError`]; what was claimed is scanned again when its lease runs out.
    pub async fn run_scans_once(&self) -> Result<u64, StoreError> {
        scan::worker::scan_due(self).await
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.ports.clock.now_ms()
    }

    pub(crate) fn keys(&self) -> &Arc<Keys> {
        &self.0.keys
    }

    pub(crate) fn lan(&self) -> Option<&Arc<Lan>> {
        self.0.lan.as_ref()
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// Whether the disk takes so many bytes more.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.uploads().segments().has_room(bytes, self.config().disk_reserve_bytes)
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Says that the server stops: long polls answer at once.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Turns true when the server stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    /// A time of issue that no other nonce has, and that is past `spent_ms`.
    pub(crate) fn nonce_time_ms(&self, spent_ms: i64) -> i64 {
        let least = self.now_ms().max(spent_ms + 1);
        let before = self.0.last_nonce_ms.fetch_update(SeqCst, SeqCst, |last| Some(least.max(last + 1)));
        before.map_or(least, |last| least.max(last + 1))
    }
}

/// The folder of segments, without those that a crash has left and no row needs.
fn open_segments(config: &Config, store: &Store) -> Result<Segments, OpenError> {
    let fault = |fault| OpenError::Folder(config.blobs(), fault);
    let segments = Segments::open(config.blobs()).map_err(fault)?;
    for orphan in store.orphans(segments.list().map_err(fault)?)? {
        segments.remove(orphan).map_err(fault)?;
        tracing::info!(segment = %orphan, "a segment that nothing needs was removed");
    }
    Ok(segments)
}

/// The data folder, taken for one server alone until this is dropped.
pub(crate) struct FolderLock(File);

impl Drop for FolderLock {
    /// Closing the file is not enough: a scanner that this process starts has it too, until its program begins.
    fn drop(&mut self) {
        if let Err(fault) = self.0.unlock() {
            tracing::warn!(%fault, "the data folder is free only at the end of this process");
        }
    }
}

/// Takes the data folder for this process alone. A fresh one is its owner's alone.
pub(crate) fn lock(folder: &Path) -> Result<FolderLock, OpenError> {
    let fault = |fault| OpenError::Folder(folder.to_owned(), fault);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(fault)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("portico.lock"))
        .map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::AlreadyRunning(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(fault(error)),
    }
}
