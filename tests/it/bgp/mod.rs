//! The protocol.

mod announce;
mod attribute_rules;
mod capability;
mod complete;
mod from_str;
pub(crate) mod golden;
mod message;
mod next_hop;
mod nlri;
mod nlri_words;
mod open;
mod read_back;
mod round_trip;
pub(crate) mod trips;
