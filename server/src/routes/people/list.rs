//! `GET /v1/people`: everybody of the firm, for its staff.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::office::People;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// Staff, clients and third parties, by name; those who have left too.
#[utoipa::path(get, path = "/v1/people",
    responses((status = 200, body = People), (status = "4XX", body = Problem)))]
pub(crate) async fn list(State(app): State<App>, Signed(caller): Signed) -> Result<Answer<People>, ApiError> {
    let people = app.store().people(caller).await?.ok_or(ProblemCode::NotFound)?;
    Ok(Answer(People { epoch: app.epoch(), people }))
}
