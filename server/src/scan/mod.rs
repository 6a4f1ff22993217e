//! The firm's scan: a program of the administrator's own says of each file whether it may be served.
//!
//! ```text
//! files commit -> worker claims one -> its plain bytes into the program -> how it ends is the verdict -> downloads ask it
//! ```
//! Holds: a file is judged by all of its bytes or not at all. No shell, no file on the disk, no name: the program gets
//! bytes and nothing else. Crash: a verdict is there or the file is scanned again.

mod program;
#[cfg(test)]
mod tests;
pub(crate) mod worker;

pub(crate) use program::is_program;
