//! `POST /v1/sends/{key}/withdraw`: takes a send back, also one that has not come yet. Asks authentication only.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::SendKey;
use portico_wire::message::{Withdraw, WithdrawAnswer};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::refusal::RefusalCode;

use crate::door::{Author, Json, PathId};
use crate::error::ApiError;
use crate::routes::messages::put::accepted;
use crate::state::App;
use crate::store::SendAnswer;

/// Withdraws a send: accepted, refused or withdrawn, the same for ever.
#[utoipa::path(post, path = "/v1/sends/{key}/withdraw",
    params(("key" = SendKey, Path, description = "The send key.")),
    request_body = Withdraw,
    responses((status = 200, body = WithdrawAnswer), (status = "4XX", body = Problem)))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
    Json(request): Json<Withdraw>,
) -> Result<Answer<WithdrawAnswer>, ApiError> {
    let epoch = app.epoch();
    if request.epoch != epoch {
        return Err(ProblemCode::StaleEpoch.into());
    }
    Ok(Answer(match app.store().withdraw(caller, key).await? {
        SendAnswer::Accepted(sent) => WithdrawAnswer::Accepted(Box::new(accepted(&app, caller, *sent))),
        // A key that was withdrawn may have been refused as such before; it is the same answer.
        SendAnswer::Refused(refusal) if refusal.code == RefusalCode::Withdrawn => {
            WithdrawAnswer::Withdrawn { epoch }
        }
        SendAnswer::Refused(refusal) => WithdrawAnswer::Refused { epoch, refusal },
        SendAnswer::Withdrawn => WithdrawAnswer::Withdrawn { epoch },
        SendAnswer::ConversationMissing => return Err(ProblemCode::Internal.into()),
    }))
}
