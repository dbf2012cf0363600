//! The protocol.

mod golden;
mod message;
