//! One request that brings bytes: from its capability to its answer.
//!
//! ```text
//! capability -> turn -> capability again -> offset -> chunks -> not whole: 204 | whole: commit -> accepted | refused
//! ```
//! It runs as a task of its own: a phone that is gone leaves every whole chunk that had come, durable, and if that was
//! the last one, the commit. Holds: the capability is asked again once the turn is taken, so whoever took it back
//! before hears of no further byte.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::future::{Either, select};
use portico_wire::encoding::Sha256;
use portico_wire::ids::SegmentId;
use portico_wire::message::Accepted;
use portico_wire::problem::ProblemCode;
use portico_wire::refusal::Refusal;
use tracing::Instrument as _;

use super::desk::{Running, Turn, Upload};
use super::finish;
use super::pipe::{Flow, Pipe};
use super::renew;
use crate::blobs::{Cursor, Layout};
use crate::door::{BodyBroken, next_data};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{BatchRow, Entitled};

/// What is read of a body after its answer is known, so that the answer arrives before the stream is reset: four windows
/// of HTTP/2, since a caller fills one before it looks. Past one of 1 MiB curl lost four answers of ten.
const DRAIN_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where the body of a request begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At this offset, which must be the server's.
    Offset(u64),
    /// At the beginning; the body is the whole representation. Its length, where the request states one.
    Whole(Option<u64>),
}

/// What became of it. Each offset is in bytes of the representation, durable, at a chunk's edge.
#[derive(Debug)]
pub(crate) enum Received {
    /// More is wanted.
    Open { offset: u64 },
    /// It does not stand where the request says, or a newer request has taken over.
    Elsewhere { offset: u64 },
    /// A chunk does not open.
    Damaged { offset: u64 },
    /// The body broke, stood still, or is longer than the representation.
    Malformed { offset: u64 },
    /// The capability opens nothing.
    Gone,
    /// It is in the log.
    Accepted { accepted: Box<Accepted>, offset: u64 },
    /// It never will be.
    Refused {
        refusal: Refusal,
        offset: u64,
        /// What nobody needs any more; [`receive`] removes it.
        segment: Option<SegmentId>,
    },
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Broken,
    TooLong,
    Damaged,
    Passed,
}

/// Receives the body of a request.
///
/// # Errors
/// Those of store and disk. What had become durable stays.
pub(crate) async fn receive(
    app: App,
    capability: Sha256,
    start: Start,
    mut body: Body,
) -> Result<Received, ApiError> {
    let running = app.uploads().begin();
    let work = async move {
        let received = work(&app, capability, start, &mut body).await;
        if let Ok(Received::Refused { segment: Some(segment), .. }) = &received {
            app.uploads().end(*segment).await;
        }
        if !matches!(received, Ok(Received::Open { .. } | Received::Accepted { .. })) {
            tokio::spawn(drain(app, body, running));
        }
        received
    };
    let task = tokio::spawn(work.instrument(tracing::Span::current()));
    task.await.unwrap_or_else(|_| Err(ProblemCode::Internal.into()))
}

async fn work(app: &App, capability: Sha256, start: Start, body: &mut Body) -> Result<Received, ApiError> {
    loop {
        let batch = match app.store().entitled(capability, app.now_ms()).await? {
            None => return Ok(Received::Gone),
            Some(Entitled::Finished(row, answer)) => {
                return finish::again(app, &row, answer, start, body).await;
            }
            Some(Entitled::Open(batch)) => batch,
        };
        let upload = app.uploads().upload(&batch);
        let Some(mut turn) = upload.take_turn().await else {
            return passed(app, capability, &upload).await;
        };
        match app.store().entitled(capability, app.now_ms()).await? {
            Some(Entitled::Open(batch)) if batch.segment == upload.segment => {
                if !renew::is_due(&upload, &mut turn).await? {
                    return append(app, &upload, &mut turn, *batch, start, body).await;
                }
                renew::under_new_key(app, &batch).await?;
                drop(turn);
                app.uploads().end(batch.segment).await;
            }
            Some(Entitled::Finished(row, answer)) => {
                drop(turn);
                return finish::again(app, &row, answer, start, body).await;
            }
            // It lies elsewhere by now.
            Some(Entitled::Open(_)) => drop(app.uploads().forget(upload.segment)),
            None => {
                app.uploads().forget(upload.segment);
                return Ok(Received::Gone);
            }
        }
    }
}

/// The answer to a request that a newer one has ended.
async fn passed(app: &App, capability: Sha256, upload: &Upload) -> Result<Received, ApiError> {
    match app.store().entitled(capability, app.now_ms()).await? {
        Some(Entitled::Open(_)) => {
            Ok(Received::Elsewhere { offset: upload.offset().await.map_err(|fault| ApiError::disk(&fault))? })
        }
        Some(Entitled::Finished(row, _)) => Ok(Received::Elsewhere { offset: row.length_bytes }),
        None => Ok(Received::Gone),
    }
}

