//! Multiprotocol extensions (RFC 4760 section 8): one instance for each family.
//!
//! ```text
//!  0       7      15      23      31
//! +-------+-------+-------+-------+
//! |      AFI      | Res.  | SAFI  |
//! +-------+-------+-------+-------+
//! ```

use super::CapabilityCodec;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// A family that the speaker supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Multiprotocol(pub Family);

impl CapabilityCodec for Multiprotocol {
    const CODE: u8 = iana::capability::MULTIPROTOCOL;
    const NAME: &'static str = "multiprotocol";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let afi = r.u16("the AFI of a multiprotocol capability")?;
        // RFC 4760 8: "SHOULD be set to 0 by the sender and ignored by the receiver"
        r.u8("the reserved byte of a multiprotocol capability")?;
        Ok(Self(Family::new(
            afi,
            r.u8("the SAFI of a multiprotocol capability")?,
        )))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u16(self.0.afi.0);
        w.u8(0);
        w.u8(self.0.safi.0);
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"multiprotocol\", \"families\": [ ");
        w.list(all, |w, one| {
            w.display(one.0.display_slash());
        });
        w.raw(" ] }");
    }

    fn text(all: &[&Self], out: &mut String) {
        let families: Vec<String> = all.iter().map(|one| one.0.to_string()).collect();
        out.push_str(&format!("multiprotocol({})", families.join(",")));
    }
}
