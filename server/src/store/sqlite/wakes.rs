//! Who waits for whose log. A wake is a hint after a commit; the log is the truth.
//!
//! Bound: one channel for each person with a waiting phone; those without are dropped at the next subscription.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use portico_wire::ids::{FirmId, PersonId};
use tokio::sync::{Notify, watch};

type Log = (FirmId, PersonId);

/// The waiting phones, and the waiting workers.
#[derive(Default)]
pub(crate) struct Wakes {
    /// Guards who waits for which log.
    waiting: Mutex<BTreeMap<Log, watch::Sender<u64>>>,
    /// Mails and pushes may be due.
    pub(crate) jobs: Notify,
    /// Files may be there that nobody has scanned.
    pub(crate) scans: Notify,
}

impl Wakes {
    /// Waits for changes of one log from here on. Subscribe first, then look, then wait: nothing falls between.
    pub(crate) fn subscribe(&self, firm: FirmId, person: PersonId) -> watch::Receiver<u64> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, sender| sender.receiver_count() > 0);
        waiting.entry((firm, person)).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// Tells those who wait that the logs have moved.
    pub(super) fn wake(&self, logs: impl IntoIterator<Item = (Log, u64)>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (log, seq) in logs {
            if let Some(sender) = waiting.get(&log) {
                sender.send_replace(seq);
            }
        }
    }
}
