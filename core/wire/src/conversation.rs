//! What a phone holds of a conversation besides its entries: the head.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, MatterId, PersonId};

/// The four kinds (R39); a fifth of a newer server reads as `Unknown` and opens like an external one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    /// Clients, third parties and staff, about a matter.
    ExternalMatter,
    /// Staff, about a matter.
    InternalMatter,
    /// Staff, about a topic.
    StaffChannel,
    /// Two or more staff; participants only, admins included (R16).
    Direct,
    /// A kind of a newer server.
    #[serde(other)]
    Unknown,
}

/// Whether a conversation takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConversationState {
    /// Takes messages.
    Open,
    /// Clients read on and cannot post; can be undone.
    Archived,
    /// Closed for good: its last client has left (R20).
    Closed,
    /// A state of a newer server; the phone offers no composer.
    #[serde(other)]
    Unknown,
}

/// On which side of the firm's door a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Works at the firm.
    Staff,
    /// The one the firm acts for.
    Client,
    /// An outside person who is not.
    ThirdParty,
}

impl Standing {
    /// Whether the person is a client or a third party.
    #[must_use]
    pub const fn is_external(self) -> bool {
        matches!(self, Self::Client | Self::ThirdParty)
    }
}

/// Somebody in a conversation now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Participant {
    /// Who.
    pub person_id: PersonId,
    /// Their name.
    pub name: String,
    /// On which side.
    pub standing: Standing,
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Participant({}, {:?})", self.person_id, self.standing)
    }
}

/// A conversation as its reader may see it. State, never a delta: the newest head replaces the one before.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationHead {
    /// Which.
    pub conversation_id: ConversationId,
    /// Of which kind.
    pub kind: ConversationKind,
    /// What it is called.
    pub title: String,
    /// The matter it belongs to, if its kind has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter_id: Option<MatterId>,
    /// Whether it takes messages.
    pub state: ConversationState,
    /// Whether this reader may post now.
    pub may_post: bool,
    /// Who is in it now, by name.
    pub participants: Vec<Participant>,
    /// The first entry this reader may read.
    pub readable_from_seq: u64,
    /// The newest entry this reader may read; 0 for none.
    pub last_seq: u64,
    /// When that entry was accepted, or the conversation begun, UTC milliseconds.
    pub last_at_ms: i64,
}

impl fmt::Debug for ConversationHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationHead")
            .field("conversation_id", &self.conversation_id)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("last_seq", &self.last_seq)
            .finish_non_exhaustive()
    }
}
