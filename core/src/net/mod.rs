//! HTTP: requests in ([`codec`]), answers out ([`classify`]), and the session they travel under ([`session`]).
//!
//! Holds: an answer decides something only if it is ours: JSON of the expected shape with a 2xx, or a problem
//! whose type is ours. A proxy's page, a captive portal's 200, any other answer is transient.

pub mod classify;
pub mod codec;
mod pinned_root;
pub mod session;
pub mod transport;
