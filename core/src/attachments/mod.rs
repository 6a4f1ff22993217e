//! Attachments of messages: fetched with the care that uploads get, held sealed, opened without a network.
//!
//! ```text
//! GET /v1/attachments/{id} from where it stopped -> sealed file, chunk by chunk -> SHA-256 of all of it -> whole
//! ```
//! Holds: nothing plain lies on the disk but where the person saved it; what does not have the hash of its entry is never
//! shown. Crash: whole chunks are there, and the next fetch goes on behind them.

pub(crate) mod held;
pub(crate) mod sealed_file;
