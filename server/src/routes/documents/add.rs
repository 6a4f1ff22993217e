//! `POST /v1/matters/{id}/documents`, `PUT /v1/matters/{id}/documents/{key}`: a new document, from a file of a conversation
//! or from the request's body.

use axum::Json as Answer;
use axum::extract::{Request, State};
use portico_wire::document::{DocumentKept, FileDocument};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{MatterId, SendKey};
use portico_wire::office::is_title;
use portico_wire::problem::{Problem, ProblemCode};
use serde::Deserialize;

use super::bytes::announced;
use super::kept;
use crate::door::{Json, PathId, PathIds, Query, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{Destination, Source};
use crate::uploads::{receive_document, turn_away};

/// A copy of the file becomes a document. The same key again keeps nothing and answers the same.
#[utoipa::path(post, path = "/v1/matters/{id}/documents",
    params(("id" = MatterId, Path, description = "A matter that the caller may know of.")),
    request_body = FileDocument,
    responses((status = 200, body = DocumentKept), (status = "4XX", body = Problem)))]
pub(crate) async fn file(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(matter): PathId<MatterId>,
    Json(new): Json<FileDocument>,
) -> Result<Answer<DocumentKept>, ApiError> {
    if !is_title(&new.name) {
        return Err(ProblemCode::BadRequest.into());
    }
    let (to, source) = (Destination::New { matter, name: new.name }, Source::Attachment(new.attachment_id));
    kept(&app, app.store().keep_document(caller, new.key, to, source).await?)
}

/// What is said of the body.
#[derive(Deserialize)]
pub(crate) struct Said {
    name: String,
    sha256: Sha256,
}

/// The body becomes a document. The same key again keeps nothing and answers the same.
#[utoipa::path(put, path = "/v1/matters/{id}/documents/{key}",
    params(
        ("id" = MatterId, Path, description = "A matter that the caller may know of."),
        ("key" = SendKey, Path, description = "The maker's key."),
        ("name" = String, Query, description = "What it is called: one line."),
        ("sha256" = Sha256, Query, description = "Of the body."),
        ("content-length" = u64, Header, description = "Needed: what is too much is refused before it comes."),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = DocumentKept), (status = "4XX", body = Problem)))]
pub(crate) async fn bytes(
    State(app): State<App>,
    Signed(caller): Signed,
    PathIds(matter, key): PathIds<MatterId, SendKey>,
    Query(said): Query<Said>,
    request: Request,
) -> Result<Answer<DocumentKept>, ApiError> {
    let (announced, body) = announced(said.sha256, request);
    let Some(announced) = announced.filter(|_| is_title(&said.name)) else {
        return Err(turn_away(app, body));
    };
    let to = Destination::New { matter, name: said.name };
    kept(&app, receive_document(app.clone(), caller, key, to, announced, body).await?)
}
