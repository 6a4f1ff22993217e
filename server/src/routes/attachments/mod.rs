//! Endpoints on the files of entries.

mod disposition;
pub(crate) mod get;
mod range;
#[cfg(test)]
mod tests;
