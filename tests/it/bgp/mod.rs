//! The protocol.

mod fsm;
pub(crate) mod golden;
mod message;
