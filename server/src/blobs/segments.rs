//! The folder of segments.
//!
//! Crash: a segment that no row needs is removed at the next start; a name whose file was made is durable.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use portico_wire::ids::SegmentId;

use crate::folder::{make_private_folder, sync_folder};

/// What the name of a segment ends with.
const ENDING: &str = ".pack";

/// Where the segments lie.
#[derive(Debug, Clone)]
pub(crate) struct Segments(PathBuf);

impl Segments {
    /// Makes the folder where there is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        if !folder.exists() {
            make_private_folder(&folder)?;
            sync_folder(folder.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(Self(folder))
    }

    /// The folder at `folder`, as it is.
    pub(crate) const fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where a segment lies.
    pub(crate) fn path(&self, segment: SegmentId) -> PathBuf {
        self.0.join(format!("{segment}{ENDING}"))
    }

    /// The segment for writing from `disk_bytes` on, cut there; made where it is not there.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn open_to_append(&self, segment: SegmentId, disk_bytes: u64) -> io::Result<File> {
        let path = self.path(segment);
        let fresh = !path.exists();
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        if fresh {
            sync_folder(&self.0)?;
        } else if file.metadata()?.len() != disk_bytes {
            file.set_len(disk_bytes)?;
        }
        file.seek(SeekFrom::Start(disk_bytes))?;
        Ok(file)
    }

    /// The segment for reading and cutting; none where it is not there.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn open_present(&self, segment: SegmentId) -> io::Result<Option<File>> {
        match File::options().read(true).write(true).open(self.path(segment)) {
            Ok(file) => Ok(Some(file)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Cuts a segment to `disk_bytes`, durably, where it is longer; one that is not there is not.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn cut(&self, segment: SegmentId, disk_bytes: u64) -> io::Result<()> {
        let Some(file) = self.open_present(segment)? else { return Ok(()) };
        if file.metadata()?.len() > disk_bytes {
            file.set_len(disk_bytes)?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// Removes a segment; one that is not there is removed.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn remove(&self, segment: SegmentId) -> io::Result<()> {
        match fs::remove_file(self.path(segment)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether the disk takes `bytes` more and keeps `reserve_bytes` free. Where it does not say, it does.
    pub(crate) fn has_room(&self, bytes: u64, reserve_bytes: u64) -> bool {
        #[cfg(unix)]
        if let Ok(disk) = rustix::fs::statvfs(&self.0) {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            return free.saturating_sub(reserve_bytes) >= bytes;
        }
        true
    }

    /// Every segment that lies there; what is named otherwise is none.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn list(&self) -> io::Result<Vec<SegmentId>> {
        let mut found = Vec::new();
        for file in fs::read_dir(&self.0)? {
            let name = file?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            found.extend(stem.and_then(|stem| stem.parse::<SegmentId>().ok()));
        }
        Ok(found)
    }
}
