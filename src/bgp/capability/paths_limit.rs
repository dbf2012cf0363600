//! Paths limit (draft-abraitis-idr-addpath-paths-limit section 3): the maximum number of paths per prefix to be sent
//! to the sender of the capability.
//!
//! ```text
//! +------------------------------------------------+
//! | Address Family Identifier (2 octets)           |
//! +------------------------------------------------+
//! | Subsequent Address Family Identifier (1 octet) |
//! +------------------------------------------------+
//! | Paths Limit (2 octets)                         |
//! +------------------------------------------------+
//! | ...                                            |
//! ```

use super::CapabilityCodec;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::wire::{Reader, WireError, Writer};

/// Families and their limits. 0 is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathsLimit(pub Vec<(Family, u16)>);

impl CapabilityCodec for PathsLimit {
    const CODE: u8 = iana::capability::PATHS_LIMIT;
    const NAME: &'static str = "paths-limit";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut families = Vec::new();
        while !r.is_empty() {
            let afi = r.u16("the AFI of a paths limit")?;
            let family = Family::new(afi, r.u8("the SAFI of a paths limit")?);
            families.push((family, r.u16("a paths limit")?));
        }
        Ok(Self(families))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        for (family, limit) in &self.0 {
            w.u16(family.afi.0);
            w.u8(family.safi.0);
            w.u16(*limit);
        }
    }
}