async fn append(
    app: &App,
    upload: &Arc<Upload>,
    turn: &mut Turn,
    batch: BatchRow,
    start: Start,
    body: &mut Body,
) -> Result<Received, ApiError> {
    let offset = upload.look_through(turn.opener()).await.map_err(|fault| ApiError::disk(&fault))?;
    let length = batch.length_bytes();
    let skip = match start {
        Start::Offset(at) if at == offset => 0,
        Start::Offset(_) => return Ok(Received::Elsewhere { offset }),
        Start::Whole(Some(whole)) if whole == length => offset,
        Start::Whole(_) => return Ok(Received::Malformed { offset }),
    };
    if length > offset && !app.has_room(length - offset) {
        return Err(ApiError::no_room());
    }
    let carried = carry(app, upload, turn, skip, body).await;
    let (end, offset) = match carried {
        Ok(carried) => carried,
        Err(fault) => {
            upload.distrust(turn.opener()).await;
            return Err(ApiError::disk(&fault));
        }
    };
    let opener = turn.opener().as_ref();
    if let Some(place) = opener.and_then(|opener| opener.damaged()) {
        return finish::refuse(app, batch, place).await;
    }
    let stored = opener.and_then(|opener| opener.stored());
    match (end, stored) {
        (End::Whole, Some(stored)) => return finish::commit(app, batch, stored).await,
        (End::Passed, _) => return passed(app, batch.capability_hash, upload).await,
        (End::Whole | End::Broken | End::TooLong | End::Damaged, _) => {}
    }
    app.store().touch_batch(batch.segment).await?;
    Ok(match end {
        End::Damaged => Received::Damaged { offset },
        End::Broken | End::TooLong => Received::Malformed { offset },
        End::Whole | End::Passed => Received::Open { offset },
    })
}

/// Carries a body into the segment; how it ended, and the offset that is durable then. `skip`: so many bytes at its
/// beginning are there already.
pub(super) async fn carry(
    app: &App,
    upload: &Arc<Upload>,
    turn: &mut Turn,
    skip: u64,
    body: &mut Body,
) -> io::Result<(End, u64)> {
    let opener =
        turn.opener().take().ok_or_else(|| io::Error::other("the segment was not looked through"))?;
    let cursor = opener.at();
    let mut gather =
        Gather { skip, cursor, chunk: Vec::new(), pipe: Pipe::open(Arc::clone(upload), opener).await? };
    let end = loop {
        match next_frame(app, turn, body).await {
            Next::Data(data) => match gather.take(&upload.layout, &data).await? {
                None => {}
                Some(end) => break end,
            },
            Next::End if gather.skip > 0 => break End::Broken,
            Next::End => break End::Whole,
            Next::Broken => break End::Broken,
            Next::Passed => break End::Passed,
        }
    };
    let (damaged, opener) = gather.pipe.finish().await?;
    let offset = opener.at().wire_bytes;
    metrics::counter!("portico_upload_bytes_total").increment(offset - cursor.wire_bytes);
    *turn.opener() = Some(opener);
    Ok((if damaged { End::Damaged } else { end }, offset))
}

/// Cuts frames into the chunks that are due.
struct Gather {
    skip: u64,
    cursor: Cursor,
    chunk: Vec<u8>,
    pipe: Pipe,
}

impl Gather {
    /// Takes a frame; how the body ends with it, if it does.
    async fn take(&mut self, layout: &Layout, data: &Bytes) -> io::Result<Option<End>> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(data.len());
        self.skip -= skipped as u64;
        let (_, mut rest) = data.split_at(skipped);
        while !rest.is_empty() {
            let Some(piece) = layout.piece(self.cursor) else { return Ok(Some(End::TooLong)) };
            let wanted = piece.wire_bytes - self.chunk.len();
            let (now, later) = rest.split_at(wanted.min(rest.len()));
            self.chunk.extend_from_slice(now);
            rest = later;
            if self.chunk.len() == piece.wire_bytes {
                let next = self.pipe.buffer();
                let whole = std::mem::replace(&mut self.chunk, next);
                self.cursor = Layout::after(self.cursor, piece);
                if self.pipe.push(whole).await? == Flow::Stop {
                    return Ok(Some(End::Damaged));
                }
            }
        }
        Ok(None)
    }
}

enum Next {
    Data(Bytes),
    End,
    Broken,
    Passed,
}

/// The next bytes; or that there are none, that they do not come, or that a newer request has come.
async fn next_frame(app: &App, turn: &mut Turn, body: &mut Body) -> Next {
    match select(pin!(next_data(body, app)), pin!(turn.passed())).await {
        Either::Left((Some(Ok(data)), _)) => Next::Data(data),
        Either::Left((Some(Err(BodyBroken)), _)) => Next::Broken,
        Either::Left((None, _)) => Next::End,
        Either::Right(_) => Next::Passed,
    }
}

/// Answers a request that is not of the documented form. Its body is read all the same: else the connection ends under a
/// sender that has not read the answer yet, and the answer with it.
pub(crate) fn turn_away(app: App, body: Body) -> ApiError {
    let running = app.uploads().begin();
    tokio::spawn(drain(app, body, running));
    ProblemCode::BadRequest.into()
}

/// Reads and drops the rest of a body whose answer is known.
pub(super) async fn drain(app: App, mut body: Body, running: Running) {
    drop_body(&app, &mut body, DRAIN_BYTES_MAX).await;
    drop(app);
    drop(running);
}

/// Reads and drops a body; whether it came to its end within `bytes_max`.
pub(super) async fn drop_body(app: &App, body: &mut Body, bytes_max: u64) -> bool {
    let mut left = bytes_max;
    loop {
        match next_data(body, app).await {
            None => return true,
            Some(Ok(data)) if data.len() as u64 <= left => left -= data.len() as u64,
            Some(Ok(_) | Err(BodyBroken)) => return false,
        }
    }
}
