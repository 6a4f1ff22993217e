//! Endpoints of the sign-in: begin, and answer the mailed code.

pub(crate) mod answer;
pub(crate) mod begin;
#[cfg(test)]
mod tests;
