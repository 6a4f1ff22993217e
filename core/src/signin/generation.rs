//! Finds a store that was put back from an old copy of the phone.
//!
//! Each opening counts up, first in the store, then in device-only storage. A crash between the two leaves the store
//! one ahead. A store that is *behind* is an old copy: what it holds undecided may have been sent, withdrawn or
//! refused since. It is withdrawn first, which the server answers for ever, then offered to the person as *send
//! again* (design section 3).

use crate::error::PortalError;
use crate::outbox::entry::{Progress, SendState, Tried};
use crate::ports::SecretStore;
use crate::store::{Fact, Store};

/// Counts this opening. How many undecided entries of an old copy are being withdrawn.
///
/// # Errors
/// A fault of the store or the keystore; the next opening finds the same.
pub fn count_opening(store: &Store, secrets: &dyn SecretStore, name: &str) -> Result<usize, PortalError> {
    let on_device =
        secrets.read(name)?.and_then(|bytes| Some(u64::from_be_bytes(bytes.as_slice().try_into().ok()?)));
    let (next, withdrawn) = store.write(|writing| {
        let in_store: u64 = writing.fact(Fact::Generation)?.unwrap_or(0);
        let behind = on_device.is_some_and(|device| in_store < device);
        let mut withdrawn = 0;
        if behind {
            for entry in writing.open_entries()? {
                let state = SendState::Withdrawing { until_ms: 0 };
                let progress = Progress { state, tried: Tried::Perhaps, ..Progress::NEW };
                writing.keep_progress(entry.send_key, &progress)?;
                writing.mark_rolled_back(entry.send_key)?;
                withdrawn += 1;
            }
        }
        let next = in_store.max(on_device.unwrap_or(0)) + 1;
        writing.set(Fact::Generation, &next)?;
        Ok::<_, PortalError>((next, withdrawn))
    })?;
    secrets.keep(name, &next.to_be_bytes())?;
    Ok(withdrawn)
}
