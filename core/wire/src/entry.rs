//! One entry of a conversation's log, its canonical bytes, and its hash.
//!
//! Holds: an entry is immutable (R21). Its hash covers every field that means something, and the hash of the
//! entry before it, so a log can not be shortened, reordered or altered without every later hash changing.
//! `tests/vectors/entry_v1.json` fixes the bytes for every language.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::{Base64, Sha256};
use crate::ids::{AttachmentId, ConversationId, EntryId, Epoch, FirmId, PersonId, SendKey};

macro_rules! entry_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What an entry records. A kind of a newer server is kept as it came and shows a placeholder.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum EntryKind {
            $($(#[$doc])* $name,)*
            /// A kind of a newer server.
            Unknown(String),
        }

        impl EntryKind {
            /// The kind as written on the wire, in the database and in the canonical bytes.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for EntryKind {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }
    };
}

entry_kinds! {
    /// A person's text; the body is the text.
    Message = "message",
    /// Somebody became a participant; the body is an [`EntrySubject`] as JSON.
    Joined = "joined",
    /// Somebody stopped being one; the body is an [`EntrySubject`] as JSON.
    Left = "left",
    /// Archived: clients read on and cannot post. The body is empty.
    Archived = "archived",
    /// No longer archived. The body is empty.
    Restored = "restored",
    /// Closed for good. The body is the reason.
    Closed = "closed",
    /// Which staff may know of the matter was changed (R14); the body is an [`AccessNote`] as JSON.
    AccessChanged = "access_changed",
}

impl Serialize for EntryKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EntryKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for EntryKind {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for EntryKind {}

/// Whom an entry of kind `joined` or `left` is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySubject {
    /// The person.
    pub person_id: PersonId,
    /// Their name at that time.
    pub name: String,
}

impl fmt::Debug for EntrySubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntrySubject({})", self.person_id)
    }
}

/// What an entry of kind `access_changed` says. Whom the firm lists is the firm's own: where clients read, no names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessNote {
    /// Whether the matter is restricted from here on.
    pub restricted: bool,
    /// Who may know of it from here on, by name, where only staff read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<EntrySubject>,
}

/// One file of an entry: a copy with an id of its own (R1). Hash and size are covered by the entry's hash.
///
/// `Debug` shows id and size only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryFile {
    /// Made by the server.
    pub attachment_id: AttachmentId,
    /// As its author's device named it; for display only, never a path (R38).
    pub name: String,
    /// What its bytes tell (R38).
    pub media_type: String,
    /// SHA-256 of the file's bytes.
    pub sha256: Sha256,
    /// How many bytes.
    pub size_bytes: u64,
}

impl fmt::Debug for EntryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryFile({}, {} bytes)", self.attachment_id, self.size_bytes)
    }
}

/// One entry, as it travels and as the phone stores it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Made by the server.
    pub entry_id: EntryId,
    /// Whose log.
    pub conversation_id: ConversationId,
    /// Place in the log: 1, 2, 3 without a gap.
    pub seq: u64,
    /// The server's epoch when it was accepted.
    pub epoch: Epoch,
    /// What it records.
    pub kind: EntryKind,
    /// Who caused it.
    pub author_id: PersonId,
    /// Their name at that time; not covered by the hash.
    pub author_name: String,
    /// When the server made it durable, UTC milliseconds.
    pub accepted_at_ms: i64,
    /// When the author's phone says it was sent, UTC milliseconds.
    pub composed_at_ms: i64,
    /// The text, exactly (R4).
    pub body: String,
    /// 16 random bytes that keep the body's hash from being guessed.
    pub salt: Base64,
    /// The files, in the order of the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<EntryFile>,
    /// Hash of the entry before it; [`Sha256::ZERO`] for the first.
    pub previous_hash: Sha256,
    /// Hash of this entry's canonical bytes.
    pub hash: Sha256,
    /// The key it was sent under; only its author's devices see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_key: Option<SendKey>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("entry_id", &self.entry_id)
            .field("seq", &self.seq)
            .field("kind", &self.kind)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Canonical bytes v1.
    ///
    /// `"portico entry\0"`, version `1` (u8), epoch, firm, conversation (16 bytes each), seq (u64 BE), entry id
    /// (16), kind (u8 length, bytes), author (16), accepted at, composed at (i64 BE each), SHA-256(salt || body),
    /// file count (u32 BE), per file its SHA-256 and size (u64 BE), hash of the entry before.
    #[must_use]
    pub fn canonical_bytes(&self, firm: FirmId) -> Vec<u8> {
        let kind = self.kind.as_str().as_bytes();
        let mut out = Vec::with_capacity(256 + self.files.len() * 40);
        out.extend_from_slice(b"portico entry\0\x01");
        out.extend_from_slice(self.epoch.as_bytes());
        out.extend_from_slice(firm.as_bytes());
        out.extend_from_slice(self.conversation_id.as_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(self.entry_id.as_bytes());
        // A kind is at most 40 letters; the server makes none longer.
        out.push(u8::try_from(kind.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(kind);
        out.extend_from_slice(self.author_id.as_bytes());
        out.extend_from_slice(&self.accepted_at_ms.to_be_bytes());
        out.extend_from_slice(&self.composed_at_ms.to_be_bytes());
        out.extend_from_slice(Sha256::of(&[&self.salt.0, self.body.as_bytes()]).as_bytes());
        out.extend_from_slice(&u32::try_from(self.files.len()).unwrap_or(u32::MAX).to_be_bytes());
        for file in &self.files {
            out.extend_from_slice(file.sha256.as_bytes());
            out.extend_from_slice(&file.size_bytes.to_be_bytes());
        }
        out.extend_from_slice(self.previous_hash.as_bytes());
        out
    }

    /// The SHA-256 of [`Entry::canonical_bytes`], computed anew.
    #[must_use]
    pub fn computed_hash(&self, firm: FirmId) -> Sha256 {
        Sha256::of(&[&self.canonical_bytes(firm)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        firm_id: FirmId,
        entry: Entry,
        canonical_hex: String,
        hash: Sha256,
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn canonical_bytes_are_those_of_the_vectors() {
        let vectors: Vec<Vector> =
            serde_json::from_str(include_str!("../../../tests/vectors/entry_v1.json")).unwrap();

        assert!(vectors.len() >= 4);
        for vector in vectors {
            assert_eq!(hex(&vector.entry.canonical_bytes(vector.firm_id)), vector.canonical_hex);
            assert_eq!(vector.entry.computed_hash(vector.firm_id), vector.hash);
            assert_eq!(vector.entry.hash, vector.hash);
        }
    }

    #[test]
    fn entry_of_a_newer_server_is_kept_as_it_came() {
        let mut json: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/vectors/entry_v1.json")).unwrap();
        let mut entry = json[0]["entry"].take();
        entry["kind"] = "reaction".into();
        entry["of_tomorrow"] = 1.into();

        let parsed: Entry = serde_json::from_value(entry).unwrap();

        assert_eq!(parsed.kind, EntryKind::Unknown("reaction".to_owned()));
        assert_eq!(serde_json::to_value(&parsed).unwrap()["kind"], "reaction");
    }
}
