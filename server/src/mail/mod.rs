//! Mails: the letter that carries a code, and the worker that carries the letter.

pub(crate) mod letter;
pub(crate) mod worker;
