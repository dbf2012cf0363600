//! Only to Customer (RFC 9234 section 5).
//!
//! ExaBGP shows it as an unknown attribute, and so do our events: a script that matches on `attribute-0x23-0xE0` goes on
//! working. Configurations call it `otc`.

use super::{PathAttribute, flags};
use crate::bgp::asn::Asn;
use crate::bgp::error::Severity;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The AS behind which the route goes only to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Otc(pub Asn);

impl PathAttribute for Otc {
    const CODE: u8 = 35;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "attribute-0x23-0xE0";
    const KEYWORDS: &'static [&'static str] = &["otc", "only-to-customer"];
    // RFC 9234 5: "The OTC Attribute is considered malformed if the length value is not 4. An UPDATE message with a malformed
    // OTC Attribute SHALL be handled using the approach of 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        r.u32("an AS number of four bytes").map(|asn| Self(Asn(asn)))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.u32(self.0.0);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.value("an AS number", value::asn).map(|asn| Self(Asn(asn)))
    }

    fn json(&self, w: &mut JsonWriter) {
        w.format(format_args!("\"0x{:08x}\"", self.0.0));
    }

    fn text(&self, out: &mut String) {
        out.push_str(&format!("attribute [ 0x23 0xE0 0x{:08x} ]", self.0.0));
    }

    fn grammar(&self, out: &mut String) {
        out.push_str(&format!("otc {}", self.0));
    }
}
