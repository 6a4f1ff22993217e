//! Writes whole files: a reader sees the old one, the new one, or none, never half of one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes `content` to `path` durably and at once; makes the folder. Writing the same again changes nothing.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private_folder(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".writing");
    let writing = folder.join(name);
    let mut file = File::create(&writing)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&writing, path)?;
    sync_folder(folder)
}

/// Makes `folder` for the server's own user only: keys, mails with codes, whole databases lie in such.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes renames and links within `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
