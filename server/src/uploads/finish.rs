//! The commit that the last byte is, the refusal instead of it, and the same answer again to who lost it.

use axum::body::Body;
use portico_wire::problem::ProblemCode;
use portico_wire::refusal::{Refusal, RefusalCode};

use super::append::{Received, Start, drop_body};
use crate::error::ApiError;
use crate::routes::messages::put::accepted;
use crate::state::App;
use crate::store::{BatchRow, FinishedRow, SendAnswer, StoredFile};

/// Commits a batch whose every byte is durable.
pub(super) async fn commit(
    app: &App,
    batch: BatchRow,
    stored: Vec<StoredFile>,
) -> Result<Received, ApiError> {
    let answer = app.store().commit_batch(batch.clone(), stored).await?;
    Ok(decided(app, &batch, answer))
}

/// Refuses a batch for good: file number `place` is not that of the manifest.
pub(super) async fn refuse(app: &App, batch: BatchRow, place: u32) -> Result<Received, ApiError> {
    let refusal = Refusal::of(RefusalCode::FileDamaged).of_file(place);
    let answer = app.store().refuse_batch(batch.clone(), refusal).await?;
    Ok(decided(app, &batch, answer))
}

/// The answer to a decision. A segment that nobody needs any more goes once the turn is given up.
fn decided(app: &App, batch: &BatchRow, answer: Option<SendAnswer>) -> Received {
    let (segment, offset) = (batch.segment, batch.length_bytes());
    match answer {
        Some(SendAnswer::Accepted(sent)) => {
            metrics::counter!("portico_batches_total", "outcome" => "accepted").increment(1);
            app.uploads().forget(segment);
            Received::Accepted { accepted: Box::new(accepted(app, batch.caller, *sent)), offset }
        }
        Some(SendAnswer::Refused(refusal)) => {
            metrics::counter!("portico_batches_total", "outcome" => "refused").increment(1);
            Received::Refused { refusal, offset, segment: Some(segment) }
        }
        Some(SendAnswer::Withdrawn | SendAnswer::ConversationMissing | SendAnswer::DocumentMissing)
        | None => Received::Gone,
    }
}

/// Answers again: the bytes are there already, and what comes with them is dropped.
pub(super) async fn again(
    app: &App,
    row: &FinishedRow,
    answer: SendAnswer,
    start: Start,
    body: &mut Body,
) -> Result<Received, ApiError> {
    let offset = row.length_bytes;
    match start {
        Start::Offset(at) if at != offset => return Ok(Received::Elsewhere { offset }),
        Start::Whole(whole) if whole != Some(offset) => return Ok(Received::Malformed { offset }),
        // An uploader that sends everything again hears nothing before it has.
        Start::Whole(_) => {
            drop_body(app, body, offset).await;
        }
        Start::Offset(_) => {
            if !drop_body(app, body, 0).await {
                return Ok(Received::Malformed { offset });
            }
        }
    }
    match answer {
        SendAnswer::Accepted(sent) => {
            Ok(Received::Accepted { accepted: Box::new(accepted(app, row.caller, *sent)), offset })
        }
        SendAnswer::Refused(refusal) => Ok(Received::Refused { refusal, offset, segment: None }),
        SendAnswer::Withdrawn | SendAnswer::ConversationMissing | SendAnswer::DocumentMissing => {
            Err(ProblemCode::Internal.into())
        }
    }
}
