//! MP_UNREACH_NLRI (RFC 4760 section 4): carries withdrawn NLRI of any family.
//!
//! ```text
//! +---------------------------------------------------------+
//! | Address Family Identifier (2 octets)                    |
//! | Subsequent Address Family Identifier (1 octet)          |
//! | Withdrawn Routes (variable)                             |
//! +---------------------------------------------------------+
//! ```

use crate::bgp::error::UpdateError;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::wire::Reader;

/// Type code.
pub const CODE: u8 = iana::attribute::MP_UNREACH_NLRI;

/// A view of the value. Without NLRI it is an End-of-RIB (RFC 4724 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpUnreach<'a> {
    /// The family of the NLRI.
    pub family: Family,
    /// The NLRI.
    pub nlri: &'a [u8],
}

impl<'a> MpUnreach<'a> {
    /// Reads the value of the attribute.
    ///
    /// # Errors
    /// Returns a reset (3/9) if it is too short for a family.
    pub fn decode(value: &'a [u8]) -> Result<Self, UpdateError> {
        let mut r = Reader::new(value);
        let mut read = || {
            let family = Family::new(r.u16("an AFI")?, r.u8("a SAFI")?);
            Ok(Self {
                family,
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
