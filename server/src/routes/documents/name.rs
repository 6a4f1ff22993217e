//! `PUT /v1/documents/{id}/name`: gives a document another name.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::document::DocumentName;
use portico_wire::ids::DocumentId;
use portico_wire::message::Done;
use portico_wire::office::is_title;
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{Json, PathId, Signed};
use crate::error::ApiError;
use crate::routes::done;
use crate::state::App;

/// Copies that messages took keep the name that they had.
#[utoipa::path(put, path = "/v1/documents/{id}/name",
    params(("id" = DocumentId, Path, description = "A document of a matter that the caller may know of.")),
    request_body = DocumentName,
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn name(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(document): PathId<DocumentId>,
    Json(wanted): Json<DocumentName>,
) -> Result<Answer<Done>, ApiError> {
    if !is_title(&wanted.name) {
        return Err(ProblemCode::BadRequest.into());
    }
    done(&app, app.store().rename_document(caller, document, wanted.name).await?)
}
