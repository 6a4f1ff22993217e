//! The push inbox: a folder of sealed pushes that the core has not taken in yet.
//!
//! Crash: a file is whole or absent; taking in twice is harmless.

use std::fs;
use std::path::Path;

use portico_wire::encoding::Sha256;
use portico_wire::ids::DeviceId;
use portico_wire::push::{PushContent, PushOpenError, PushPayload, open};

use crate::error::PortalError;
use crate::ports::files::write_durably;
use crate::store::{Store, StoreError};

/// Where and sealed with what pushes reach this device: all that an extension needs.
#[derive(Clone)]
pub struct PushKey {
    /// This installation.
    pub device_id: DeviceId,
    /// The key that only this device and the server hold.
    pub key: [u8; 32],
}

impl std::fmt::Debug for PushKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PushKey({})", self.device_id)
    }
}

/// Opens the JSON that a push provider handed over.
///
/// # Errors
/// [`PushOpenError`]: foreign, cut, altered or of a newer server; nothing is opened.
pub fn open_payload(key: &PushKey, payload: &str) -> Result<PushContent, PushOpenError> {
    let payload: PushPayload = serde_json::from_str(payload).map_err(|_| PushOpenError::Malformed)?;
    open(&key.key, key.device_id, &payload.portico.0)
}

/// Opens a push and drops it, still sealed, into `folder` for the core. This is all that a notification extension
/// does.
///
/// # Errors
/// [`PortalError::NotHere`] where it does not open, [`PortalError::DiskFull`] where it can not be kept.
pub fn receive(key: &PushKey, folder: &Path, payload: &str) -> Result<PushContent, PortalError> {
    let content = open_payload(key, payload).map_err(|_| PortalError::NotHere)?;
    // The same push twice is one file.
    let name = format!("{}.push", Sha256::of(&[payload.as_bytes()]));
    write_durably(folder, &name, payload.as_bytes()).map_err(|_| PortalError::DiskFull)?;
    Ok(content)
}

/// Takes every push of `folder` into the store as a preview, then removes its file. One that does not open is
/// removed too: it will never open.
///
/// # Errors
/// [`StoreError`]; files that were not taken in stay.
pub fn take_in(key: &PushKey, folder: &Path, store: &Store) -> Result<Vec<PushContent>, StoreError> {
    let Ok(files) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut taken = Vec::new();
    for path in files.filter_map(|file| Some(file.ok()?.path())) {
        if path.extension().is_none_or(|extension| extension != "push") {
            continue;
        }
        let Ok(payload) = fs::read_to_string(&path) else { continue };
        match open_payload(key, &payload) {
            Ok(content) => {
                if store.write(|writing| writing.keep_preview(&content))? {
                    taken.push(content);
                }
            }
            Err(fault) => tracing::info!(%fault, "a push in the inbox does not open"),
        }
        // If this fails, the next start takes the same push in again, which changes nothing.
        let _ = fs::remove_file(&path);
    }
    Ok(taken)
}
