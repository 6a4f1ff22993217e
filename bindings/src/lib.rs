//! The phone core as Kotlin and Swift see it: mirrors of its records, three objects, three ports. No rule of its own.
//!
//! Rooms, in the order a call meets them:
//! - `sign_in`: an installation, and how somebody signs in on it.
//! - `portal`: one person's portal; `files`: what is picked and carried there; `office`, `documents`: what the firm's people
//!   ask the server for; `account`: factors and devices; `events`: what changed there, pulled.
//! - `runtime`: where calls that wait run, how they are called back, and what becomes of a panic.
//! - `records`, `states`, `ids`: mirrors. The core's types cross as they are; a field that drifts does not compile.
//! - `error`: what a shell can do about a fault. `ports`: what the platform gives: secrets, a device key, the network.
//!
//! Holds: a call that can fail returns a typed error, also for a panic; dropping an object does nothing that matters.
//! A port may be asked while an installation opens or signs, so it answers at once and calls nothing of this back.

uniffi::setup_scaffolding!("portico");

mod account;
mod documents;
mod error;
mod events;
mod files;
mod ids;
mod office;
mod portal;
mod ports;
mod records;
mod runtime;
mod sign_in;
mod states;

pub use documents::copy_of;
pub use error::PortError;
pub use events::EventStream;
pub use portal::Portal;
pub use portico_core::ports::Reach;
pub use ports::{DeviceKey, NetworkStatus, SecretStore};
pub use runtime::{call_back, new_call, provoke_panic};
pub use sign_in::{Answer, SignIn};
