//! Decides how the next hop of a route is sent on a session. No other module does.
//!
//! A route is sent either in the body of an UPDATE with a NEXT_HOP attribute, or in MP_REACH_NLRI, whose next-hop
//! field has a different form in each family; some families use both. [`resolve`] returns the bytes, or why the route
//! cannot be sent.
//! RFC 4271 section 5.1.3, 4760 section 3, 2545, 4364 section 4.3.2, 4798, 6514 section 4, 8950, 8955 section 4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::family::{Afi, Family, FamilySet, Safi};
use super::negotiated::Sender;
use super::nexthop::NextHop;

/// Why a session cannot send a route with this next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NextHopError {
    /// The family needs a next hop, and the route has none.
    #[error("a route of this family needs a next hop")]
    Missing,
    /// The next hop is `next-hop self`, and the session's local address is of the other address family.
    #[error("`next-hop self` needs a session over the same address family as the route")]
    NoSelf,
    /// An IPv6 route has an IPv4 next hop, which the session did not negotiate.
    #[error("an IPv6 route needs an IPv6 next hop")]
    Ipv4,
    /// An IPv4 route has an IPv6 next hop, which the session did not negotiate (RFC 8950 section 4).
    #[error("an IPv6 next hop of an IPv4 route has to be negotiated (RFC 8950)")]
    Ipv6,
}

/// The next hops of a route as written in its text. They differ only if `next-hop` is given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextHops {
    /// The first one, for the NEXT_HOP attribute.
    pub first: Option<NextHop>,
    /// The last one, for MP_REACH_NLRI.
    pub last: Option<NextHop>,
}

impl From<Option<NextHop>> for NextHops {
    fn from(hop: Option<NextHop>) -> Self {
        Self {
            first: hop,
            last: hop,
        }
    }
}

/// The next-hop field of MP_REACH_NLRI: at most two route distinguishers and two IPv6 addresses.
pub type NextHopField = SmallVec<[u8; 48]>;

/// The next hop of a route on one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The value of the NEXT_HOP attribute, if there is one.
    pub attribute: Option<Ipv4Addr>,
    /// The next-hop field of MP_REACH_NLRI; `None` if the route goes into the body of the UPDATE.
    pub field: Option<NextHopField>,
}

/// Resolves the next hops of a route of `family` for the session of `sender`.
///
/// # Errors
/// Returns an error if the session cannot send a route with these next hops.
pub fn resolve(family: Family, hops: NextHops, sender: &Sender) -> Result<Resolved, NextHopError> {
    let attribute = attribute(family, hops, sender)?;
    let last = address(family, hops.last, sender)?;
    if family == Family::IPV4_UNICAST && matches!(last, None | Some(NextHop::V4(_))) {
        return Ok(Resolved {
            attribute,
            field: None,
        });
    }
    Ok(Resolved {
        attribute,
        field: Some(field(family, last, sender)?),
    })
}

/// Returns `true` for IPv4 families whose routes have IPv6 next hops only where that is negotiated (RFC 8950 section 3).
pub const fn negotiates_ipv6(family: Family) -> bool {
    matches!(family.afi, Afi::IPV4) && is_negotiable(family)
}

const fn is_negotiable(family: Family) -> bool {
    matches!(
        family.safi,
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN
    )
}

/// Returns `true` if `hop` is an IPv6 next hop of an IPv4 route whose family is not among the `negotiated` ones
/// ([`Codec::extended_nexthop`](super::Codec::extended_nexthop)): RFC 8950 section 4, "MUST NOT be sent unless" the peer has advertised it.
pub(crate) fn is_unnegotiated_ipv6(family: Family, hop: NextHop, negotiated: FamilySet) -> bool {
    matches!(hop, NextHop::V6(_) | NextHop::V6LinkLocal(..))
        && negotiates_ipv6(family)
        && !negotiated.contains(family)
}

