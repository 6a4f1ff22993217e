//! Endpoints on upload batches.

pub(crate) mod get;
pub(crate) mod put;
#[cfg(test)]
mod tests;
