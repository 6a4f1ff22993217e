//! Endpoints on conversations.

pub(crate) mod begin;
pub(crate) mod entries;
pub(crate) mod head;
pub(crate) mod list;
pub(crate) mod looked_at;
pub(crate) mod participants;
pub(crate) mod readers;
pub(crate) mod state;
#[cfg(test)]
mod tests;
