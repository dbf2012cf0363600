//! Elems: one route, or one change of a state, with all that is known about it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::bgp::attribute::AttributeSet;
use crate::bgp::attribute::community::Community;
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::bgp::error::UpdateError;
use crate::bgp::nlri::Nlri;
use crate::bgp::{Asn, Family, RouteDistinguisher};
use crate::mrt::Timestamp;
use crate::mrt::bgp4mp::Direction;

use super::address::masked;
use super::aspath::Path;
use super::attributes::{Attributes, Hop, Notes};
use super::block::{Block, ElemKind, RibView, Route, State, family_bits};

/// One route or state change, which owns its data. The attributes are shared by the elems of a record.
#[derive(Clone, Debug)]
pub struct Elem {
    /// What it is.
    pub kind: ElemKind,
    /// The record's time.
    pub time: Timestamp,
    /// When the route was received, in tables; pybgpstream's `orig_time`.
    pub originated: Option<Timestamp>,
    /// AS number of the peer.
    pub peer_asn: Asn,
    /// Address of the peer; `None` where old Zebra left it out.
    pub peer_address: Option<IpAddr>,
    /// The NLRI with its family and path identifier; `None` for a state change.
    pub nlri: Option<Nlri>,
    /// The next hop, and a link-local one beside it.
    pub next_hop: Hop,
    /// Old state.
    pub old_state: Option<State>,
    /// New state.
    pub new_state: Option<State>,
    /// Whether the collector received or sent the message.
    pub direction: Direction,
    /// Which table of the router it is about.
    pub rib: RibView,
    /// The routing instance of the router that reported it over BMP; `None` for the global one.
    pub distinguisher: Option<RouteDistinguisher>,
    /// What is odd about it.
    pub notes: Notes,
    attributes: Option<Arc<Owned>>,
}

/// Attributes on the wire.
#[derive(Debug)]
struct Owned {
    raw: Box<[u8]>,
    asn4: bool,
}

impl Elem {
    /// The elems of a block.
    pub fn of_block(time: Timestamp, block: &Block<'_>) -> Vec<Self> {
        Self::of_routes(time, block, &mut block.routes.into_iter())
    }

    /// The elems of some routes of a block; of a state change if it is one.
    pub(crate) fn of_routes(
        time: Timestamp,
        block: &Block<'_>,
        routes: &mut dyn Iterator<Item = Route<'_>>,
    ) -> Vec<Self> {
        let elem = Self {
            kind: block.kind,
            time,
            originated: block.originated,
            peer_asn: Asn(block.peer_asn),
            peer_address: block.peer,
            nlri: None,
            next_hop: block.next_hop,
            old_state: block.states.map(|(old, _)| old),
            new_state: block.states.map(|(_, new)| new),
            direction: block.direction,
            rib: block.rib,
            distinguisher: block.distinguisher,
            notes: block.notes,
            attributes: block.attributes.map(|attributes| {
                Arc::new(Owned {
                    raw: attributes.raw.into(),
                    asn4: attributes.asn4,
                })
            }),
        };
        if block.states.is_some() {
            return vec![elem];
        }
        routes
            .map(|route| Self {
                nlri: Some(block.nlri(&route).to_nlri()),
                ..elem.clone()
            })
            .collect()
    }

    /// Address family of the route.
    pub fn family(&self) -> Option<Family> {
        self.nlri.as_ref().map(|nlri| nlri.family)
    }

    /// The prefix, host bits zero, of a route of a unicast or multicast family.
    pub fn prefix(&self) -> Option<IpNet> {
        let nlri = self.nlri.as_ref()?;
        prefix(nlri.family, &nlri.bytes)
    }

    /// Path identifier (RFC 7911).
    pub fn path_id(&self) -> Option<u32> {
        self.nlri.as_ref()?.path_id
    }

