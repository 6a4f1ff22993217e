//! Endpoints on the caller's devices.

pub(crate) mod list;
pub(crate) mod push;
pub(crate) mod sign_out;
pub(crate) mod wipe;
