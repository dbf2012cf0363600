//! Defects in decoding peers' messages: 14, 15, 21.

use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::{Afi, Family};

use super::{LAST, Stage, Table, offering, recorded, recorded_as, session_with, settled};
use crate::daemon::session;
use crate::support::peer::RawPeer;

/// Octets from hexadecimal digits; spaces are ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("digits")
    };
    digits.chunks(2).map(octet).collect()
}

/// The body of an UPDATE with these path attributes, and IPv4 routes.
fn body(attributes: &str, nlri: &[u8]) -> Vec<u8> {
    let attributes = hex(attributes);
    let length = u16::try_from(attributes.len()).expect("short");
    [&[0, 0], &length.to_be_bytes()[..], &attributes, nlri].concat()
}

const ORIGIN: &str = "40010100";
const AS_PATH: &str = "400206 0201 0000FDE9";
const NEXT_HOP: &str = "400304 C0000201";

/// The events of the recorder, starting at the `seen`th, as soon as there is one.
fn next_event(stage: &Stage, seen: &mut usize) -> String {
    let lines = stage.lab.lines("received", |lines| lines.len() > *seen);
    *seen += 1;
    lines[*seen - 1].clone()
}

#[test]
fn defect_14_malformed_attributes_cost_the_routes_or_themselves_and_never_the_session() {
    let withdraw = "\"error\": \"treat-as-withdraw\"";
    let discard = "\"error\": \"discard\"";
    let with = |more: &str| format!("{ORIGIN}{AS_PATH}{NEXT_HOP}{more}");
    let cases = [
        ("no attributes", String::new(), withdraw),
        ("no ORIGIN", format!("{AS_PATH}{NEXT_HOP}"), withdraw),
        ("no AS_PATH", format!("{ORIGIN}{NEXT_HOP}"), withdraw),
        ("no NEXT_HOP", format!("{ORIGIN}{AS_PATH}"), withdraw),
        ("ORIGIN 9", format!("40010109{AS_PATH}{NEXT_HOP}"), withdraw),
        (
            "ORIGIN of 2",
            format!("4001020000{AS_PATH}{NEXT_HOP}"),
            withdraw,
        ),
        (
            "NEXT_HOP of 16",
            format!("{ORIGIN}{AS_PATH}400310 20010DB8000000000000000000000001"),
            withdraw,
        ),
        // RFC 7606 7.9, 7.10: from an external peer they are dropped whatever their value.
        ("ORIGINATOR_ID of 3", with("800903 0A0000"), discard),
        ("CLUSTER_LIST of 3", with("800A03 0A0000"), discard),
        ("PMSI of 2", with("C01602 0006"), withdraw),
        ("AS4_PATH of junk", with("C01103 090909"), ""),
        ("AS4_AGGREGATOR of 3", with("C01203 090909"), ""),
    ];
    let (stage, listener) = recorded("receive { parsed; update; }", "");
    let mut peer = session(&listener);
    let mut seen = 0;
    for (at, (name, attributes, error)) in cases.iter().enumerate() {
        let last = u8::try_from(at).expect("few");
        peer.send(MessageType::UPDATE, &body(attributes, &[24, 203, 0, last]));
        let event = next_event(&stage, &mut seen);
        let route = format!("{{ \"nlri\": \"203.0.{last}.0/24\" }}");
        assert!(event.contains(&route), "{name}: {event}");
        assert!(event.contains(error), "{name}: {event}");
        let gone = event.contains("\"withdraw\": {");
        assert_eq!(gone, *error == withdraw, "{name}: {event}");
        let stored = stage.ask("show adj-rib in");
        let stored = stored.contains(&format!("203.0.{last}.0/24"));
        assert_eq!(stored, !gone, "{name}");
    }
    settled(&stage, &mut peer, &mut Table::default());
}

/// MP_REACH_NLRI of one route.
fn reach(family: &str, next_hop: &str, nlri: &str) -> String {
    let next_hop = hex(next_hop);
    let tail: String = next_hop.iter().map(|byte| format!("{byte:02X}")).collect();
    let value = hex(&format!("{family} {:02X} {tail} 00 {nlri}", next_hop.len()));
    let value_text: String = value.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{ORIGIN}{AS_PATH}800E{:02X}{value_text}", value.len())
}

