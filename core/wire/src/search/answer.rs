//! What the server answers to a search.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::ids::{EntryId, Epoch};

/// A message that was found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FoundMessage {
    /// What its conversation is called, for this reader.
    pub title: String,
    /// The message, as this reader may see it; it says which conversation.
    pub entry: Entry,
}

impl fmt::Debug for FoundMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoundMessage({:?})", self.entry)
    }
}

/// The answer of `GET /v1/search?q&before&limit`. There is no count of all: counting would take reading all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchAnswer {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Messages that match, newest first.
    pub hits: Vec<FoundMessage>,
    /// Where to go on: ask again `before` this message. Also without a hit, where so many messages were looked at that
    /// the rest is for another request. Absent: nothing older matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<EntryId>,
}
