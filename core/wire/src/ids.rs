//! Ids: one newtype per kind, so that no call can mix them up. All are UUIDs, written hyphenated.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that should be an id and is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct ParseIdError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a UUIDv7 (RFC 9562 section 5.7) from the time and 10 random bytes.
            #[must_use]
            pub fn from_parts(unix_ms: i64, random: [u8; 10]) -> Self {
                let ms = u64::try_from(unix_ms).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
            }

            /// Takes the 16 bytes as stored.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The time that it was made from; of a UUID that is no version 7, whatever its first 48 bits say.
            #[must_use]
            pub fn unix_ms(&self) -> i64 {
                let [a, b, c, d, e, f, ..] = *self.as_bytes();
                i64::from_be_bytes([0, 0, a, b, c, d, e, f])
            }

            /// The 16 bytes, as stored and as signed.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| ParseIdError)
            }
        }
    )*};
}

ids! {
    /// The tenant.
    FirmId
    /// Somebody who signs in; may span firms.
    PersonId
    /// One piece of legal work.
    MatterId
    /// An ordered log of entries with participants.
    ConversationId
    /// One immutable entry of a conversation's log; made by the server.
    EntryId
    /// One file inside a message: a copy of its own (R1); made by the server.
    AttachmentId
    /// One document of a matter; made by the server.
    DocumentId
    /// One installation; made by the phone.
    DeviceId
    /// The idempotency key of one send; made by the phone, durably, before the first byte leaves.
    SendKey
    /// One question of the sign-in: "which code did we mail you?"
    ChallengeId
    /// One mail that waits to be carried; of a code, its challenge's id. Made by the server.
    MailId
    /// The server's life between two restores; a fresh UUIDv7 each, compared for equality only.
    Epoch
    /// One backup.
    BackupId
    /// One sealed pack on the server's disk; made by the server.
    SegmentId
    /// The bytes of one file on the server's disk, which attachments and documents share; made by the server.
    ContentId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_survives_text_and_names_its_kind() {
        let id = SendKey::from_parts(1_700_000_000_000, [7; 10]);

        assert_eq!(id.to_string().parse::<SendKey>(), Ok(id));
        assert_eq!(id.unix_ms(), 1_700_000_000_000);
        assert!(format!("{id:?}").starts_with("SendKey("));
        assert_eq!("x".parse::<SendKey>(), Err(ParseIdError));
    }
}
