//! An upload batch: the manifest that opens it, the dialect its bytes travel in, and what became of it.
//!
//! ```text
//! PUT   /v1/batches/{send_key}  manifest -> capability, offset     refused here, before a byte of content (R13)
//! PATCH /v1/uploads             sealed pack from that offset -> the answer to its last byte is the commit (R37)
//! ```
//! The bytes speak the IETF's resumable uploads (draft-ietf-httpbis-resumable-upload): `Upload-Offset`,
//! `Upload-Complete`, `Upload-Length`, `Upload-Limit`. The representation is the sealed pack ([`crate::seal`]).
//!
//! Holds: an offset that the server states is durable and opened. It lies at a chunk's edge.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::encoding::{Base64, Sha256};
use crate::file::check_name;
use crate::ids::{ConversationId, Epoch, SendKey};
use crate::limits::{BATCH_BYTES_MAX, BATCH_FILES_MAX};
use crate::message::{Accepted, Body};
use crate::receipt::Receipt;
use crate::refusal::{Refusal, RefusalCode};
use crate::seal::sealed_bytes;

/// The request header that carries a capability, base64url. Never in the URL: proxies log that.
pub const CAPABILITY_HEADER: &str = "portico-upload";
/// The media type of a PATCH (draft-ietf-httpbis-resumable-upload section 4.4).
pub const PARTIAL_UPLOAD_MEDIA_TYPE: &str = "application/partial-upload";
/// How many bytes of the representation are durable, or where a PATCH begins.
pub const OFFSET_HEADER: &str = "upload-offset";
/// `?1` or `?0`: whether the representation is whole, or ends with this request (RFC 9651 section 3.3.6).
pub const COMPLETE_HEADER: &str = "upload-complete";
/// The length of the whole representation.
pub const LENGTH_HEADER: &str = "upload-length";
/// How long a server keeps what is not committed, and how large it may be.
pub const LIMIT_HEADER: &str = "upload-limit";

/// One file of a manifest. In JSON an array, since 130 of them must fit TCP's first flight:
/// `[name, size in bytes, SHA-256 as base64url]`. Its type is told by its bytes (R38), so none is stated.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FileRow", into = "FileRow")]
pub struct ManifestFile {
    /// As the person's device names it; for display only (R38).
    pub name: String,
    /// Plain bytes.
    pub size_bytes: u64,
    /// Of the plain bytes.
    pub sha256: Sha256,
}

impl fmt::Debug for ManifestFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestFile({} bytes)", self.size_bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct FileRow(String, u64, Short);

/// A SHA-256 in 43 letters; hex would take 64.
struct Short(Sha256);

impl Serialize for Short {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Base64(self.0.as_bytes().to_vec()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Base64::deserialize(deserializer)?.0;
        let bytes = bytes.try_into().map_err(|_| serde::de::Error::custom("a SHA-256 is 32 bytes"))?;
        Ok(Self(Sha256::from_bytes(bytes)))
    }
}

impl From<FileRow> for ManifestFile {
    fn from(FileRow(name, size_bytes, Short(sha256)): FileRow) -> Self {
        Self { name, size_bytes, sha256 }
    }
}

impl From<ManifestFile> for FileRow {
    fn from(file: ManifestFile) -> Self {
        Self(file.name, file.size_bytes, Short(file.sha256))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for ManifestFile {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ArrayBuilder::new()
            .description(Some("Name, size in bytes, SHA-256 as base64url."))
            .min_items(Some(3))
            .max_items(Some(3))
            .into()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for ManifestFile {}

/// In which form the bytes travel.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Seal {
    /// As the sealed pack of [`crate::seal`], whose batch id is the send key.
    Sealed {
        /// The batch's key, 32 bytes.
        batch_key: Base64,
        /// The slot of each file in the pack, in the manifest's order; absent where they are 0, 1, 2 and so on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slots: Option<Vec<u32>>,
    },
    /// As plain files one after another, for a browser; the server seals them under a key of its own.
    Plain,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed { .. } => "Sealed",
            Self::Plain => "Plain",
        })
    }
}

/// The body of `PUT /v1/batches/{send_key}`: the manifest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenBatch {
    /// The epoch the phone lives in; outside the digest.
    pub epoch: Epoch,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text, exactly; it may be empty, for there are files.
    pub body: String,
    /// When the person sent it, by the phone's clock, UTC milliseconds.
    pub composed_at_ms: i64,
    /// The form of the bytes; outside the digest: packing again means the same.
    pub seal: Seal,
    /// The files, in the order in which they are shown and sent.
    pub files: Vec<ManifestFile>,
    /// After a restore: the server's signed word that it had accepted this before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl fmt::Debug for OpenBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBatch")
            .field("epoch", &self.epoch)
            .field("conversation_id", &self.conversation_id)
            .field("body_bytes", &self.body.len())
            .field("seal", &self.seal)
            .field("files", &self.files)
            .field("re_offered", &self.receipt.is_some())
            .finish_non_exhaustive()
    }
}

