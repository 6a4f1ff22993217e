//! What changed since a cursor: events that carry state, and the snapshot to begin from.
//!
//! Holds: each (firm, person) has one gap-free event log. An event of a kind or version this reader does not
//! know is kept raw, and replayed after an upgrade.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::conversation::ConversationHead;
use crate::entry::Entry;
use crate::ids::{ConversationId, Epoch};
use crate::looked_at::{LookedAtState, SeqRange};

/// A place in a person's event log: everything up to `seq` in `epoch` is applied. Written `EPOCH.SEQ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The server's life it belongs to.
    pub epoch: Epoch,
    /// The newest event that is applied; 0 before the first.
    pub seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// A text that should be a cursor and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of the form EPOCH.SEQ")]
pub struct ParseCursorError;

impl FromStr for Cursor {
    type Err = ParseCursorError;
    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let (epoch, seq) = text.split_once('.').ok_or(ParseCursorError)?;
        Ok(Self {
            epoch: epoch.parse().map_err(|_| ParseCursorError)?,
            seq: seq.parse().map_err(|_| ParseCursorError)?,
        })
    }
}

/// One event: its place in the person's log, what kind of state it carries, and that state.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncEvent {
    /// 1, 2, 3 without a gap.
    pub seq: u64,
    /// What `data` holds; see [`EventBody`].
    pub kind: String,
    /// The version of that kind.
    pub v: u32,
    /// The state, as it came.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<RawValue>,
}

impl fmt::Debug for SyncEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncEvent({}, {} v{})", self.seq, self.kind, self.v)
    }
}

/// The state an event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventBody {
    /// `entry` v1: an entry was accepted.
    Entry(Box<Entry>),
    /// `conversation` v1: the head as it is now, also when access is gained.
    Conversation(Box<ConversationHead>),
    /// `looked_at` v1: what this person has looked at, on all devices (R54).
    LookedAt(LookedAtState),
    /// `access_lost` v1: purge everything of this conversation (R41).
    AccessLost(AccessLost),
    /// `skipped` v1: something this person may no longer know of stood here; keeps the log without a gap.
    Skipped,
    /// A kind or version of a newer server, or data this reader can not read.
    Unknown,
}

/// The data of an `access_lost` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessLost {
    /// What to purge.
    pub conversation_id: ConversationId,
}

const ENTRY: &str = "entry";
const CONVERSATION: &str = "conversation";
const LOOKED_AT: &str = "looked_at";
const ACCESS_LOST: &str = "access_lost";
const SKIPPED: &str = "skipped";

impl SyncEvent {
    /// Writes `body` as an event of version 1; none for [`EventBody::Unknown`], which only a reader makes.
    #[must_use]
    pub fn of(seq: u64, body: &EventBody) -> Option<Self> {
        let (kind, data) = match body {
            EventBody::Entry(entry) => (ENTRY, serde_json::value::to_raw_value(entry)),
            EventBody::Conversation(head) => (CONVERSATION, serde_json::value::to_raw_value(head)),
            EventBody::LookedAt(state) => (LOOKED_AT, serde_json::value::to_raw_value(state)),
            EventBody::AccessLost(lost) => (ACCESS_LOST, serde_json::value::to_raw_value(lost)),
            EventBody::Skipped => (SKIPPED, RawValue::from_string("{}".to_owned())),
            EventBody::Unknown => return None,
        };
        Some(Self { seq, kind: kind.to_owned(), v: 1, data: data.ok()? })
    }

    /// Reads the state; [`EventBody::Unknown`] where this version can not.
    #[must_use]
    pub fn body(&self) -> EventBody {
        fn read<'a, T: Deserialize<'a>>(data: &'a RawValue, body: impl Fn(T) -> EventBody) -> EventBody {
            serde_json::from_str(data.get()).map_or(EventBody::Unknown, body)
        }
        match (self.kind.as_str(), self.v) {
            (ENTRY, 1) => read(&self.data, EventBody::Entry),
            (CONVERSATION, 1) => read(&self.data, EventBody::Conversation),
            (LOOKED_AT, 1) => read(&self.data, EventBody::LookedAt),
            (ACCESS_LOST, 1) => read(&self.data, EventBody::AccessLost),
            (SKIPPED, _) => EventBody::Skipped,
            _ => EventBody::Unknown,
        }
    }
}

/// The answer of `GET /v1/sync?cursor=EPOCH.SEQ&limit&wait`: events after the cursor, ascending, without a gap.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncPage {
    /// The server's epoch; the same as the cursor's, or the answer is a `cursor_reset`.
    pub epoch: Epoch,
    /// What changed. Empty after a wait in which nothing did.
    pub events: Vec<SyncEvent>,
    /// The seq to ask after next.
    pub next_seq: u64,
    /// Whether more is there already.
    pub more: bool,
    /// The server's clock, UTC milliseconds.
    pub server_time_ms: i64,
    /// As in [`crate::limits::Limits`].
    pub backed_up_through_ms: Option<i64>,
}

/// One conversation of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnapshotConversation {
    /// The head.
    pub head: ConversationHead,
    /// Its newest readable entries, ascending and without a gap, up to `head.last_seq`.
    pub entries: Vec<Entry>,
    /// What this person has looked at.
    pub looked_at: Vec<SeqRange>,
}

/// A conversation whose access was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnapshotLoss {
    /// Which.
    pub conversation_id: ConversationId,
    /// The place of the newest such event in the person's log.
    pub log_seq: u64,
}

/// The answer of `GET /v1/snapshot?epoch=E`: all of it read in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Where sync goes on.
    pub next_seq: u64,
    /// The lowest time any restore since the asked epoch went back to; absent if there was none. 0 if the
    /// server does not know the asked epoch.
    pub restored_to_ms: Option<i64>,
    /// Every conversation this person may read.
    pub conversations: Vec<SnapshotConversation>,
    /// Every conversation of which this person may not know any more: the events that said so are not read again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_lost: Vec<SnapshotLoss>,
    /// The server's clock, UTC milliseconds.
    pub server_time_ms: i64,
    /// As in [`crate::limits::Limits`].
    pub backed_up_through_ms: Option<i64>,
}

/// The answer of `GET /v1/conversations/{id}/entries?before=SEQ&limit`: older entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryPage {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Ascending, without a gap, all below the asked seq.
    pub entries: Vec<Entry>,
    /// Whether this reader may read still older ones.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_of_a_newer_server_is_unknown_and_kept_raw() {
        let json = r#"{"seq":4,"kind":"poll","v":1,"data":{"x": 1}}"#;

        let event: SyncEvent = serde_json::from_str(json).unwrap();

        assert_eq!(event.body(), EventBody::Unknown);
        assert_eq!(event.data.get(), r#"{"x": 1}"#);
        let newer = SyncEvent { kind: ACCESS_LOST.to_owned(), v: 2, ..event };
        assert_eq!(newer.body(), EventBody::Unknown);
    }

    #[test]
    fn event_survives_the_wire() {
        let body = EventBody::AccessLost(AccessLost { conversation_id: ConversationId::from_bytes([9; 16]) });

        let json = serde_json::to_string(&SyncEvent::of(3, &body).unwrap()).unwrap();

        assert_eq!(serde_json::from_str::<SyncEvent>(&json).unwrap().body(), body);
    }

    #[test]
    fn cursor_survives_text() {
        let cursor = Cursor { epoch: Epoch::from_bytes([1; 16]), seq: 42 };

        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!("1.2".parse::<Cursor>(), Err(ParseCursorError));
    }
}
