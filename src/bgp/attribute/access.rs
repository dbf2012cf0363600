//! The attributes of a set by name and type.

use std::net::Ipv4Addr;

use super::aggregator::Aggregator;
use super::as_path::AsPath;
use super::bgp_ls::BgpLsAttribute;
use super::community::Community;
use super::ext_community::ExtCommunity;
use super::ext_community_ipv6::ExtCommunityIpv6;
use super::large_community::LargeCommunity;
use super::origin::Origin;
use super::pmsi::Pmsi;
use super::prefix_sid::PrefixSid;
use super::{Attribute, AttributeSet, Generic};
use crate::bgp::asn::Asn;
use crate::bgp::iana::attribute as codes;

/// Typed access to single attributes; `None`, or an empty list, if the set does not have it.
impl AttributeSet {
    /// ORIGIN (RFC 4271 section 5.1.1).
    pub fn origin(&self) -> Option<Origin> {
        match self.find(codes::ORIGIN)? {
            Attribute::Origin(origin) => Some(*origin),
            _ => None,
        }
    }

    /// AS_PATH (RFC 4271 section 5.1.2), with four-octet AS numbers on every session: AS4_PATH has been merged.
    pub fn as_path(&self) -> Option<&AsPath> {
        match self.find(codes::AS_PATH)? {
            Attribute::AsPath(path) => Some(path),
            _ => None,
        }
    }

    /// The word of an attribute with AS 0 in it: RFC 7607 section 2 forbids to originate such a route.
    pub(crate) fn with_as_zero(&self) -> Option<&'static str> {
        self.list().iter().find_map(|attribute| match attribute {
            Attribute::AsPath(path) if path.has_as_zero() => Some("as-path"),
            Attribute::Aggregator(aggregator) if aggregator.asn == Asn(0) => Some("aggregator"),
            _ => None,
        })
    }

    /// MULTI_EXIT_DISC (RFC 4271 section 5.1.4); lower is better.
    pub fn med(&self) -> Option<u32> {
        match self.find(codes::MULTI_EXIT_DISC)? {
            Attribute::Med(med) => Some(med.0),
            _ => None,
        }
    }

    /// LOCAL_PREF (RFC 4271 section 5.1.5); higher is better.
    pub fn local_pref(&self) -> Option<u32> {
        match self.find(codes::LOCAL_PREF)? {
            Attribute::LocalPref(preference) => Some(preference.0),
            _ => None,
        }
    }

    /// Returns `true` if ATOMIC_AGGREGATE is there (RFC 4271 section 5.1.6).
    pub fn atomic_aggregate(&self) -> bool {
        self.find(codes::ATOMIC_AGGREGATE).is_some()
    }

    /// AGGREGATOR (RFC 4271 section 5.1.7), or AS4_AGGREGATOR where that takes its place (RFC 6793 section 4.2.3).
    pub fn aggregator(&self) -> Option<Aggregator> {
        match (
            self.find(codes::AS4_AGGREGATOR),
            self.find(codes::AGGREGATOR),
        ) {
            (Some(Attribute::As4Aggregator(four)), _) => Some(four.0),
            (_, Some(Attribute::Aggregator(aggregator))) => Some(*aggregator),
            _ => None,
        }
    }

    /// COMMUNITIES (RFC 1997).
    pub fn communities(&self) -> &[Community] {
        match self.find(codes::COMMUNITIES) {
            Some(Attribute::Communities(list)) => &list.0,
            _ => &[],
        }
    }

    /// ORIGINATOR_ID (RFC 4456 section 8).
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        match self.find(codes::ORIGINATOR_ID)? {
            Attribute::OriginatorId(originator) => Some(originator.0),
            _ => None,
        }
    }

    /// CLUSTER_LIST (RFC 4456 section 8).
    pub fn cluster_list(&self) -> &[Ipv4Addr] {
        match self.find(codes::CLUSTER_LIST) {
            Some(Attribute::ClusterList(list)) => &list.0,
            _ => &[],
        }
    }

    /// EXTENDED COMMUNITIES (RFC 4360).
    pub fn ext_communities(&self) -> &[ExtCommunity] {
        match self.find(codes::EXTENDED_COMMUNITIES) {
            Some(Attribute::ExtCommunities(list)) => &list.0,
            _ => &[],
        }
    }

    /// IPv6 Address Specific Extended Communities (RFC 5701).
    pub fn ext_communities_ipv6(&self) -> &[ExtCommunityIpv6] {
        match self.find(codes::IPV6_EXTENDED_COMMUNITIES) {
            Some(Attribute::ExtCommunitiesIpv6(list)) => &list.0,
            _ => &[],
        }
    }

    /// LARGE_COMMUNITY (RFC 8092).
    pub fn large_communities(&self) -> &[LargeCommunity] {
        match self.find(codes::LARGE_COMMUNITY) {
            Some(Attribute::LargeCommunities(list)) => &list.0,
            _ => &[],
        }
    }

    /// PMSI_TUNNEL (RFC 6514 section 5).
    pub fn pmsi(&self) -> Option<&Pmsi> {
        match self.find(codes::PMSI_TUNNEL)? {
            Attribute::Pmsi(pmsi) => Some(pmsi),
            _ => None,
        }
    }

    /// Tunnel Encapsulation (RFC 9012), as received.
    pub fn tunnel_encapsulation(&self) -> Option<&[u8]> {
        self.generic(codes::TUNNEL_ENCAPSULATION)
            .map(|generic| &*generic.value)
    }

    /// The metric of AIGP (RFC 7311).
    pub fn aigp(&self) -> Option<u64> {
        match self.find(codes::AIGP)? {
            Attribute::Aigp(aigp) => Some(aigp.0),
            _ => None,
        }
    }

    /// The attribute of BGP-LS (RFC 9552 section 5.3).
    pub fn bgp_ls(&self) -> Option<&BgpLsAttribute> {
        match self.find(codes::BGP_LS)? {
            Attribute::BgpLs(attribute) => Some(attribute),
            _ => None,
        }
    }

    /// The AS of Only to Customer (RFC 9234 section 5).
    pub fn only_to_customer(&self) -> Option<Asn> {
        match self.find(codes::ONLY_TO_CUSTOMER)? {
            Attribute::Otc(otc) => Some(otc.asn),
            _ => None,
        }
    }

    /// BGP Prefix-SID (RFC 8669).
    pub fn prefix_sid(&self) -> Option<&PrefixSid> {
        match self.find(codes::PREFIX_SID)? {
            Attribute::PrefixSid(sid) => Some(sid),
            _ => None,
        }
    }

    /// The type code of an MP_REACH_NLRI or MP_UNREACH_NLRI that was written byte for byte, as `attribute [ 0x0e … ]`: it
    /// announces or withdraws routes that are in no table.
    pub fn raw_reachability(&self) -> Option<u8> {
        let codes = [codes::MP_REACH_NLRI, codes::MP_UNREACH_NLRI];
        codes.into_iter().find(|code| self.generic(*code).is_some())
    }

    /// An attribute that has no type of its own, by its type code.
    pub fn generic(&self, code: u8) -> Option<&Generic> {
        match self.find(code)? {
            Attribute::Generic(generic) => Some(generic),
            _ => None,
        }
    }
}
