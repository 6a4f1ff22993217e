//! Bytes of a batch on their way: from the wire into a segment, opened before they count, to the commit.
//!
//! - `desk`: whose turn it is on each batch, and what offset is stated. `append`: one request, from capability to
//!   answer. `pipe`: write, open, fsync, side by side. `finish`: the commit, and its answer again.
//! - `whole`: a document, which comes in one request.
//! - `expire`: what is forgotten for want of bytes. `renew`: what the server seals itself, after a restart.
//!
//! Bounds: each upload holds a few MiB; [`Uploads`] remembers a few hundred batches.

mod append;
mod desk;
mod expire;
mod finish;
mod pipe;
mod renew;
mod whole;

pub(crate) use append::{Received, Start, receive, turn_away};
pub(crate) use desk::Uploads;
pub(crate) use expire::drop_expired;
pub(crate) use whole::receive_document;
