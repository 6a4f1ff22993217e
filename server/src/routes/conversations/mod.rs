//! Endpoints on one conversation.

pub(crate) mod entries;
pub(crate) mod looked_at;
