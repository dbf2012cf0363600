//! Software version (draft-abraitis-bgp-version-capability section 3).
//!
//! ```text
//! +--------------------------------+
//! | Version Length (1 octet)       |
//! +--------------------------------+
//! | Version (variable)             |
//! +--------------------------------+
//! ```

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::bgp::message::cut;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// The name and version of the speaker's program, as `name/version`; at most 64 bytes are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SoftwareVersion(pub String);

impl CapabilityCodec for SoftwareVersion {
    const CODE: u8 = iana::capability::SOFTWARE_VERSION;
    const NAME: &'static str = "software-version";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = r.u8("the length of a software version")?;
        let bytes = r.take(length.into(), "a software version")?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| r.error("a software version in UTF-8"))?;
        Ok(Self(text.to_owned()))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.len8(|w| w.bytes(cut(&self.0, 64).as_bytes()));
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        if let Some(last) = all.last() {
            w.raw("{ \"software\": ").string(&last.0).raw(" }");
        }
    }

    fn text(all: &[&Self], out: &mut String) {
        if let Some(last) = all.last() {
            out.push_str(&format!("software({})", last.0.to_lowercase()));
        }
    }
}
