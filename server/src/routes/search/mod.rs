//! Search over what the caller may read.

pub(crate) mod get;
#[cfg(test)]
mod tests;
