//! The outbox: what this phone still has to do, durably, until every entry has its one answer.
//!
//! Rules in [`machine`], [`lanes`] and [`backoff`] (pure), one entry's turn in `turn`, the loop in [`pump`], the rows
//! in `store::outbox`. Batches of files have a loop of their own, [`crate::upload::pump`].
//!
//! ```text
//! Queued -> Sending -> Accepted
//!   ^  |       |  `--> Refused (text kept: send again, or discard)
//!   |  |       v
//!   |  |    Waiting{until, fault} -> Sending ...        (no retry cap: transient trouble never gives up)
//!   |  |       |
//!   |  `-------+--> Withdrawing -> Withdrawn | Accepted | Refused      (untried: Withdrawn at once)
//!   |-- Paused, HandedToOs (batches: by the person, or while the system carries them)
//!   `-- Accepted, when a restored server lacks it and the receipt is offered again
//! ```
//!
//! Holds (R51): an entry is durable before the screen says so; "tried" is durable before the first byte leaves;
//! one entry of a conversation is on its way at a time, in the order in which the person sent them (R40); every
//! entry ends accepted, refused or withdrawn, the same on phone and server.
//!
//! Crash: a restart finds `Sending` rows and sends them again under the same key; the server keeps the outcome
//! of every key for ever.

pub mod backoff;
pub mod entry;
pub mod lanes;
pub mod machine;
pub mod pump;
pub(crate) mod turn;
