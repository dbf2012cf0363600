//! The exact bytes of offered capabilities, and the negotiation of two OPENs.

use oxabgp::bgp::capability::add_path::AddPathMode;
use oxabgp::bgp::capability::{BgpRole, Capability, GracefulRestart, Offer};
use oxabgp::bgp::message::Direction;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::negotiated::{Refresh, Terms};
use oxabgp::bgp::{Afi, Asn, Family, FamilySet, Negotiated};
use oxabgp::json::JsonWriter;

use crate::support::hex::bytes;

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

/// What ExaBGP offers by default, with one family.
fn offer() -> Offer {
    Offer {
        families: vec![V4],
        asn4: Some(Asn(65000)),
        extended_message: true,
        ..Offer::default()
    }
}

fn open(offer: &Offer) -> Open {
    Open {
        version: 4,
        asn: offer.asn4.map_or(65000, Asn::to_u16),
        hold_time: 180,
        router_id: [10, 0, 0, 1].into(),
        capabilities: offer.capabilities(),
    }
}

/// The optional parameters without their length.
fn parameters(offer: &Offer) -> Vec<u8> {
    open(offer).encode().expect("a short OPEN")[29..].to_vec()
}

#[test]
fn the_smallest_open_is_exabgps() {
    let wire = open(&offer()).encode().expect("a short OPEN");
    let wanted = "04 FDE8 00B4 0A000001 14 0206 01040001 0001 0206 41040000FDE8 0202 0600";
    assert_eq!(wire[19..], bytes(wanted));
}

#[test]
fn each_capability_has_its_bytes_and_its_place() {
    let pairs = |safis: &[u8]| {
        let pairs = safis.iter().map(|safi| (Family::new(1, *safi), Afi::IPV6));
        Some(pairs.collect())
    };
    let everything = Offer {
        families: vec![V6, V4, V6],
        nexthop: pairs(&[129, 2, 1]),
        add_path: Some((AddPathMode::BOTH, vec![V6, V4, Family::new(1, 133)])),
        paths_limit: Some(vec![(V4, 5)]),
        graceful_restart: Some(5000),
        long_lived: Some(3600),
        route_refresh: true,
        operational: true,
        host_name: Some("h1".to_owned()),
        domain_name: Some("d1".to_owned()),
        software_version: Some("ExaBGP/5.0.15".to_owned()),
        link_local_nexthop: true,
        role: Some(BgpRole::CUSTOMER),
        multi_session: true,
        ..offer()
    };
    let wanted = [
        "0206 010400010001",
        "0206 010400020001",
        "0206 41040000FDE8",
        "0214 0512 000100010002 000100020002 000100810002",
        "020E 450C 00010103 00020103 00018503",
        "0207 4C05 0001010005",
        "020C 400A 0388 00010180 00020180",
        "0210 470E 00010180000E10 00020180000E10",
        "0202 0200",
        "0202 4600",
        "0202 B900",
        "0202 0600",
        "0208 4906 026831 026431",
        "0210 4B0E 0D 4578614247502F352E302E3135",
        "0202 4D00",
        "0203 090103",
        "0203 440100",
        "0203 440101",
        "0203 830100",
    ];
    let wanted: Vec<u8> = wanted.into_iter().flat_map(bytes).collect();
    assert_eq!(parameters(&everything), wanted);
}

#[test]
fn capabilities_without_content_are_left_out() {
    let bare = Offer {
        nexthop: Some(Vec::new()),
        add_path: Some((AddPathMode::BOTH, Vec::new())),
        paths_limit: Some(Vec::new()),
        domain_name: Some("only".to_owned()),
        ..Offer::default()
    };
    assert!(parameters(&bare).is_empty());
    let long = Offer {
        host_name: Some("é".repeat(60)),
        software_version: Some("x".repeat(100)),
        ..Offer::default()
    };
    let wire = parameters(&long);
    assert_eq!((wire[1], wire[3], wire[4]), (68, 66, 64));
    assert_eq!(wire[2 + 68 + 1], 67);
}

