//! A file as the bytes of an upload.

use bytes::Bytes;
use futures_util::StreamExt as _;
use portico_core::ports::PackBytes;
use tokio::io::AsyncReadExt as _;

/// The bytes of `file`, 256 KiB at a time.
#[must_use]
pub fn of(file: tokio::fs::File) -> PackBytes {
    let chunks = futures_util::stream::unfold(file, |mut file| async move {
        let mut chunk = vec![0; 256 * 1024];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(count) => {
                chunk.truncate(count);
                Some((Ok(Bytes::from(chunk)), file))
            }
            Err(fault) => Some((Err(fault), file)),
        }
    });
    chunks.fuse().boxed()
}
