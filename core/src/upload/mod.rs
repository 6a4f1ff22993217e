//! Batches of files: picked, sealed, carried, resumed.
//!
//! ```text
//! source -> pack (one sealed file, hashed while it is copied) -> store::batches -> outbox
//! pump   -> PUT manifest -> PATCH the pack as it lies, from the offset the server states -> the answer is the commit
//! ```
//! Holds (R37, R52): nothing plain lies on this phone's disk; a batch is sent under one key and becomes visible whole;
//! an upload goes on at the byte where the server's durable offset stands, after a kill or reboot too.
//!
//! Crash: a file that was being picked is not there, its half in the pack is written over under another slot; a pack
//! that no row needs is removed at the next opening.

pub mod metered;
pub mod pack;
pub mod packing;
pub mod progress;
pub mod pump;
pub mod source;
pub mod stream;
