//! AIGP (RFC 7311): the accumulated IGP metric of a path across ASes under one administration.
//!
//! ```text
//! +---------------+-------------------------------+------------------------+
//! | Type (1)      | Length (2 octets, all of it)  | Value                  |   …
//! +---------------+-------------------------------+------------------------+
//! ```
//!
//! The only defined TLV is type 1, with eight octets of metric. Others are skipped.

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The accumulated metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aigp(pub u64);

impl PathAttribute for Aigp {
    const CODE: u8 = iana::attribute::AIGP;
    const FLAGS: u8 = flags::OPTIONAL;
    const NAME: &'static str = "aigp";
    // RFC 7311 3.2: "the attribute MUST be treated exactly as if it were an unrecognized non-transitive attribute. That is, it
    // 'MUST be quietly ignored and not passed along to other BGP peers'".
    const MALFORMED: Severity = Severity::Discard;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let mut metric = None;
        while !r.is_empty() {
            let kind = r.u8("a type of TLV")?;
            let length = usize::from(r.u16("a length of TLV")?);
            let Some(length) = length.checked_sub(3) else {
                return Err(r.error("a length of TLV of at least three"));
            };
            let mut value = r.sub(length, "a TLV of its declared length")?;
            if kind == 1 {
                let found = value.u64("eight bytes of metric")?;
                value.finish("eight bytes of metric")?;
                // RFC 7311 3: "if an AIGP attribute contains more than one AIGP TLV, […] only the first".
                metric.get_or_insert(found);
            }
        }
        metric
            .map(Self)
            .ok_or_else(|| r.error("a TLV with the metric"))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.u8(1);
        w.u16(11);
        w.u64(self.0);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.value("a metric, decimal or `0x…`", |word| {
            value::number_or_hex(word, u64::MAX).map(Self)
        })
    }

    fn json(&self, w: &mut JsonWriter) {
        w.format(format_args!("\"0x{:016x}\"", self.0));
    }

    fn text(&self, out: &mut String) {
        out.push_str(&format!("aigp 0x{:016x}", self.0));
    }

    fn is_accepted(cx: &Codec) -> bool {
        // RFC 7311 3.1: by default it "SHOULD be" enabled within an AS, and "MUST be" disabled to others.
        cx.aigp || cx.ibgp
    }
}
