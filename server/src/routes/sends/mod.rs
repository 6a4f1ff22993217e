//! Endpoints on send keys.

pub(crate) mod withdraw;
