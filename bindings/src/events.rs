//! Events, pulled in batches: a slow screen slows nobody, and nothing is lost (each change is told once).

use portico_core::PortalError;
use portico_core::events::PortalEvent;

/// What changes in a portal, from the moment it was asked for. One reader each.
#[derive(Debug, uniffi::Object)]
pub struct EventStream {
    core: portico_core::EventStream,
}

impl EventStream {
    pub(crate) fn of(core: portico_core::EventStream) -> Self {
        Self { core }
    }
}

#[uniffi::export]
impl EventStream {
    /// Waits for at least one event and takes at most `most`. Empty once the stream was stopped.
    ///
    /// # Errors
    /// None today: Swift can not bear a panic in a call that throws nothing.
    pub async fn next_batch(&self, most: u32) -> Result<Vec<PortalEvent>, PortalError> {
        // Polled where the shell polls: it takes events only in the poll that gives them out.
        Ok(self.core.next_batch(most as usize).await)
    }

    /// Ends the stream; a waiting `next_batch` returns empty.
    pub fn stop(&self) {
        self.core.stop();
    }
}
