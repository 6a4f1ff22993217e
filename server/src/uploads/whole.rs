//! A document that comes whole in one request, plain: from what it is to become to its row.
//!
//! ```text
//! wanted? -> room -> sealed into a segment of its own, hashed, durable -> kept | the segment goes
//! ```
//! It is refused before its bytes where it can be, and goes the way of a batch whose bytes come plain. Nothing is resumed:
//! the same request again, under the same key, keeps nothing twice. Crash: the segment goes at the next start.

use std::io;

use axum::body::Body;
use portico_wire::ids::{SegmentId, SendKey};
use portico_wire::problem::ProblemCode;
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::seal::{BatchKey, sealed_bytes};
use portico_wire::upload::batch_id;
use tracing::Instrument as _;

use super::append::{End, carry, drain};
use crate::blobs::Layout;
use crate::error::ApiError;
use crate::state::App;
use crate::store::{Announced, Caller, Destination, Keeping, Source, StoredFile};

/// Receives a document, or its newest version. It runs as a task of its own, so that nothing is left behind of one whose
/// sender is gone.
///
/// # Errors
/// Those of store and disk, and `bad_request` where the body is not as long as announced; nothing is kept.
pub(crate) async fn receive_document(
    app: App,
    caller: Caller,
    key: SendKey,
    to: Destination,
    announced: Announced,
    mut body: Body,
) -> Result<Keeping, ApiError> {
    let running = app.uploads().begin();
    let work = async move {
        let kept = work(&app, caller, key, to, announced, &mut body).await;
        // What was decided before the bytes came is answered over them.
        if !matches!(kept, Ok(Keeping::Kept { is_new: true, .. })) {
            tokio::spawn(drain(app, body, running));
        }
        kept
    };
    let task = tokio::spawn(work.instrument(tracing::Span::current()));
    task.await.unwrap_or_else(|_| Err(ProblemCode::Internal.into()))
}

async fn work(
    app: &App,
    caller: Caller,
    key: SendKey,
    to: Destination,
    announced: Announced,
    body: &mut Body,
) -> Result<Keeping, ApiError> {
    match app.store().document_wanted(caller, key, to.clone(), announced).await? {
        Keeping::Wanted => {}
        decided => return Ok(decided),
    }
    if !app.has_room(sealed_bytes(announced.size_bytes)) {
        return Err(ApiError::no_room());
    }
    let segment = SegmentId::from_parts(app.now_ms(), app.ports().random());
    let stored = match sealed(app, segment, key, announced, body).await {
        Ok(Ok(stored)) => stored,
        Ok(Err(refusal)) => {
            app.uploads().end(segment).await;
            return Ok(Keeping::Refused(refusal));
        }
        Err(fault) => {
            app.uploads().end(segment).await;
            return Err(fault);
        }
    };
    let kept = app.store().keep_document(caller, key, to, Source::Segment(segment, stored)).await;
    match kept {
        // Where nobody knows whether it was committed, its bytes stay; the next start looks.
        Ok(Keeping::Kept { is_new: true, .. }) | Err(_) => drop(app.uploads().forget(segment)),
        Ok(_) => app.uploads().end(segment).await,
    }
    Ok(kept?)
}

/// Seals the body into `segment`; what is to be known of it once it is durable, or why it is not what was announced.
async fn sealed(
    app: &App,
    segment: SegmentId,
    key: SendKey,
    announced: Announced,
    body: &mut Body,
) -> Result<Result<StoredFile, Refusal>, ApiError> {
    let disk = |fault: io::Error| ApiError::disk(&fault);
    let Announced { size_bytes, sha256 } = announced;
    let batch_key = BatchKey::from_bytes(app.ports().random());
    let layout = || Layout::of_one(size_bytes, sha256, &batch_key, batch_id(key));
    let upload = app.uploads().remember(segment, layout);
    let mut turn = upload.take_turn().await.ok_or(ProblemCode::Internal)?;
    upload.look_through(turn.opener()).await.map_err(disk)?;
    let (end, _) = carry(app, &upload, &mut turn, 0, body).await.map_err(disk)?;
    let opener = turn.opener().as_ref();
    let stored = opener.and_then(|opener| opener.stored()).and_then(|mut stored| stored.pop());
    match (end, stored) {
        (End::Whole, Some(stored)) => Ok(Ok(stored)),
        (End::Whole | End::Damaged, None) if opener.is_some_and(|opener| opener.damaged().is_some()) => {
            Ok(Err(Refusal::of(RefusalCode::FileDamaged).of_file(0)))
        }
        _ => Err(ProblemCode::BadRequest.into()),
    }
}
