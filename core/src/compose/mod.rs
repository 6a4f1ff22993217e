//! What was typed becomes something that may be sent, or a refusal with its numbers.

pub mod copies;
pub mod draft;
