//! The people of one phone: which of them is signed in, where their stores lie, under which names their keys are.
//!
//! Holds: one folder and one key per person and firm; no call opens the store of anyone but the one asked for.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use portico_wire::encoding::Sha256;
use portico_wire::ids::{DeviceId, FirmId, PersonId};
use serde::{Deserialize, Serialize};

use crate::error::PortalError;
use crate::ports::files::{make_private_folder, write_durably};
use crate::ports::{Ports, SecretStore, random};
use crate::push::inbox::PushKey;
use crate::store::StoreKey;

/// Somebody who signed in on this phone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPerson {
    /// Who.
    pub person_id: PersonId,
    /// At which firm.
    pub firm_id: FirmId,
    /// At which server.
    pub server_url: String,
    /// SHA-256 of the server's address and the email, to find this row again without keeping the email in clear.
    pub address_hash: Sha256,
    /// This installation, as that server knows it.
    pub device_id: DeviceId,
}

impl std::fmt::Debug for KnownPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownPerson({} at {})", self.person_id, self.firm_id)
    }
}

impl KnownPerson {
    fn name(&self) -> String {
        format!("{}-{}", self.person_id, self.firm_id)
    }
}

/// The file `people.json` in the phone's home folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Everybody, in the order in which they first signed in.
    pub known: Vec<KnownPerson>,
    /// Whose store is open now: an index into `known`.
    pub current: Option<usize>,
}

impl People {
    /// Reads the file; nobody where there is none.
    ///
    /// # Errors
    /// [`PortalError::Bug`] where the file is not one of ours; [`PortalError::DiskFull`] where it can not be read: only
    /// a file that is not there means nobody, or signing in would write over the names of everybody's stores.
    pub fn read(home: &Path) -> Result<Self, PortalError> {
        match fs::read(home.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| PortalError::bug("people file")),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(_) => Err(PortalError::DiskFull),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`PortalError::DiskFull`]; the old file stays.
    pub fn write(&self, home: &Path) -> Result<(), PortalError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|_| PortalError::bug("people file"))?;
        write_durably(home, FILE, &bytes).map_err(|_| PortalError::DiskFull)
    }

    /// Who is signed in.
    #[must_use]
    pub fn current(&self) -> Option<&KnownPerson> {
        self.known.get(self.current?)
    }

    /// That person of that server signs in with another address, at each of their firms: an address is a person's (R10).
    pub fn readdress(&mut self, person: PersonId, server_url: &str, address_hash: Sha256) {
        let is_theirs =
            |known: &&mut KnownPerson| known.person_id == person && known.server_url == server_url;
        for known in self.known.iter_mut().filter(is_theirs) {
            known.address_hash = address_hash;
        }
    }

    /// The ids that this phone has with whoever signs in with that address: at `firm`, or at any. One each (R7).
    pub fn devices_of(&self, address_hash: Sha256, firm: Option<FirmId>) -> impl Iterator<Item = DeviceId> {
        self.known
            .iter()
            .filter(move |known| known.address_hash == address_hash)
            .filter(move |known| firm.is_none_or(|firm| known.firm_id == firm))
            .map(|known| known.device_id)
    }

    /// The id that this phone has with the person of that name.
    #[must_use]
    pub fn device_of(&self, name: &str) -> Option<DeviceId> {
        self.known.iter().find(|known| known.name() == name).map(|known| known.device_id)
    }

    /// Forgets the person of that name. If they were the current one, nobody is.
    pub fn forget(&mut self, name: &str) {
        let current = self.current().cloned().filter(|current| current.name() != name);
        self.known.retain(|known| known.name() != name);
        self.current = current.and_then(|current| self.known.iter().position(|known| *known == current));
    }

    /// Makes `person` the current one, known under their newest device. The one who was current, if another.
    pub fn switch_to(&mut self, person: KnownPerson) -> Option<KnownPerson> {
        let before = self.current().cloned();
        let same =
            |known: &KnownPerson| (known.person_id, known.firm_id) == (person.person_id, person.firm_id);
        let place = self.known.iter().position(same);
        let other = before.filter(|before| !same(before));
        match place.and_then(|place| Some((place, self.known.get_mut(place)?))) {
            Some((place, known)) => {
                *known = person;
                self.current = Some(place);
            }
            None => {
                self.known.push(person);
                self.current = Some(self.known.len() - 1);
            }
        }
        other
    }
}

/// Where one person's things are.
#[derive(Debug, Clone)]
pub struct PersonFolder {
    /// The folder.
    pub folder: PathBuf,
    home: PathBuf,
    name: String,
    device_id: DeviceId,
}

impl PersonFolder {
    /// The folder of `person` below `home`, made if it is not there.
    ///
    /// # Errors
    /// [`PortalError::DiskFull`].
    pub fn of(home: &Path, person: &KnownPerson) -> Result<Self, PortalError> {
        let name = person.name();
        let folder = home.join(PEOPLE).join(&name);
        make_private_folder(&folder).map_err(|_| PortalError::DiskFull)?;
        Ok(Self { folder, home: home.to_owned(), name, device_id: person.device_id })
    }

    /// The home of all.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Whose it is, as folders and keys are called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of every secret of this person.
    #[must_use]
    pub fn secret_names(&self) -> [String; 3] {
        [self.store_key_name(), self.push_key_name(), self.generation_name()]
    }

