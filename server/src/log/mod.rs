//! The conversation's log: what a send key deserves, and how an entry joins the chain. Pure; the store writes it down.

pub(crate) mod append;
pub(crate) mod ruling;