    /// The attributes on the wire, indexed.
    pub fn attributes(&self) -> Option<Attributes<'_>> {
        let owned = self.attributes.as_ref()?;
        Some(Attributes::new(&owned.raw, owned.asn4))
    }

    /// The attributes as typed values.
    ///
    /// # Errors
    /// When a session would have to be reset because of them.
    pub fn attribute_set(&self) -> Result<Option<AttributeSet>, UpdateError> {
        self.attributes()
            .map(|attributes| attributes.decode())
            .transpose()
    }

    /// The AS path, AS4_PATH merged into it.
    pub fn as_path(&self) -> Option<Path> {
        Some(Path::from(&self.attributes()?.path()?))
    }

    /// The AS that originated the route, if the path ends with a plain one.
    pub fn origin_asn(&self) -> Option<Asn> {
        self.attributes()?.path()?.origin().map(Asn)
    }

    /// ORIGIN: 0 IGP, 1 EGP, 2 INCOMPLETE.
    pub fn origin(&self) -> Option<u8> {
        self.attributes()?.origin()
    }

    /// MULTI_EXIT_DISC.
    pub fn med(&self) -> Option<u32> {
        self.attributes()?.med()
    }

    /// LOCAL_PREF.
    pub fn local_pref(&self) -> Option<u32> {
        self.attributes()?.local_pref()
    }

    /// Returns `true` if the route has ATOMIC_AGGREGATE.
    pub fn atomic_aggregate(&self) -> bool {
        self.attributes()
            .is_some_and(|attributes| attributes.atomic_aggregate)
    }

    /// The AS and the address of the aggregator.
    pub fn aggregator(&self) -> Option<(Asn, Ipv4Addr)> {
        let (asn, address) = self.attributes()?.aggregator()?;
        Some((Asn(asn), address))
    }

    /// COMMUNITIES, in the order of the wire.
    pub fn communities(&self) -> Vec<Community> {
        let Some(attributes) = self.attributes() else {
            return Vec::new();
        };
        attributes
            .communities()
            .map(|(high, low)| Community(u32::from(high) << 16 | u32::from(low)))
            .collect()
    }

    /// COMMUNITIES as pybgpstream has them: a set of texts `A:B`, which are numbers even where they have a name.
    pub fn community_texts(&self) -> BTreeSet<String> {
        let communities = self.communities();
        communities.into_iter().map(Community::numbers).collect()
    }

    /// LARGE_COMMUNITY (RFC 8092), in the order of the wire.
    pub fn large_communities(&self) -> Vec<[u32; 3]> {
        self.attributes()
            .map(|attributes| attributes.large_communities().collect())
            .unwrap_or_default()
    }

    /// EXTENDED COMMUNITIES (RFC 4360), in the order of the wire.
    pub fn ext_communities(&self) -> Vec<ExtCommunity> {
        self.attributes()
            .map(|attributes| attributes.ext_communities().map(ExtCommunity).collect())
            .unwrap_or_default()
    }

    /// ONLY_TO_CUSTOMER (RFC 9234).
    pub fn otc(&self) -> Option<Asn> {
        self.attributes()?.otc().map(Asn)
    }

    /// ORIGINATOR_ID (RFC 4456).
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        self.attributes()?.originator_id()
    }

    /// CLUSTER_LIST (RFC 4456).
    pub fn cluster_list(&self) -> Vec<Ipv4Addr> {
        self.attributes()
            .map(|attributes| attributes.cluster_list().collect())
            .unwrap_or_default()
    }

    /// Attributes without a method here: flags, code and value.
    pub fn unknown_attributes(&self) -> Vec<(u8, u8, Vec<u8>)> {
        let Some(attributes) = self.attributes() else {
            return Vec::new();
        };
        attributes
            .iter()
            .filter(|(_, code, _)| !matches!(code, 1..=10 | 14..=18 | 32 | 35))
            .map(|(flags, code, value)| (flags, code, value.to_vec()))
            .collect()
    }
}

/// The prefix of an NLRI of a unicast or multicast family.
pub(crate) fn prefix(family: Family, nlri: &[u8]) -> Option<IpNet> {
    match family_bits(family)? {
        32 => {
            let (address, length) = masked::<4>(nlri);
            Ipv4Net::new(address.into(), length).ok().map(IpNet::V4)
        }
        _ => {
            let (address, length) = masked::<16>(nlri);
            Ipv6Net::new(address.into(), length).ok().map(IpNet::V6)
        }
    }
}
