//! Backup beside a running server, and restore of one into a stopped one.
//!
//! A backup is a folder: `portico.db` (one file), `blobs/` with the segments that it needs, and `manifest.json`. Keys
//! are not in it; keep them apart.
//!
//! Holds: the database is copied first, so every file of its messages is there already; a committed segment never
//! changes, so a hard link is a copy. Crash: a backup without its manifest is none. A restore that dies leaves the old
//! database and a few segments more, which the next start removes; the swap is one rename.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use portico_wire::encoding::Sha256;
use portico_wire::ids::{BackupId, Epoch, SegmentId};
use ring::digest;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::blobs::Segments;
use crate::config::{Config, ConfigError};
use crate::folder::{make_private_folder, sync_folder, write_whole};
use crate::keys::{KeyError, Keys};
use crate::ports::Ports;
use crate::state::{self, OpenError};
use crate::store::{OpenDatabaseError, RestoreRefused, needed_segments, restore_database, take_backup};

/// The form of a backup that this version writes and reads.
const MANIFEST_VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "portico.db";
const BLOBS: &str = "blobs";

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form.
    pub version: u32,
    /// Which backup.
    pub backup_id: BackupId,
    /// The epoch it was taken in.
    pub epoch: Epoch,
    /// When its copying began, UTC milliseconds.
    pub taken_at_ms: i64,
    /// The keys without which it is of little use; files of `keys/` without their ending.
    pub keys: Vec<String>,
    /// Of the database file.
    pub sha256: Sha256,
    /// How many segments are in `blobs/`.
    pub segments: u64,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The life that begins with it.
    pub epoch: Epoch,
    /// The life the backup was taken in.
    pub from_epoch: Epoch,
    /// The time that it went back to, UTC milliseconds.
    pub restored_to_ms: i64,
    /// Where the database before it was kept; none if there was none.
    pub kept_aside: Option<PathBuf>,
}

