//! Endpoints on the caller's address: ask for another, and confirm it.

pub(crate) mod change;
pub(crate) mod confirm;
#[cfg(test)]
mod tests;
