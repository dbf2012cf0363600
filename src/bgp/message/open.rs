//! OPEN (RFC 4271 section 4.2) with the extended parameters of RFC 9072.

use std::net::Ipv4Addr;

use crate::bgp::capability::Capability;

/// What a speaker offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Version of the protocol: 4.
    pub version: u8,
    /// The two-octet AS field; [`Asn::TRANS`](crate::bgp::Asn::TRANS) for a number that needs four.
    pub asn: u16,
    /// Proposed hold time, in seconds: 0 or at least 3.
    pub hold_time: u16,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// Capabilities, in their order on the wire; each family of multiprotocol is one.
    pub capabilities: Vec<Capability>,
}
