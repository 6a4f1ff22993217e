//! Endpoints on what proves the caller beyond the mailed code, and on proving it again.

pub(crate) mod list;
pub(crate) mod recovery;
pub(crate) mod step_up;
#[cfg(test)]
mod tests;
pub(crate) mod totp;
