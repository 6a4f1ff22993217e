//! Portico's companion server: one binary, one folder.
//!
//! Rooms, in the order a request meets them:
//! - [`serve`]: accept loop, TLS, caps, timeouts. `router`: the list of routes, and what every answer gets.
//! - `door`: wire version, session, bounded bodies. `throttle`: delays for those who ask too often.
//! - `routes`: one file for each endpoint. [`access`]: the only place that answers "may they?".
//! - [`assurance`]: what a firm asks of those who sign in.
//! - `uploads`: bytes of a batch from the wire to its commit. `blobs`: sealed packs on disk.
//! - `log`: what a send key deserves, how an entry joins the chain. [`store`]: use-cases, group commit, all SQL.
//! - `mail`, `push`: what is due, carried by workers into a `folder`. `scan`: what the firm's scanner says of each file. [`backup`]: backup and restore. [`seed`]: a small firm.
//! - [`config`], `keys`, [`ports`]: settings, the server's own keys, and the world outside. [`lan`]: certificates of its own, for one office.

#[cfg(not(test))]
pub mod access;
/// `access.rs` as its tests meet it: whole, or with one check missing.
#[cfg(test)]
#[path = "oracle/mutants.rs"]
pub mod access;
pub mod assurance;
pub mod backup;
mod blobs;
pub mod config;
mod door;
mod error;
mod folder;
mod keys;
pub mod lan;
mod log;
mod mail;
mod metrics;
#[cfg(test)]
mod oracle;
pub mod ports;
mod push;
mod router;
mod routes;
mod scan;
pub mod seed;
pub mod serve;
mod state;
pub mod store;
mod throttle;
mod uploads;

#[cfg(test)]
mod testing;

pub use keys::KeyError;
pub use state::{App, JobsRun, OpenError};