impl OpenBatch {
    /// The digest of this request's meaning; see [`digest`].
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        digest(self.conversation_id, self.composed_at_ms, &self.body, &self.files)
    }

    /// The length of the representation in bytes.
    #[must_use]
    pub fn length_bytes(&self) -> u64 {
        let length = |file: &ManifestFile| match self.seal {
            Seal::Sealed { .. } => sealed_bytes(file.size_bytes),
            Seal::Plain => file.size_bytes,
        };
        self.files.iter().map(length).sum()
    }
}

/// The digest of a batch's meaning.
///
/// SHA-256 over `"portico batch v1\0"`, conversation (16 bytes), composed at (i64 BE), length of the body (u32 BE),
/// body, count of files (u32 BE), and per file: length of its name (u32 BE), name, size (u64 BE), SHA-256.
#[must_use]
pub fn digest(
    conversation: ConversationId,
    composed_at_ms: i64,
    body: &str,
    files: &[ManifestFile],
) -> Sha256 {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = Vec::with_capacity(64 + body.len() + files.len() * 96);
    out.extend_from_slice(b"portico batch v1\0");
    out.extend_from_slice(conversation.as_bytes());
    out.extend_from_slice(&composed_at_ms.to_be_bytes());
    out.extend_from_slice(&length(body.len()));
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(&length(files.len()));
    for file in files {
        out.extend_from_slice(&length(file.name.len()));
        out.extend_from_slice(file.name.as_bytes());
        out.extend_from_slice(&file.size_bytes.to_be_bytes());
        out.extend_from_slice(file.sha256.as_bytes());
    }
    Sha256::of(&[&out])
}

/// How much one send may hold, by the firm's setting; never more than [`BatchLimits::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Files.
    pub files_max: u32,
    /// Plain bytes of all files together.
    pub bytes_max: u64,
}

impl BatchLimits {
    /// What no firm exceeds (R11, R12).
    pub const MOST: Self = Self { files_max: BATCH_FILES_MAX, bytes_max: BATCH_BYTES_MAX };

    /// These, lowered to what a server states; none is raised.
    #[must_use]
    pub fn and(self, files_max: u32, bytes_max: u64) -> Self {
        Self { files_max: self.files_max.min(files_max), bytes_max: self.bytes_max.min(bytes_max) }
    }

    /// Whether so much fits into one send. Empty files count as files; equal ones count each (R12).
    ///
    /// # Errors
    /// `batch_empty`, `batch_too_many_files` or `batch_too_large`, with the limit and what was measured (R13).
    pub const fn check(self, files: u64, bytes: u64) -> Result<(), Refusal> {
        if files == 0 {
            return Err(Refusal::of(RefusalCode::BatchEmpty));
        }
        if files > self.files_max as u64 {
            return Err(Refusal::over(RefusalCode::BatchTooManyFiles, self.files_max as u64, files));
        }
        if bytes > self.bytes_max {
            return Err(Refusal::over(RefusalCode::BatchTooLarge, self.bytes_max, bytes));
        }
        Ok(())
    }

    /// Whether a manifest can be sent: its text, its names, its numbers.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies; for that of one name, its place in the manifest comes along.
    pub fn check_manifest(self, body: &str, files: &[ManifestFile]) -> Result<(), Refusal> {
        if !body.is_empty() {
            Body::parse(body)?;
        }
        let bytes = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size_bytes));
        self.check(files.len() as u64, bytes)?;
        for (place, file) in (0..).zip(files) {
            check_name(&file.name).map_err(|refusal| refusal.of_file(place))?;
        }
        Ok(())
    }
}

/// The answer of `PUT /v1/batches/{send_key}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BatchAnswer {
    /// Its bytes may come. Every such answer takes the capabilities given before it back.
    Open(OpenedBatch),
    /// It is in the log already.
    Accepted(Box<Accepted>),
}

/// What it takes to send the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenedBatch {
    /// The server's epoch.
    pub epoch: Epoch,
    /// 32 bytes, for [`CAPABILITY_HEADER`]: may append, read the offset and cancel, nothing else.
    pub capability: Base64,
    /// The length of the representation, in bytes.
    pub length_bytes: u64,
    /// How many of them are durable.
    pub offset_bytes: u64,
    /// When what was not committed is forgotten, UTC milliseconds. Every byte that arrives moves it on.
    pub expires_at_ms: i64,
}

