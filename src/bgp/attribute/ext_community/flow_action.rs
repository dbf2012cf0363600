//! What a FlowSpec rule does with the packets that it matches (RFC 8955 section 7, draft-ietf-idr-flowspec-redirect-ip,
//! draft-ietf-idr-flowspec-interfaceset), as extended communities.

use std::net::Ipv4Addr;

use super::ExtCommunity;

/// On which side of the interfaces of a group a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceDirection {
    /// Packets that come in.
    Input,
    /// Packets that go out.
    Output,
    /// Both.
    Both,
}

impl ExtCommunity {
    /// traffic-rate-bytes: at most `rate` bytes a second; 0 discards.
    pub fn rate_bytes(rate: f32) -> Self {
        let [a, b, c, d] = rate.to_be_bytes();
        Self([0x80, 0x06, 0, 0, a, b, c, d])
    }

    /// traffic-rate-packets: at most `rate` packets a second.
    pub fn rate_packets(rate: f32) -> Self {
        let [a, b, c, d] = rate.to_be_bytes();
        Self([0x80, 0x0C, 0, 0, a, b, c, d])
    }

    /// traffic-action: sample the packets, and stop at this rule (the bit that RFC 8955 calls terminal means "go on" when set).
    pub fn traffic_action(sample: bool, terminal: bool) -> Self {
        Self([0x80, 0x07, 0, 0, 0, 0, 0, u8::from(sample) << 1 | u8::from(terminal)])
    }

    /// traffic-marking: set the DSCP, whose low six bits count.
    pub const fn mark(dscp: u8) -> Self {
        Self([0x80, 0x09, 0, 0, 0, 0, 0, dscp & 0x3F])
    }

    /// rt-redirect: into the VRF with that route target; the AS number chooses between the two-octet and the four-octet form. `None`
    /// when a four-octet AS leaves less room than `number` needs.
    pub fn redirect(asn: u32, number: u32) -> Option<Self> {
        let [c, d, e, f] = number.to_be_bytes();
        if let Ok(asn) = u16::try_from(asn) {
            let [a, b] = asn.to_be_bytes();
            return Some(Self([0x80, 0x08, a, b, c, d, e, f]));
        }
        let [a, b, x, y] = asn.to_be_bytes();
        (c == 0 && d == 0).then_some(Self([0x82, 0x08, a, b, x, y, e, f]))
    }

    /// To the next hop of the route, the packets themselves or a copy of them (draft-simpson-idr-flowspec-redirect).
    pub fn redirect_to_next_hop(copy: bool) -> Self {
        Self([0x08, 0x00, 0, 0, 0, 0, 0, u8::from(copy)])
    }

    /// To that IPv4 address (draft-ietf-idr-flowspec-redirect-ip).
    pub fn redirect_ipv4(address: Ipv4Addr, copy: bool) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x01, 0x0C, a, b, c, d, 0, u8::from(copy)])
    }

    /// interface-set: only on the interfaces of a group, whose number has 14 bits.
    pub fn interface_set(
        transitive: bool,
        direction: InterfaceDirection,
        asn: u32,
        group: u16,
    ) -> Self {
        let bits = match direction {
            InterfaceDirection::Input => 0x4000,
            InterfaceDirection::Output => 0x8000,
            InterfaceDirection::Both => 0xC000,
        };
        let [a, b, c, d] = asn.to_be_bytes();
        let [e, f] = (bits | group & 0x3FFF).to_be_bytes();
        Self([if transitive { 0x07 } else { 0x47 }, 0x02, a, b, c, d, e, f])
    }
}
