//! The numbers that phone and server enforce alike (R13). Each says where it comes from.

use serde::{Deserialize, Serialize};

use crate::ids::Epoch;

/// Longest body of a message, in bytes of UTF-8 (R4).
pub const BODY_BYTES_MAX: usize = 65_536;
/// Most files in one send (R12).
pub const BATCH_FILES_MAX: u32 = 130;
/// Most bytes of files in one send (R11): 100 MB as any phone or PC shows it (ADR 0006).
pub const BATCH_BYTES_MAX: u64 = 104_857_600;
/// Longest name of a file, in bytes: 255 UTF-16 units, the most a phone's disk takes, are at most 1,020 bytes.
pub const FILE_NAME_BYTES_MAX: usize = 1_024;
/// Largest manifest: 130 names of 200 letters that escape to six bytes each would fit, and so do all real ones.
pub const MANIFEST_JSON_BYTES_MAX: usize = 1024 * 1024;
/// How long a batch that is not committed is kept after its last byte, in milliseconds: 7 days.
pub const BATCH_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Largest JSON of one message: 65,536 bytes may escape to 393,218 (`\u0001` is six for one), plus the frame.
pub const MESSAGE_JSON_BYTES_MAX: usize = 512 * 1024;
/// Largest JSON of any other request.
pub const OTHER_JSON_BYTES_MAX: usize = 64 * 1024;
/// A page of sync or history ends here: one lost page on a bad train costs at most this.
pub const PAGE_BYTES_MAX: usize = 256 * 1024;
/// Most entries or events in one page.
pub const PAGE_ITEMS_MAX: u32 = 500;
/// Entries of each conversation in a snapshot: one screen and a bit.
pub const SNAPSHOT_ENTRIES: u32 = 50;
/// Longest wait of one long poll, in seconds: below the 30 s at which common proxies cut.
pub const SYNC_WAIT_S_MAX: u32 = 25;
/// Longest sealed push, in bytes: base64 of it and the frame stay below APNs' 4,096.
pub const PUSH_SEALED_BYTES_MAX: usize = 2_800;
/// Most ranges in one looked-at request: far above what one screen session makes.
pub const LOOKED_AT_RANGES_MAX: usize = 500;
/// Longest email address, in bytes (RFC 5321 section 4.5.3.1.3 leaves 254 for it).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest address at a push provider: UnifiedPush endpoints are URLs, APNs and FCM tokens are shorter.
pub const PUSH_TOKEN_BYTES_MAX: usize = 4_096;
/// Margin around backup and restore times, in milliseconds: clocks may step by this much unnoticed.
pub const RESTORE_MARGIN_MS: i64 = 10 * 60 * 1000;

/// The answer of `GET /v1/limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Says that a Portico server answers, and which wire version it speaks.
    pub portico_wire: u32,
    /// The server's present epoch.
    pub epoch: Epoch,
    /// The server's clock, UTC milliseconds.
    pub server_time_ms: i64,
    /// [`BODY_BYTES_MAX`].
    pub body_bytes_max: u64,
    /// [`BATCH_FILES_MAX`], or less by the firm's setting.
    pub batch_files_max: u32,
    /// [`BATCH_BYTES_MAX`], or less by the firm's setting.
    pub batch_bytes_max: u64,
    /// What was accepted before this is in every backup that may still be restored; none yet: absent.
    pub backed_up_through_ms: Option<i64>,
}
