//! Who may write packs: one writer for each conversation, and the sweeper only while nobody writes.
//!
//! Holds: a source that does not end holds up its own conversation and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

use portico_wire::ids::{ConversationId, SendKey};

/// The locks over one person's packs. They guard files, so a writer that panicked leaves nothing to mend: what it half
/// wrote lies behind the last file that a row names.
#[derive(Debug, Default)]
pub struct Packing {
    /// Read by whoever writes a pack, written by whoever removes packs that no row names.
    packs: RwLock<()>,
    /// One for each conversation in which something was picked since this process began.
    conversations: Mutex<BTreeMap<ConversationId, Arc<Mutex<()>>>>,
    /// The batches whose every file was picked by this process: what an earlier one wrote may have been lost with the
    /// power.
    fresh: Mutex<BTreeSet<SendKey>>,
}

impl Packing {
    /// Runs `body` once nobody else writes packs of `conversation`.
    pub fn alone<T>(&self, conversation: ConversationId, body: impl FnOnce() -> T) -> T {
        let lock = self.lock_of(conversation);
        let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _writes = self.packs.read().unwrap_or_else(PoisonError::into_inner);
        body()
    }

    /// Runs `body` with the word whether somebody writes packs of `conversation` now. If nobody does, nobody begins to.
    pub fn beside<T>(&self, conversation: ConversationId, body: impl FnOnce(bool) -> T) -> T {
        let lock = self.lock_of(conversation);
        let alone = match lock.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        body(alone.is_none())
    }

    /// Runs `body` if nobody writes packs; whoever writes sweeps later.
    pub fn while_nobody_writes<T>(&self, body: impl FnOnce() -> T) -> Option<T> {
        let _nobody = match self.packs.try_write() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(body())
    }

    /// Every file of `key` was, or will be, picked by this process.
    pub fn began(&self, key: SendKey) {
        self.fresh().insert(key);
    }

    /// Whether every file of `key` was picked by this process.
    pub fn is_fresh(&self, key: SendKey) -> bool {
        self.fresh().contains(&key)
    }

    fn fresh(&self) -> MutexGuard<'_, BTreeSet<SendKey>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_of(&self, conversation: ConversationId) -> Arc<Mutex<()>> {
        let mut conversations = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(conversations.entry(conversation).or_default())
    }
}
