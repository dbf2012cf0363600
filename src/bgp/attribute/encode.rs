//! Encodes the attributes of a route to be sent: which ones, in which order, with which defaults.
//!
//! [`AttributeSet::encode`] writes everything but MP_REACH_NLRI and MP_UNREACH_NLRI in ascending order of type codes,
//! as ExaBGP does (AS4_PATH and AS4_AGGREGATOR directly follow the attribute that they extend). Where the routes and
//! their next hop are sent is decided by [`next_hop_rule`].

use super::aggregator::Aggregator;
use super::as_path::AsPath;
use super::as4_aggregator::As4Aggregator;
use super::otc::Otc;
use super::{Attribute, AttributeSet, flags, local_pref, next_hop, origin};
use crate::bgp::family::Family;
use crate::bgp::iana::attribute as codes;
use crate::bgp::negotiated::Sender;
use crate::bgp::next_hop_rule::{self, NextHopError};
use crate::bgp::nexthop::NextHop;
use crate::bgp::role::LocalRole;
use crate::wire::Writer;

/// Why a route cannot be sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncodeError {
    /// The session cannot send its next hop.
    #[error(transparent)]
    NextHop(#[from] NextHopError),
    /// A route with Only to Customer must not be sent to a provider, a peer or a route server (RFC 9234 section 5).
    #[error(
        "a route with Only to Customer must not be sent to a provider, a peer or a route server"
    )]
    OnlyToCustomer,
    /// The attributes include an MP_REACH_NLRI, and the route needs one of its own. A peer resets the session when it
    /// receives two (RFC 7606 section 3(g)).
    #[error("an attribute is an MP_REACH_NLRI, of which a message has no more than one")]
    TwoMpReach,
    /// An attribute has more than 65,535 bytes.
    #[error("an attribute is longer than 65535 bytes")]
    TooLong,
}

impl AttributeSet {
    /// Appends the path attributes of a route of `family` for the peer described by `sender`: all but MP_REACH_NLRI
    /// and MP_UNREACH_NLRI, which the caller appends.
    ///
    /// - ORIGIN defaults to `igp`, AS_PATH to an empty path (internal peer) or our AS (external peer). Explicit
    ///   values are sent as written.
    /// - NEXT_HOP is written according to [`next_hop_rule::attribute`].
    /// - LOCAL_PREF defaults to 100 for internal peers and is never sent to external ones.
    /// - Only to Customer is added for peers to which our role requires it (RFC 9234 section 5).
    /// - AIGP is sent to internal peers, and to external ones if the session allows.
    /// - AS numbers that do not fit two octets add AS4_PATH and AS4_AGGREGATOR where the peer needs them.
    /// - An AS4_AGGREGATOR that took the place of AGGREGATOR when it was received is an AGGREGATOR again.
    ///
    /// # Errors
    /// Returns an error if the next hop cannot be resolved, our role forbids sending the route, or an attribute is
    /// too long. `out` is then unchanged.
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        sender: &Sender,
        family: Family,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let mut hop = next_hop_rule::attribute(family, self.next_hops(), sender)?;
        let otc = self
            .adds_otc(sender, family)?
            .then_some(codes::ONLY_TO_CUSTOMER);
        let aggregator = self.as4_aggregator().map(|_| codes::AGGREGATOR);
        let mut w = Writer::new(out);
        let mut defaults = [codes::ORIGIN, codes::AS_PATH, codes::LOCAL_PREF]
            .into_iter()
            .chain(aggregator)
            .chain(otc)
            .peekable();
        for attribute in self.list() {
            let code = attribute.code();
            while let Some(default) = defaults.next_if(|default| *default <= code) {
                if default != code {
                    self.encode_default(default, sender, &mut w);
                }
            }
            match attribute {
                // Two next hops are written once, in the place of the first.
                Attribute::NextHop(_) => {
                    if let Some(hop) = hop.take() {
                        let hop = next_hop::NextHopAttribute::new(NextHop::V4(hop));
                        Attribute::NextHop(hop).encode(&mut w, &sender.codec);
                    }
                }
                _ => encode_one(attribute, sender, &mut w),
            }
        }
        defaults.for_each(|default| self.encode_default(default, sender, &mut w));
        if w.finish().is_err() {
            out.truncate(start);
            return Err(EncodeError::TooLong);
        }
        Ok(())
    }
}

