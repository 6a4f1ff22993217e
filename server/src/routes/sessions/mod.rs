//! Endpoints on sessions: a nonce, and a fresh access token for a signature over it.

pub(crate) mod nonce;
pub(crate) mod refresh;
