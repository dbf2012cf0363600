//! The attributes of a route that we send: which of them, in which order, with which defaults.
//!
//! [`AttributeSet::encode`] writes everything but the envelopes of NLRI, in ascending order of type codes, as ExaBGP
//! does (only AS4_PATH and AS4_AGGREGATOR stand right behind what they extend). [`next_hop_field`] makes the next-hop field of
//! MP_REACH_NLRI, [`in_body`] says which routes have none. Who packs UPDATEs calls these three and adds the routes.

use std::net::{IpAddr, Ipv6Addr};

use smallvec::SmallVec;

use super::aggregator::Aggregator;
use super::as_path::AsPath;
use super::as4_aggregator::As4Aggregator;
use super::otc::Otc;
use super::{Attribute, AttributeSet, flags, local_pref, next_hop, origin};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::negotiated::Sender;
use crate::bgp::nexthop::NextHop;
use crate::bgp::role::LocalRole;
use crate::wire::Writer;

/// Why a route cannot be sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncodeError {
    /// A family that needs a next hop, and none was given.
    #[error("a route of this family needs a next hop")]
    NoNextHop,
    /// `next-hop self`, and the session's local address is of the other kind.
    #[error("`next-hop self` needs a session over the same address family as the route")]
    NoSelf,
    /// An IPv4 next hop for an IPv6 route.
    #[error("an IPv6 route needs an IPv6 next hop")]
    Ipv4NextHop,
    /// A route with Only to Customer, for a provider, a peer or a route server (RFC 9234 section 5).
    #[error(
        "a route with Only to Customer must not be sent to a provider, a peer or a route server"
    )]
    OnlyToCustomer,
    /// An attribute of more than 65,535 bytes.
    #[error("an attribute is longer than 65535 bytes")]
    TooLong,
}

/// The next-hop field of MP_REACH_NLRI: at most two route distinguishers and two IPv6 addresses.
pub type NextHopField = SmallVec<[u8; 48]>;

/// Whether routes of `family` with this (resolved) next hop go into the body of an UPDATE instead of MP_REACH_NLRI:
/// IPv4 unicast with an IPv4 next hop. Withdrawn IPv4 unicast routes always go into the body.
pub fn in_body(family: Family, next_hop: Option<NextHop>) -> bool {
    family == Family::IPV4_UNICAST && matches!(next_hop, None | Some(NextHop::V4(_)))
}

/// Puts an address of the session in the place of `self`.
///
/// # Errors
/// When `next_hop` is `self` and no address of the session is of the family's kind.
pub fn resolve(
    family: Family,
    next_hop: Option<NextHop>,
    sender: &Sender,
) -> Result<Option<NextHop>, EncodeError> {
    if next_hop != Some(NextHop::SelfAddress) {
        return Ok(next_hop);
    }
    let hop = match (family.afi, sender.local_address) {
        (Afi::IPV4, IpAddr::V6(_)) => NextHop::V4(sender.router_id),
        (Afi::IPV6, IpAddr::V4(_)) => return Err(EncodeError::NoSelf),
        (_, address) => address.into(),
    };
    Ok(Some(hop))
}

/// The next-hop field of MP_REACH_NLRI for routes of `family`, `self` resolved.
///
/// VPN families have a zero route distinguisher before each address (RFC 4364 section 4.3.2); IPv6 families with labels write
/// an IPv4 next hop as a mapped address (RFC 4798 section 2), but MCAST-VPN writes it as it is (RFC 6514 section 4); FlowSpec may
/// go without (RFC 8955 section 4).
///
/// # Errors
/// When this next hop can't be sent to this peer in this family.
pub fn next_hop_field(
    family: Family,
    next_hop: Option<NextHop>,
    sender: &Sender,
) -> Result<NextHopField, EncodeError> {
    let mut field = NextHopField::new();
    let vpn = matches!(family.safi, Safi::MPLS_VPN | Safi::BGP_LS_VPN);
    let mut push = |octets: &[u8]| {
        if vpn {
            field.extend_from_slice(&[0; 8]);
        }
        field.extend_from_slice(octets);
    };
    let maps = family.afi == Afi::IPV6 && !matches!(family.safi, Safi::MCAST_VPN | Safi::SR_POLICY);
    match resolve(family, next_hop, sender)? {
        // RFC 2545 has no form for it; without labels there is no tunnel over IPv4 either.
        Some(NextHop::V4(_)) if family.afi == Afi::IPV6 && is_plain(family) => {
            return Err(EncodeError::Ipv4NextHop);
        }
        Some(NextHop::V4(address)) if maps && !is_flow(family) => {
            push(&address.to_ipv6_mapped().octets());
        }
        Some(NextHop::V4(address)) => push(&address.octets()),
        // Written whether RFC 8950 was negotiated or not: whoever gives an IPv4 route an IPv6 next hop knows the peer, and
        // ExaBGP sends it as well.
        Some(NextHop::V6(address)) => {
            push(&address.octets());
            if let Some(local) = with_link_local(family, address, sender) {
                push(&local.octets());
            }
        }
        Some(NextHop::V6LinkLocal(global, local)) => {
            [global, local]
                .iter()
                .for_each(|one: &Ipv6Addr| push(&one.octets()));
        }
        // `self` is resolved above.
        None | Some(NextHop::SelfAddress) if is_flow(family) => {}
        None | Some(NextHop::SelfAddress) => return Err(EncodeError::NoNextHop),
    }
    Ok(field)
}

