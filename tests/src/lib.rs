//! The whole product under test: one firm, its people, their phones, the real server, one clock; no mocks inside.
//!
//! - [`world`]: the server in process, its crashes, backups and restores.
//! - [`phone`]: a person's phone: real core, real store, and what happens to it.
//! - [`draws`]: how many rounds, and from which seed.
//! - [`faults`]: the network between them, and everything it does to a request; `bad_line`: to a stream of bytes.
//! - [`oracle`]: what must be true of the outbox, in 40 lines a reader can verify.
//! - [`process`]: the released binaries as processes. [`shell`]: what an app does around the exported library.
//! - [`scan`]: looks for plain text where there must be none.
//! - [`slow_line`]: a line with a delay.
//! - [`sim`]: seeded schedules of all of it; [`sim_access`]: of coming and going. [`tally`]: what a test of faults came to.
//! - [`unicode`]: Unicode's own test files as input.

mod bad_line;
pub mod draws;
pub mod faults;
pub mod oracle;
pub mod phone;
pub mod process;
pub mod scan;
pub mod shell;
pub mod sim;
pub mod sim_access;
pub mod slow_line;
pub mod tally;
pub mod unicode;
pub mod world;
