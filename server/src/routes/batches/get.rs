//! `GET /v1/batches/{send_key}`: how a batch stands, for its author. Stops no upload and hands nothing over.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::SendKey;
use portico_wire::problem::Problem;
use portico_wire::refusal::RefusalCode;
use portico_wire::upload::BatchStanding;

use crate::door::{Author, PathId};
use crate::error::ApiError;
use crate::routes::messages::put::accepted;
use crate::state::App;
use crate::store::{SendAnswer, Standing};

/// How a batch stands.
#[utoipa::path(get, path = "/v1/batches/{send_key}",
    params(("send_key" = SendKey, Path, description = "The send key.")),
    responses((status = 200, body = BatchStanding), (status = "4XX", body = Problem)))]
pub(crate) async fn get(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
) -> Result<Json<BatchStanding>, ApiError> {
    let epoch = app.epoch();
    Ok(Json(match app.store().batch_standing(caller, key).await? {
        Standing::Open(batch) => {
            let offset = app.uploads().upload(&batch).offset().await;
            BatchStanding::Open {
                epoch,
                length_bytes: batch.length_bytes(),
                offset_bytes: offset.map_err(|fault| ApiError::disk(&fault))?,
                expires_at_ms: batch.expires_at_ms(),
            }
        }
        Standing::Decided(SendAnswer::Accepted(sent)) => {
            BatchStanding::Accepted(Box::new(accepted(&app, caller, *sent)))
        }
        Standing::Decided(SendAnswer::Refused(refusal)) if refusal.code != RefusalCode::Withdrawn => {
            BatchStanding::Refused { epoch, refusal }
        }
        Standing::Decided(SendAnswer::Refused(_) | SendAnswer::Withdrawn) => {
            BatchStanding::Withdrawn { epoch }
        }
        Standing::Decided(SendAnswer::ConversationMissing | SendAnswer::DocumentMissing)
        | Standing::Unknown => BatchStanding::Unknown { epoch },
    }))
}
