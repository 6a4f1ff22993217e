//! Every error answer: a [`Problem`] as `application/problem+json`. The one place where causes become codes.

#![warn(clippy::wildcard_enum_match_arm)]

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use portico_wire::ids::Epoch;
use portico_wire::problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode};
use portico_wire::refusal::Refusal;

use crate::state::App;
use crate::store::{Proved, Stepped, StoreError};
use crate::throttle::Delayed;

/// An answer that is a problem.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    /// Boxed: most calls return something small instead of it.
    problem: Box<Problem>,
    retry_after_s: Option<u64>,
}

/// What a busy server asks for: a group commits within milliseconds.
const BUSY_RETRY_AFTER_S: u64 = 1;

/// What a file asks for that the scan has not seen yet: most are seen within a second.
const UNSCANNED_RETRY_AFTER_S: u64 = 2;

impl ApiError {
    fn of(problem: Problem) -> Self {
        Self { problem: Box::new(problem), retry_after_s: None }
    }

    fn after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// A final answer to a send.
    pub(crate) fn refused(refusal: &Refusal, epoch: Epoch) -> Self {
        Self::of(Problem::refused(refusal, epoch))
    }

    /// A wrong code, with what is left.
    pub(crate) fn wrong_code(tries_left: u32) -> Self {
        Self::of(Problem { tries_left: Some(tries_left), ..Problem::of(ProblemCode::WrongCode) })
    }

    /// What came does not prove who somebody is; `tries_left` of a sign-in.
    pub(crate) fn not_proved(why: Proved, tries_left: Option<u32>) -> Self {
        let problem = |code| Self::of(Problem { tries_left, ..Problem::of(code) });
        match why {
            // What is right is no error, and is never asked about here.
            Proved::Right | Proved::Wrong => problem(ProblemCode::WrongFactor),
            Proved::Used => problem(ProblemCode::FactorUsed),
            Proved::Disabled => problem(ProblemCode::FactorDisabled),
            Proved::Wait { retry_after_s } => problem(ProblemCode::Throttled).after(retry_after_s),
            Proved::Off { off_s } => {
                Self::of(Problem { tries_left, off_s: Some(off_s), ..Problem::of(ProblemCode::ClockOff) })
            }
        }
    }

    /// A disk that does not take or give bytes.
    pub(crate) fn disk(fault: &io::Error) -> Self {
        if matches!(fault.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            tracing::warn!("the disk is full; bytes of a file were not stored");
            return Self::from(ProblemCode::DiskFull);
        }
        tracing::error!(%fault, "a segment could not be read or written");
        Self::from(ProblemCode::Internal)
    }

    /// A disk that has no room for what is announced.
    pub(crate) fn no_room() -> Self {
        tracing::warn!("the disk is nearly full; an upload was turned away");
        Self::from(ProblemCode::DiskFull)
    }

    /// A file that the firm's scan has not seen yet.
    pub(crate) fn unscanned() -> Self {
        Self::from(ProblemCode::Busy).after(UNSCANNED_RETRY_AFTER_S)
    }

    /// A body over `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::of(Problem { limit: Some(limit as u64), ..Problem::of(ProblemCode::PayloadTooLarge) })
    }
}

impl<T> Stepped<T> {
    /// What was done, or the problem.
    pub(crate) fn done(self) -> Result<T, ApiError> {
        match self {
            Self::Done(done) => Ok(done),
            Self::StepUpNeeded => Err(ProblemCode::StepUpNeeded.into()),
            Self::NotFound => Err(ProblemCode::NotFound.into()),
            Self::NotAllowed => Err(ProblemCode::NotAllowed.into()),
        }
    }
}

impl From<ProblemCode> for ApiError {
    fn from(code: ProblemCode) -> Self {
        Self::of(Problem::of(code))
    }
}

impl From<StoreError> for ApiError {
    fn from(fault: StoreError) -> Self {
        match fault {
            StoreError::Busy => Self::from(ProblemCode::Busy).after(BUSY_RETRY_AFTER_S),
            StoreError::DiskFull => {
                tracing::warn!("the disk is full; nothing was stored");
                Self::from(ProblemCode::DiskFull)
            }
            StoreError::Sqlite(_) | StoreError::Bug => {
                tracing::error!(%fault, "the store failed");
                Self::from(ProblemCode::Internal)
            }
        }
    }
}

impl From<Delayed> for ApiError {
    fn from(delayed: Delayed) -> Self {
        Self::from(ProblemCode::Throttled).after(delayed.retry_after_s)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = write(&self.problem);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(*self.problem);
        response
    }
}

fn write(problem: &Problem) -> Response {
    let json = serde_json::to_vec(problem).expect("a problem is numbers and short texts");
    let mut response = Response::new(Body::from(json));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).expect("every status of a problem code is an HTTP status");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    response
}

/// States the server's epoch in every problem: a phone counts an answer to a write only in its own epoch.
pub(crate) async fn state_epoch(State(app): State<App>, mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let stated = write(&problem.in_epoch(app.epoch()));
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = stated.into_body();
    response
}
