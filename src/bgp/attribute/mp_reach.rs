//! MP_REACH_NLRI (RFC 4760 section 3): carries reachable NLRI of any family.
//!
//! ```text
//! +---------------------------------------------------------+
//! | Address Family Identifier (2 octets)                    |
//! | Subsequent Address Family Identifier (1 octet)          |
//! | Length of Next Hop Network Address (1 octet)            |
//! | Network Address of Next Hop (variable)                  |
//! | Reserved (1 octet)                                      |
//! | Network Layer Reachability Information (variable)       |
//! +---------------------------------------------------------+
//! ```

use crate::bgp::error::UpdateError;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::wire::Reader;

/// Type code.
pub const CODE: u8 = iana::attribute::MP_REACH_NLRI;

/// A view of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpReach<'a> {
    /// The family of the NLRI.
    pub family: Family,
    /// The next-hop field; [`NextHop::decode`](crate::bgp::NextHop::decode) reads it.
    pub next_hop: &'a [u8],
    /// The NLRI.
    pub nlri: &'a [u8],
}

impl<'a> MpReach<'a> {
    /// Reads the value of the attribute.
    ///
    /// # Errors
    /// Returns a reset (3/9): if it cannot be framed, the affected routes are unknown (RFC 7606 section 5.3).
    pub fn decode(value: &'a [u8]) -> Result<Self, UpdateError> {
        let mut r = Reader::new(value);
        let mut read = || {
            let family = Family::new(r.u16("an AFI")?, r.u8("a SAFI")?);
            let length = usize::from(r.u8("the length of a next hop")?);
            let next_hop = r.take(length, "a next hop")?;
            r.u8("the reserved byte")?;
            Ok(Self {
                family,
                next_hop,
                nlri: r.rest(),
            })
        };
        read().map_err(|error: crate::wire::WireError| {
            UpdateError::reset(
                iana::notification::update::OPTIONAL_ATTRIBUTE_ERROR,
                error.what,
            )
        })
    }
}
