//! The records of the screens. A shell draws them and asks nothing twice.

use std::fmt;

use portico_wire::conversation::ConversationHead;
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::search::Searchable;

use crate::outbox::entry::OutboxEntry;
use crate::store::{EntryStanding, PickedFile};

/// A row of the list of conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// The head.
    pub head: ConversationHead,
    /// Its newest message, if one is here.
    pub newest: Option<Entry>,
    /// Messages of others that were not looked at, on any device.
    pub unread: u64,
    /// Entries of this phone that have no answer yet, or an end the person has not seen.
    pub unsent: u64,
}

/// The first screen, in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstScreen {
    /// Newest first.
    pub conversations: Vec<ConversationRow>,
    /// The sum over all conversations: what the app's badge shows.
    pub unread: u64,
}

/// One thing in a conversation, from older to newer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineItem {
    /// An entry of the log.
    Logged {
        /// The entry.
        entry: Box<Entry>,
        /// How it stands to the server's log.
        standing: EntryStanding,
        /// Whether this person has looked at it.
        looked_at: bool,
        /// Whether it is this phone's own, on its way again after a restore.
        offered_again: bool,
    },
    /// Entries that are not here yet: shown as a gap, never skipped over.
    Gap {
        /// The first.
        from_seq: u64,
        /// The last.
        to_seq: u64,
    },
    /// Something of this phone that the log does not have (yet).
    Unsent(Echo),
}

/// An unsent message, shown in place.
#[derive(Clone, PartialEq, Eq)]
pub struct Echo {
    /// Its key.
    pub send_key: SendKey,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text.
    pub body: String,
    /// When the person sent it.
    pub composed_at_ms: i64,
    /// How it stands.
    pub delivery: Delivery,
    /// Its files, in the order in which they are sent; those of documents are at the server already.
    pub files: Vec<PickedFile>,
    /// Of its plain bytes, how many the server is known to hold; 0 for a text.
    pub held_bytes: u64,
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Echo").field("send_key", &self.send_key).field("delivery", &self.delivery).finish()
    }
}

/// How an unsent message stands, as the person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Durable here, waits for its turn.
    Queued,
    /// On its way.
    Sending,
    /// Will be tried again.
    Waiting {
        /// When, by the phone's clock.
        until_ms: i64,
        /// Why.
        fault: crate::outbox::entry::Fault,
        /// Set aside: holds up nobody.
        stuck: bool,
    },
    /// Waits until the person signs in.
    NeedsSignIn,
    /// Paused by the person.
    Paused,
    /// The operating system carries it.
    HandedToOs,
    /// Taken back; the server has not answered.
    Withdrawing,
    /// Not in the log, for ever; the text is here: send again, or discard.
    Refused(portico_wire::refusal::Refusal),
    /// Taken back, for ever. `offer_again`: found undecided in an old copy of this phone; send again?
    Withdrawn {
        /// Whether to ask the person.
        offer_again: bool,
    },
}

impl Echo {
    /// The echo of an outbox entry; none for one that is accepted.
    #[must_use]
    pub fn of(entry: OutboxEntry, rolled_back: bool, signed_out: bool) -> Option<Self> {
        use crate::outbox::entry::{Fault, SendState};
        let stuck = entry.progress.stuck;
        let delivery = match entry.progress.state {
            SendState::Accepted => return None,
            SendState::Refused(refusal) => Delivery::Refused(refusal),
            SendState::Withdrawn => Delivery::Withdrawn { offer_again: rolled_back },
            SendState::Withdrawing { .. } => Delivery::Withdrawing,
            SendState::NeedsSignIn => Delivery::NeedsSignIn,
            SendState::Paused => Delivery::Paused,
            SendState::HandedToOs { .. } => Delivery::HandedToOs,
            SendState::Queued | SendState::Sending | SendState::Waiting { .. } if signed_out => {
                Delivery::NeedsSignIn
            }
            SendState::Queued if stuck => Delivery::Waiting { until_ms: 0, fault: Fault::ServerFault, stuck },
            SendState::Queued => Delivery::Queued,
            SendState::Sending => Delivery::Sending,
            SendState::Waiting { until_ms, fault } => Delivery::Waiting { until_ms, fault, stuck },
        };
        Some(Self {
            send_key: entry.send_key,
            conversation_id: entry.conversation_id,
            body: entry.body,
            composed_at_ms: entry.composed_at_ms,
            delivery,
            files: (0..).zip(entry.copies).map(|(place, copy)| PickedFile::of_copy(place, copy)).collect(),
            held_bytes: 0,
        })
    }

    /// What is searched of it; `me`: the name of the person whose phone this is.
    #[must_use]
    pub fn searchable<'a>(&'a self, me: &'a str) -> Searchable<'a> {
        Searchable {
            body: &self.body,
            author_name: me,
            file_names: self.files.iter().map(|file| file.name.as_str()).collect(),
            at_ms: self.composed_at_ms,
        }
    }
}

/// A page of one conversation, in one call. `Debug` hides what was begun to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct TimelinePage {
    /// The head.
    pub head: ConversationHead,
    /// From older to newer; echoes last.
    pub items: Vec<TimelineItem>,
    /// Whether something older can be read, here or on the server.
    pub has_older: bool,
    /// What the person has begun to write.
    pub draft: Option<String>,
    /// What the person has picked to send with it.
    pub picked: Vec<PickedFile>,
}

impl fmt::Debug for TimelinePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimelinePage")
            .field("head", &self.head)
            .field("items", &self.items)
            .field("has_older", &self.has_older)
            .field("picked", &self.picked)
            .finish_non_exhaustive()
    }
}

/// A message that was found. `place` pages on: ask again before the last one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// Where in time it stands.
    pub place: i64,
    /// The message.
    pub entry: Entry,
}

/// What was found: messages of the log, newest first, and unsent ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResults {
    /// Unsent messages of this phone that match.
    pub unsent: Vec<Echo>,
    /// Messages of the log.
    pub hits: Vec<SearchHit>,
}
