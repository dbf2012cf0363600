//! The facts of a session: what both OPENs together allow (RFC 5492, 6793, 7911, 8654, 8950).
//!
//! [`Codec`] is the small `Copy` part that codecs need for each message; [`Sender`] adds what encoding a route for this
//! peer depends on; [`Negotiated`] keeps both OPENs for events and `show`.

use std::net::{IpAddr, Ipv4Addr};

use super::asn::Asn;
use super::family::{Family, FamilySet};
use super::message::open::Open;

/// What the codecs of attributes and NLRI need to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Codec {
    /// Four-octet AS numbers in AS_PATH and AGGREGATOR (RFC 6793).
    pub asn4: bool,
    /// Messages up to 65,535 bytes instead of 4,096 (RFC 8654).
    pub extended_message: bool,
    /// The families that both sides offered.
    pub families: FamilySet,
    /// Families whose NLRI carry a path identifier when we receive them (RFC 7911).
    pub add_path_receive: FamilySet,
    /// The same when we send.
    pub add_path_send: FamilySet,
    /// IPv4 families that may have an IPv6 next hop (RFC 8950).
    pub extended_nexthop: FamilySet,
    /// Whether AIGP is accepted from and sent to this peer although it is external (RFC 7311 section 3.1).
    pub aigp: bool,
    /// Whether the peer is in our AS.
    pub ibgp: bool,
}

impl Codec {
    /// Largest message, header included, in bytes.
    pub const fn message_size(&self) -> usize {
        if self.extended_message { 65_535 } else { 4_096 }
    }
}

/// What the encoding of a route for a peer depends on. Peers with equal values get equal bytes: it is the main part of
/// the key of an update group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The negotiated facts.
    pub codec: Codec,
    /// Our AS on this session.
    pub local_as: Asn,
    /// Our address on this session, for `next-hop self`.
    pub local_address: IpAddr,
    /// Our BGP identifier, which stands in for `next-hop self` of an IPv4 route on an IPv6 session.
    pub router_id: Ipv4Addr,
    /// Pack several NLRI per UPDATE; `group-updates` of the configuration.
    pub group_updates: bool,
}

/// How routes are asked for again (RFC 2918, 7313).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Not at all.
    #[default]
    Absent,
    /// ROUTE-REFRESH.
    Normal,
    /// ROUTE-REFRESH with BoRR and EoRR.
    Enhanced,
}

impl Refresh {
    /// The word in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Normal => "normal",
            Self::Enhanced => "enhanced",
        }
    }
}

/// What both OPENs together allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The OPEN we sent.
    pub local: Open,
    /// The OPEN we got.
    pub remote: Open,
    /// The AS we told.
    pub local_as: Asn,
    /// The AS of the peer, four octets.
    pub peer_as: Asn,
    /// The smaller hold time, in seconds; 0 means neither hold nor keepalive timer.
    pub hold_time: u16,
    /// Families of both sides, in the order of the peer's OPEN.
    pub families: Vec<Family>,
    /// (family, AFI of the next hop) pairs of both sides (RFC 8950).
    pub nexthops: Vec<(Family, super::family::Afi)>,
    /// How routes may be asked for again.
    pub refresh: Refresh,
    /// Whether both sides offered operational messages.
    pub operational: bool,
    /// Whether both sides offered multi-session.
    pub multisession: bool,
    /// The part that codecs need.
    pub codec: Codec,
}
