//! How far a batch is, in plain bytes, as the server holds it (R52).

use portico_wire::seal::{CHUNK_BYTES, SEALED_CHUNK_BYTES};

use crate::store::BatchRow;

/// How far a batch is. Never more than its size, never less than it was while the server holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadProgress {
    /// Plain bytes that the server holds.
    pub held_bytes: u64,
    /// Plain bytes of the whole batch.
    pub size_bytes: u64,
    /// Files that the server holds whole.
    pub files_held: u32,
    /// How fast it goes, by what the server holds; none until that is known.
    pub bytes_per_s: Option<u64>,
    /// How long it will take at that rate, in milliseconds.
    pub left_ms: Option<u64>,
}

/// Where one attempt began, by the phone's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Began {
    pub(crate) at_ms: i64,
    pub(crate) server_bytes: u64,
}

/// Plain bytes of `batch` that the server holds.
#[must_use]
pub fn plain_bytes(batch: &BatchRow) -> u64 {
    walk(batch).0
}

/// Plain bytes and whole files within the first `server_bytes` of the pack.
fn walk(batch: &BatchRow) -> (u64, u32) {
    let mut left = batch.server_bytes;
    let (mut plain, mut whole) = (0, 0);
    for file in &batch.files {
        let sealed = file.end_bytes() - file.at_bytes;
        if sealed > left {
            plain += (left / SEALED_CHUNK_BYTES * CHUNK_BYTES as u64).min(file.size_bytes);
            return (plain, whole);
        }
        left -= sealed;
        plain += file.size_bytes;
        whole += 1;
    }
    (plain, whole)
}

/// The progress of `batch` at `now_ms`, in an attempt that began at `began`.
pub(crate) fn progress(batch: &BatchRow, began: Option<Began>, now_ms: i64) -> UploadProgress {
    let (held_bytes, files_held) = walk(batch);
    let size_bytes = batch.size_bytes();
    let rate = began.and_then(|began| {
        let moved = batch.server_bytes.checked_sub(began.server_bytes).filter(|moved| *moved > 0)?;
        let took_ms = u64::try_from(now_ms.saturating_sub(began.at_ms)).ok().filter(|took| *took > 0)?;
        Some(moved.saturating_mul(1_000) / took_ms)
    });
    let bytes_per_s = rate.filter(|rate| *rate > 0);
    let left_ms = bytes_per_s.map(|rate| (size_bytes - held_bytes).saturating_mul(1_000) / rate);
    UploadProgress { held_bytes, size_bytes, files_held, bytes_per_s, left_ms }
}

#[cfg(test)]
mod tests {
    use portico_wire::encoding::Sha256;
    use portico_wire::ids::{ConversationId, SendKey};
    use portico_wire::seal::{BatchKey, sealed_bytes};

    use super::*;
    use crate::store::PickedFile;

    fn batch(sizes: &[u64]) -> BatchRow {
        let mut at_bytes = 0;
        let files = (0..)
            .zip(sizes)
            .map(|(slot, size)| {
                let file = PickedFile {
                    slot,
                    name: String::new(),
                    size_bytes: *size,
                    sha256: Sha256::ZERO,
                    media_type: String::new(),
                    at_bytes,
                };
                at_bytes += sealed_bytes(*size);
                file
            })
            .collect();
        BatchRow {
            send_key: SendKey::from_bytes([1; 16]),
            conversation_id: ConversationId::from_bytes([2; 16]),
            batch_key: BatchKey::from_bytes([3; 32]),
            pack: String::new(),
            server_bytes: 0,
            metered: false,
            files,
        }
    }

    // R52
    #[test]
    fn progress_is_monotonic_and_ends_at_the_whole() {
        let mut batch = batch(&[100_000, 0, 65_536, 1]);
        let mut last = 0;
        for server_bytes in 0..=batch.length_bytes() {
            batch.server_bytes = server_bytes;
            let now = progress(&batch, None, 0);
            assert!(now.held_bytes >= last && now.held_bytes <= now.size_bytes);
            last = now.held_bytes;
        }
        let whole = progress(&batch, None, 0);
        assert_eq!((whole.held_bytes, whole.size_bytes, whole.files_held), (165_537, 165_537, 4));
    }

    #[test]
    fn rate_counts_what_the_server_took_in_this_attempt() {
        let mut batch = batch(&[1_000_000]);
        batch.server_bytes = 65_552 * 8;
        let began = Began { at_ms: 1_000, server_bytes: 65_552 * 4 };

        let half = progress(&batch, Some(began), 3_000);

        assert_eq!(half.bytes_per_s, Some(131_104));
        assert_eq!(half.left_ms, Some((1_000_000 - 65_536 * 8) * 1_000 / 131_104));
        assert_eq!(progress(&batch, Some(began), 1_000).bytes_per_s, None);
    }
}
