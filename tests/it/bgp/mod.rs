//! The protocol.

mod announce;
mod attribute_rules;
mod capability;
mod complete;
mod fsm;
mod fsm_any_input;
mod fsm_back_off;
mod fsm_collision;
pub(crate) mod golden;
mod message;
mod nlri;
mod nlri_words;
mod open;
mod read_back;
mod retention;
mod round_trip;
