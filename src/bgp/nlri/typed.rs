//! NLRI that begin with a type and a length: EVPN (RFC 7432 section 7) and multicast VPN (RFC 6514 section 4).
//!
//! ```text
//! +-----------------------------------+
//! |    Route Type (1 octet)           |
//! |    Length (1 octet)               |
//! |    Route (variable)               |
//! +-----------------------------------+
//! ```

use crate::wire::{Reader, WireError};

const TYPE: &str = "a type of route";
const LENGTH: &str = "the length of a route";

/// Splits a route off the front of `r`, if `decode` accepts its type and value.
pub(super) fn frame<'a, T>(
    r: &mut Reader<'a>,
    decode: impl FnOnce(u8, Reader<'a>) -> Result<T, WireError>,
) -> Result<&'a [u8], WireError> {
    let all = r.peek();
    let before = r.remaining();
    let code = r.u8(TYPE)?;
    let length = usize::from(r.u8(LENGTH)?);
    decode(code, r.sub(length, "a route of its declared length")?)?;
    Ok(&all[..before - r.remaining()])
}

/// The type and the value of a route that was framed.
pub(super) fn parts(bytes: &[u8]) -> Option<(u8, Reader<'_>)> {
    let mut r = Reader::new(bytes);
    let code = r.u8(TYPE).ok()?;
    r.u8(LENGTH).ok()?;
    Some((code, r))
}
