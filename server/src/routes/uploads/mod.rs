//! Endpoints that carry the bytes of a batch. Their capability is all they ask: no session, no wire version.

pub(crate) mod cancel;
pub(crate) mod capability;
pub(crate) mod head;
#[cfg(test)]
mod meeting_requests;
pub(crate) mod patch;
pub(crate) mod put;
pub(crate) mod reply;
#[cfg(test)]
mod tests;