impl AttributeSet {
    /// Returns `true` if Only to Customer is added: the egress procedure of RFC 9234 section 5.
    fn adds_otc(&self, sender: &Sender, family: Family) -> Result<bool, EncodeError> {
        let Some(role) = sender.codec.role.filter(|_| LocalRole::covers(family)) else {
            return Ok(false);
        };
        match self.find(codes::ONLY_TO_CUSTOMER) {
            Some(_) if role.keeps_back() => Err(EncodeError::OnlyToCustomer),
            found => Ok(found.is_none() && role.adds_on_egress()),
        }
    }

    /// The aggregator of a route that was received with AS4_AGGREGATOR. AGGREGATOR, which says less, is then left out
    /// (RFC 6793 section 4.2.3).
    fn as4_aggregator(&self) -> Option<Aggregator> {
        match self.find(codes::AS4_AGGREGATOR) {
            Some(Attribute::As4Aggregator(four)) => Some(four.0),
            _ => None,
        }
    }

    /// Appends the attribute `code` of a route that has none of its own: its default, or AGGREGATOR out of
    /// AS4_AGGREGATOR.
    fn encode_default(&self, code: u8, sender: &Sender, w: &mut Writer<'_>) {
        let cx = &sender.codec;
        match code {
            codes::ORIGIN => Attribute::Origin(origin::Origin::Igp).encode(w, cx),
            codes::AS_PATH if cx.ibgp => Attribute::AsPath(AsPath::default()).encode(w, cx),
            codes::AS_PATH => encode_as_path(&AsPath::sequence([sender.local_as]), sender, w),
            codes::AGGREGATOR => {
                if let Some(aggregator) = self.as4_aggregator() {
                    encode_aggregator(&aggregator, sender, w);
                }
            }
            codes::ONLY_TO_CUSTOMER => Attribute::Otc(Otc::new(sender.local_as)).encode(w, cx),
            codes::LOCAL_PREF if cx.ibgp => {
                Attribute::LocalPref(local_pref::LocalPref(100)).encode(w, cx)
            }
            _ => {}
        }
    }
}

fn encode_one(attribute: &Attribute, sender: &Sender, w: &mut Writer<'_>) {
    let cx = &sender.codec;
    match attribute {
        // RFC 4271 5.1.5: not to external peers, in whichever form it is given.
        _ if attribute.code() == codes::LOCAL_PREF && !cx.ibgp => {}
        Attribute::Aigp(_) if !cx.ibgp && !cx.aigp => {}
        Attribute::AsPath(path) => encode_as_path(path, sender, w),
        Attribute::Aggregator(aggregator) => encode_aggregator(aggregator, sender, w),
        // It was written as AGGREGATOR.
        Attribute::As4Aggregator(_) => {}
        // `community [ ]` explicitly sets no communities.
        Attribute::Communities(_)
        | Attribute::LargeCommunities(_)
        | Attribute::ExtCommunities(_)
        | Attribute::ExtCommunitiesIpv6(_)
        | Attribute::ClusterList(_)
            if !attribute.is_shown() => {}
        _ => attribute.encode(w, cx),
    }
}

/// RFC 6793 section 4.2.2: a peer with two-octet AS numbers also gets the whole path in AS4_PATH.
fn encode_as_path(path: &AsPath, sender: &Sender, w: &mut Writer<'_>) {
    let cx = &sender.codec;
    super::encode(w, flags::WELL_KNOWN, 2, |w| path.encode_octets(w, cx.asn4));
    if cx.asn4 || !path.needs_four_octets() {
        return;
    }
    // Section 6 makes an empty one malformed, and confederations are not in it.
    let four = path.without_confederations();
    if four.needs_four_octets() {
        super::encode(w, flags::OPTIONAL_TRANSITIVE, 17, |w| {
            four.encode_octets(w, true);
        });
    }
}

