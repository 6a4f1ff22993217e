//! Endpoints on the people of a firm. For its staff; for everybody else there are none.

pub(crate) mod add;
pub(crate) mod depart;
pub(crate) mod invite;
pub(crate) mod list;
pub(crate) mod readmit;
#[cfg(test)]
mod tests;
