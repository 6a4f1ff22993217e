//! Everything of one person goes from this phone, because they said so from another device (R55).
//!
//! The key goes first: from then on what is left of the store is noise, also where the phone dies on the way. Then the
//! store is closed for good, then the files go, and the person from the list of those who are known here. Crash: a mark
//! in the folder has the next start finish it.

use std::fs;

use super::people::{People, PersonFolder};
use crate::ports::SecretStore;
use crate::store::Store;

/// Wipes the person of `folder`. What fails is logged, and the rest goes on: as much as can goes.
pub fn wipe(store: &Store, folder: &PersonFolder, secrets: &dyn SecretStore) {
    for name in folder.secret_names() {
        if let Err(fault) = secrets.forget(&name) {
            tracing::error!(%fault, "a key could not be wiped");
        }
    }
    if let Err(fault) = folder.mark_wiped() {
        tracing::warn!(%fault, "the wipe could not be marked");
    }
    store.close_for_good();
    finish(folder);
}

/// What is left of a wipe once the keys are gone.
pub fn finish(folder: &PersonFolder) {
    let forgotten = People::read(folder.home()).map(|mut people| {
        people.forget(folder.name());
        people.write(folder.home())
    });
    if let Err(fault) = forgotten.and_then(|written| written) {
        tracing::error!(%fault, "a wiped person could not be forgotten; the next start does it");
        return;
    }
    if let Err(fault) = fs::remove_dir_all(&folder.folder) {
        tracing::error!(%fault, "files of a wiped person could not be removed; they are sealed, and their key is gone");
    }
}
