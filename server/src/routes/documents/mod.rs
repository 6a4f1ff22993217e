//! Endpoints on the documents of matters (R45). For the firm's staff; for everybody else there are none.

pub(crate) mod add;
mod bytes;
pub(crate) mod content;
pub(crate) mod copies;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod name;
pub(crate) mod removal;
#[cfg(test)]
mod tests;
pub(crate) mod versions;

use axum::Json as Answer;
use portico_wire::document::DocumentKept;
use portico_wire::problem::ProblemCode;

use crate::error::ApiError;
use crate::state::App;
use crate::store::Keeping;

/// The answer to bytes that were to be kept.
fn kept(app: &App, keeping: Keeping) -> Result<Answer<DocumentKept>, ApiError> {
    let (document_id, version) = match keeping {
        Keeping::Kept { document, version, .. } => (document, version),
        Keeping::NotFound => return Err(ProblemCode::NotFound.into()),
        Keeping::Refused(refusal) => return Err(ApiError::refused(&refusal, app.epoch())),
        Keeping::Wanted => return Err(ProblemCode::Internal.into()),
    };
    Ok(Answer(DocumentKept { epoch: app.epoch(), document_id, version }))
}