/// Our link-local address, where it goes with a global next hop: as ExaBGP 6.0 does with `local-link-local`.
fn with_link_local(family: Family, global: Ipv6Addr, sender: &Sender) -> Option<Ipv6Addr> {
    let fits = is_plain(family) || matches!(family.safi, Safi::NLRI_MPLS | Safi::MPLS_VPN);
    sender
        .codec
        .link_local
        .filter(|_| fits && !global.is_unicast_link_local())
}

fn is_plain(family: Family) -> bool {
    matches!(family.safi, Safi::UNICAST | Safi::MULTICAST)
}

fn is_flow(family: Family) -> bool {
    matches!(family.safi, Safi::FLOW | Safi::FLOW_VPN)
}

impl AttributeSet {
    /// Appends the path attributes of a route of `family` for the peer that `sender` describes: everything but
    /// MP_REACH_NLRI and MP_UNREACH_NLRI, which the caller appends behind them.
    ///
    /// - ORIGIN defaults to `igp`, AS_PATH to an empty one (internal peer) or our AS (external peer); one that was given
    ///   is sent as written.
    /// - NEXT_HOP is written for an IPv4 next hop: with the routes in the body, and beside MP_REACH_NLRI wherever ExaBGP does that.
    /// - LOCAL_PREF defaults to 100 for internal peers and is never sent to external ones.
    /// - Only to Customer is added towards peers that get it by our role (RFC 9234 section 5).
    /// - AIGP is sent to internal peers, and to external ones if the session allows.
    /// - AS numbers that do not fit two octets add AS4_PATH and AS4_AGGREGATOR where the peer needs them.
    ///
    /// # Errors
    /// When the next hop can't be resolved, our role forbids to send the route, or an attribute is too long; then `out` is as it was before.
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        sender: &Sender,
        family: Family,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let hop = resolve(family, self.next_hop(), sender)?;
        let otc = self.adds_otc(sender, family)?.then_some(35);
        let mut w = Writer::new(out);
        let mut defaults = [1u8, 2, 5].into_iter().chain(otc).peekable();
        for attribute in self.list() {
            let code = attribute.code();
            while let Some(default) = defaults.next_if(|default| *default <= code) {
                if default != code {
                    encode_default(default, sender, &mut w);
                }
            }
            encode_one(attribute, hop, sender, family, &mut w);
        }
        defaults.for_each(|default| encode_default(default, sender, &mut w));
        if w.finish().is_err() {
            out.truncate(start);
            return Err(EncodeError::TooLong);
        }
        Ok(())
    }
}

impl AttributeSet {
    /// Whether Only to Customer is added: the egress procedure of RFC 9234 section 5.
    fn adds_otc(&self, sender: &Sender, family: Family) -> Result<bool, EncodeError> {
        let Some(role) = sender.codec.role.filter(|_| LocalRole::covers(family)) else {
            return Ok(false);
        };
        match self.find(35) {
            Some(_) if role.keeps_back() => Err(EncodeError::OnlyToCustomer),
            found => Ok(found.is_none() && role.adds_on_egress()),
        }
    }
}

/// Appends the attribute `code` as it is when the route does not say.
fn encode_default(code: u8, sender: &Sender, w: &mut Writer<'_>) {
    let cx = &sender.codec;
    match code {
        1 => Attribute::Origin(origin::Origin::Igp).encode(w, cx),
        2 if cx.ibgp => Attribute::AsPath(AsPath::default()).encode(w, cx),
        2 => encode_as_path(&AsPath::sequence([sender.local_as]), sender, w),
        35 => Attribute::Otc(Otc::new(sender.local_as)).encode(w, cx),
        5 if cx.ibgp => Attribute::LocalPref(local_pref::LocalPref(100)).encode(w, cx),
        _ => {}
    }
}

