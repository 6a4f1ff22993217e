//! What became of the bytes, in the words of resumable uploads.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use portico_wire::problem::ProblemCode;
use portico_wire::upload::{COMPLETE_HEADER, OFFSET_HEADER};

use crate::error::ApiError;
use crate::state::App;
use crate::uploads::Received;

/// Whether the representation is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complete {
    Yes,
    No,
}

/// Answers an append.
pub(super) fn reply(app: &App, received: Received) -> Response {
    match received {
        Received::Open { offset } => stand(StatusCode::NO_CONTENT.into_response(), offset, Complete::No),
        Received::Accepted { accepted, offset } => {
            stand(Json(accepted).into_response(), offset, Complete::Yes)
        }
        Received::Refused { refusal, offset, .. } => {
            let refused = ApiError::refused(&refusal, app.epoch()).into_response();
            stand(refused, offset, Complete::Yes)
        }
        Received::Elsewhere { offset } => problem(ProblemCode::UploadOffset, offset),
        Received::Damaged { offset } => problem(ProblemCode::UploadDamaged, offset),
        Received::Malformed { offset } => problem(ProblemCode::BadRequest, offset),
        Received::Gone => ApiError::from(ProblemCode::UploadGone).into_response(),
    }
}

fn problem(code: ProblemCode, offset: u64) -> Response {
    stand(ApiError::from(code).into_response(), offset, Complete::No)
}

/// The same answer, saying where the upload stands.
pub(super) fn stand(mut response: Response, offset: u64, complete: Complete) -> Response {
    let flag = match complete {
        Complete::Yes => "?1",
        Complete::No => "?0",
    };
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(OFFSET_HEADER), HeaderValue::from(offset));
    headers.insert(HeaderName::from_static(COMPLETE_HEADER), HeaderValue::from_static(flag));
    response
}
