//! Endpoints on the files of entries.

mod disposition;
pub(crate) mod get;
mod range;
pub(crate) mod serve;
#[cfg(test)]
mod tests;
