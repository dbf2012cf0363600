//! Four-octet AS numbers (RFC 6793 section 3).
//!
//! ```text
//! +---------------------------------------------------------------+
//! | AS number (4 octets)                                          |
//! +---------------------------------------------------------------+
//! ```

use super::CapabilityCodec;
use crate::bgp::asn::Asn;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// The speaker's AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asn4(pub Asn);

impl CapabilityCodec for Asn4 {
    const CODE: u8 = iana::capability::FOUR_OCTET_AS;
    const NAME: &'static str = "asn4";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let asn = r.u32("a four-octet AS number")?;
        r.finish("the end of a four-octet AS number")?;
        Ok(Self(Asn(asn)))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u32(self.0.0);
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        if let Some(last) = all.last() {
            w.raw("{ \"name\": \"asn4\", \"asn4\": ")
                .number(last.0.0)
                .raw(" }");
        }
    }

    fn text(all: &[&Self], out: &mut String) {
        if let Some(last) = all.last() {
            out.push_str(&format!("asn4({})", last.0));
        }
    }
}
