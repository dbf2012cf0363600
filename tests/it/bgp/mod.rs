//! The protocol.

mod message;
