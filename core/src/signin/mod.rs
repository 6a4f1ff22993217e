//! Signing in, and the people of one phone.
//!
//! [`machine`] says what follows from what; [`driver`] asks the server; [`admission`] opens the store.
//!
//! Every state has a way on that the person can take alone (R42). Signing in again opens the same store: outbox,
//! drafts and a waiting tap are still there. Another person's sign-in opens another store and leaves the first
//! one sealed (R51).

pub mod admission;
pub mod driver;
pub mod generation;
pub mod machine;
pub mod people;
pub mod shown_secret;
pub mod wipe;
