//! What a session may send as a next hop is what the other side accepts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::next_hop_rule::{NextHopError, NextHops, resolve};
use oxabgp::bgp::{Afi, Asn, Codec, Family, FamilySet, NextHop, Safi, Sender};

const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);

/// A next hop in the form of the wire, without regard to what was negotiated.
fn field(family: Family, hop: IpAddr) -> Vec<u8> {
    let distinguisher = match family.safi {
        Safi::MPLS_VPN => &[0; 8][..],
        _ => &[],
    };
    match hop {
        IpAddr::V4(hop) => [distinguisher, &hop.octets()].concat(),
        IpAddr::V6(hop) => [distinguisher, &hop.octets()].concat(),
    }
}

/// Whether MP_REACH_NLRI with this next hop is accepted.
fn is_accepted(family: Family, hop: &[u8], codec: &Codec) -> bool {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
    let [high, low] = family.afi.0.to_be_bytes();
    // There is no NLRI, which is an error as well, but a later one.
    let value = [&[high, low, family.safi.0, length(hop)], hop, &[0]].concat();
    let attribute = [&[0x80, 14, length(&value)][..], &value].concat();
    let body = [&[0, 0, 0, length(&attribute)][..], &attribute].concat();
    let update = Update::new(&body).expect("whole fields");
    let error = update
        .content(codec, &mut DecodeEach)
        .expect_err("a reset")
        .what;
    match error {
        "MP_REACH_NLRI without any NLRI" => true,
        "a next hop of a length that the family does not have" => false,
        other => panic!("{family}: {other}"),
    }
}

#[test]
fn a_next_hop_of_the_other_address_family_is_sent_and_accepted_where_it_was_negotiated() {
    let safis = [
        Safi::UNICAST,
        Safi::MULTICAST,
        Safi::NLRI_MPLS,
        Safi::MPLS_VPN,
    ];
    let all: FamilySet = Family::KNOWN.into_iter().collect();
    for (afi, safi) in [Afi::IPV4, Afi::IPV6]
        .into_iter()
        .flat_map(|afi| safis.map(|safi| (afi, safi)))
    {
        let family = Family { afi, safi };
        let (hop, refusal): (IpAddr, _) = match afi {
            Afi::IPV4 => (V6.into(), NextHopError::Ipv6),
            _ => (V4.into(), NextHopError::Ipv4),
        };
        for is_negotiated in [false, true] {
            let mut codec = Codec {
                families: all,
                ..Codec::default()
            };
            if is_negotiated {
                codec.extended_nexthop = all;
                codec.ipv4_nexthop = all;
            }
            let on_wire = field(family, hop);
            assert_eq!(
                is_accepted(family, &on_wire, &codec),
                is_negotiated,
                "{family}"
            );
            let sender = Sender {
                codec,
                local_as: Asn(65000),
                local_address: V4.into(),
                router_id: V4,
                group_updates: true,
            };
            let sent = resolve(family, NextHops::from(Some(NextHop::from(hop))), &sender);
            // Routes with labels are sent with a mapped address, which needs no negotiation (RFC 4798 section 2).
            if afi == Afi::IPV6 && matches!(safi, Safi::NLRI_MPLS | Safi::MPLS_VPN) {
                let mapped = field(family, V4.to_ipv6_mapped().into());
                let sent = sent.expect("a form").field.expect("a field");
                assert_eq!(sent.to_vec(), mapped, "{family}");
                assert!(is_accepted(family, &mapped, &codec), "{family}");
                continue;
            }
            let sent = sent.map(|sent| sent.field.map(|field| field.to_vec()));
            let expected = match is_negotiated {
                true => Ok(Some(on_wire)),
                false => Err(refusal),
            };
            assert_eq!(sent, expected, "{family}");
        }
    }
}