/// Returns `true` if `hop` is an IPv4 next hop, in four octets, of an IPv6 route whose family is not among the `negotiated` ones
/// ([`Codec::ipv4_nexthop`](super::Codec::ipv4_nexthop)). Routes with labels need none: they are sent with a mapped address.
pub(crate) fn is_unnegotiated_ipv4(family: Family, hop: NextHop, negotiated: FamilySet) -> bool {
    matches!(hop, NextHop::V4(_))
        && family.afi == Afi::IPV6
        && is_negotiable(family)
        && !negotiated.contains(family)
}

/// Returns `true` if the session determines whether a route of `family` with these next hops can be sent, so that it is
/// worth calling [`resolve`] before the route is announced. A missing next hop is not among the reasons: the text of a
/// route is not accepted without one.
pub fn depends_on_session(family: Family, hops: NextHops) -> bool {
    let is_six = family.afi == Afi::IPV6;
    match hops.last {
        Some(NextHop::SelfAddress) => is_six,
        Some(NextHop::V4(_)) => is_six && is_plain(family),
        Some(NextHop::V6(_) | NextHop::V6LinkLocal(..)) => negotiates_ipv6(family),
        None => false,
    }
}

/// The value of the NEXT_HOP attribute, if a route with these next hops has one.
///
/// ExaBGP also writes it next to an MP_REACH_NLRI whose next-hop field is an IPv4 address, except in layer-2
/// families, FlowSpec and BGP-LS. The receiver ignores it there (RFC 4760 section 3).
///
/// # Errors
/// [`NextHopError::NoSelf`].
pub fn attribute(
    family: Family,
    hops: NextHops,
    sender: &Sender,
) -> Result<Option<Ipv4Addr>, NextHopError> {
    let last = address(family, hops.last, sender)?;
    let is_written = match family.afi {
        Afi::IPV4 => !is_flow(family) && !matches!(family.safi, Safi::RTC | Safi::SR_POLICY),
        Afi::IPV6 if hops.first != hops.last => !is_flow(family),
        Afi::IPV6 => is_plain(family) || family.safi == Safi::MCAST_VPN,
        _ => false,
    };
    if !is_written {
        return Ok(None);
    }
    let first = address(family, hops.first, sender).ok().flatten();
    Ok(match (first, last) {
        (Some(NextHop::V4(address)), _) => Some(address),
        // Routes in the body of the UPDATE need a NEXT_HOP attribute.
        (_, Some(NextHop::V4(address))) if family == Family::IPV4_UNICAST => Some(address),
        _ => None,
    })
}

/// Replaces `self` with an address of the session.
fn address(
    family: Family,
    hop: Option<NextHop>,
    sender: &Sender,
) -> Result<Option<NextHop>, NextHopError> {
    if hop != Some(NextHop::SelfAddress) {
        return Ok(hop);
    }
    self_address(family, sender.local_address, sender.router_id)
        .map(Some)
        .ok_or(NextHopError::NoSelf)
}

/// What `next-hop self` stands for in a route of `family`, on a session with this local address and BGP identifier; `None`
/// if such a session cannot send the route.
pub fn self_address(family: Family, local: IpAddr, router_id: Ipv4Addr) -> Option<NextHop> {
    match (family.afi, local) {
        (Afi::IPV4, IpAddr::V6(_)) => Some(NextHop::V4(router_id)),
        (Afi::IPV6, IpAddr::V4(_)) => None,
        (_, address) => Some(address.into()),
    }
}