/// The answer of `GET /v1/batches/{send_key}`: how a batch stands, for its author. Hands nothing over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BatchStanding {
    /// Its bytes are on their way.
    Open {
        /// The server's epoch.
        epoch: Epoch,
        /// The length of the representation, in bytes.
        length_bytes: u64,
        /// How many of them are durable.
        offset_bytes: u64,
        /// When what was not committed is forgotten, UTC milliseconds.
        expires_at_ms: i64,
    },
    /// It is in the log.
    Accepted(Box<Accepted>),
    /// It never will be.
    Refused {
        /// The server's epoch.
        epoch: Epoch,
        /// Why.
        refusal: Refusal,
    },
    /// Its author took it back.
    Withdrawn {
        /// The server's epoch.
        epoch: Epoch,
    },
    /// The server does not know the key: it was never opened, or was forgotten for want of bytes.
    Unknown {
        /// The server's epoch.
        epoch: Epoch,
    },
}

/// The batch id in keys and associated data: the send key's 16 bytes.
#[must_use]
pub const fn batch_id(key: SendKey) -> [u8; 16] {
    *key.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photos(count: u64) -> Vec<ManifestFile> {
        (0..count)
            .map(|number| ManifestFile {
                name: format!("IMG_20261124_{:06}.jpg", 101_500 + number),
                size_bytes: 769_000 + number,
                sha256: Sha256::of(&[&number.to_be_bytes()]),
            })
            .collect()
    }

    fn manifest(files: Vec<ManifestFile>) -> OpenBatch {
        OpenBatch {
            epoch: Epoch::from_bytes([1; 16]),
            conversation_id: ConversationId::from_bytes([2; 16]),
            body: "The photos of the kitchen".to_owned(),
            composed_at_ms: 1_800_000_000_000,
            seal: Seal::Sealed { batch_key: Base64(vec![3; 32]), slots: None },
            files,
            receipt: None,
        }
    }

    // R12
    #[test]
    fn manifest_of_130_photos_fits_the_first_flight_of_tcp() {
        let json = serde_json::to_vec(&manifest(photos(130))).unwrap();

        // Ten segments of 1,460 bytes (RFC 6928), with 600 left for the head of the request.
        assert!(json.len() <= 14_000, "{} bytes", json.len());
        assert_eq!(serde_json::from_slice::<OpenBatch>(&json).unwrap(), manifest(photos(130)));
    }

    // R11, R12, R13
    #[test]
    fn limits_hold_exactly_and_name_both_numbers() {
        let most = BatchLimits::MOST;
        let refused = |files, bytes| most.check(files, bytes).unwrap_err();

        assert_eq!(most.check(130, 104_857_600), Ok(()));
        assert_eq!(most.check(1, 0), Ok(()));
        assert_eq!(refused(131, 0), Refusal::over(RefusalCode::BatchTooManyFiles, 130, 131));
        assert_eq!(
            refused(1, 104_857_601),
            Refusal::over(RefusalCode::BatchTooLarge, 104_857_600, 104_857_601)
        );
        assert_eq!(refused(0, 0), Refusal::of(RefusalCode::BatchEmpty));
        let lowered = BatchLimits { files_max: 3, bytes_max: 10 };
        assert_eq!(lowered.check(3, 11), Err(Refusal::over(RefusalCode::BatchTooLarge, 10, 11)));
    }

    // R4, R13, R38
    #[test]
    fn manifest_is_refused_by_its_text_its_names_and_its_sums() {
        let check = |body: &str, files: &[ManifestFile]| BatchLimits::MOST.check_manifest(body, files);
        let mut files = photos(3);

        assert_eq!(check("", &files), Ok(()));
        assert_eq!(check("a\0", &files), Err(Refusal::of(RefusalCode::BodyHasNul)));
        files[2].name = "a\0b".to_owned();
        assert_eq!(check("", &files), Err(Refusal::of(RefusalCode::FileNameHasNul).of_file(2)));
        files[0].size_bytes = u64::MAX;
        assert_eq!(check("", &files), Err(Refusal::over(RefusalCode::BatchTooLarge, 104_857_600, u64::MAX)));
    }

    #[test]
    fn digest_is_of_the_meaning_not_of_the_pack() {
        let one = manifest(photos(2));
        let packed_again = OpenBatch { seal: Seal::Plain, ..one.clone() };
        let mut renamed = one.clone();
        renamed.files[1].name.push('x');

        assert_eq!(one.digest(), packed_again.digest());
        assert_ne!(one.digest(), renamed.digest());
        assert_eq!(one.length_bytes(), 2 * 769_000 + 1 + 2 * 12 * 16);
        assert_eq!(packed_again.length_bytes(), 2 * 769_000 + 1);
    }
}