/// Does the same for AGGREGATOR and AS4_AGGREGATOR.
fn encode_aggregator(aggregator: &Aggregator, sender: &Sender, w: &mut Writer<'_>) {
    let cx = &sender.codec;
    Attribute::Aggregator(*aggregator).encode(w, cx);
    if !cx.asn4 && aggregator.asn.0 > 0xFFFF {
        Attribute::As4Aggregator(As4Aggregator(*aggregator)).encode(w, cx);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::bgp::asn::Asn;
    use crate::bgp::attribute::Generic;
    use crate::bgp::attribute::as_path::{Segment, SegmentKind};
    use crate::bgp::attribute::med::Med;
    use crate::bgp::attribute::next_hop::NextHopAttribute;
    use crate::bgp::negotiated::Codec;
    use crate::json::hex;

    fn sender(ibgp: bool, asn4: bool) -> Sender {
        Sender {
            codec: Codec {
                asn4,
                ibgp,
                ..Codec::default()
            },
            local_as: Asn(65000),
            local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            router_id: Ipv4Addr::new(10, 0, 0, 1),
            group_updates: true,
        }
    }

    fn encoded(list: Vec<Attribute>, sender: &Sender, family: Family) -> String {
        let mut out = Vec::new();
        AttributeSet::new(list)
            .encode(&mut out, sender, family)
            .expect("encodes");
        hex(&out)
    }

    fn hop(text: &str) -> Attribute {
        let address: IpAddr = text.parse().expect("an address");
        Attribute::NextHop(NextHopAttribute::new(address.into()))
    }

    #[test]
    fn defaults_are_filled_in_at_their_place() {
        let list = || vec![hop("2.2.2.2"), Attribute::Med(Med(5))];
        assert_eq!(
            encoded(list(), &sender(false, true), Family::IPV4_UNICAST),
            "4001010040020602010000FDE84003040202020280040400000005"
        );
        assert_eq!(
            encoded(list(), &sender(true, true), Family::IPV4_UNICAST),
            "4001010040020040030402020202800404000000054005040000006 4".replace(' ', "")
        );
        assert_eq!(
            encoded(Vec::new(), &sender(false, false), Family::IPV6_UNICAST),
            "400101004002040201FDE8"
        );
    }

    #[test]
    fn as4_aggregator_is_an_aggregator_again() {
        let aggregator = Aggregator {
            asn: Asn(70000),
            address: Ipv4Addr::new(9, 9, 9, 9),
        };
        // ORIGINATOR_ID comes after it.
        let list = || {
            let mut list = vec![Attribute::As4Aggregator(As4Aggregator(aggregator))];
            list.push(Attribute::OriginatorId(
                crate::bgp::attribute::originator_id::OriginatorId(Ipv4Addr::new(1, 2, 3, 4)),
            ));
            list
        };
        let others = |aggregator: &str| {
            format!("40010100400200400504000000 64{aggregator}80090401020304").replace(' ', "")
        };
        assert_eq!(
            encoded(list(), &sender(true, true), Family::IPV6_UNICAST),
            others("C007080001117009090909")
        );
        assert_eq!(
            encoded(list(), &sender(true, false), Family::IPV6_UNICAST),
            others("C007065BA009090909C012080001117009090909")
        );
    }

    #[test]
    fn external_peers_get_no_local_pref_in_any_form() {
        let generic = || {
            Attribute::Generic(Box::new(Generic {
                code: codes::LOCAL_PREF,
                flags: flags::WELL_KNOWN,
                value: [0, 0, 0, 9].into(),
            }))
        };
        for (preference, kept) in [
            (generic(), "40050400000009"),
            (
                Attribute::LocalPref(local_pref::LocalPref(9)),
                "40050400000009",
            ),
        ] {
            let list = || vec![preference.clone()];
            assert_eq!(
                encoded(list(), &sender(false, true), Family::IPV6_UNICAST),
                "4001010040020602010000FDE8"
            );
            assert!(encoded(list(), &sender(true, true), Family::IPV6_UNICAST).ends_with(kept));
        }
    }

    #[test]
    fn confederations_are_not_in_as4_path_and_an_empty_one_is_not_sent() {
        for (segments, wanted) in [
            (vec![(SegmentKind::ConfedSet, 70000)], None),
            (
                vec![(SegmentKind::ConfedSet, 70000), (SegmentKind::Sequence, 5)],
                None,
            ),
            (
                vec![(SegmentKind::ConfedSet, 5), (SegmentKind::Sequence, 70000)],
                Some("C01106020100011170"),
            ),
        ] {
            let segment = |(kind, asn)| Segment {
                kind,
                asns: [Asn(asn)].into(),
            };
            let path: AsPath = segments.iter().copied().map(segment).collect();
            let out = encoded(
                vec![Attribute::AsPath(path)],
                &sender(false, false),
                Family::IPV6_UNICAST,
            );
            match wanted {
                Some(wanted) => assert!(out.ends_with(wanted), "{out}"),
                None => assert!(!out.contains("C011"), "{out}"),
            }
        }
    }

    #[test]
    fn wide_as_numbers_add_as4_path_for_a_narrow_peer() {
        let path = Attribute::AsPath(AsPath::sequence([Asn(70000), Asn(5)]));
        assert_eq!(
            encoded(vec![path], &sender(false, false), Family::IPV6_UNICAST),
            "4001010040020602025BA00005C0110A02020001117000000005"
        );
    }
}
