//! `POST /v1/matters`: opens a matter.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::office::{MatterOpened, OpenMatter, is_title};
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{Json, Signed};
use crate::error::ApiError;
use crate::routes::made;
use crate::state::App;

/// The same key again answers the same.
#[utoipa::path(post, path = "/v1/matters", request_body = OpenMatter,
    responses((status = 200, body = MatterOpened), (status = "4XX", body = Problem)))]
pub(crate) async fn open(
    State(app): State<App>,
    Signed(caller): Signed,
    Json(new): Json<OpenMatter>,
) -> Result<Answer<MatterOpened>, ApiError> {
    if !is_title(&new.title) {
        return Err(ProblemCode::BadRequest.into());
    }
    let opened = app.store().open_matter(caller, new.key, new.title, new.restricted_to).await?;
    Ok(Answer(MatterOpened { epoch: app.epoch(), matter_id: made(opened)? }))
}
