//! What the firm's people say to run it: people, matters, conversations, who is in them, who has read what.
//!
//! Each request that makes something carries a key of its maker; the same key again makes nothing and answers the same.
//! Whoever may not know of a thing gets the answer for a thing that does not exist (R17).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conversation::{ConversationHead, ConversationKind, ConversationState, Standing};
use crate::ids::{ConversationId, Epoch, MatterId, PersonId, SendKey};

/// Longest title of a matter or a conversation, and longest name of a person, in bytes: one line of any script.
pub const TITLE_BYTES_MAX: usize = 400;

/// Whether `text` can be a title or a name: no control character, which is where a line ends, and not too long. Kept as
/// it is.
#[must_use]
pub fn is_title(text: &str) -> bool {
    text.len() <= TITLE_BYTES_MAX && !text.trim().is_empty() && !text.contains(char::is_control)
}

/// `text` as a title: control characters become blanks, and what is too long is cut between characters. None where nothing
/// is left.
#[must_use]
pub fn title_of(text: &str) -> Option<String> {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let end = (0..=TITLE_BYTES_MAX.min(line.len())).rev().find(|end| line.is_char_boundary(*end))?;
    let title = line.get(..end)?.trim();
    is_title(title).then(|| title.to_owned())
}

/// A matter as staff see it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MatterRow {
    /// Which.
    pub matter_id: MatterId,
    /// What it is called.
    pub title: String,
    /// The staff who may know of it; none for all of them.
    pub restricted_to: Option<Vec<PersonId>>,
}

impl fmt::Debug for MatterRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatterRow({})", self.matter_id)
    }
}

/// The answer of `GET /v1/matters`: those that the caller may know of, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Matters {
    /// The server's epoch.
    pub epoch: Epoch,
    /// The matters.
    pub matters: Vec<MatterRow>,
}

/// The body of `POST /v1/matters`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenMatter {
    /// The maker's key.
    pub key: SendKey,
    /// What it is called: [`is_title`].
    pub title: String,
    /// The staff who may know of it, at least one; none for all of them.
    #[serde(default)]
    pub restricted_to: Option<Vec<PersonId>>,
}

impl fmt::Debug for OpenMatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenMatter({})", self.key)
    }
}

/// The answer of `POST /v1/matters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MatterOpened {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Made by the server.
    pub matter_id: MatterId,
}

/// The body of `PUT /v1/matters/{id}/access` (R14, R17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MatterAccess {
    /// The staff who may know of the matter, at least one; none for all of them.
    pub restricted_to: Option<Vec<PersonId>>,
}

/// The body of `POST /v1/conversations`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BeginConversation {
    /// The maker's key.
    pub key: SendKey,
    /// Of which kind. A client begins external ones only (R44).
    pub kind: ConversationKind,
    /// What it is called: [`is_title`]; empty for a direct message.
    pub title: String,
    /// Its matter, where its kind has one.
    #[serde(default)]
    pub matter_id: Option<MatterId>,
    /// Who is in it besides the maker. A client names nobody: the firm's people of the matter are in it.
    #[serde(default)]
    pub participants: Vec<PersonId>,
}

impl fmt::Debug for BeginConversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BeginConversation({}, {:?})", self.key, self.kind)
    }
}

/// The answer of `POST /v1/conversations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationBegun {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Made by the server.
    pub conversation_id: ConversationId,
}

/// The answer of `GET /v1/conversations`: those that the caller may know of, the newest begun first (R15).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversations {
    /// The server's epoch.
    pub epoch: Epoch,
    /// As the caller may see them now, whether they are in them or not.
    pub conversations: Vec<ConversationHead>,
    /// Whether older ones follow, below the last one's id.
    pub more: bool,
}

/// The body of `PUT /v1/conversations/{id}/state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateWanted {
    /// `open` or `archived`; it closes by itself only (R20).
    pub state: ConversationState,
}

/// Somebody of the firm, or of its clients.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonRow {
    /// Who.
    pub person_id: PersonId,
    /// Their name at this firm.
    pub name: String,
    /// The address that signs in.
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
    /// Whether they have left the firm (R43).
    pub has_left: bool,
}

impl fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonRow({}, {:?})", self.person_id, self.standing)
    }
}

/// The answer of `GET /v1/people`, by name. For staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct People {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Everybody.
    pub people: Vec<PersonRow>,
}

/// The body of `POST /v1/people`: an address belongs to one contact of a firm (R7), so it is the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddPerson {
    /// Their name at this firm: [`is_title`].
    pub name: String,
    /// The address that signs in. Needed, always (R7).
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
}

impl fmt::Debug for AddPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddPerson({:?})", self.standing)
    }
}

/// The answer of `POST /v1/people`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonAdded {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Made by the server.
    pub person_id: PersonId,
}

/// Entries that were on somebody's screen, with the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Look {
    /// The first.
    pub from_seq: u64,
    /// The last, included.
    pub to_seq: u64,
    /// When it was on screen, by that device's clock, UTC milliseconds.
    pub shown_at_ms: i64,
    /// When the server heard of it, UTC milliseconds.
    pub heard_at_ms: i64,
}

/// What one person has looked at, ascending.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReaderLooks {
    /// Who.
    pub person_id: PersonId,
    /// Their name at this firm.
    pub name: String,
    /// What was on screen: only that (R6).
    pub looks: Vec<Look>,
}

impl fmt::Debug for ReaderLooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReaderLooks({}, {} ranges)", self.person_id, self.looks.len())
    }
}

/// The answer of `GET /v1/conversations/{id}/readers`. For staff only (R5, R6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readers {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Everybody who looked, by name.
    pub readers: Vec<ReaderLooks>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_one_line_that_says_something() {
        for good in ["Haddad claim", "شؤون", "案件 7", "a\u{200D}b", &"x".repeat(400)] {
            assert!(is_title(good), "{good:?}");
        }
        for bad in ["", "  ", "two\nlines", "nul\0", &"x".repeat(401)] {
            assert!(!is_title(bad), "{bad:?}");
        }
        assert_eq!(title_of("two\nlines"), Some("two lines".to_owned()));
        assert_eq!(title_of(&"é".repeat(300)), Some("é".repeat(200)));
        assert_eq!(title_of(" \0 "), None);
    }
}
