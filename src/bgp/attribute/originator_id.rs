//! ORIGINATOR_ID (RFC 4456 section 8).

use std::net::Ipv4Addr;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The router that originated the route in the AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginatorId(pub Ipv4Addr);

impl PathAttribute for OriginatorId {
    const CODE: u8 = iana::attribute::ORIGINATOR_ID;
    const FLAGS: u8 = flags::OPTIONAL;
    const NAME: &'static str = "originator-id";
    // RFC 7606 7.9: "if received from an internal neighbor, it SHALL be considered malformed if its length is not equal to 4.
    // If malformed, the UPDATE message SHALL be handled using the approach of 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        Ok(Self(r.array::<4>("an ORIGINATOR_ID of four bytes")?.into()))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.bytes(&self.0.octets());
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.value("an IPv4 address", value::ipv4).map(Self)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.display(self.0);
    }

    fn text(&self, out: &mut String) {
        out.push_str(&format!("originator-id {}", self.0));
    }

    fn malformed(cx: &Codec) -> Severity {
        super::internal_only(cx)
    }
}
