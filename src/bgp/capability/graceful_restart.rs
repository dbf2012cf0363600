//! Graceful restart (RFC 4724 section 3), with the N bit of RFC 8538 section 2.
//!
//! ```text
//! +--------------------------------------------------+
//! | Restart Flags (4 bits): R, N, reserved           |
//! +--------------------------------------------------+
//! | Restart Time in seconds (12 bits)                |
//! +--------------------------------------------------+
//! | Address Family Identifier (16 bits)              |
//! +--------------------------------------------------+
//! | Subsequent Address Family Identifier (8 bits)    |
//! +--------------------------------------------------+
//! | Flags for Address Family (8 bits): F, reserved   |
//! +--------------------------------------------------+
//! | ...                                              |
//! ```

use super::CapabilityCodec;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// The families whose state the sender preserves, and its restart time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GracefulRestart {
    /// The four flag bits, as a number from 0 to 15: see [`Self::RESTARTED`] and [`Self::NOTIFICATION`].
    pub flags: u8,
    /// Estimated time until the session is re-established, in seconds: 0 to 4095.
    pub time: u16,
    /// Families with their flags: see [`Self::FORWARDING`].
    pub families: Vec<(Family, u8)>,
}

impl GracefulRestart {
    /// The sender has restarted (RFC 4724's Restart State bit).
    pub const RESTARTED: u8 = 0x8;
    /// The sender keeps routes after a NOTIFICATION (RFC 8538's N bit).
    pub const NOTIFICATION: u8 = 0x4;
    /// Forwarding state of the family was preserved (RFC 4724's F bit).
    pub const FORWARDING: u8 = 0x80;
    /// Maximum restart time, in seconds.
    pub const MAX_TIME: u16 = 0x0FFF;
}

impl CapabilityCodec for GracefulRestart {
    const CODE: u8 = iana::capability::GRACEFUL_RESTART;
    const NAME: &'static str = "graceful-restart";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let [first, second] = r.array("the flags and time of graceful restart")?;
        let mut families = Vec::new();
        while !r.is_empty() {
            let family = Family::new(
                r.u16("the AFI of graceful restart")?,
                r.u8("the SAFI of graceful restart")?,
            );
            families.push((family, r.u8("the family flags of graceful restart")?));
        }
        Ok(Self {
            flags: first >> 4,
            time: u16::from_be_bytes([first & 0x0F, second]),
            families,
        })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u16(u16::from(self.flags & 0x0F) << 12 | self.time & Self::MAX_TIME);
        for (family, flags) in &self.families {
            w.u16(family.afi.0);
            w.u8(family.safi.0);
            w.u8(*flags);
        }
    }

    /// The labels are ExaBGP's: it prints the R bit as `forwarding` and the F bit as `restart`.
    fn json(all: &[&Self], w: &mut JsonWriter) {
        // RFC 4724 3: "only the last instance of the capability"
        let Some(last) = all.last() else {
            return;
        };
        w.raw("{ \"name\": \"graceful restart\", \"time\": ")
            .number(last.time);
        w.raw(", \"address-family-flags\": { ");
        w.list(&last.families, |w, (family, flags)| {
            let restart = flags & Self::FORWARDING != 0;
            w.display(family.display_slash()).raw(": [");
            w.raw(if restart { " \"restart\"" } else { "" }).raw(" ] ");
        });
        w.raw("}, \"restart-flags\": [");
        let restarted = last.flags & Self::RESTARTED != 0;
        w.raw(if restarted { " \"forwarding\" " } else { " " })
            .raw("]  }");
    }

    fn text(all: &[&Self], out: &mut String) {
        let Some(last) = all.last() else {
            return;
        };
        let families: Vec<String> = last
            .families
            .iter()
            .map(|(family, flags)| {
                let flags = flags & Self::FORWARDING;
                format!("{}={flags:#x}", family.display_slash())
            })
            .collect();
        out.push_str(&format!(
            "graceful restart flags {:#x} time {} {}",
            last.flags,
            last.time,
            families.join(" ")
        ));
    }
}
