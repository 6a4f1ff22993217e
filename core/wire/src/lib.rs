//! What Portico's phones and server say to each other, and the rules both must read alike. No I/O.
//!
//! Rooms, in the order a message meets them:
//! - [`ids`]: one newtype per kind of id.
//! - [`limits`]: every number that both sides enforce.
//! - [`message`]: a text to send, its digest, and the answers to a send key.
//! - [`upload`], [`seal`], [`mod@file`]: a batch of files, how it lies sealed, how a file is named and typed.
//! - [`refusal`], [`problem`]: why not, as a value, and as `application/problem+json`.
//! - [`entry`], [`receipt`]: a log entry with its canonical bytes, and the server's signed word that it has it.
//! - [`conversation`], [`sync`], [`looked_at`]: what a phone holds and how it changes.
//! - [`office`], [`document`]: what the firm's people say to run it, and the documents of a matter.
//! - [`search`]: the one tokenizer, and the one rule that says whether a text matches.
//! - [`push`]: the sealed payload that Apple and Google carry without reading it.
//! - [`signin`]: codes, devices, sessions.
//! - [`server_address`]: where a server is, and which root it is known by.
//! - [`invitation`]: links that name a server and stand for an address.
//! - [`factor`], [`totp`]: what proves somebody beyond the mailed code.
//!
//! Holds: version 1 grows by addition only. A reader keeps what it does not know: unknown kinds parse to
//! `Unknown`, unknown members are ignored.

pub mod conversation;
mod crockford;
pub mod document;
pub mod encoding;
pub mod entry;
pub mod factor;
pub mod file;
pub mod ids;
pub mod invitation;
pub mod limits;
pub mod looked_at;
pub mod message;
pub mod office;
pub mod problem;
pub mod push;
pub mod receipt;
pub mod refusal;
pub mod seal;
pub mod search;
pub mod server_address;
pub mod signin;
pub mod sync;
pub mod totp;
pub mod upload;

/// The wire version, sent with every request in the header [`WIRE_HEADER`].
pub const WIRE_VERSION: u32 = 1;

/// The request header that carries [`WIRE_VERSION`].
pub const WIRE_HEADER: &str = "portico-wire";
