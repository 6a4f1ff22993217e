//! Sealed pushes and the tap that opens the right message, from the phone's own data (R53). No network here.
//!
//! An extension that shows notifications needs only the push key and the inbox folder: no database, no token.

pub mod inbox;
pub mod tap;
