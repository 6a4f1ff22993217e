//! Small single values: who, which server, which epoch, where sync stands.

use portico_wire::conversation::Standing;
use portico_wire::ids::{DeviceId, Epoch, FirmId, PersonId};
use portico_wire::server_address::ServerAddress;
use portico_wire::signin::{Access, PushAddress};
use portico_wire::upload::BatchLimits;
use rusqlite::OptionalExtension as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::values::{from_json, to_json};
use super::{Reading, StoreError, Writing};

/// The names of the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// [`SessionFacts`].
    Session,
    /// [`Access`]: the short-lived token.
    Access,
    /// `true` from the server's word that this device is signed out until the person signs in again.
    SignedOut,
    /// `true` from the server's word that this person does not belong to the firm any more.
    Closed,
    /// [`Epoch`]: the server's life this phone lives in.
    Epoch,
    /// `u64`: how many epochs this phone has adopted.
    EpochCount,
    /// `u64`: events up to here are applied.
    Cursor,
    /// `i64`: what was accepted before this is in every backup that may be restored.
    BackedUpThrough,
    /// `i64`: when the server last answered.
    LastContact,
    /// `String`: the payload of a tap that waits for signing in.
    PendingTap,
    /// `PushAddress` of this device.
    PushAddress,
    /// `true` until the server has heard of the push address in this session and epoch.
    PushAddressUntold,
    /// `u64`: see [`crate::signin::generation`].
    Generation,
    /// `u64`: how many bytes of fetched files this phone holds at most.
    HeldBytesMax,
    /// `u64`: the most bytes of a batch that go over a metered network without a word; unset: all.
    MeteredBytesMax,
    /// `(u32, u64)`: files and bytes of one send, by the firm's setting, as the server last told.
    BatchLimits,
    /// `i64`: how far the server's clock is ahead of this phone's, milliseconds.
    ServerAhead,
    /// `String`: the `otpauth://` URI of the authenticator that this phone is.
    Authenticator,
    /// `String`: the same of the one that it is about to be, until the server has answered its first code.
    AuthenticatorShown,
    /// `(ChallengeId, String)`: a change of address that waits for its code, and the new address.
    EmailChange,
}

impl Fact {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Access => "access",
            Self::SignedOut => "signed_out",
            Self::Closed => "closed",
            Self::Epoch => "epoch",
            Self::EpochCount => "epoch_count",
            Self::Cursor => "cursor",
            Self::BackedUpThrough => "backed_up_through",
            Self::LastContact => "last_contact",
            Self::PendingTap => "pending_tap",
            Self::PushAddress => "push_address",
            Self::PushAddressUntold => "push_address_untold",
            Self::Generation => "generation",
            Self::HeldBytesMax => "held_bytes_max",
            Self::MeteredBytesMax => "metered_bytes_max",
            Self::BatchLimits => "batch_limits",
            Self::ServerAhead => "server_ahead",
            Self::Authenticator => "authenticator",
            Self::AuthenticatorShown => "authenticator_shown",
            Self::EmailChange => "email_change",
        }
    }
}

/// Who this store belongs to. `Debug` hides names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// The server's address, with the root that it is known by, if it has one of its own.
    pub server_url: String,
    /// Who.
    pub person_id: PersonId,
    /// Their name.
    pub name: String,
    /// On which side of the firm's door.
    pub standing: Standing,
    /// At which firm.
    pub firm_id: FirmId,
    /// Its name.
    pub firm_name: String,
    /// This installation, as the server knows it.
    pub device_id: DeviceId,
}

impl SessionFacts {
    /// Where requests go: the address without the root.
    #[must_use]
    pub fn url(&self) -> String {
        let address = self.server_url.parse::<ServerAddress>();
        // Nothing but an address was signed in at.
        address.map_or_else(|_| self.server_url.clone(), |address| address.url)
    }
}

impl std::fmt::Debug for SessionFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionFacts({} at {})", self.person_id, self.firm_id)
    }
}

impl Reading<'_> {
    /// The value of `fact`, if it is set.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn fact<T: DeserializeOwned>(&self, fact: Fact) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self
            .0
            .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
            .query_row([fact.name()], |row| row.get(0))
            .optional()?;
        text.as_deref().map(from_json).transpose()
    }

    /// The epoch this phone lives in; none before the first snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn epoch(&self) -> Result<Option<Epoch>, StoreError> {
        self.fact(Fact::Epoch)
    }

    /// Whose store this is; none before the first sign-in is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn session(&self) -> Result<Option<SessionFacts>, StoreError> {
        self.fact(Fact::Session)
    }

    /// Whether the person must sign in again before anything is sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_signed_out(&self) -> Result<bool, StoreError> {
        Ok(self.fact(Fact::SignedOut)?.unwrap_or(false))
    }

    /// Whether the server has said that this person does not belong to the firm any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_closed(&self) -> Result<bool, StoreError> {
        Ok(self.fact(Fact::Closed)?.unwrap_or(false))
    }

    /// The push address that the server has not heard of; none if it has, or if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn untold_push_address(&self) -> Result<Option<PushAddress>, StoreError> {
        if self.fact(Fact::PushAddressUntold)?.unwrap_or(false) {
            self.fact(Fact::PushAddress)
        } else {
            Ok(None)
        }
    }

    /// How much one send may hold here, as far as this phone knows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn batch_limits(&self) -> Result<BatchLimits, StoreError> {
        let told: Option<(u32, u64)> = self.fact(Fact::BatchLimits)?;
        Ok(told.map_or(BatchLimits::MOST, |(files_max, bytes_max)| BatchLimits { files_max, bytes_max }))
    }

    /// The access token, if one is held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn access(&self) -> Result<Option<Access>, StoreError> {
        self.fact(Fact::Access)
    }
}

impl Writing<'_> {
    /// Keeps how much one send may hold here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_batch_limits(&self, limits: BatchLimits) -> Result<(), StoreError> {
        self.set(Fact::BatchLimits, &(limits.files_max, limits.bytes_max))
    }

    /// Sets `fact`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set<T: Serialize>(&self, fact: Fact, value: &T) -> Result<(), StoreError> {
        let value = to_json(value)?;
        self.0
            .0
            .prepare_cached(
                "INSERT INTO facts (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute((fact.name(), value))?;
        Ok(())
    }

    /// Forgets `fact`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unset(&self, fact: Fact) -> Result<(), StoreError> {
        self.0.0.prepare_cached("DELETE FROM facts WHERE name = ?1")?.execute([fact.name()])?;
        Ok(())
    }
}
