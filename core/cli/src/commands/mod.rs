//! One file per command.

pub(crate) mod conversations;
pub(crate) mod devices;
pub(crate) mod documents;
pub(crate) mod download;
pub(crate) mod email;
pub(crate) mod factors;
pub(crate) mod outbox;
pub(crate) mod read;
pub(crate) mod resume;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod staff;
pub(crate) mod tap;
pub(crate) mod transfer;
pub(crate) mod watch;
pub(crate) mod withdraw;
