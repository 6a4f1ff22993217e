//! `PUT /v1/copies/{send_key}`: sends a message that takes copies of documents along (R1, R2).

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::document::SendCopies;
use portico_wire::ids::SendKey;
use portico_wire::message::Accepted;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{Author, CopiesJson, PathId};
use crate::error::ApiError;
use crate::routes::messages::put::{answered, receipted};
use crate::state::App;

/// Idempotent: the same key and meaning give the same outcome for ever.
#[utoipa::path(put, path = "/v1/copies/{send_key}",
    params(("send_key" = SendKey, Path, description = "Made by the sender.")),
    request_body = SendCopies,
    responses((status = 200, body = Accepted), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn put(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
    CopiesJson(message): CopiesJson,
) -> Result<Answer<Accepted>, ApiError> {
    if message.epoch != app.epoch() {
        return Err(ProblemCode::StaleEpoch.into());
    }
    let (place, receipt, digest) = (message.conversation_id, message.receipt.as_ref(), message.digest());
    let receipted = receipted(&app, caller, key, place, receipt, &digest);
    let answer = app.store().send_copies(caller, key, message, receipted).await?;
    answered(&app, caller, answer).map(Answer)
}
