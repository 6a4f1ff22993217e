//! A message with copies of documents on its way into the outbox.

use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::message::Body;
use portico_wire::refusal::Refusal;
use portico_wire::upload::BatchLimits;

use crate::outbox::entry::CopiedDocument;
use crate::ports::{Clock, Dice, random};

/// A message with copies that may be queued: within the limits, with its key and the time the person sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiesDraft {
    /// Made here, durable before the first byte leaves.
    pub send_key: SendKey,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text, exactly (R4); may be empty.
    pub body: String,
    /// At least one, in the order of the message's files.
    pub copies: Vec<CopiedDocument>,
    /// Now, by the phone's clock.
    pub composed_at_ms: i64,
}

/// Takes `text` and `copies` as they are, or says why they can not be sent. `limits`: the firm's, as the server last told.
///
/// # Errors
/// The refusal that the server would answer, with the same numbers (R11, R12, R13).
pub fn parse(
    conversation_id: ConversationId,
    text: &str,
    copies: Vec<CopiedDocument>,
    limits: BatchLimits,
    clock: &dyn Clock,
    dice: &dyn Dice,
) -> Result<CopiesDraft, Refusal> {
    if !text.is_empty() {
        Body::parse(text)?;
    }
    let bytes = copies.iter().fold(0_u64, |sum, copy| sum.saturating_add(copy.size_bytes));
    limits.check(copies.len() as u64, bytes)?;
    let composed_at_ms = clock.now_ms();
    let send_key = SendKey::from_parts(composed_at_ms, random(dice));
    Ok(CopiesDraft { send_key, conversation_id, body: text.to_owned(), copies, composed_at_ms })
}
