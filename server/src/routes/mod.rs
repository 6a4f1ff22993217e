//! One file for each endpoint, in a folder for each noun. An endpoint parses, asks one use-case, and answers.

pub(crate) mod approvals;
pub(crate) mod attachments;
pub(crate) mod batches;
pub(crate) mod conversations;
pub(crate) mod devices;
pub(crate) mod documents;
pub(crate) mod email;
pub(crate) mod factors;
pub(crate) mod health;
pub(crate) mod limits;
pub(crate) mod matters;
pub(crate) mod messages;
pub(crate) mod people;
pub(crate) mod search;
pub(crate) mod sends;
pub(crate) mod sessions;
pub(crate) mod signin;
pub(crate) mod snapshot;
pub(crate) mod sync;
pub(crate) mod uploads;

use axum::Json;
use portico_wire::message::Done;
use portico_wire::problem::ProblemCode;

use crate::error::ApiError;
use crate::state::App;
use crate::store::Change;

/// The answer to a change that was asked for.
fn done(app: &App, change: Change) -> Result<Json<Done>, ApiError> {
    refused(change).map_or_else(|| Ok(Json(Done { epoch: app.epoch() })), Err)
}

/// What was made, or the answer instead.
fn made<T>(made: Result<T, Change>) -> Result<T, ApiError> {
    made.map_err(|change| refused(change).unwrap_or_else(|| ProblemCode::Internal.into()))
}

fn refused(change: Change) -> Option<ApiError> {
    match change {
        Change::Made | Change::AlreadySo => None,
        Change::NotFound => Some(ProblemCode::NotFound.into()),
        Change::NotAllowed => Some(ProblemCode::NotAllowed.into()),
    }
}
