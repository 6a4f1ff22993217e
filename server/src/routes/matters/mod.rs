//! Endpoints on matters. For the firm's staff; for everybody else there are none.

pub(crate) mod access;
pub(crate) mod list;
pub(crate) mod open;
#[cfg(test)]
mod tests;
