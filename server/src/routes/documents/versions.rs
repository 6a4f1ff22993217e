//! `POST /v1/documents/{id}/versions`, `PUT /v1/documents/{id}/versions/{key}`: a new version of a document, from a file of a
//! conversation or from the request's body.

use axum::Json as Answer;
use axum::extract::{Request, State};
use portico_wire::document::{DocumentKept, FileVersion};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{DocumentId, SendKey};
use portico_wire::problem::Problem;
use serde::Deserialize;

use super::bytes::announced;
use super::kept;
use crate::door::{Json, PathId, PathIds, Query, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{Destination, Source};
use crate::uploads::{receive_document, turn_away};

/// A copy of the file becomes the newest version. The same key again keeps nothing and answers the same.
#[utoipa::path(post, path = "/v1/documents/{id}/versions",
    params(("id" = DocumentId, Path, description = "A document of a matter that the caller may know of.")),
    request_body = FileVersion,
    responses((status = 200, body = DocumentKept), (status = "4XX", body = Problem)))]
pub(crate) async fn file(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(document): PathId<DocumentId>,
    Json(new): Json<FileVersion>,
) -> Result<Answer<DocumentKept>, ApiError> {
    let (to, source) = (Destination::Next { document }, Source::Attachment(new.attachment_id));
    kept(&app, app.store().keep_document(caller, new.key, to, source).await?)
}

/// What is said of the body.
#[derive(Deserialize)]
pub(crate) struct Said {
    sha256: Sha256,
}

/// The body becomes the newest version. The same key again keeps nothing and answers the same.
#[utoipa::path(put, path = "/v1/documents/{id}/versions/{key}",
    params(
        ("id" = DocumentId, Path, description = "A document of a matter that the caller may know of."),
        ("key" = SendKey, Path, description = "The maker's key."),
        ("sha256" = Sha256, Query, description = "Of the body."),
        ("content-length" = u64, Header, description = "Needed: what is too much is refused before it comes."),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = DocumentKept), (status = "4XX", body = Problem)))]
pub(crate) async fn bytes(
    State(app): State<App>,
    Signed(caller): Signed,
    PathIds(document, key): PathIds<DocumentId, SendKey>,
    Query(said): Query<Said>,
    request: Request,
) -> Result<Answer<DocumentKept>, ApiError> {
    let (announced, body) = announced(said.sha256, request);
    let Some(announced) = announced else { return Err(turn_away(app, body)) };
    let to = Destination::Next { document };
    kept(&app, receive_document(app.clone(), caller, key, to, announced, body).await?)
}
