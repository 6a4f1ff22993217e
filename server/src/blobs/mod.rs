//! Sealed packs on disk: one file for each batch, `blobs/<segment id>.pack`, sealed as `portico_wire::seal` says.
//!
//! - `layout`: where each chunk of a batch lies, on the wire and on disk; pure. `opener`: opens, hashes and counts them.
//! - `segments`: the folder. `sealed_file`: one committed file, read chunk by chunk. `check`: all of them.

mod check;
mod layout;
mod opener;
mod sealed_file;
mod segments;

pub(crate) use layout::{Cursor, Form, Layout};
pub(crate) use opener::{Opener, look, reseal};
pub(crate) use sealed_file::SealedFile;
pub(crate) use segments::Segments;
