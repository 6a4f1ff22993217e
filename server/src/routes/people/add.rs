//! `POST /v1/people`: a new contact, or a new colleague.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::office::{AddPerson, PersonAdded, is_title};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::is_email;

use crate::door::{Json, Signed};
use crate::error::ApiError;
use crate::routes::made;
use crate::state::App;
use crate::store::NewPerson;

/// Without an address nobody is made (R7). The same again answers the same.
#[utoipa::path(post, path = "/v1/people", request_body = AddPerson,
    responses((status = 200, body = PersonAdded), (status = "4XX", body = Problem)))]
pub(crate) async fn add(
    State(app): State<App>,
    Signed(caller): Signed,
    Json(new): Json<AddPerson>,
) -> Result<Answer<PersonAdded>, ApiError> {
    if !is_email(new.email.trim()) || !is_title(&new.name) {
        return Err(ProblemCode::BadRequest.into());
    }
    let new = NewPerson { name: new.name, email: new.email, standing: new.standing };
    let person_id = made(app.store().add_contact(caller, new).await?)?;
    Ok(Answer(PersonAdded { epoch: app.epoch(), person_id }))
}
