//! The proof of the files: every one is opened, chunk by chunk, and has its hash.

use std::io;

use portico_wire::encoding::Sha256;
use portico_wire::ids::ContentId;
use ring::digest;
use tokio::task::spawn_blocking;

use super::sealed_file::SealedFile;
use super::segments::Segments;
use crate::state::App;
use crate::store::{Content, LogFault, LogReport, StoreError};

/// Files looked up at a time.
const PAGE: u32 = 500;
/// Plain bytes read at a time.
const READ_BYTES: u64 = 1024 * 1024;

impl App {
    /// Walks every log, then opens every file.
    ///
    /// # Errors
    /// As every read.
    pub async fn verify(&self) -> Result<LogReport, StoreError> {
        let mut report = self.store().verify().await?;
        let mut after = ContentId::from_bytes([0; 16]);
        loop {
            let page = self.store().contents_after(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = last.content_id;
            report.files += page.len() as u64;
            let segments = self.uploads().segments().clone();
            let check = move || {
                page.iter().filter(|row| !is_whole(&segments, row)).map(|row| row.content_id).collect()
            };
            let damaged: Vec<ContentId> = spawn_blocking(check).await.map_err(|_| StoreError::Bug)?;
            report.faults.extend(damaged.into_iter().map(LogFault::File));
        }
    }
}

fn is_whole(segments: &Segments, row: &Content) -> bool {
    hash(segments, row).is_ok_and(|hash| hash == row.sha256)
}

fn hash(segments: &Segments, row: &Content) -> io::Result<Sha256> {
    let mut file = SealedFile::open(segments, row)?;
    let (mut context, mut at, mut plain) = (digest::Context::new(&digest::SHA256), 0, Vec::new());
    while at < row.size_bytes {
        plain.clear();
        file.read(at, at + READ_BYTES, &mut plain)?;
        context.update(&plain);
        at += plain.len() as u64;
    }
    Ok(context.finish().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Pack, World};

    // R21, R55
    #[tokio::test]
    async fn altered_file_gives_itself_away() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        amina.carry(&Pack::of(&amina, &world, claim, &[10, 200_000, 10])).await;
        let files = world.app.store().contents_after(ContentId::from_bytes([0; 16]), 3).await.unwrap();
        let damaged = files.iter().find(|file| file.size_bytes == 200_000).unwrap().content_id;
        assert_eq!(world.app.verify().await.unwrap().faults, []);
        let segment = std::fs::read_dir(world.config().blobs()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes[100_000] ^= 1;
        std::fs::write(&segment, bytes).unwrap();

        let report = world.app.verify().await.unwrap();

        assert_eq!((report.files, report.faults), (3, vec![LogFault::File(damaged)]));
    }
}
