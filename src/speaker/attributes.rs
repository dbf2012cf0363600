//! The attributes of routes to announce, put together by name.

use std::net::Ipv4Addr;

use crate::bgp::attribute::aggregator::Aggregator;
use crate::bgp::attribute::aigp::Aigp;
use crate::bgp::attribute::as_path::AsPath;
use crate::bgp::attribute::atomic_aggregate::AtomicAggregate;
use crate::bgp::attribute::cluster_list::ClusterList;
use crate::bgp::attribute::community::{Communities, Community};
use crate::bgp::attribute::ext_community::{ExtCommunities, ExtCommunity};
use crate::bgp::attribute::large_community::{LargeCommunities, LargeCommunity};
use crate::bgp::attribute::local_pref::LocalPref;
use crate::bgp::attribute::med::Med;
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::attribute::origin::Origin;
use crate::bgp::attribute::originator_id::OriginatorId;
use crate::bgp::attribute::{flags, tunnel_encap};
use crate::bgp::{Asn, Attribute, AttributeSet, NextHop};

/// The attributes of routes to announce. Each method sets one attribute and replaces an earlier value.
///
/// What is not set has the value that the session asks for: the next hop is our address on the session, ORIGIN is IGP,
/// AS_PATH is empty toward our own AS and our AS toward others, LOCAL_PREF is 100 and sent within the AS only. What is
/// set is sent as it is: a path that is set has our AS only if it was put there.
///
/// ```
/// use oxabgp::bgp::Asn;
/// use oxabgp::speaker::Attributes;
///
/// let attributes = Attributes::new()
///     .next_hop("192.0.2.1".parse::<std::net::Ipv4Addr>().expect("an address"))
///     .as_path([Asn(65001), Asn(65010)])
///     .med(50)
///     .communities([(65001, 100)])
///     .large_communities([(65001, 1, 2)]);
/// assert_eq!(attributes.list().len(), 5);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// No attribute is set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The next hop. [`NextHop::SelfAddress`], the default, is our address on the session (RFC 4271 section 5.1.3).
    #[must_use]
    pub fn next_hop(self, hop: impl Into<NextHop>) -> Self {
        self.attribute(Attribute::NextHop(NextHopAttribute::new(hop.into())))
    }

    /// ORIGIN (RFC 4271 section 5.1.1).
    #[must_use]
    pub fn origin(self, origin: Origin) -> Self {
        self.attribute(Attribute::Origin(origin))
    }

    /// AS_PATH as one AS_SEQUENCE, the neighbor's neighbor first (RFC 4271 section 5.1.2). AS numbers over 65,535 also go
    /// into AS4_PATH where the peer needs it (RFC 6793).
    #[must_use]
    pub fn as_path(self, path: impl IntoIterator<Item = impl Into<Asn>>) -> Self {
        self.path(AsPath::sequence(path.into_iter().map(Into::into)))
    }

    /// AS_PATH with segments of any kind.
    #[must_use]
    pub fn path(self, path: AsPath) -> Self {
        self.attribute(Attribute::AsPath(path))
    }

    /// MULTI_EXIT_DISC (RFC 4271 section 5.1.4).
    #[must_use]
    pub fn med(self, med: u32) -> Self {
        self.attribute(Attribute::Med(Med(med)))
    }

    /// LOCAL_PREF (RFC 4271 section 5.1.5). Not sent to other ASes.
    #[must_use]
    pub fn local_pref(self, preference: u32) -> Self {
        self.attribute(Attribute::LocalPref(LocalPref(preference)))
    }

    /// ATOMIC_AGGREGATE (RFC 4271 section 5.1.6).
    #[must_use]
    pub fn atomic_aggregate(self) -> Self {
        self.attribute(Attribute::AtomicAggregate(AtomicAggregate))
    }

    /// AGGREGATOR: the AS and the BGP identifier of the speaker that aggregated (RFC 4271 section 5.1.7).
    #[must_use]
    pub fn aggregator(self, asn: Asn, address: Ipv4Addr) -> Self {
        self.attribute(Attribute::Aggregator(Aggregator { asn, address }))
    }

    /// COMMUNITIES (RFC 1997), as [`Community`] or pairs of numbers.
    #[must_use]
    pub fn communities(self, list: impl IntoIterator<Item = impl Into<Community>>) -> Self {
        let list = list.into_iter().map(Into::into).collect();
        self.attribute(Attribute::Communities(Communities::new(list)))
    }

    /// EXTENDED COMMUNITIES (RFC 4360).
    #[must_use]
    pub fn ext_communities(self, list: impl IntoIterator<Item = ExtCommunity>) -> Self {
        let list = list.into_iter().collect();
        self.attribute(Attribute::ExtCommunities(ExtCommunities::new(list)))
    }

    /// LARGE_COMMUNITY (RFC 8092), as [`LargeCommunity`] or triples of numbers.
    #[must_use]
    pub fn large_communities(
        self,
        list: impl IntoIterator<Item = impl Into<LargeCommunity>>,
    ) -> Self {
        let list = list.into_iter().map(Into::into).collect();
        self.attribute(Attribute::LargeCommunities(LargeCommunities(list)))
    }

    /// ORIGINATOR_ID (RFC 4456 section 8).
    #[must_use]
    pub fn originator_id(self, originator: Ipv4Addr) -> Self {
        self.attribute(Attribute::OriginatorId(OriginatorId(originator)))
    }

    /// CLUSTER_LIST (RFC 4456 section 8).
    #[must_use]
    pub fn cluster_list(self, list: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        let list = list.into_iter().collect();
        self.attribute(Attribute::ClusterList(ClusterList(list)))
    }

    /// AIGP (RFC 7311). Sent within the AS, and to others where [`PeerConfig::aigp`](super::PeerConfig::aigp) allows.
    #[must_use]
    pub fn aigp(self, metric: u64) -> Self {
        self.attribute(Attribute::Aigp(Aigp(metric)))
    }

    /// Any attribute. Large communities that are given twice are sent once.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.0.retain(|known| known.code() != attribute.code());
        self.0.push(match attribute {
            // RFC 8092: "Duplicate BGP Large Community values MUST NOT be transmitted."
            Attribute::LargeCommunities(LargeCommunities(list)) => {
                Attribute::LargeCommunities(LargeCommunities::new(list.into_vec()))
            }
            attribute => attribute,
        });
        self
    }

    /// Removes the attribute with that type code.
    #[must_use]
    pub fn without(mut self, code: u8) -> Self {
        self.0.retain(|known| known.code() != code);
        self
    }

    /// What is set, in the order of the calls.
    pub fn list(&self) -> &[Attribute] {
        &self.0
    }
}

/// The attributes of a received route, to announce it again. Of those that are not recognized, the transitive ones go on
/// with the Partial bit, and the others are left out (RFC 4271 section 5).
impl From<&AttributeSet> for Attributes {
    fn from(set: &AttributeSet) -> Self {
        Self(set.list().iter().filter_map(passed_on).collect())
    }
}

/// The attribute as it is announced again, if it is.
fn passed_on(attribute: &Attribute) -> Option<Attribute> {
    let Attribute::Generic(unknown) = attribute else {
        return Some(attribute.clone());
    };
    // RFC 4271 5: an unrecognized non-transitive optional attribute "MUST be quietly ignored and not passed along to other
    // BGP peers".
    if unknown.flags & flags::TRANSITIVE == 0 {
        return None;
    }
    let mut passed = unknown.clone();
    // The same: of an unrecognized transitive one, "the Partial bit (the third high-order bit) in the Attribute Flags octet is
    // set to 1". The Tunnel Encapsulation attribute is recognized, though kept as it is.
    if unknown.code != tunnel_encap::CODE {
        passed.flags |= flags::PARTIAL;
    }
    Some(Attribute::Generic(passed))
}
