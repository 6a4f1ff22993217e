//! Mails: the letters, and the worker that carries them.

pub(crate) mod letter;
pub(crate) mod worker;
