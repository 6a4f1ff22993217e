//! Endpoints on upload batches.

pub(crate) mod get;
pub(crate) mod put;