#[test]
fn what_we_send_is_shown_by_name() {
    let offer = Offer {
        families: vec![V4, V6],
        add_path: Some((AddPathMode::BOTH, vec![V4, V6])),
        graceful_restart: Some(120),
        route_refresh: true,
        operational: true,
        host_name: Some("exahost".to_owned()),
        domain_name: Some("exadomain".to_owned()),
        software_version: Some("ExaBGP/5.0.15".to_owned()),
        ..offer()
    };
    let mut open = open(&offer);
    open.hold_time = 9;
    for capability in &mut open.capabilities {
        if let Capability::GracefulRestart(restart) = capability {
            restart.flags |= GracefulRestart::RESTARTED;
        }
    }
    let mut w = JsonWriter::new();
    open.json(Direction::Send, &mut w);
    // ExaBGP 5.0.15, captured.
    assert_eq!(
        w.as_str(),
        r#"{ "version": 4, "asn": 65000, "hold_time": 9, "router_id": "10.0.0.1", "capabilities": { "multiprotocol": { "name": "multiprotocol", "families": [ "ipv4/unicast", "ipv6/unicast" ] }, "asn4": { "name": "asn4", "asn4": 65000 }, "add-path": { "name": "addpath", "ipv4/unicast": "send/receive","ipv6/unicast": "send/receive" }, "graceful-restart": { "name": "graceful restart", "time": 120, "address-family-flags": { "ipv4/unicast": [ "restart" ] , "ipv6/unicast": [ "restart" ] }, "restart-flags": [ "forwarding" ]  }, "route-refresh": { "name": "route-refresh", "variant": "RFC" }, "enhanced-route-refresh": { "name": "enhanced-route-refresh" }, "operational": { "name": "operational" }, "extended-message": { "name": "extended-message", "size": 65535 }, "hostname": { "host-name": "exahost", "domain-name": "exadomain" }, "software-version": { "software": "ExaBGP/5.0.15" } } }"#
    );
    let mut w = JsonWriter::new();
    let multi = Offer {
        multi_session: true,
        ..Offer::default()
    };
    self::open(&multi).json(Direction::Send, &mut w);
    let shown = r#""capabilities": { "hostname": { "host-name": null, "domain-name": null }, "multi-session": { "name": "multisession", "variant": "RFC", "capabilities": [ "multiprotocol" ] }, "cisco-multi-sesion": { "name": "multisession", "variant": "Cisco", "capabilities": [ ] } } }"#;
    assert!(w.as_str().ends_with(shown), "{}", w.as_str());
}

/// The result of the negotiation.
fn agree(ours: &Offer, theirs: &Offer) -> Result<Negotiated, (u8, u8)> {
    let theirs = Offer {
        asn4: theirs.asn4.map(|_| Asn(65001)),
        ..theirs.clone()
    };
    let theirs = Open {
        asn: 65001,
        ..open(&theirs)
    };
    Negotiated::new(open(ours), theirs, Terms::default())
        .map_err(|error| (error.code, error.subcode))
}

#[test]
fn families_are_those_of_both_in_the_peers_order() {
    let families = |families: &[Family]| Offer {
        families: families.to_vec(),
        ..offer()
    };
    let evpn = Family::new(25, 70);
    let negotiated = agree(&families(&[V4, V6, evpn]), &families(&[evpn, V4])).expect("agreement");
    assert_eq!(negotiated.families, [V4, evpn]);
    let mut reversed = open(&families(&[V4, evpn]));
    reversed.capabilities[..2].reverse();
    let negotiated = Negotiated::new(open(&families(&[V4, evpn])), reversed, Terms::default());
    assert_eq!(negotiated.expect("agreement").families, [evpn, V4]);
    // RFC 4760 8: without the capability it is IPv4 unicast.
    let silent = Offer::default();
    assert_eq!(
        agree(&families(&[V4, V6]), &silent)
            .expect("agreement")
            .families,
        [V4]
    );
    assert_eq!(
        agree(&families(&[V6]), &silent)
            .expect("agreement")
            .families,
        []
    );
}

#[test]
fn numbers_and_switches_need_both_sides() {
    let full = Offer {
        route_refresh: true,
        operational: true,
        ..offer()
    };
    let negotiated = agree(&full, &full).expect("agreement");
    assert_eq!(negotiated.refresh, Refresh::Enhanced);
    assert!(negotiated.operational && negotiated.codec.asn4 && negotiated.codec.extended_message);
    assert_eq!(
        (negotiated.local_as, negotiated.peer_as),
        (Asn(65000), Asn(65001))
    );
    assert!(!negotiated.codec.ibgp && !negotiated.multisession);
    let none = agree(&full, &Offer::default()).expect("agreement");
    assert_eq!((none.refresh, none.operational), (Refresh::Absent, false));
    assert!(!none.codec.asn4 && !none.codec.extended_message);
    let mut plain = open(&full);
    plain.capabilities.retain(|one| one.code() != 70);
    let plain = Negotiated::new(open(&full), plain, Terms::default()).expect("agreement");
    assert_eq!((plain.refresh, plain.codec.ibgp), (Refresh::Normal, true));
}

#[test]
fn the_as_of_the_capability_counts_whatever_the_field_is() {
    let mut theirs = open(&Offer {
        asn4: Some(Asn(4_200_000_000)),
        ..offer()
    });
    assert_eq!(
        (theirs.asn, theirs.speaker_as()),
        (23456, Asn(4_200_000_000))
    );
    theirs.asn = 65001;
    assert_eq!(theirs.speaker_as(), Asn(4_200_000_000));
    theirs.capabilities.retain(|one| one.code() != 65);
    assert_eq!(theirs.speaker_as(), Asn(65001));
}

