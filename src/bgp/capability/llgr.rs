//! Long-lived graceful restart (RFC 9494 section 3.1).
//!
//! ```text
//! +--------------------------------------------------+
//! | Address Family Identifier (16 bits)              |
//! +--------------------------------------------------+
//! | Subsequent Address Family Identifier (8 bits)    |
//! +--------------------------------------------------+
//! | Flags for Address Family (8 bits): F, reserved   |
//! +--------------------------------------------------+
//! | Long-lived Stale Time in seconds (24 bits)       |
//! +--------------------------------------------------+
//! | ...                                              |
//! ```

use super::CapabilityCodec;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::wire::{Reader, WireError, Writer};

/// An entry of [`LongLivedGracefulRestart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LongLived {
    /// The family.
    pub family: Family,
    /// The flags; 0x80: forwarding state was preserved.
    pub flags: u8,
    /// How long stale routes may be kept, in seconds: 24 bits.
    pub time: u32,
}

/// How long the sender's routes may be kept after its restart time has expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LongLivedGracefulRestart(pub Vec<LongLived>);

impl CapabilityCodec for LongLivedGracefulRestart {
    const CODE: u8 = iana::capability::LONG_LIVED_GRACEFUL_RESTART;
    const NAME: &'static str = "long-lived-graceful-restart";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut families = Vec::new();
        while !r.is_empty() {
            let afi = r.u16("the AFI of long-lived graceful restart")?;
            let family = Family::new(afi, r.u8("the SAFI of long-lived graceful restart")?);
            families.push(LongLived {
                family,
                flags: r.u8("the flags of long-lived graceful restart")?,
                time: r.u24("the stale time of long-lived graceful restart")?,
            });
        }
        Ok(Self(families))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        for one in &self.0 {
            w.u16(one.family.afi.0);
            w.u8(one.family.safi.0);
            w.u8(one.flags);
            w.u24(one.time.min(0x00FF_FFFF));
        }
    }
}