    /// This installation, as the person's firm knows it.
    #[must_use]
    pub const fn device_id(&self) -> DeviceId {
        self.device_id
    }

    /// Marks that everything here goes.
    ///
    /// # Errors
    /// The disk's.
    pub fn mark_wiped(&self) -> std::io::Result<()> {
        write_durably(&self.folder, WIPED, b"")
    }

    /// Whether a wipe was begun here and not finished.
    #[must_use]
    pub fn is_wiped(&self) -> bool {
        self.folder.join(WIPED).exists()
    }

    /// Removes all that lies here but the mark of a wipe.
    ///
    /// # Errors
    /// The disk's; what could be removed is.
    pub fn empty_but_the_mark(&self) -> std::io::Result<()> {
        let mut outcome = Ok(());
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name() == WIPED {
                continue;
            }
            let removed = if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
            outcome = outcome.and(removed);
        }
        outcome
    }

    /// The folders below `home` in which a wipe was begun and not finished.
    #[must_use]
    pub fn wiped_below(home: &Path) -> Vec<PathBuf> {
        let folders = fs::read_dir(home.join(PEOPLE)).into_iter().flatten().flatten();
        folders.map(|entry| entry.path()).filter(|folder| folder.join(WIPED).exists()).collect()
    }

    fn store_key_name(&self) -> String {
        format!("store-key.{}", self.name)
    }

    /// The database.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.folder.join("portal.db")
    }

    /// The packs of upload batches, sealed.
    #[must_use]
    pub fn packs(&self) -> PathBuf {
        self.folder.join("packs")
    }

    /// Attachments that were fetched, sealed.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// The push inbox; on iOS shared with the notification extension.
    #[must_use]
    pub fn push_inbox(&self) -> PathBuf {
        self.folder.join("push-inbox")
    }

    /// The store's key, made at the first call, before the store.
    ///
    /// # Errors
    /// [`PortalError::KeyLost`] where a store is here and its key is not; [`PortalError::KeyLocked`].
    pub fn store_key(&self, ports: &Ports) -> Result<StoreKey, PortalError> {
        let name = self.store_key_name();
        if let Some(bytes) = ports.secrets.read(&name)? {
            return StoreKey::from_slice(&bytes).ok_or(PortalError::KeyLost);
        }
        if self.store_path().exists() {
            return Err(PortalError::KeyLost);
        }
        let bytes: [u8; 48] = random(&*ports.dice);
        ports.secrets.keep(&name, &bytes)?;
        StoreKey::from_slice(&bytes).ok_or(PortalError::KeyLost)
    }

    /// Lays a store whose key is lost aside, so that signing in begins a new one. What was unsent in it is gone with
    /// its key.
    ///
    /// # Errors
    /// [`PortalError::DiskFull`].
    pub fn lay_store_aside(&self, now_ms: i64) -> Result<(), PortalError> {
        let path = self.store_path();
        for suffix in ["", "-wal", "-shm"] {
            let from = PathBuf::from(format!("{}{suffix}", path.display()));
            if from.exists() {
                let to = PathBuf::from(format!("{}.lost-{now_ms}{suffix}", path.display()));
                fs::rename(from, to).map_err(|_| PortalError::DiskFull)?;
            }
        }
        Ok(())
    }

    /// The push key of this device, if one was made.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`] and its like.
    pub fn push_key(&self, secrets: &dyn SecretStore) -> Result<Option<PushKey>, PortalError> {
        let Some(bytes) = secrets.read(&self.push_key_name())? else { return Ok(None) };
        let key = bytes.as_slice().try_into().map_err(|_| PortalError::KeyLost)?;
        Ok(Some(PushKey { device_id: self.device_id, key }))
    }

    /// The push key of this device, made if it is not there.
    ///
    /// # Errors
    /// [`PortalError::KeyLocked`] and its like.
    pub fn make_push_key(&self, ports: &Ports) -> Result<PushKey, PortalError> {
        if let Some(key) = self.push_key(&*ports.secrets)? {
            return Ok(key);
        }
        let key = random(&*ports.dice);
        ports.secrets.keep(&self.push_key_name(), &key)?;
        Ok(PushKey { device_id: self.device_id, key })
    }

    /// Forgets the push key of another id that this phone had before. What comes under it is nobody's.
    pub fn forget_push_key_of(&self, device: DeviceId, secrets: &dyn SecretStore) {
        let name = Self { device_id: device, ..self.clone() }.push_key_name();
        if let Err(fault) = secrets.forget(&name) {
            tracing::warn!(%fault, "a push key could not be forgotten");
        }
    }

    /// The name of the generation in device-only storage; see [`super::generation`].
    #[must_use]
    pub fn generation_name(&self) -> String {
        format!("generation.{}", self.name)
    }

    fn push_key_name(&self) -> String {
        format!("push-key.{}", self.device_id)
    }
}

const FILE: &str = "people.json";
const PEOPLE: &str = "people";
const WIPED: &str = "wiped";

#[cfg(test)]
mod tests {
    use super::*;

    // R51: who signed in before is not forgotten because their names can not be read for a moment.
    #[test]
    fn only_a_file_that_is_not_there_means_nobody() {
        let home = tempfile::tempdir().unwrap();

        let fresh = People::read(home.path());
        fs::create_dir(home.path().join(FILE)).unwrap();
        let unreadable = People::read(home.path());

        assert_eq!((fresh, unreadable), (Ok(People::default()), Err(PortalError::DiskFull)));
    }
}
