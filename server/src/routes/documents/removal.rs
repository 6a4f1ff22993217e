//! `POST /v1/documents/{id}/removal`: hides a document.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::DocumentId;
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::routes::done;
use crate::state::App;

/// Nobody finds it any more; the firm's record keeps it.
#[utoipa::path(post, path = "/v1/documents/{id}/removal",
    params(("id" = DocumentId, Path, description = "A document of a matter that the caller may know of.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn removal(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(document): PathId<DocumentId>,
) -> Result<Answer<Done>, ApiError> {
    done(&app, app.store().remove_document(caller, document).await?)
}