/// The next-hop field of MP_REACH_NLRI for `hop`, with `self` replaced.
fn field(
    family: Family,
    hop: Option<NextHop>,
    sender: &Sender,
) -> Result<NextHopField, NextHopError> {
    let mut field = NextHopField::new();
    // RFC 4364 4.3.2: a zero route distinguisher before each address
    let vpn = matches!(family.safi, Safi::MPLS_VPN | Safi::BGP_LS_VPN);
    let mut push = |octets: &[u8]| {
        if vpn {
            field.extend_from_slice(&[0; 8]);
        }
        field.extend_from_slice(octets);
    };
    // RFC 4798 2 sends a mapped address, RFC 6514 4 does not.
    let maps = family.afi == Afi::IPV6 && !matches!(family.safi, Safi::MCAST_VPN | Safi::SR_POLICY);
    match hop {
        Some(hop @ NextHop::V4(address)) if family.afi == Afi::IPV6 && is_plain(family) => {
            // RFC 2545 has no form for it. ExaBGP sends four octets; we do so only for a peer that is configured to
            // accept them.
            if is_unnegotiated_ipv4(family, hop, sender.codec.ipv4_nexthop) {
                return Err(NextHopError::Ipv4);
            }
            push(&address.octets());
        }
        Some(NextHop::V4(address)) if maps && !is_flow(family) => {
            push(&address.to_ipv6_mapped().octets());
        }
        Some(NextHop::V4(address)) => push(&address.octets()),
        Some(hop) if is_unnegotiated_ipv6(family, hop, sender.codec.extended_nexthop) => {
            return Err(NextHopError::Ipv6);
        }
        Some(NextHop::V6(address)) => {
            push(&address.octets());
            if let Some(local) = with_link_local(family, address, sender) {
                push(&local.octets());
            }
        }
        // RFC 2545 3: both addresses, the link-local one last
        Some(NextHop::V6LinkLocal(global, local)) => {
            [global, local]
                .iter()
                .for_each(|one: &Ipv6Addr| push(&one.octets()));
        }
        // RFC 8955 4: FlowSpec needs no next hop.
        None | Some(NextHop::SelfAddress) if is_flow(family) => {}
        None | Some(NextHop::SelfAddress) => return Err(NextHopError::Missing),
    }
    Ok(field)
}

