//! What the person picked: a path or an open descriptor, which may be anything.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Something picked.
#[derive(Debug)]
pub enum PickSource {
    /// A file by its path.
    Path(PathBuf),
    /// A file that is open already, as a content provider hands it over; also a pipe, which is read to its end.
    Open(File),
}

/// Why a picked file can not be taken. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickFault {
    /// There is no such file.
    Missing,
    /// This app may not read it.
    Denied,
    /// It is a folder, a pipe, a socket or a device.
    NotAFile,
    /// It changed while it was read: pick it again.
    Changed,
    /// Its disk or its provider fails.
    Unreadable,
}

impl From<&io::Error> for PickFault {
    fn from(fault: &io::Error) -> Self {
        match fault.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Unreadable,
        }
    }
}

/// A source that is open.
#[derive(Debug)]
pub struct Opened {
    /// Read from here.
    pub file: File,
    /// What the path is called; none for a descriptor.
    pub name: Option<String>,
    before: Option<Stamp>,
}

/// By what a file that changes under the reader is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size_bytes: u64,
    changed_at: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { size_bytes: metadata.len(), changed_at: metadata.modified().ok() }
    }
}

impl PickSource {
    /// Opens it.
    ///
    /// # Errors
    /// A [`PickFault`].
    pub fn open(self) -> Result<Opened, PickFault> {
        match self {
            Self::Path(path) => {
                // Asked first: opening a pipe without a writer would wait for ever.
                let metadata = std::fs::metadata(&path).map_err(|fault| PickFault::from(&fault))?;
                if !metadata.is_file() {
                    return Err(PickFault::NotAFile);
                }
                let file = File::open(&path).map_err(|fault| PickFault::from(&fault))?;
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                let before = file.metadata().ok().map(|metadata| Stamp::of(&metadata));
                Ok(Opened { file, name, before })
            }
            Self::Open(file) => {
                let metadata = file.metadata().map_err(|fault| PickFault::from(&fault))?;
                if metadata.is_dir() {
                    return Err(PickFault::NotAFile);
                }
                let before = metadata.is_file().then(|| Stamp::of(&metadata));
                Ok(Opened { file, name: None, before })
            }
        }
    }
}

/// The bytes of a source. One that may not come, such as a pipe's, is waited for in steps, so that whoever cancels is
/// heard; the read then fails.
#[derive(Debug)]
pub struct SourceReader<'a> {
    opened: &'a Opened,
    cancelled: &'a AtomicBool,
}

impl Read for SourceReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // A file has its bytes, or its disk fails.
        while self.opened.before.is_none() && !has_bytes(&self.opened.file)? {
            if self.cancelled.load(Relaxed) {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        (&self.opened.file).read(out)
    }
}

/// Whether a read of `file` answers at once; waits for that a little.
fn has_bytes(file: &File) -> io::Result<bool> {
    let step = Timespec { tv_sec: 0, tv_nsec: HEARD_WITHIN_NS };
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&step)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}

/// Within what time a reader that waits hears that it is cancelled, in nanoseconds.
const HEARD_WITHIN_NS: i64 = 100_000_000;

impl Opened {
    /// Reads it from where it stands, until it ends or is `cancelled`.
    #[must_use]
    pub const fn reader<'a>(&'a self, cancelled: &'a AtomicBool) -> SourceReader<'a> {
        SourceReader { opened: self, cancelled }
    }

    /// How large it says it is; none where it can not know.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        self.before.map(|stamp| stamp.size_bytes)
    }

    /// Whether what was read, `size_bytes` of it, is one state of the file.
    #[must_use]
    pub fn stood_still(&self, size_bytes: u64) -> bool {
        let Some(before) = self.before else { return true };
        let after = self.file.metadata().ok().map(|metadata| Stamp::of(&metadata));
        before.size_bytes == size_bytes && after == Some(before)
    }
}
