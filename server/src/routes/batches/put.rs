//! `PUT /v1/batches/{send_key}`: opens a batch, or says again what became of its key. Commits nothing.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use portico_wire::encoding::Base64;
use portico_wire::ids::SendKey;
use portico_wire::limits::BATCH_BYTES_MAX;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::seal::sealed_bytes;
use portico_wire::upload::{BatchAnswer, OpenBatch, OpenedBatch, Seal};

use crate::door::{Author, BatchJson, PathId};
use crate::error::ApiError;
use crate::routes::messages::put::{answered, receipted};
use crate::state::App;
use crate::store::{NewBatch, NewSeal, OpenAnswer, Room, SendAnswer};

/// Opens a batch under a new capability; those given before open nothing any more. Refused before a byte of content
/// where it can be.
#[utoipa::path(put, path = "/v1/batches/{send_key}",
    params(("send_key" = SendKey, Path, description = "Made by the phone, durably, before the first byte leaves.")),
    request_body = OpenBatch,
    responses((status = 200, body = BatchAnswer), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn put(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
    BatchJson(batch): BatchJson,
) -> Result<Json<BatchAnswer>, ApiError> {
    if batch.epoch != app.epoch() {
        return Err(ProblemCode::StaleEpoch.into());
    }
    let digest = batch.digest();
    let receipted = receipted(&app, caller, key, batch.conversation_id, batch.receipt.as_ref(), &digest);
    let new = NewBatch {
        conversation_id: batch.conversation_id,
        seal: seal(batch.seal, batch.files.len()).ok_or(ProblemCode::BadRequest)?,
        body: batch.body,
        composed_at_ms: batch.composed_at_ms,
        digest,
        receipted,
        files: batch.files,
    };
    // A size over the limit is refused, whatever the disk says.
    let sealed = new.files.iter().map(|file| sealed_bytes(file.size_bytes.min(BATCH_BYTES_MAX)));
    let length = sealed.fold(0, u64::saturating_add);
    let room = if app.has_room(length) { Room::Enough } else { Room::Full };
    let (capability, batch, replaced) = match app.store().open_batch(caller, key, new, room).await? {
        OpenAnswer::Open { capability, batch, replaced } => (capability, batch, replaced),
        OpenAnswer::DiskFull => return Err(ApiError::no_room()),
        OpenAnswer::Decided(answer, ended) => {
            if let Some(segment) = ended {
                app.uploads().end(segment).await;
            }
            if matches!(answer, SendAnswer::Refused(_)) {
                metrics::counter!("portico_batches_total", "outcome" => "refused").increment(1);
            }
            let accepted = answered(&app, caller, answer)?;
            return Ok(Json(BatchAnswer::Accepted(Box::new(accepted))));
        }
    };
    if let Some(segment) = replaced {
        app.uploads().end(segment).await;
    }
    let upload = app.uploads().upload(&batch);
    // Who held an earlier capability lets go before the offset is stated.
    drop(upload.take_turn().await);
    let offset_bytes = upload.offset().await.map_err(|fault| ApiError::disk(&fault))?;
    Ok(Json(BatchAnswer::Open(OpenedBatch {
        epoch: app.epoch(),
        capability: Base64(capability.to_vec()),
        length_bytes: batch.length_bytes(),
        offset_bytes,
        expires_at_ms: batch.expires_at_ms(),
    })))
}

/// The seal as stored; none where it is malformed: a key of another length, slots that repeat or are not one a file.
fn seal(seal: Seal, files: usize) -> Option<NewSeal> {
    let Seal::Sealed { batch_key, slots } = seal else { return Some(NewSeal::Plain) };
    let batch_key = batch_key.0.try_into().ok()?;
    let slots = slots.unwrap_or_else(|| (0..).take(files).collect());
    let distinct: BTreeSet<u32> = slots.iter().copied().collect();
    (slots.len() == files && distinct.len() == files).then_some(NewSeal::Sealed { batch_key, slots })
}