fn encode_one(
    attribute: &Attribute,
    hop: Option<NextHop>,
    sender: &Sender,
    family: Family,
    w: &mut Writer<'_>,
) {
    let cx = &sender.codec;
    match attribute {
        Attribute::NextHop(_) => {
            if let Some(hop @ NextHop::V4(_)) = hop
                && beside_reach(family)
            {
                Attribute::NextHop(next_hop::NextHopAttribute(hop)).encode(w, cx);
            }
        }
        Attribute::LocalPref(_) if !cx.ibgp => {}
        Attribute::Aigp(_) if !cx.ibgp && !cx.aigp => {}
        Attribute::AsPath(path) => encode_as_path(path, sender, w),
        Attribute::Aggregator(aggregator) => encode_aggregator(aggregator, sender, w),
        // `community [ ]` says that there is none.
        Attribute::Communities(_)
        | Attribute::LargeCommunities(_)
        | Attribute::ExtCommunities(_)
        | Attribute::ExtCommunitiesIpv6(_)
        | Attribute::ClusterList(_)
            if !attribute.is_shown() => {}
        _ => attribute.encode(w, cx),
    }
}

/// Whether an IPv4 next hop also stands in a NEXT_HOP attribute: in the body's family it must, beside MP_REACH_NLRI ExaBGP
/// writes it where its IPv4 form is what the envelope holds, but not in layer-2 families, FlowSpec and BGP-LS.
fn beside_reach(family: Family) -> bool {
    match family.afi {
        Afi::IPV4 => !is_flow(family) && !matches!(family.safi, Safi::RTC | Safi::SR_POLICY),
        Afi::IPV6 => family.safi == Safi::MCAST_VPN,
        _ => false,
    }
}

/// RFC 6793 section 4.2.2: a peer with two-octet AS numbers gets the whole path in AS4_PATH as well.
fn encode_as_path(path: &AsPath, sender: &Sender, w: &mut Writer<'_>) {
    let cx = &sender.codec;
    super::encode(w, flags::WELL_KNOWN, 2, |w| path.encode_octets(w, cx.asn4));
    if !cx.asn4 && path.needs_four_octets() {
        super::encode(w, flags::OPTIONAL_TRANSITIVE, 17, |w| {
            path.without_confederations().encode_octets(w, true);
        });
    }
}

/// The same for AGGREGATOR and AS4_AGGREGATOR.
fn encode_aggregator(aggregator: &Aggregator, sender: &Sender, w: &mut Writer<'_>) {
    let cx = &sender.codec;
    Attribute::Aggregator(*aggregator).encode(w, cx);
    if !cx.asn4 && aggregator.asn.0 > 0xFFFF {
        Attribute::As4Aggregator(As4Aggregator(*aggregator)).encode(w, cx);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::bgp::asn::Asn;
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
        Attribute::NextHop(NextHopAttribute(address.into()))
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
    fn wide_as_numbers_add_as4_path_for_a_narrow_peer() {
        let path = Attribute::AsPath(AsPath::sequence([Asn(70000), Asn(5)]));
        assert_eq!(
            encoded(vec![path], &sender(false, false), Family::IPV6_UNICAST),
            "4001010040020602025BA00005C0110A02020001117000000005"
        );
    }

    #[test]
    fn next_hop_fields_of_all_kinds() {
        let sender = sender(false, true);
        let field = |family, text: &str| {
            let hop = (text != "none").then(|| match text {
                "self" => NextHop::SelfAddress,
                _ => text.parse::<IpAddr>().expect("an address").into(),
            });
            next_hop_field(family, hop, &sender).map(|field| hex(&field))
        };
        assert_eq!(
            field(Family::new(1, 128), "1.2.3.4"),
            Ok("000000000000000001020304".into())
        );
        assert_eq!(field(Family::new(2, 5), "1.2.3.4"), Ok("01020304".into()));
        assert_eq!(
            field(Family::new(2, 85), "1.2.3.4"),
            Ok("00000000000000000000FFFF01020304".into())
        );
        assert_eq!(field(Family::new(1, 133), "none"), Ok(String::new()));
        assert_eq!(field(Family::new(25, 70), "self"), Ok("7F000001".into()));
        assert_eq!(
            field(Family::IPV6_UNICAST, "self"),
            Err(EncodeError::NoSelf)
        );
        assert_eq!(
            field(Family::IPV6_UNICAST, "none"),
            Err(EncodeError::NoNextHop)
        );
        assert_eq!(
            field(Family::IPV4_UNICAST, "::1"),
            Ok("00000000000000000000000000000001".into())
        );
    }
}
