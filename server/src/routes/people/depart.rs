//! `POST /v1/people/{id}/departure`: somebody leaves.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::PersonId;
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::routes::done;
use crate::state::App;

/// A client or third party leaves every conversation, and reads on as of now (R19); one of the staff leaves the firm, and
/// loses everything at once (R43).
#[utoipa::path(post, path = "/v1/people/{id}/departure",
    params(("id" = PersonId, Path, description = "Who leaves.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn depart(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(person): PathId<PersonId>,
) -> Result<Answer<Done>, ApiError> {
    done(&app, app.store().depart(caller.firm_id, person, caller.person_id).await?)
}
