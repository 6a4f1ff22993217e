//! What changed on the server comes in. Wake-ups are hints; the log is the truth.
//!
//! Holds: one transaction applies a page of events and moves the cursor; a crash leaves both or neither. Events
//! come without a gap, or the snapshot is taken.

pub mod apply;
pub mod pull;
