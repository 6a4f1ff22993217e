//! Whoever is let in finds their store: the same as ever, or a new one.
//!
//! Crash: what was written stays, and the same answer to the server lets in again.

use portico_wire::encoding::Base64;
use portico_wire::ids::DeviceId;
use portico_wire::signin::{PushAddress, Session};

use super::driver::{PendingSignIn, Phone, SignedIn};
use super::people::{KnownPerson, People, PersonFolder};
use super::shown_secret::ShownSecret;
use super::wipe;
use crate::error::PortalError;
use crate::outbox::machine::{Event, step};
use crate::portal::Portal;
use crate::store::{Fact, SessionFacts, Store};

impl Phone {
    /// Opens the person's store, the same as ever or a new one, and makes it the phone's. Whatever is kept is in it at once.
    pub(super) fn admit(
        &self,
        pending: &PendingSignIn,
        device_id: DeviceId,
        session: &Session,
    ) -> Result<SignedIn, PortalError> {
        let secrets = &*self.ports.secrets;
        let person = KnownPerson {
            person_id: session.person_id,
            firm_id: session.firm_id,
            server_url: pending.server_url.clone(),
            address_hash: pending.address_hash,
            device_id,
        };
        // What a wipe left behind goes before anything is kept in its place.
        wipe::sweep(&self.home, secrets);
        let mut people = People::read(&self.home)?;
        let other = people.switch_to(person.clone());
        let sealed = other.map(|other| self.open_count_of(&other));
        let folder = PersonFolder::of(&self.home, &person)?;
        if folder.is_wiped() {
            return Err(PortalError::DiskFull);
        }
        let (store, began_anew) = Portal::open_or_begin_store(&folder, &self.ports)?;
        let now_ms = self.ports.clock.now_ms();
        let push_address = self.push_address(&store, &folder)?;
        let authenticator =
            ShownSecret::of(secrets, pending)?.filter(|shown| shown.challenge_id == pending.challenge_id);
        store.write(|writing| {
            writing.set(Fact::Session, &session_facts(pending, device_id, session))?;
            writing.set(Fact::Access, &session.access)?;
            writing.set(Fact::ServerAhead, &session.access.server_time_ms.saturating_sub(now_ms))?;
            writing.unset(Fact::SignedOut)?;
            writing.set(Fact::PushAddressUntold, &true)?;
            if let Some(address) = push_address {
                writing.set(Fact::PushAddress, &address)?;
            }
            if let Some(shown) = authenticator {
                writing.set(Fact::Authenticator, &shown.uri)?;
            }
            for entry in writing.open_entries()? {
                writing.keep_progress(entry.send_key, &step(entry.progress, Event::SignedIn, now_ms).0)?;
            }
            Ok::<_, PortalError>(())
        })?;
        people.write(&self.home)?;
        ShownSecret::forget(secrets);
        let portal = Portal::over(store, folder, self.ports.clone())?;
        Ok(SignedIn { portal, sealed, began_anew })
    }

    /// The address of pushes that the store knows, under the push key of this device id: it may be another than before.
    fn push_address(&self, store: &Store, folder: &PersonFolder) -> Result<Option<PushAddress>, PortalError> {
        let (before, address) = store.read(|reading| {
            Ok::<_, PortalError>((reading.session()?, reading.fact::<PushAddress>(Fact::PushAddress)?))
        })?;
        let Some(address) = address else { return Ok(None) };
        let push_key = Base64(folder.make_push_key(&self.ports)?.key.to_vec());
        if let Some(before) = before.filter(|before| before.device_id != folder.device_id()) {
            folder.forget_push_key_of(before.device_id, &*self.ports.secrets);
        }
        Ok(Some(PushAddress { push_key, ..address }))
    }

    /// What waits in a store that is being sealed; 0 where it can not be opened to count.
    fn open_count_of(&self, person: &KnownPerson) -> u64 {
        let counted = PersonFolder::of(&self.home, person).and_then(|folder| {
            let store = Store::open(&folder.store_path(), &folder.store_key(&self.ports)?)?;
            Ok(store.read(|reading| reading.open_count())?)
        });
        counted.unwrap_or(0)
    }
}

fn session_facts(pending: &PendingSignIn, device_id: DeviceId, session: &Session) -> SessionFacts {
    SessionFacts {
        server_url: pending.server_url.clone(),
        person_id: session.person_id,
        name: session.name.clone(),
        standing: session.standing,
        firm_id: session.firm_id,
        firm_name: session.firm_name.clone(),
        device_id,
    }
}
