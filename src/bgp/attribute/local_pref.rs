//! LOCAL_PREF (RFC 4271 section 5.1.5).

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The preference of a route inside the AS: the highest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalPref(pub u32);

impl PathAttribute for LocalPref {
    const CODE: u8 = iana::attribute::LOCAL_PREF;
    const FLAGS: u8 = flags::WELL_KNOWN;
    const NAME: &'static str = "local-preference";
    // RFC 7606 7.5: "An UPDATE message with a malformed attribute SHALL be handled using treat-as-withdraw."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        r.u32("a LOCAL_PREF of four bytes").map(Self)
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.u32(self.0);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.value("a number from 0 to 4294967295", value::u32)
            .map(Self)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.number(self.0);
    }

    fn text(&self, out: &mut String) {
        out.push_str("local-preference ");
        out.push_str(itoa::Buffer::new().format(self.0));
    }

    fn malformed(cx: &Codec) -> Severity {
        super::internal_only(cx)
    }
}
