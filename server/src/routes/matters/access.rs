//! `PUT /v1/matters/{id}/access`: which staff may know of a matter.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::MatterId;
use portico_wire::message::Done;
use portico_wire::office::MatterAccess;
use portico_wire::problem::Problem;

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::routes::done;
use crate::state::App;

/// Anybody of the staff who may know of the matter may change it (R14); the logs of its conversations say so.
#[utoipa::path(put, path = "/v1/matters/{id}/access", request_body = MatterAccess,
    params(("id" = MatterId, Path, description = "The matter.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn access(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(matter): PathId<MatterId>,
    Json(wanted): Json<MatterAccess>,
) -> Result<Answer<Done>, ApiError> {
    let (firm, by) = (caller.firm_id, caller.person_id);
    done(&app, app.store().set_matter_access(firm, matter, wanted.restricted_to, by).await?)
}
