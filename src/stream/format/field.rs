//! The fields of JSON lines and CSV, and how their values are spelt in both.
//!
//! A key of JSON is a [`Field`], and so is a column of CSV, which has to say what it holds: neither form can have a field that
//! the other one lacks, and the head line of CSV can have no other columns than its rows.

use std::net::Ipv4Addr;

use crate::bgp::Safi;
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::mrt::Timestamp;
use crate::mrt::bgp4mp::Direction;
use crate::stream::address::{Dialect, ip, number, six_digits};
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, RibView};

macro_rules! fields {
    ($($name:ident: $key:literal,)*) => {
        /// A field: its number is that of its column in CSV.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Field {
            $($name,)*
        }

        impl Field {
            /// All of them, in the order of the columns of CSV.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            /// What stands before the value in an object that has members already.
            pub(super) const fn before_value(self) -> &'static str {
                match self {
                    $(Self::$name => concat!(",\"", $key, "\":"),)*
                }
            }

            /// The key in JSON, which the column of CSV has with underscores.
            pub(super) const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }
        }
    };
}

// New ones come last: scripts know columns by their positions.
fields! {
    RecordType: "record_type",
    Type: "type",
    Time: "time",
    Project: "project",
    Collector: "collector",
    Router: "router",
    RouterIp: "router_ip",
    PeerAsn: "peer_asn",
    PeerAddress: "peer_address",
    Prefix: "prefix",
    PathId: "path-id",
    NextHop: "next-hop",
    AsPath: "as-path",
    OriginAsn: "origin-asn",
    Communities: "communities",
    OldState: "old-state",
    NewState: "new-state",
    Origin: "origin",
    Med: "med",
    LocalPref: "local-pref",
    LargeCommunities: "large-communities",
    ExtCommunities: "ext-communities",
    Aggregator: "aggregator",
    AtomicAggregate: "atomic-aggregate",
    Direction: "direction",
    Rib: "rib",
    Distinguisher: "distinguisher",
    OrigTime: "orig_time",
    Notes: "notes",
    Family: "family",
    LinkLocalNextHop: "link-local-next-hop",
    Otc: "otc",
    ClusterList: "cluster-list",
    OriginatorId: "originator-id",
}

/// Appends seconds and microseconds.
pub(super) fn time(out: &mut Vec<u8>, time: Timestamp) {
    number(out, time.seconds);
    out.push(b'.');
    six_digits(out, time.micros);
}

/// Appends when a route was received, for which most sources know no microseconds.
pub(super) fn originated(out: &mut Vec<u8>, originated: Timestamp) {
    match originated.micros {
        0 => number(out, originated.seconds),
        _ => time(out, originated),
    }
}

/// The word of a direction, if it is not that of all archives.
pub(in crate::stream) const fn direction(direction: Direction) -> Option<&'static str> {
    match direction {
        Direction::Received => None,
        Direction::Sent => Some("sent"),
        Direction::Mirrored => Some("mirrored"),
    }
}

/// The word of a table, if it is not that of all archives.
pub(in crate::stream) fn rib(rib: RibView) -> Option<&'static str> {
    (rib != RibView::AdjInPre).then(|| rib.as_str())
}

/// The name of the family of a block's routes, if it is not plain from the prefix.
pub(super) fn family(block: &Block<'_>) -> Option<String> {
    (block.states.is_none() && block.family.safi != Safi::UNICAST).then(|| block.family.to_string())
}

/// The word of ORIGIN, if it has a known value.
pub(in crate::stream) fn origin(attributes: &Attributes<'_>) -> Option<&'static str> {
    match attributes.origin()? {
        0 => Some("igp"),
        1 => Some("egp"),
        2 => Some("incomplete"),
        _ => None,
    }
}

/// Appends a community.
pub(super) fn community(out: &mut Vec<u8>, (high, low): (u16, u16)) {
    number(out, high);
    out.push(b':');
    number(out, low);
}

/// Appends a large community.
pub(super) fn large_community(out: &mut Vec<u8>, [a, b, c]: [u32; 3]) {
    number(out, a);
    out.push(b':');
    number(out, b);
    out.push(b':');
    number(out, c);
}

/// Appends an extended community.
pub(super) fn ext_community(out: &mut Vec<u8>, value: [u8; 8]) {
    out.extend_from_slice(ExtCommunity(value).to_string().as_bytes());
}

/// Appends the AS and the address of an aggregator.
pub(super) fn aggregator(out: &mut Vec<u8>, (asn, address): (u32, Ipv4Addr)) {
    number(out, asn);
    out.push(b' ');
    identifier(out, address);
}

/// Appends a BGP identifier, or an address of four octets.
pub(super) fn identifier(out: &mut Vec<u8>, address: Ipv4Addr) {
    ip(out, address.into(), Dialect::Inet);
}