const FLOW: (&str, &str) = ("0001 85", "05 0118 0A0001");
const EVPN: (&str, &str) = ("0019 46", "0311 0000FDE800000001 00000000 20 0A000002");
const V6: &str = "20010DB8000000000000000000000001";

/// A neighbor with flow and EVPN, with or without extended next hops, and its recorder.
fn several(extended: bool) -> (Stage, RawPeer) {
    let nexthop = "capability { nexthop; } nexthop { ipv4 unicast ipv6; }";
    let more = if extended { nexthop } else { "" };
    let body = format!(
        "family {{ ipv4 unicast; ipv6 unicast; ipv4 flow; l2vpn evpn; ipv4 nlri-mpls; }} {more}"
    );
    let families = "family { ipv4 unicast; ipv6 unicast; }";
    let (stage, listener) = recorded_as("receive { parsed; update; }", "", |text| {
        text.replace(families, &body)
    });
    let offer = offering(|offer| {
        offer.families = [(1, 1), (2, 1), (1, 133), (25, 70), (1, 4)]
            .map(|(afi, safi)| Family::new(afi, safi))
            .into();
        offer.nexthop = extended.then(|| vec![(Family::IPV4_UNICAST, Afi::IPV6)]);
    });
    let peer = session_with(&listener, &offer);
    (stage, peer)
}

#[test]
fn defect_15_extended_next_hops_leave_other_families_alone() {
    for extended in [true, false] {
        let (stage, mut peer) = several(extended);
        let mut seen = 0;
        for (name, (family, nlri), next_hop, wanted) in [
            ("flow without a next hop", FLOW, "", "10.0.1.0/24"),
            ("flow with one", FLOW, "C0000201", "10.0.1.0/24"),
            ("evpn over IPv4", EVPN, "C0000201", "\"192.0.2.1\": ["),
            ("evpn over IPv6", EVPN, V6, "\"2001:db8::1\": ["),
        ] {
            peer.send(
                MessageType::UPDATE,
                &body(&reach(family, next_hop, nlri), &[]),
            );
            let event = next_event(&stage, &mut seen);
            assert!(event.contains("\"announce\""), "{name}: {event}");
            assert!(event.contains(wanted), "{name}: {event}");
        }
        if extended {
            let routes = reach("0001 01", V6, "18 CB0071");
            peer.send(MessageType::UPDATE, &body(&routes, &[]));
            let event = next_event(&stage, &mut seen);
            let wanted = "\"2001:db8::1\": [ { \"nlri\": \"203.0.113.0/24\" } ]";
            assert!(event.contains(wanted), "{event}");
        }
        let mut table = Table::default();
        settled(&stage, &mut peer, &mut table);
        assert!(table.0.contains_key(LAST));
    }
}

#[test]
fn defect_21_a_label_without_the_bottom_bit_does_not_eat_the_prefix() {
    let (stage, mut peer) = several(false);
    // RFC 8277 2.2: "the S bit ... MUST be ignored on reception" where one label is expected.
    let routes = reach("0001 04", "C0000201", "30 000640 0A0002");
    peer.send(MessageType::UPDATE, &body(&routes, &[]));
    let event = next_event(&stage, &mut 0);
    let wanted = "{ \"nlri\": \"10.0.2.0/24\", \"label\": [ [100] ] }";
    assert!(event.contains(wanted), "{event}");
    // Shorter than a label: Invalid Network Field.
    let routes = reach("0001 04", "C0000201", "10 0006");
    peer.send(MessageType::UPDATE, &body(&routes, &[]));
    let reported = peer.expect_notification();
    assert_eq!((reported.code, reported.subcode), (3, 10));
}

#[test]
fn defect_21_flow_rules_that_nobody_understands_are_told_as_withdrawn() {
    let (stage, mut peer) = several(false);
    let mut seen = 0;
    for (name, nlri) in [
        ("a component of an unknown type", "05 7F18 0A0001"),
        ("components out of order", "08 03 8106 0118 0A0001"),
    ] {
        let routes = reach(FLOW.0, "", nlri);
        peer.send(MessageType::UPDATE, &body(&routes, &[]));
        let event = next_event(&stage, &mut seen);
        assert!(event.contains("\"withdraw\""), "{name}: {event}");
        assert!(event.contains("treat-as-withdraw"), "{name}: {event}");
    }
    settled(&stage, &mut peer, &mut Table::default());
}
