//! Extended messages (RFC 8654): up to 65,535 bytes. No value.

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::bgp::message::MAX_EXTENDED;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// Messages of up to 65,535 bytes are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtendedMessage;

impl CapabilityCodec for ExtendedMessage {
    const CODE: u8 = iana::capability::EXTENDED_MESSAGE;
    const NAME: &'static str = "extended-message";

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}

    fn json(_: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"extended-message\", \"size\": ")
            .number(MAX_EXTENDED)
            .raw(" }");
    }

    fn text(_: &[&Self], out: &mut String) {
        out.push_str(&format!("extended message({MAX_EXTENDED})"));
    }
}
