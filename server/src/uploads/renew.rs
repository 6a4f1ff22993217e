//! A batch that the server seals itself, taken up after a restart: what opens of it goes on under a new key.
//!
//! A crash may have taken the newest chunks from the disk; were other bytes to come in their place, they would be sealed
//! under the same key and nonce. Crash: the old segment or the new one is the batch's; the other goes at the next start.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use portico_wire::ids::SegmentId;
use tokio::task::spawn_blocking;

use super::desk::{Turn, Upload};
use crate::blobs::{Form, Layout, reseal};
use crate::error::ApiError;
use crate::state::App;
use crate::store::BatchRow;

/// Whether `upload` must go on under a new key.
///
/// # Errors
/// Those of the disk.
pub(super) async fn is_due(upload: &Upload, turn: &mut Turn) -> Result<bool, ApiError> {
    if upload.layout.form == Form::Sealed {
        return Ok(false);
    }
    upload.look_through(turn.opener()).await.map_err(|fault| ApiError::disk(&fault))?;
    Ok(!upload.is_ours.load(Relaxed))
}

/// Seals what opens of `batch` anew, in another segment, and says so in its row. Needs the turn of the old segment, which
/// nobody needs afterwards.
///
/// # Errors
/// Those of store and disk; the batch is as it was.
pub(super) async fn under_new_key(app: &App, batch: &BatchRow) -> Result<(), ApiError> {
    let mut moved = batch.clone();
    moved.segment = SegmentId::from_parts(app.now_ms(), app.ports().random());
    moved.batch_key = app.ports().random();
    let old = (batch.segment, Arc::new(Layout::of(batch)));
    let new = (moved.segment, Arc::new(Layout::of(&moved)));
    let segments = app.uploads().segments().clone();
    let resealed = spawn_blocking(move || reseal(&segments, old, new)).await;
    resealed.map_err(std::io::Error::other).flatten().map_err(|fault| ApiError::disk(&fault))?;
    app.store().move_batch(batch.segment, moved.segment, moved.batch_key).await?;
    app.uploads().upload(&moved).is_ours.store(true, Relaxed);
    Ok(())
}
