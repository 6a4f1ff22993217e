//! Refusals: final answers to a send, as values. Nothing refused is repaired, cut or dropped (R4, R13).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a send was refused.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode {
            $($(#[$doc])* $name,)*
            /// A code of a newer server; kept as it came.
            Unknown(String),
        }

        impl RefusalCode {
            /// Every code this version knows, as written on the wire and in `docs/errors.md`.
            pub const ALL: &'static [&'static str] = &[$($text),*];

            /// The code as written on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for RefusalCode {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }
    };
}

refusal_codes! {
    /// The person's membership at this firm has ended.
    AccountClosed = "account_closed",
    /// A batch without a file.
    BatchEmpty = "batch_empty",
    /// Files of more than `limit` bytes together; `measured` has the sum (R11).
    BatchTooLarge = "batch_too_large",
    /// More than `limit` files; `measured` has the count (R12).
    BatchTooManyFiles = "batch_too_many_files",
    /// Nothing to send.
    BodyEmpty = "body_empty",
    /// U+0000 in the text: neither PostgreSQL text nor spreadsheets can hold it (R4).
    BodyHasNul = "body_has_nul",
    /// The bytes are not valid Unicode (R4).
    BodyNotUnicode = "body_not_unicode",
    /// More than `limit` bytes; `measured` has the number (R4).
    BodyTooLong = "body_too_long",
    /// Archived: clients read on and cannot post; it can be undone (R21).
    ConversationArchived = "conversation_archived",
    /// Closed for good, because its last client left (R20).
    ConversationClosed = "conversation_closed",
    /// No such conversation, or none this person may know of: the two are one answer (R17).
    ConversationNotFound = "conversation_not_found",
    /// No such version of a document, or none this person may know of; `file` says which of the message's.
    DocumentNotFound = "document_not_found",
    /// The bytes of a file are not those of its hash; `file` says which.
    FileDamaged = "file_damaged",
    /// A file's name holds U+0000; `file` says which.
    FileNameHasNul = "file_name_has_nul",
    /// A file's name has more than `limit` bytes; `measured` has the number, `file` says which.
    FileNameTooLong = "file_name_too_long",
    /// May read, and must join before posting (R15).
    NotParticipant = "not_participant",
    /// The firm's files would take more than `limit` bytes; `measured` has what they would take.
    QuotaExceeded = "quota_exceeded",
    /// The same send key came with another meaning.
    SendKeyReused = "send_key_reused",
    /// The author withdrew this key before.
    Withdrawn = "withdrawn",
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RefusalCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RefusalCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for RefusalCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for RefusalCode {}

/// A refusal with its numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{code}")]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// The limit that was passed, in the unit of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What was measured, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<u64>,
    /// The place of the file it is about in the batch, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
}

impl Refusal {
    /// A refusal without numbers.
    #[must_use]
    pub const fn of(code: RefusalCode) -> Self {
        Self { code, limit: None, measured: None, file: None }
    }

    /// A refusal over a limit, naming both numbers (R13).
    #[must_use]
    pub const fn over(code: RefusalCode, limit: u64, measured: u64) -> Self {
        Self { code, limit: Some(limit), measured: Some(measured), file: None }
    }

    /// The same refusal, about the file at `place` of the batch.
    #[must_use]
    pub fn of_file(self, place: u32) -> Self {
        Self { file: Some(place), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_json_and_unknown_ones_are_kept() {
        for text in RefusalCode::ALL.iter().chain(&["of_a_newer_server"]) {
            let json = serde_json::to_string(&RefusalCode::from(*text)).unwrap();

            let back: RefusalCode = serde_json::from_str(&json).unwrap();

            assert_eq!(back.as_str(), *text);
        }
        assert!(matches!(RefusalCode::from("of_a_newer_server"), RefusalCode::Unknown(_)));
    }
}
