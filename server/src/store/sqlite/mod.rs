//! The store on SQLite: one writer thread with group commit, a few readers.
//!
//! - `database`: opens connections, runs migrations. `writer`: group commit. `wakes`: who waits for what.
//! - `row`: how ids, hashes and seqs lie in a row. `facts`: what the access rule needs of a conversation.
//! - `log`, `sends`: append, and what became of each send key. `batches`, `batch_rows`, `attachments`, `contents`: files. `events`, `heads`, `looks`, `reading`: what phones read. `search`: the index of messages, and who finds what in it.
//! - `people`, `matters`, `conversations`, `stays`: the firm's people at work, and who is in what. `made`: ids by a key.
//! - `documents`, `keeping`, `copies`: documents of matters, how bytes become one, and messages that take copies of them.
//! - `firm`, `directory`: the same without asking anybody, for the administrator. `limits`: what a firm may store. `signin`, `sessions`: codes, devices, tokens. `assuring`, `factors`, `stepping_up`: what proves somebody beyond a code, and what only they may do. `notices`: what they are told of it. `email`: another address. `invitations`: links for those who are to come.
//! - `jobs`: mails and pushes that are due. `scans`: what is said of each file. `backups`: epochs, the ledger, restore. `verify`: the log's own proof.

#[cfg(test)]
mod answers;
mod approvals;
mod assuring;
pub(super) mod attachments;
pub(super) mod backups;
pub(super) mod batch_rows;
pub(super) mod batches;
pub(super) mod contents;
mod conversations;
mod copies;
pub(super) mod database;
pub(super) mod directory;
pub(super) mod documents;
pub(super) mod email;
mod events;
pub(super) mod factors;
mod facts;
pub(super) mod firm;
mod heads;
pub(super) mod invitations;
pub(super) mod jobs;
pub(super) mod keeping;
pub(super) mod limits;
mod log;
mod looks;
mod made;
mod matters;
#[cfg(test)]
mod never_deleted;
pub(super) mod notices;
mod people;
pub(super) mod reading;
mod row;
pub(super) mod scans;
mod search;
pub(super) mod sends;
pub(super) mod sessions;
pub(super) mod signin;
pub(super) mod stays;
pub(super) mod stepping_up;
mod store;
pub(super) mod verify;
pub(super) mod wakes;
pub(super) mod writer;

pub use store::{Store, StoreError};
