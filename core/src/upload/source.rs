//! What the person picked: a path or an open descriptor, which may be anything.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::SystemTime;

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

impl Opened {
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