/// Why there is no backup, or no restore. The server's own files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file can not be read or written.
    #[error("{path}: {fault}", path = .0.display(), fault = .1)]
    File(PathBuf, io::Error),
    /// The target holds a backup already.
    #[error("{path} holds a backup already", path = .0.display())]
    Occupied(PathBuf),
    /// A server runs on the folder, or it can not be used.
    #[error(transparent)]
    Folder(#[from] OpenError),
    /// The configuration names a database key that can not be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys can not be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database does not open.
    #[error(transparent)]
    Database(#[from] OpenDatabaseError),
    /// Not a manifest, or of another version.
    #[error("{path} is not a manifest that this version reads", path = .0.display())]
    Manifest(PathBuf),
    /// The file is not the one that was backed up.
    #[error("{path} is damaged: its SHA-256 is not that of the manifest", path = .0.display())]
    Damaged(PathBuf),
    /// Keys are missing: sealed columns would not open, receipts would not verify.
    #[error("the keys folder lacks {}; put the keys of that server there first", .0.join(", "))]
    KeysMissing(Vec<String>),
    /// The backup may not be restored here.
    #[error(transparent)]
    Refused(#[from] RestoreRefused),
}

/// Copies the database as it is now into `to`, then the segments it needs. Works beside a running server.
///
/// # Errors
/// A [`BackupError`]; without a manifest in it, `to` holds no backup.
pub fn backup(config: &Config, to: &Path, ports: &Ports) -> Result<Manifest, BackupError> {
    let (database, manifest) = (to.join(DATABASE), to.join(MANIFEST));
    if database.exists() || manifest.exists() {
        return Err(BackupError::Occupied(to.to_owned()));
    }
    make_private_folder(to).map_err(|fault| BackupError::File(to.to_owned(), fault))?;
    let key = config.database_key()?;
    let row = take_backup(&config.database(), key.clone(), &database, config.backups_kept, ports)?;
    File::open(&database)
        .and_then(|file| file.sync_all())
        .map_err(|fault| BackupError::File(database.clone(), fault))?;
    let needed = needed_segments(&database, key)?;
    copy_segments(&needed, &config.blobs(), &to.join(BLOBS))?;
    let content = Manifest {
        version: MANIFEST_VERSION,
        backup_id: row.backup_id,
        epoch: row.epoch,
        taken_at_ms: row.taken_at_ms,
        keys: Keys::ids_in(&config.keys())?,
        sha256: hash(&database)?,
        segments: needed.len() as u64,
    };
    let json = serde_json::to_vec_pretty(&content).expect("a manifest is ids and numbers");
    write_whole(&manifest, &json).map_err(|fault| BackupError::File(manifest, fault))?;
    Ok(content)
}

/// Replaces the database by the backup in `from`, in a fresh epoch. The server must be stopped.
///
/// # Errors
/// A [`BackupError`] that says why not; the database is as it was.
pub fn restore(config: &Config, from: &Path, ports: &Ports) -> Result<Restored, BackupError> {
    let _lock = state::lock(&config.data_folder)?;
    let manifest = read_manifest(&from.join(MANIFEST))?;
    let source = from.join(DATABASE);
    if hash(&source)? != manifest.sha256 {
        return Err(BackupError::Damaged(source));
    }
    let present_keys = Keys::ids_in(&config.keys())?;
    let missing: Vec<String> =
        manifest.keys.iter().filter(|key| !present_keys.contains(key)).cloned().collect();
    if !missing.is_empty() {
        return Err(BackupError::KeysMissing(missing));
    }
    let (database, copy) = (config.database(), config.data_folder.join("portico.db.restoring"));
    discard(&copy);
    fs::copy(&source, &copy).map_err(|fault| BackupError::File(copy.clone(), fault))?;
    let key = config.database_key()?;
    let restored = restore_database(&database, key.clone(), &copy, manifest.backup_id, ports);
    let epoch = match restored {
        Ok(Ok(epoch)) => epoch,
        Ok(Err(refused)) => {
            discard(&copy);
            return Err(refused.into());
        }
        Err(fault) => {
            discard(&copy);
            return Err(fault.into());
        }
    };
    if let Err(fault) = restore_segments(config, &copy, key, from, epoch) {
        discard(&copy);
        return Err(fault);
    }
    let kept_aside = swap(&copy, &database, epoch).map_err(|fault| BackupError::File(database, fault))?;
    Ok(Restored { epoch, from_epoch: manifest.epoch, restored_to_ms: manifest.taken_at_ms, kept_aside })
}

/// Brings the segments that `database` needs; what only the one before it needs, and what is not as the backup has it,
/// stays beside them under another name.
fn restore_segments(
    config: &Config,
    database: &Path,
    key: Option<Zeroizing<String>>,
    from: &Path,
    epoch: Epoch,
) -> Result<(), BackupError> {
    let needed = needed_segments(database, key)?;
    let (source, blobs) = (Segments::at(from.join(BLOBS)), Segments::at(config.blobs()));
    for original in needed.iter().map(|segment| source.path(*segment)) {
        File::open(&original).map_err(|fault| BackupError::File(original, fault))?;
    }
    make_private_folder(&config.blobs()).map_err(|fault| BackupError::File(config.blobs(), fault))?;
    let found = blobs.list().map_err(|fault| BackupError::File(config.blobs(), fault))?;
    let mut left: Vec<SegmentId> = found.into_iter().filter(|segment| !needed.contains(segment)).collect();
    left.extend(differing(&needed, &source, &blobs)?);
    if !left.is_empty() {
        let aside = with_ending(&config.blobs(), &format!(".before-{epoch}"));
        copy_segments(&left, &config.blobs(), &aside)?;
    }
    copy_segments(&needed, &from.join(BLOBS), &config.blobs())
}

/// Links or copies segments from one folder into another, durably, in the place of those that are there: whoever
/// restores may do so because a disk has damaged them.
fn copy_segments(segments: &[SegmentId], from: &Path, to: &Path) -> Result<(), BackupError> {
    let (source, target) = (Segments::at(from.to_owned()), Segments::at(to.to_owned()));
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |fault| BackupError::File(path, fault)
    };
    make_private_folder(to).map_err(fault(to))?;
    for segment in segments {
        let (original, copy) = (source.path(*segment), target.path(*segment));
        let writing = with_ending(&copy, ".writing");
        discard(&writing);
        // Another disk, or a file system without links: a whole copy then. Under its name only once it is durable.
        if fs::hard_link(&original, &writing).is_err() {
            fs::copy(&original, &writing).map_err(fault(&original))?;
            File::open(&writing).and_then(|file| file.sync_all()).map_err(fault(&writing))?;
        }
        fs::rename(&writing, &copy).map_err(fault(&copy))?;
        // Where both names were one file already, the rename has left both.
        discard(&writing);
    }
    sync_folder(to).map_err(fault(to))
}

/// The segments at `target` that are there and are not what lies at `source`.
fn differing(
    segments: &[SegmentId],
    source: &Segments,
    target: &Segments,
) -> Result<Vec<SegmentId>, BackupError> {
    let mut differing = Vec::new();
    for segment in segments {
        let (original, present) = (source.path(*segment), target.path(*segment));
        if present.exists() && original.exists() && hash(&original)? != hash(&present)? {
            differing.push(*segment);
        }
    }
    Ok(differing)
}

fn read_manifest(path: &Path) -> Result<Manifest, BackupError> {
    let text = fs::read(path).map_err(|fault| BackupError::File(path.to_owned(), fault))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| BackupError::Manifest(path.to_owned()))?;
    if manifest.version == MANIFEST_VERSION {
        Ok(manifest)
    } else {
        Err(BackupError::Manifest(path.to_owned()))
    }
}

/// Puts `copy` in the place of `database`, which stays beside it under another name. Journals of the old one must not
/// be taken for the new one's: they go first.
fn swap(copy: &Path, database: &Path, epoch: Epoch) -> io::Result<Option<PathBuf>> {
    File::open(copy)?.sync_all()?;
    let aside = with_ending(database, &format!(".before-{epoch}"));
    let existed = database.exists();
    if existed {
        for journal in ["-wal", "-shm", "-journal"] {
            let path = with_ending(database, journal);
            if path.exists() {
                fs::rename(&path, with_ending(&aside, journal))?;
            }
        }
        fs::hard_link(database, &aside)?;
    }
    fs::rename(copy, database)?;
    sync_folder(database.parent().unwrap_or(Path::new(".")))?;
    Ok(existed.then_some(aside))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes what an earlier restore has left half done; it is not there most of the time.
fn discard(copy: &Path) {
    for ending in ["", "-wal", "-shm", "-journal"] {
        drop(fs::remove_file(with_ending(copy, ending)));
    }
}

fn hash(path: &Path) -> Result<Sha256, BackupError> {
    let fault = |fault| BackupError::File(path.to_owned(), fault);
    let mut file = File::open(path).map_err(fault)?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(fault)?;
        if read == 0 {
            break;
        }
        context.update(buffer.get(..read).unwrap_or_default());
    }
    Ok(context.finish().into())
}

#[cfg(test)]
mod tests;
