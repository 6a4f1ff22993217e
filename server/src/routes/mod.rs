//! One file for each endpoint, in a folder for each noun. An endpoint parses, asks one use-case, and answers.

pub(crate) mod attachments;
pub(crate) mod batches;
pub(crate) mod conversations;
pub(crate) mod devices;
pub(crate) mod health;
pub(crate) mod limits;
pub(crate) mod messages;
pub(crate) mod sends;
pub(crate) mod sessions;
pub(crate) mod signin;
pub(crate) mod snapshot;
pub(crate) mod sync;
pub(crate) mod uploads;
