//! What a screen shows: plain records, a whole page in one call.

pub mod item;
