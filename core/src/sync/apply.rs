//! Applies a page of events in one transaction, and says what changed.

use portico_wire::ids::ConversationId;
use portico_wire::limits::RESTORE_MARGIN_MS;
use portico_wire::sync::{EventBody, SyncEvent, SyncPage};

use crate::events::PortalEvent;
use crate::store::{Fact, Store, StoreError, Writing};

/// Why a page was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The page is not the one that follows: take the snapshot.
    #[error("events are missing before this page")]
    Gap,
    /// The store can not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies `page` after `cursor` and moves the cursor, in one transaction.
///
/// # Errors
/// [`ApplyError`]; nothing is applied, the cursor stays.
pub fn apply(store: &Store, page: &SyncPage, now_ms: i64) -> Result<Vec<PortalEvent>, ApplyError> {
    store.write(|writing| {
        let mut cursor: u64 = writing.fact(Fact::Cursor)?.unwrap_or(0);
        if writing.epoch()? != Some(page.epoch) {
            return Err(ApplyError::Gap);
        }
        let mut changed = Changed::default();
        // A page that was asked for twice brings events again; those are applied already.
        for event in page.events.iter().filter(|event| event.seq > cursor).collect::<Vec<_>>() {
            if event.seq != cursor + 1 {
                return Err(ApplyError::Gap);
            }
            apply_event(writing, event, &mut changed)?;
            cursor = event.seq;
        }
        writing.set(Fact::Cursor, &cursor)?;
        note_contact(writing, now_ms, page.backed_up_through_ms)?;
        Ok(changed.into_events())
    })
}

/// Applies what an older version of this app could not read.
///
/// # Errors
/// [`StoreError`]; everything stays as it was.
pub fn replay_unknown(store: &Store) -> Result<(), StoreError> {
    store.write(|writing| {
        for event in writing.unknown_events()? {
            if event.body() != EventBody::Unknown {
                apply_event(writing, &event, &mut Changed::default())?;
                writing.forget_unknown_event(event.seq)?;
            }
        }
        Ok(())
    })
}

/// Notes that the server answered, and lets go of texts that every backup holds.
///
/// # Errors
/// [`StoreError`].
pub fn note_contact(
    writing: &Writing<'_>,
    now_ms: i64,
    backed_up_through_ms: Option<i64>,
) -> Result<(), StoreError> {
    writing.set(Fact::LastContact, &now_ms)?;
    if let Some(through_ms) = backed_up_through_ms {
        writing.set(Fact::BackedUpThrough, &through_ms)?;
        writing.release_bodies(through_ms.saturating_sub(RESTORE_MARGIN_MS))?;
    }
    Ok(())
}

#[derive(Default)]
struct Changed {
    timelines: Vec<ConversationId>,
    lost: Vec<ConversationId>,
    list: bool,
}

impl Changed {
    fn into_events(self) -> Vec<PortalEvent> {
        let mut events: Vec<PortalEvent> = self.lost.into_iter().map(PortalEvent::AccessLost).collect();
        events.extend(self.timelines.into_iter().map(PortalEvent::TimelineChanged));
        if self.list {
            events.push(PortalEvent::ConversationsChanged);
        }
        events
    }
}

fn apply_event(writing: &Writing<'_>, event: &SyncEvent, changed: &mut Changed) -> Result<(), StoreError> {
    match event.body() {
        EventBody::Entry(entry) => {
            writing.put_entry(&entry)?;
            changed.timelines.push(entry.conversation_id);
            changed.list = true;
        }
        EventBody::Conversation(head) => {
            writing.put_head(&head)?;
            changed.timelines.push(head.conversation_id);
            changed.list = true;
        }
        EventBody::LookedAt(state) => {
            if writing.hear_looked_at(state.conversation_id, &state.ranges)? {
                changed.timelines.push(state.conversation_id);
                changed.list = true;
            }
        }
        EventBody::AccessLost(lost) => {
            let epoch = writing.epoch()?.ok_or(StoreError::Damaged)?;
            writing.purge_conversation(lost.conversation_id, epoch, event.seq)?;
            changed.lost.push(lost.conversation_id);
            changed.list = true;
        }
        EventBody::Skipped => {}
        EventBody::Unknown => writing.keep_unknown_event(event)?,
    }
    Ok(())
}
