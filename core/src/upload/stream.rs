//! A pack as a stream of bytes, read off the async threads, a few buffers ahead of the line.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::ports::PackBytes;

/// One read: large enough that the thread is woken 400 times for 100 MB, small enough for a phone's memory.
const BUFFER_BYTES: usize = 256 * 1024;
/// Buffers that wait for the line: 1 MiB in all.
const BUFFERS: usize = 4;

/// Bytes `from_bytes..to_bytes` of the file at `path`. Dropping the stream ends the reading.
#[must_use]
pub fn read(path: PathBuf, from_bytes: u64, to_bytes: u64) -> PackBytes {
    let (out, read) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(BUFFERS);
    tokio::task::spawn_blocking(move || {
        let failed = copy(path, from_bytes, to_bytes, &out).err();
        if let Some(fault) = failed {
            // Whoever read may have gone.
            drop(out.blocking_send(Err(fault)));
        }
    });
    let chunks =
        futures_util::stream::unfold(read, |mut read| async move { Some((read.recv().await?, read)) });
    // Some ask once more after the end.
    chunks.fuse().boxed()
}

fn copy(
    path: PathBuf,
    from_bytes: u64,
    to_bytes: u64,
    out: &tokio::sync::mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from_bytes))?;
    let mut left = to_bytes.saturating_sub(from_bytes);
    while left > 0 {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let count = (&mut file).take(left.min(BUFFER_BYTES as u64)).read_to_end(&mut buffer)? as u64;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= count;
        if out.blocking_send(Ok(buffer.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
