//! Everything of one person goes from this phone, because they said so from another device (R55).
//!
//! ```text
//! mark -> keys gone (what is left is noise) -> store closed for good -> files -> the person's row -> the mark
//! ```
//! Crash: the mark has the next start finish it, wherever it stopped.

use std::fs;
use std::path::Path;

use super::people::{People, PersonFolder};
use crate::ports::SecretStore;
use crate::store::Store;

/// Wipes the person of `folder`. What fails is logged, and the rest goes on: as much as can goes.
pub fn wipe(store: &Store, folder: &PersonFolder, secrets: &dyn SecretStore) {
    if let Err(fault) = folder.mark_wiped() {
        tracing::warn!(%fault, "the wipe could not be marked");
    }
    let keys_gone = forget_keys(folder, secrets);
    store.close_for_good();
    clear(folder, keys_gone);
}

/// Finishes every wipe below `home` that was cut short.
pub fn sweep(home: &Path, secrets: &dyn SecretStore) {
    if PersonFolder::wiped_below(home).is_empty() {
        return;
    }
    for person in People::read(home).map(|people| people.known).unwrap_or_default() {
        if let Ok(folder) = PersonFolder::of(home, &person)
            && folder.is_wiped()
        {
            let keys_gone = forget_keys(&folder, secrets);
            clear(&folder, keys_gone);
        }
    }
    // Whoever is in no row any more has no key left: the row goes after the keys.
    if let Ok(people) = People::read(home) {
        for left in PersonFolder::wiped_below(home) {
            let name = left.file_name().map(|name| name.to_string_lossy().into_owned());
            if name.is_some_and(|name| people.device_of(&name).is_none()) {
                remove(&left);
            }
        }
    }
}

fn forget_keys(folder: &PersonFolder, secrets: &dyn SecretStore) -> bool {
    let mut gone = true;
    for name in folder.secret_names() {
        if let Err(fault) = secrets.forget(&name) {
            tracing::error!(%fault, "a key could not be wiped; the next start does it");
            gone = false;
        }
    }
    gone
}

/// What is left once the keys are gone. The row and the mark stay where they are not.
fn clear(folder: &PersonFolder, keys_gone: bool) {
    if let Err(fault) = folder.empty_but_the_mark() {
        tracing::error!(%fault, "files of a wiped person could not be removed; the next start does it");
    }
    if !keys_gone {
        return;
    }
    let forgotten = People::read(folder.home()).and_then(|mut people| {
        people.forget(folder.name());
        people.write(folder.home())
    });
    match forgotten {
        Ok(()) => remove(&folder.folder),
        Err(fault) => {
            tracing::error!(%fault, "a wiped person could not be forgotten; the next start does it");
        }
    }
}

fn remove(folder: &Path) {
    if let Err(fault) = fs::remove_dir_all(folder) {
        tracing::error!(%fault, "the folder of a wiped person could not be removed; the next start does it");
    }
}
