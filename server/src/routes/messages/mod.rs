//! Endpoints on messages.

pub(crate) mod put;
