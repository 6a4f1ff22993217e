//! Endpoints on sign-ins that wait for a yes of the caller: list them, and decide.

pub(crate) mod decide;
pub(crate) mod list;
#[cfg(test)]
mod tests;
