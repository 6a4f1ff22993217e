//! Everything a phone of Portico does, without a screen. Shells show what it says and pass on what people touch.
//!
//! Rooms, in the order a message meets them:
//! - [`portal`]: the only door; one method per intent.
//! - [`compose`]: what was typed becomes a draft that may be sent.
//! - [`outbox`]: the durable queue, its rules and the loop that drains it.
//! - [`upload`]: picked files, sealed as they are picked, and the loop that carries them.
//! - [`attachments`]: the files of others, fetched, held sealed, opened offline.
//! - [`net`]: HTTP, and what an answer means.
//! - [`sync`]: what changed comes in; cursor and change move in one transaction.
//! - [`timeline`]: what a screen shows.
//! - [`push`]: sealed pushes and the tap that opens the right message.
//! - [`signin`]: codes, devices, sessions, and the people of one phone.
//! - [`store`]: one encrypted database per person; all SQL.
//! - [`events`]: what changed, never the data twice.
//! - [`ports`], [`error`]: the outside world, and what a shell can do about a fault.
//!
//! Holds: no clock, dice, disk key or network of its own: all come in through [`ports`].

pub mod attachments;
pub mod compose;
pub mod error;
pub mod events;
pub mod net;
pub mod outbox;
pub mod portal;
pub mod ports;
pub mod push;
pub mod signin;
pub mod store;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeline;
pub mod upload;

pub use error::PortalError;
pub use events::{EventStream, PortalEvent};
pub use portal::Portal;
