//! `POST /v1/email`: a code goes to the address that is to sign in from now on.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::encoding::Sha256;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{ChangeEmail, EmailChangeBegun, is_email};

use crate::door::{Json, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::normal_email;
use crate::throttle::Subject;

/// Begins a change of address, after a step-up. The same answer for an address that somebody else has; no code comes there.
#[utoipa::path(post, path = "/v1/email", request_body = ChangeEmail,
    responses((status = 200, body = EmailChangeBegun), (status = "4XX", body = Problem)))]
pub(crate) async fn change(
    State(app): State<App>,
    Signed(caller): Signed,
    Json(request): Json<ChangeEmail>,
) -> Result<Answer<EmailChangeBegun>, ApiError> {
    let email = normal_email(&request.email);
    if !is_email(&email) {
        return Err(ProblemCode::BadRequest.into());
    }
    let subject = Subject::Email(Sha256::of(&[email.as_bytes()]));
    app.throttle().take(subject, app.config().throttle.sign_in, app.now_ms())?;
    let begun = app.store().begin_email_change(caller, email, Arc::clone(app.keys())).await?;
    Ok(Answer(begun.done()?))
}
