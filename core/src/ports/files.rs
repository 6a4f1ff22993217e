//! Secrets in a folder of files that only this user can read: for terminals, where there is no keystore.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{SecretFault, SecretStore};

/// A folder with one file of mode 0600 per secret.
#[derive(Debug, Clone)]
pub struct FileSecretStore {
    folder: PathBuf,
}

impl FileSecretStore {
    /// Secrets in `folder`, which is made at the first write.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl SecretStore for FileSecretStore {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretFault> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
            Err(_) => Err(SecretFault::Unavailable),
        }
    }

    fn keep(&self, name: &str, secret: &[u8]) -> Result<(), SecretFault> {
        write_durably(&self.folder, name, secret).map_err(|_| SecretFault::Unavailable)
    }

    fn forget(&self, name: &str) -> Result<(), SecretFault> {
        match fs::remove_file(self.path(name)) {
            Ok(()) => Ok(()),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(()),
            Err(_) => Err(SecretFault::Unavailable),
        }
    }
}

/// Writes `name` in `folder` so that a crash leaves the old file or the new one, readable by this user only.
///
/// # Errors
/// Whatever the file system says; the old file stays.
pub(crate) fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    make_private_folder(folder)?;
    let draft = folder.join(format!("{name}.new"));
    let mut file = open_private(&draft)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(name))?;
    sync_folder(folder)
}

/// Opens a file as it is, or makes it, readable and writable by this user only.
///
/// # Errors
/// Whatever the file system says.
pub(crate) fn open_private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes new names in `folder` durable: without it they may be lost with the power.
///
/// # Errors
/// Whatever the file system says.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Makes `folder`, for this user only.
///
/// # Errors
/// Whatever the file system says.
pub(crate) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn secret_is_kept_for_this_user_only_and_forgotten() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let store = FileSecretStore::in_folder(home.path().join("keys"));

        store.keep("a", b"one").unwrap();
        store.keep("a", b"two").unwrap();

        assert_eq!(store.read("a").unwrap().unwrap().as_slice(), b"two");
        let mode = fs::metadata(home.path().join("keys/a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        store.forget("a").unwrap();
        assert_eq!(store.read("a").unwrap(), None);
    }
}
