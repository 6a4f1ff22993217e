//! A text on its way into the outbox: parsed once, then never looked at again.

use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::message::Body;
use portico_wire::refusal::Refusal;

use crate::ports::{Clock, Dice, random};

/// A text that may be queued: within the limits, with its key and the time the person sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Made here, durable before the first byte leaves.
    pub send_key: SendKey,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text, exactly (R4).
    pub body: Body,
    /// Now, by the phone's clock.
    pub composed_at_ms: i64,
}

/// Takes `text` as it is, or says why it can not be sent. Nothing is trimmed, normalized or cut (R4).
///
/// # Errors
/// The refusal that the server would answer, with the same numbers (R13).
pub fn parse(
    conversation_id: ConversationId,
    text: &str,
    clock: &dyn Clock,
    dice: &dyn Dice,
) -> Result<Draft, Refusal> {
    let body = Body::parse(text)?;
    let composed_at_ms = clock.now_ms();
    Ok(Draft {
        send_key: SendKey::from_parts(composed_at_ms, random(dice)),
        conversation_id,
        body,
        composed_at_ms,
    })
}