/// Our link-local address, if it is sent along with this global next hop, as ExaBGP 6.0 does with `local-link-local`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::{Asn, Codec};
    use crate::json::hex;

    fn sender() -> Sender {
        Sender {
            codec: Codec::default(),
            local_as: Asn(65000),
            local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            router_id: Ipv4Addr::new(10, 0, 0, 1),
            group_updates: true,
        }
    }

    fn hop(text: &str) -> Option<NextHop> {
        match text {
            "none" => None,
            "self" => Some(NextHop::SelfAddress),
            _ => Some(text.parse::<IpAddr>().expect("an address").into()),
        }
    }

    /// The NEXT_HOP attribute and the next-hop field, as text.
    fn both(
        family: Family,
        first: &str,
        last: &str,
        sender: &Sender,
    ) -> Result<String, NextHopError> {
        let hops = NextHops {
            first: hop(first),
            last: hop(last),
        };
        resolve(family, hops, sender).map(|found| {
            let attribute = found.attribute.map(|one| one.to_string());
            let field = found.field.map(|field| hex(&field));
            format!(
                "{} {}",
                attribute.unwrap_or_default(),
                field.unwrap_or_else(|| "body".into())
            )
        })
    }

    #[test]
    fn fields_of_all_kinds() {
        let sender = sender();
        let one = |family, text: &str| both(family, text, text, &sender);
        let mpls_vpn = Family::IPV4_MPLS_VPN;
        for (family, text, expected) in [
            (mpls_vpn, "1.2.3.4", "1.2.3.4 000000000000000001020304"),
            (Family::IPV6_MCAST_VPN, "1.2.3.4", "1.2.3.4 01020304"),
            (
                Family::IPV6_MUP,
                "1.2.3.4",
                " 00000000000000000000FFFF01020304",
            ),
            (Family::IPV4_FLOW, "none", " "),
            (Family::EVPN, "self", " 7F000001"),
            (Family::IPV4_UNICAST, "self", "127.0.0.1 body"),
        ] {
            assert_eq!(one(family, text), Ok(expected.into()), "{family} {text}");
        }
        let v6 = Family::IPV6_UNICAST;
        assert_eq!(one(v6, "self"), Err(NextHopError::NoSelf));
        assert_eq!(one(v6, "none"), Err(NextHopError::Missing));
        assert_eq!(one(v6, "1.2.3.4"), Err(NextHopError::Ipv4));
    }

    #[test]
    fn ipv6_next_hops_of_ipv4_routes_are_negotiated() {
        let families = [
            Family::IPV4_UNICAST,
            Family::IPV4_MULTICAST,
            Family::IPV4_NLRI_MPLS,
            Family::IPV4_MPLS_VPN,
        ];
        let one = |family, sender: &Sender| both(family, "::1", "::1", sender);
        let field = " 00000000000000000000000000000001";
        for family in families {
            assert_eq!(one(family, &sender()), Err(NextHopError::Ipv6), "{family}");
            let mut extended = sender();
            extended.codec.extended_nexthop = [family].into_iter().collect();
            let sent = one(family, &extended).expect("it is sent");
            assert!(sent.ends_with(field.trim()), "{family}: {sent}");
            for other in families.into_iter().filter(|other| *other != family) {
                assert_eq!(one(other, &extended), Err(NextHopError::Ipv6), "{other}");
            }
        }
        // Other families have it by their own RFCs.
        assert_eq!(one(Family::EVPN, &sender()), Ok(field.into()));
    }

    #[test]
    fn what_does_not_depend_on_the_session_is_sent_on_every_session() {
        let all = || Family::KNOWN.into_iter().collect();
        let accepts_ipv4 = Codec {
            ipv4_nexthop: all(),
            ..Codec::default()
        };
        let accepts_ipv6 = Codec {
            extended_nexthop: all(),
            ..Codec::default()
        };
        let addresses = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        let senders = addresses.into_iter().flat_map(|local_address| {
            [Codec::default(), accepts_ipv4, accepts_ipv6].map(|codec| Sender {
                codec,
                local_address,
                ..sender()
            })
        });
        let senders: Vec<Sender> = senders.collect();
        let hops = ["1.2.3.4", "::1", "self"].map(hop);
        for family in Family::KNOWN {
            for (first, last) in hops.iter().flat_map(|one| hops.map(|other| (*one, other))) {
                let hops = NextHops { first, last };
                let sent = |sender: &Sender| resolve(family, hops, sender).is_ok();
                assert_eq!(
                    depends_on_session(family, hops),
                    !senders.iter().all(sent),
                    "{family} {hops:?}"
                );
            }
        }
    }

    #[test]
    fn the_first_of_two_is_the_attribute_and_the_last_the_field() {
        let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
        for (family, first, last, expected) in [
            (v4, "1.1.1.1", "2.2.2.2", "1.1.1.1 body"),
            (v4, "::1", "2.2.2.2", "2.2.2.2 body"),
            (
                v4,
                "1.1.1.1",
                "::1",
                "1.1.1.1 00000000000000000000000000000001",
            ),
            (
                v6,
                "0.0.0.0",
                "::1",
                "0.0.0.0 00000000000000000000000000000001",
            ),
            (v6, "self", "::1", " 00000000000000000000000000000001"),
            (
                Family::IPV4_MULTICAST,
                "1.1.1.1",
                "2.2.2.2",
                "1.1.1.1 02020202",
            ),
        ] {
            let mut sender = sender();
            sender.codec.extended_nexthop = [v4].into_iter().collect();
            let found = both(family, first, last, &sender);
            assert_eq!(found, Ok(expected.into()), "{family} {first} {last}");
        }
    }

    #[test]
    fn an_ipv4_next_hop_of_an_ipv6_route_needs_to_be_negotiated() {
        let v6 = Family::IPV6_UNICAST;
        let mut sender = sender();
        sender.codec.ipv4_nexthop.insert(v6);
        let found = both(v6, "1.2.3.4", "1.2.3.4", &sender);
        assert_eq!(found, Ok("1.2.3.4 01020304".into()));
    }

    #[test]
    fn self_of_an_ipv4_route_on_an_ipv6_session_is_the_router_id() {
        let ipv6 = Sender {
            local_address: IpAddr::V6(Ipv6Addr::LOCALHOST),
            ..sender()
        };
        let found = |family| both(family, "self", "self", &ipv6);
        assert_eq!(found(Family::IPV4_UNICAST), Ok("10.0.0.1 body".into()));
        let multicast = "10.0.0.1 0A000001".to_owned();
        assert_eq!(found(Family::IPV4_MULTICAST), Ok(multicast));
        let six = " 00000000000000000000000000000001".to_owned();
        assert_eq!(found(Family::IPV6_UNICAST), Ok(six));
    }
}
