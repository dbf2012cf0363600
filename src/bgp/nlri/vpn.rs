//! VPN routes (RFC 4364 section 4.3.4, RFC 4659): labels, a route distinguisher, a prefix. ExaBGP's `mpls-vpn`.
//!
//! ```text
//! +---------------------------+
//! |   Length (1 octet)        |   in bits, all of it
//! +---------------------------+
//! |   Labels (3 octets each)  |
//! +---------------------------+
//! |   Route distinguisher (8) |
//! +---------------------------+
//! |   Prefix (variable)       |
//! +---------------------------+
//! ```

use super::labeled;
use super::{NlriCodec, NlriKey, NlriRef};
use crate::bgp::family::Family;
use crate::bgp::nexthop::NextHop;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError};

/// Prefixes with labels and a route distinguisher.
#[derive(Clone, Copy, Debug)]
pub struct Vpn;

impl NlriCodec for Vpn {
    const FAMILIES: &'static [Family] = &[Family::IPV4_MPLS_VPN, Family::IPV6_MPLS_VPN];

    fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        labeled::frame(family, r)
    }

    fn key(family: Family, bytes: &[u8], key: &mut NlriKey) {
        labeled::key(family, bytes, key);
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        labeled::json(nlri, w);
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        labeled::text(nlri, next_hop, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        labeled::grammar(nlri, out);
    }
}
