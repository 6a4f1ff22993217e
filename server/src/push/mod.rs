//! Pushes: a preview and a pointer, sealed to one device, carried by a worker.

pub(crate) mod worker;
