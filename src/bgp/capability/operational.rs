//! Operational messages (draft-ietf-idr-operational-message section 2), with the code that ExaBGP uses. No value.

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// OPERATIONAL messages are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operational;

impl CapabilityCodec for Operational {
    const CODE: u8 = iana::capability::PRESTANDARD_OPERATIONAL;
    const NAME: &'static str = "operational";

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}

    fn json(_: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"operational\" }");
    }

    fn text(_: &[&Self], out: &mut String) {
        out.push_str("operational");
    }
}
