//! Endpoints of the sign-in: begin, and answer the mailed code.

pub(crate) mod answer;
pub(crate) mod begin;
pub(crate) mod invited;
#[cfg(test)]
mod tests;
