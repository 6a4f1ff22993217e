//! `GET /v1/documents/{id}`: a document and everything that was done to it.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::document::Document;
use portico_wire::ids::DocumentId;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// As it is now, and its changes.
#[utoipa::path(get, path = "/v1/documents/{id}",
    params(("id" = DocumentId, Path, description = "A document of a matter that the caller may know of.")),
    responses((status = 200, body = Document), (status = "4XX", body = Problem)))]
pub(crate) async fn history(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(document): PathId<DocumentId>,
) -> Result<Answer<Document>, ApiError> {
    let found = app.store().document(caller, document).await?;
    let (document, changes) = found.ok_or(ProblemCode::NotFound)?;
    Ok(Answer(Document { epoch: app.epoch(), document, changes }))
}