#[test]
fn add_path_needs_complementary_modes() {
    let with = |mode| Offer {
        add_path: Some((mode, vec![V4])),
        ..offer()
    };
    let set: FamilySet = [V4].into_iter().collect();
    let none = FamilySet::EMPTY;
    let invalid = AddPathMode(7);
    for (ours, theirs, receive, send) in [
        (AddPathMode::BOTH, AddPathMode::BOTH, set, set),
        (AddPathMode::RECEIVE, AddPathMode::SEND, set, none),
        (AddPathMode::SEND, AddPathMode::RECEIVE, none, set),
        (AddPathMode::SEND, AddPathMode::SEND, none, none),
        (AddPathMode::BOTH, invalid, none, none),
    ] {
        let codec = agree(&with(ours), &with(theirs)).expect("agreement").codec;
        assert_eq!(
            (codec.add_path_receive, codec.add_path_send),
            (receive, send)
        );
    }
}

#[test]
fn next_hops_are_those_of_both() {
    let with = |safis: &[u8]| Offer {
        nexthop: Some(
            safis
                .iter()
                .map(|safi| (Family::new(1, *safi), Afi::IPV6))
                .collect(),
        ),
        ..offer()
    };
    let negotiated = agree(&with(&[1, 128]), &with(&[2, 1])).expect("agreement");
    assert_eq!(negotiated.nexthops, [(V4, Afi::IPV6)]);
    assert!(negotiated.codec.extended_nexthop.contains(V4));
    assert_eq!(negotiated.codec.ipv4_nexthop, FamilySet::EMPTY);
    // A pair that RFC 8950 does not propose: ExaBGP configures it.
    let ipv6 = |safi| Offer {
        nexthop: Some(vec![(V4, Afi::IPV6), (Family::new(2, safi), Afi::IPV4)]),
        ..offer()
    };
    let codec = |theirs: Offer| agree(&ipv6(1), &theirs).expect("agreement").codec;
    assert!(codec(ipv6(1)).ipv4_nexthop.contains(V6));
    for theirs in [ipv6(2), with(&[1]), offer()] {
        assert_eq!(codec(theirs).ipv4_nexthop, FamilySet::EMPTY);
    }
}

#[test]
fn roles_must_agree() {
    let role = |role| Offer { role, ..offer() };
    let all = [0, 1, 2, 3, 4, 5].map(BgpRole);
    let allowed = [(0, 3), (3, 0), (1, 2), (2, 1), (4, 4)];
    for ours in all {
        for theirs in all {
            let result = agree(&role(Some(ours)), &role(Some(theirs))).map(|_| ());
            let wanted = if allowed.contains(&(ours.0, theirs.0)) {
                Ok(())
            } else {
                Err((2, 11))
            };
            assert_eq!(result, wanted, "{ours} {theirs}");
        }
    }
    assert!(agree(&role(Some(BgpRole::PEER)), &role(None)).is_ok());
    let mut external = open(&role(None));
    external.capabilities = open(&Offer {
        asn4: Some(Asn(65001)),
        ..role(None)
    })
    .capabilities;
    let strict = Terms {
        strict_role: true,
        ..Terms::default()
    };
    let ours = || open(&role(Some(BgpRole::PEER)));
    let refused = Negotiated::new(ours(), external, strict).map_err(|error| error.subcode);
    assert_eq!(refused.map(|_| ()), Err(11));
    // RFC 9234 4.2 is about external sessions.
    assert!(Negotiated::new(ours(), open(&role(None)), strict).is_ok());
}

#[test]
fn multi_session_is_an_all_or_nothing_matter() {
    let multi = |families: &[Family]| Offer {
        multi_session: true,
        families: families.to_vec(),
        ..offer()
    };
    assert!(
        agree(&multi(&[V4]), &multi(&[V4]))
            .expect("agreement")
            .multisession
    );
    assert_eq!(
        agree(&multi(&[V4]), &multi(&[V4, V6])).map(|_| ()),
        Err((2, 8))
    );
    assert_eq!(agree(&multi(&[V4]), &offer()).map(|_| ()), Err((2, 9)));
    assert!(
        !agree(&offer(), &multi(&[V4]))
            .expect("agreement")
            .multisession
    );
}

#[test]
fn graceful_restart_needs_both_sides() {
    let restart = |time| Offer {
        graceful_restart: time,
        ..offer()
    };
    let negotiated = agree(&restart(Some(120)), &restart(Some(90))).expect("agreement");
    assert!(negotiated.graceful_restart() && !negotiated.graceful_notification());
    assert_eq!(
        negotiated.peer_restart().map(|restart| restart.time),
        Some(90)
    );
    assert!(
        !agree(&restart(Some(120)), &restart(None))
            .expect("agreement")
            .graceful_restart()
    );
}

#[test]
fn of_two_unknown_capabilities_with_one_code_the_last_is_shown() {
    let unknown = |code, value: &[u8]| Capability::Unknown {
        code,
        value: value.into(),
    };
    let mut twice = open(&offer());
    let more = [unknown(200, &[1]), unknown(201, &[]), unknown(200, &[2, 3])];
    twice.capabilities.extend(more);
    let mut w = JsonWriter::new();
    twice.json(Direction::Receive, &mut w);
    let json = w.as_str();
    assert!(json.contains("\"raw\": \"0203\""), "{json}");
    assert!(!json.contains("\"raw\": \"01\""), "{json}");
}
