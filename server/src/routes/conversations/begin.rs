//! `POST /v1/conversations`: begins a conversation.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::conversation::ConversationKind;
use portico_wire::office::{BeginConversation, ConversationBegun, is_title};
use portico_wire::problem::{Problem, ProblemCode};

use crate::door::{Json, Signed};
use crate::error::ApiError;
use crate::routes::made;
use crate::state::App;

/// The caller is in it. A client begins one in a matter that they are on (R44). The same key again answers the same.
#[utoipa::path(post, path = "/v1/conversations", request_body = BeginConversation,
    responses((status = 200, body = ConversationBegun), (status = "4XX", body = Problem)))]
pub(crate) async fn begin(
    State(app): State<App>,
    Signed(caller): Signed,
    Json(new): Json<BeginConversation>,
) -> Result<Answer<ConversationBegun>, ApiError> {
    let untitled = new.kind == ConversationKind::Direct && new.title.is_empty();
    if !untitled && !is_title(&new.title) {
        return Err(ProblemCode::BadRequest.into());
    }
    let conversation_id = made(app.store().begin_conversation(caller, new).await?)?;
    Ok(Answer(ConversationBegun { epoch: app.epoch(), conversation_id }))
}
