//! Events: what changed, never the data itself twice. A screen that hears one asks for its page again.
//!
//! Holds: per subscriber one queue that coalesces instead of dropping; its size is bounded by what there is to
//! change, not by how often it did.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use portico_wire::ids::{AttachmentId, ConversationId, SendKey};
use tokio::sync::Notify;

/// Something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortalEvent {
    /// The list of conversations, a head, an unread count or the badge.
    ConversationsChanged,
    /// Entries or echoes of one conversation.
    TimelineChanged(ConversationId),
    /// The server holds more of a batch than before; see `Portal::upload_progress`.
    UploadProgressed(SendKey),
    /// More of an attachment is on this phone than before; see `Portal::held_bytes`.
    DownloadProgressed(AttachmentId),
    /// Access to a conversation was lost, and everything received of it is gone from this phone (R41).
    AccessLost(ConversationId),
    /// The server or this device's sign-in changed from reachable to not, or back; see `Portal::connection`.
    ConnectionChanged,
    /// The server says that this device is signed out. The outbox waits; nothing is deleted.
    SignInNeeded,
    /// The person wiped this phone from another device. Everything of them is gone from it; the portal is over.
    Wiped,
    /// The server was restored from a backup; what it lost of this phone's is being offered again.
    ServerRestored,
}

#[derive(Debug, Default)]
struct Queue {
    /// Guards what this subscriber has not taken, in order, each event once; and whether it ended.
    waiting: Mutex<(Vec<PortalEvent>, bool)>,
    woken: Notify,
}

/// Tells every subscriber.
#[derive(Debug, Default)]
pub struct EventHub {
    /// Guards the list of subscribers that are still alive.
    queues: Mutex<Vec<Weak<Queue>>>,
}

impl EventHub {
    /// A new subscriber; it hears of what changes from here on.
    #[must_use]
    pub fn subscribe(&self) -> EventStream {
        let queue = Arc::new(Queue::default());
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        EventStream { queue }
    }

    /// Tells all subscribers of `events`.
    pub fn tell(&self, events: &[PortalEvent]) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for queue in queues.iter().filter_map(Weak::upgrade) {
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                if !waiting.0.contains(event) {
                    waiting.0.push(*event);
                }
            }
            queue.woken.notify_one();
        }
    }
}

/// The streams end with what they hear of.
impl Drop for EventHub {
    fn drop(&mut self) {
        let queues = self.queues.get_mut().unwrap_or_else(PoisonError::into_inner);
        for queue in queues.drain(..).filter_map(|queue| queue.upgrade()) {
            queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
            queue.woken.notify_one();
        }
    }
}

/// One subscriber's end. Pulled, so a slow screen slows nobody.
#[derive(Debug, Clone)]
pub struct EventStream {
    queue: Arc<Queue>,
}

impl EventStream {
    /// Waits for at least one event and takes at most `most`. Empty once the stream was stopped, or the portal is gone.
    pub async fn next_batch(&self, most: usize) -> Vec<PortalEvent> {
        loop {
            let woken = self.queue.woken.notified();
            {
                let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.1 {
                    return Vec::new();
                }
                if !waiting.0.is_empty() {
                    let count = most.max(1).min(waiting.0.len());
                    return waiting.0.drain(..count).collect();
                }
            }
            woken.await;
        }
    }

    /// Ends the stream; a waiting [`EventStream::next_batch`] returns empty.
    pub fn stop(&self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.queue.woken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ten_thousand_changes_reach_a_slow_reader_as_one() {
        let hub = EventHub::default();
        let stream = hub.subscribe();
        let conversation = ConversationId::from_bytes([1; 16]);

        for _ in 0..10_000 {
            hub.tell(&[PortalEvent::TimelineChanged(conversation), PortalEvent::ConversationsChanged]);
        }

        let all = stream.next_batch(256).await;
        assert_eq!(all, [PortalEvent::TimelineChanged(conversation), PortalEvent::ConversationsChanged]);
        stream.stop();
        assert_eq!(stream.next_batch(256).await, []);
    }

    #[tokio::test]
    async fn stream_ends_with_its_portal() {
        let hub = EventHub::default();
        let stream = hub.subscribe();
        let reader = tokio::spawn(async move { stream.next_batch(256).await });
        tokio::task::yield_now().await;

        drop(hub);

        assert_eq!(reader.await.unwrap(), []);
    }
}
