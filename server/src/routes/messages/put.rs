//! `PUT /v1/messages/{send_key}`: sends a text, or says again what became of its key.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::SendKey;
use portico_wire::message::{Accepted, SendMessage};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::receipt::Receipt;
use portico_wire::refusal::{Refusal, RefusalCode};

use crate::door::{Author, MessageJson, PathId};
use crate::error::ApiError;
use crate::log::ruling::Receipted;
use crate::state::App;
use crate::store::{Caller, SendAnswer, Sent};

/// Sends a text. Idempotent: the same key and meaning give the same outcome for ever.
#[utoipa::path(put, path = "/v1/messages/{send_key}",
    params(("send_key" = SendKey, Path, description = "Made by the phone, durably, before the first byte leaves.")),
    request_body = SendMessage,
    responses((status = 200, body = Accepted), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn put(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
    MessageJson(message): MessageJson,
) -> Result<Json<Accepted>, ApiError> {
    if message.epoch != app.epoch() {
        return Err(ProblemCode::StaleEpoch.into());
    }
    let receipted = receipted(&app, caller, key, &message);
    match app.store().send(caller, key, message, receipted).await? {
        SendAnswer::Accepted(sent) => Ok(Json(accepted(&app, caller, *sent))),
        SendAnswer::Refused(refusal) => Err(ApiError::refused(&refusal, app.epoch())),
        SendAnswer::Withdrawn => {
            Err(ApiError::refused(&Refusal::of(RefusalCode::Withdrawn), app.epoch()))
        }
        SendAnswer::ConversationMissing => Err(ProblemCode::ConversationMissing.into()),
    }
}

/// A receipt counts for exactly this send. One that does not is no offence: the send is an ordinary one then.
fn receipted(app: &App, caller: Caller, key: SendKey, message: &SendMessage) -> Receipted {
    let valid = message.receipt.as_ref().is_some_and(|receipt| {
        receipt.conversation_id == message.conversation_id
            && app.keys().verifies(receipt, caller.person_id, key, &message.digest())
    });
    if valid { Receipted::Valid } else { Receipted::No }
}

/// The accepting answer, with the receipt that outlives a restore.
pub(crate) fn accepted(app: &App, caller: Caller, sent: Sent) -> Accepted {
    let unsigned = Receipt {
        key_id: String::new(),
        conversation_id: sent.entry.conversation_id,
        epoch: sent.entry.epoch,
        seq: sent.entry.seq,
        accepted_at_ms: sent.entry.accepted_at_ms,
        signature: portico_wire::encoding::Base64::default(),
    };
    let receipt = app.keys().sign(unsigned, caller.person_id, sent.key, &sent.digest);
    Accepted { epoch: app.epoch(), entry: sent.entry, receipt }
}
