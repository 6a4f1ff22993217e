//! What a tap on a notification opens. Decided from the payload and the store alone, within milliseconds.

use portico_wire::ids::{ConversationId, EntryId, FirmId, PersonId};
use portico_wire::push::PushContent;

use crate::store::{Reading, StoreError};

/// Where a tap leads.
#[derive(Clone, PartialEq, Eq)]
pub enum TapTarget {
    /// The message, in its conversation.
    Message {
        /// Where.
        conversation_id: ConversationId,
        /// Which.
        entry_id: EntryId,
        /// Its place.
        seq: u64,
        /// What can be shown at once.
        shown: Shown,
    },
    /// The same, once the person has signed in; see `Portal::pending_tap`.
    SignInFirst,
    /// The list of conversations: the payload leads nowhere this phone may go.
    Inbox(WhyInbox),
}

impl std::fmt::Debug for TapTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message { entry_id, shown, .. } => write!(f, "Message({entry_id}, {shown:?})"),
            Self::SignInFirst => f.write_str("SignInFirst"),
            Self::Inbox(why) => write!(f, "Inbox({why:?})"),
        }
    }
}

/// What of a message can be shown at once.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// The message itself is in the timeline.
    Message,
    /// What the push said, until sync brings the message.
    Preview {
        /// The text, or its beginning.
        text: String,
        /// Whether it is all of it; else it is marked as a beginning.
        complete: bool,
    },
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message => f.write_str("Message"),
            Self::Preview { text, complete } => write!(f, "Preview({} bytes, {complete})", text.len()),
        }
    }
}

/// Why a tap opens the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyInbox {
    /// The payload does not open: foreign, cut, altered, or of a newer server.
    Unreadable,
    /// It is for another person or firm than the one signed in.
    NotThisPerson,
    /// Access to the conversation was lost after the push was sent.
    AccessLost,
}

/// Decides where an opened push leads. Nothing is changed.
///
/// # Errors
/// [`StoreError`].
pub fn resolve(
    reading: &Reading<'_>,
    push: &PushContent,
    me: (FirmId, PersonId),
) -> Result<TapTarget, StoreError> {
    if (push.firm_id, push.person_id) != me {
        return Ok(TapTarget::Inbox(WhyInbox::NotThisPerson));
    }
    let here = reading.entry(push.entry_id)?.map(|(entry, _)| (entry.conversation_id, entry.seq));
    if let Some((conversation_id, seq)) = here {
        return Ok(TapTarget::Message {
            conversation_id,
            entry_id: push.entry_id,
            seq,
            shown: Shown::Message,
        });
    }
    if reading.is_outdated(push)? {
        return Ok(TapTarget::Inbox(WhyInbox::AccessLost));
    }
    Ok(TapTarget::Message {
        conversation_id: push.conversation_id,
        entry_id: push.entry_id,
        seq: push.seq,
        shown: Shown::Preview { text: push.text.clone(), complete: push.complete },
    })
}
