//! The protocol.

pub(crate) mod golden;
mod message;
