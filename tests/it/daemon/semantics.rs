//! The effects of neighbor settings and operators' commands on the Adj-RIB-Out and the Adj-RIB-In.

use std::time::{Duration, Instant};

use oxabgp::bgp::capability::add_path::AddPathMode;
use oxabgp::bgp::capability::{ExtendedNexthop, Offer};
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::{Afi, Capability};

use super::scene::{EOR_V4, EOR_V6, Scene, V4, offering};
use crate::support::peer::{RawPeer, announcement};

const TWO: &str =
    "static { route 10.1.0.0/16 next-hop 192.0.2.1; route 10.2.0.0/16 next-hop 192.0.2.1; }";
/// A configuration that announces both: external session, AS 65000.
const BOTH: &[u8] = &[
    0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xE8, 0x40, 3, 4, 192, 0, 2, 1, 16,
    10, 1, 16, 10, 2,
];

/// The next message that is not a KEEPALIVE.
fn next(peer: &mut RawPeer) -> (MessageType, Vec<u8>) {
    loop {
        let message = peer.receive().expect("the session stays");
        if message.0 != MessageType::KEEPALIVE {
            return message;
        }
    }
}

fn update(body: &[u8]) -> (MessageType, Vec<u8>) {
    (MessageType::UPDATE, body.to_vec())
}

fn refresh(body: [u8; 4]) -> (MessageType, Vec<u8>) {
    (MessageType::ROUTE_REFRESH, body.to_vec())
}

/// A peer with route refresh that has received the routes of [`TWO`] and both End-of-RIB markers.
fn refreshable(scene: &Scene, enhanced: bool) -> RawPeer {
    let mut theirs = offering(Offer {
        route_refresh: true,
        ..Offer::default()
    });
    if !enhanced {
        theirs.capabilities.retain(|one| one.code() != 70);
    }
    let (mut peer, _) = scene.session(&theirs);
    for wanted in [BOTH, EOR_V4, EOR_V6] {
        assert_eq!(next(&mut peer), update(wanted));
    }
    peer
}

#[test]
fn with_manual_eor_only_a_command_sends_it() {
    let scene = Scene::new("", &format!("manual-eor true; {TWO}"));
    for _ in 0..2 {
        let (mut peer, _) = scene.session(&offering(Offer::default()));
        assert_eq!(next(&mut peer), update(BOTH));
        scene.ask("announce eor ipv6 unicast");
        assert_eq!(next(&mut peer), update(EOR_V6));
        scene.ask("announce eor ipv4 unicast");
        assert_eq!(next(&mut peer), update(EOR_V4));
        // Not of a family that was not negotiated: GoBGP and OpenBGPD reset the session because of it.
        scene.ask("announce eor ipv4 flow");
        scene
            .daemon
            .logged("the session has not negotiated this family");
        scene.ask("announce eor ipv6 unicast");
        assert_eq!(next(&mut peer), update(EOR_V6));
    }
    // Each of the two is one line of the log.
    let log = scene.daemon.log();
    let warnings = log.lines().filter(|line| line.contains("WARN"));
    let about: Vec<&str> = warnings.filter(|line| line.contains("flow")).collect();
    assert_eq!(about.len(), 2, "{about:?}");
}

#[test]
fn auto_flush_changes_nothing_and_flush_sends_all_again() {
    let scene = Scene::new("", &format!("auto-flush false; {TWO}"));
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    for wanted in [BOTH, EOR_V4, EOR_V6] {
        assert_eq!(next(&mut peer), update(wanted));
    }
    scene.ask("announce route 10.3.0.0/16 next-hop 192.0.2.1");
    assert!(next(&mut peer).1.ends_with(&[16, 10, 3]));
    scene.ask("flush adj-rib out");
    let all = [BOTH, &[16, 10, 3]].concat();
    assert_eq!(next(&mut peer), update(&all));
}

#[test]
fn a_plain_refresh_is_answered_with_routes_alone_and_marks_are_not_answered() {
    let scene = Scene::new("route-refresh enable;", TWO);
    let mut peer = refreshable(&scene, false);
    // BoRR, EoRR, and a family that was not negotiated have no effect. Then one that was.
    for asked in [[0, 1, 1, 1], [0, 1, 2, 1], [0, 1, 0, 128], [0, 1, 0, 1]] {
        peer.send(MessageType::ROUTE_REFRESH, &asked);
    }
    assert_eq!(next(&mut peer), update(BOTH));
    // There are none for IPv6: the next routes are those of the flush.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 2, 0, 1]);
    scene.ask("flush adj-rib out");
    assert_eq!(next(&mut peer), update(BOTH));
    scene.ask("announce route-refresh ipv4 unicast");
    assert_eq!(next(&mut peer), refresh([0, 1, 0, 1]));
}

#[test]
fn an_enhanced_refresh_is_answered_between_marks_for_its_family_alone() {
    let scene = Scene::new("route-refresh enable;", TWO);
    let mut peer = refreshable(&scene, true);
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    assert_eq!(next(&mut peer), refresh([0, 1, 1, 1]));
    assert_eq!(next(&mut peer), update(BOTH));
    assert_eq!(next(&mut peer), refresh([0, 1, 2, 1]));
    // An empty family gets its BoRR and EoRR immediately.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 2, 0, 1]);
    assert_eq!(next(&mut peer), refresh([0, 2, 1, 1]));
    assert_eq!(next(&mut peer), refresh([0, 2, 2, 1]));
    scene.ask("flush adj-rib out");
    let all: Vec<_> = (0..5).map(|_| next(&mut peer)).collect();
    let wanted = [
        refresh([0, 1, 1, 1]),
        update(BOTH),
        refresh([0, 1, 2, 1]),
        refresh([0, 2, 1, 1]),
        refresh([0, 2, 2, 1]),
    ];
    assert_eq!(all, wanted);
}

#[test]
fn a_rate_limit_holds_updates_back_and_nothing_else() {
    let scene = Scene::new("", "rate-limit 2; hold-time 9;");
    // Before the first second starts.
    let start = Instant::now();
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    for number in 1..=6 {
        scene.ask(&format!(
            "announce route 10.{number}.0.0/16 next-hop 192.0.2.1 med {number}"
        ));
    }
    for _ in 0..7 {
        peer.expect(MessageType::UPDATE);
    }
    // Two per second: the seventh starts the fourth second.
    assert!(
        start.elapsed() >= Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    scene.ask("announce route-refresh ipv4 unicast");
    scene.ask("neighbor 127.0.0.1 teardown 4");
    assert_eq!(peer.expect_notification().subcode, 4);
}

/// A peer that supports several paths and has none yet.
fn with_paths(scene: &Scene, mode: AddPathMode) -> RawPeer {
    let theirs = offering(Offer {
        add_path: Some((mode, vec![V4])),
        ..Offer::default()
    });
    let (mut peer, _) = scene.session(&theirs);
    for wanted in [EOR_V4, EOR_V6] {
        assert_eq!(next(&mut peer), update(wanted));
    }
    peer
}

#[test]
fn paths_of_one_prefix_live_apart_and_come_back_together() {
    let scene = Scene::new("add-path send/receive;", "");
    let mut peer = with_paths(&scene, AddPathMode::BOTH);
    let route = |number: u8| {
        format!("route 10.1.0.0/16 next-hop 192.0.2.{number} path-information {number}")
    };
    let nlri = |number: u8| [0, 0, 0, number, 16, 10, 1];
    for number in [1, 2, 3] {
        scene.ask(&format!("announce {}", route(number)));
        let (_, body) = next(&mut peer);
        assert!(body.ends_with(&[&[192, 0, 2, number], &nlri(number)[..]].concat()));
    }
    scene.ask(&format!("withdraw {}", route(2)));
    let withdrawn = [&[0, 7], &nlri(2)[..], &[0, 0]].concat();
    assert_eq!(next(&mut peer), update(&withdrawn));
    drop(peer);
    let theirs = offering(Offer {
        add_path: Some((AddPathMode::BOTH, vec![V4])),
        ..Offer::default()
    });
    let (mut peer, _) = scene.session(&theirs);
    let mut both = [next(&mut peer).1, next(&mut peer).1];
    both.sort_by_key(|body| body.last_chunk::<7>().copied());
    assert!(
        both[0].ends_with(&nlri(1)) && both[1].ends_with(&nlri(3)),
        "{both:?}"
    );
    // The routes it sends itself are kept path by path.
    for number in [7, 8] {
        peer.send(
            MessageType::UPDATE,
            &announcement(65001, &[0, 0, 0, number, 16, 10, 9]),
        );
    }
    scene.holds(&["10.9.0.0/16", "10.9.0.0/16"]);
    peer.send(MessageType::UPDATE, &[0, 7, 0, 0, 0, 8, 16, 10, 9, 0, 0]);
    scene.holds(&["10.9.0.0/16"]);
}

#[test]
fn a_peer_without_paths_gets_one_and_a_withdrawal_with_the_last() {
    let scene = Scene::new("add-path send/receive;", "");
    // It sends several itself, and takes one.
    let mut peer = with_paths(&scene, AddPathMode::SEND);
    for number in [1, 2] {
        scene.ask(&format!(
            "announce route 10.1.0.0/16 next-hop 192.0.2.{number} path-information {number}"
        ));
        assert!(next(&mut peer).1.ends_with(&[192, 0, 2, 1, 16, 10, 1]));
    }
    scene.ask("withdraw route 10.1.0.0/16 path-information 1");
    assert!(next(&mut peer).1.ends_with(&[192, 0, 2, 2, 16, 10, 1]));
    scene.ask("withdraw route 10.1.0.0/16 path-information 2");
    assert_eq!(next(&mut peer), update(&[0, 3, 16, 10, 1, 0, 0]));
}

#[test]
fn without_adj_rib_in_nothing_is_kept_not_even_for_a_restart() {
    let scene = Scene::new(
        "graceful-restart 60; route-refresh enable;",
        "adj-rib-in false;",
    );
    let (mut peer, _) = scene.session(&offering(Offer {
        graceful_restart: Some(60),
        route_refresh: true,
        ..Offer::default()
    }));
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 1, 1]);
    // It has been read when the following message is answered.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 2, 0, 1]);
    while next(&mut peer) != refresh([0, 2, 1, 1]) {}
    scene.holds(&[]);
    drop(peer);
    scene.daemon.logged("session closed");
    scene.holds(&[]);
    assert!(!scene.daemon.log().contains("are kept"));
}

#[test]
fn our_link_local_address_goes_with_global_next_hops() {
    let route = "static { route 2001:db8:1::/48 next-hop 2001:db8::1; }";
    for (ours, theirs, with) in [
        ("", true, true),
        ("", false, false),
        ("outgoing-ttl 2;", true, false),
    ] {
        let more = format!("local-link-local fe80::9; {ours} {route}");
        let scene = Scene::new(
            "link-local-nexthop enable; link-local-prefer enable;",
            &more,
        );
        let (mut peer, _) = scene.session(&offering(Offer {
            link_local_nexthop: theirs,
            ..Offer::default()
        }));
        let (_, body) = next(&mut peer);
        let hop = "2001:db8::1"
            .parse::<std::net::Ipv6Addr>()
            .expect("an address");
        let mut wanted = vec![0, 2, 1, if with { 32 } else { 16 }];
        wanted.extend(hop.octets());
        if with {
            wanted.extend([0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        }
        wanted.extend([0, 48, 0x20, 1, 0x0D, 0xB8, 0, 1]);
        assert!(body.ends_with(&wanted), "{body:02x?}");
    }
}

#[test]
fn a_peer_over_its_prefix_limit_is_left_alone() {
    let (scene, address) = Scene::passive("", "prefix-limit 3;");
    let mut peer = RawPeer::connect(address);
    peer.establish(&offering(Offer::default()));
    // Repeated announcements and withdrawals do not count.
    for number in [1, 2, 1, 2, 3] {
        peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, number]));
    }
    peer.send(MessageType::UPDATE, &[0, 3, 16, 10, 3, 0, 0]);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 4]));
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16", "10.4.0.0/16"]);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 5]));
    let notification = peer.expect_notification();
    assert_eq!((notification.code, notification.subcode), (6, 1));
    // RFC 4486 4: AFI, SAFI and the upper bound.
    assert_eq!(notification.data, [0, 1, 1, 0, 0, 0, 3]);
    scene.daemon.logged("than `prefix-limit` allows");
    scene.holds(&[]);
    // No session for a minute.
    let again = RawPeer::connect(address).expect_notification();
    assert_eq!((again.code, again.subcode), (6, 5));
}

#[test]
fn a_limit_that_only_warns_leaves_the_session_alone() {
    let scene = Scene::new("", "prefix-limit 2 warning-only;");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    for number in 1..=5 {
        peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, number]));
    }
    scene.holds(&[
        "10.1.0.0/16",
        "10.2.0.0/16",
        "10.3.0.0/16",
        "10.4.0.0/16",
        "10.5.0.0/16",
    ]);
    let log = scene.daemon.logged("with `warning-only` the session stays");
    assert_eq!(
        log.matches("than `prefix-limit` allows").count(),
        1,
        "{log}"
    );
    for number in 2..=5 {
        peer.send(MessageType::UPDATE, &[0, 3, 16, 10, number, 0, 0]);
    }
    scene.holds(&["10.1.0.0/16"]);
    scene.daemon.logged("within `prefix-limit` again");
    assert!(scene.ask("show neighbor summary").contains("established"));
}

#[test]
fn routes_of_a_family_that_was_not_negotiated_are_ignored() {
    let scene = Scene::new("", "");
    let only_v6 = oxabgp::bgp::message::open::Open {
        capabilities: Offer {
            families: vec![super::scene::V6],
            asn4: Some(oxabgp::bgp::Asn(65001)),
            ..Offer::default()
        }
        .capabilities(),
        ..offering(Offer::default())
    };
    let (mut peer, _) = scene.session(&only_v6);
    // IPv4 unicast in its own fields, its End-of-RIB, and labeled IPv4 in MP_REACH_NLRI.
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    peer.send(MessageType::UPDATE, &[0, 3, 16, 10, 2, 0, 0]);
    peer.send(MessageType::UPDATE, EOR_V4);
    let route = |reach: &[u8]| {
        let body = announcement(65001, &[]);
        // Without NEXT_HOP.
        let mut attributes = body[4..body.len() - 7].to_vec();
        attributes.extend([0x80, 14, u8::try_from(reach.len()).expect("short")]);
        attributes.extend(reach);
        let length = u16::try_from(attributes.len()).expect("short");
        [&[0, 0], &length.to_be_bytes()[..], &attributes].concat()
    };
    let labelled = [0, 1, 4, 4, 192, 0, 2, 1, 0, 40, 0, 1, 1, 10, 3];
    peer.send(MessageType::UPDATE, &route(&labelled));
    let mut v6 = vec![
        0, 2, 1, 16, 0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
    ];
    v6.extend([32, 0x20, 1, 0x0D, 0xB8]);
    peer.send(MessageType::UPDATE, &route(&v6));
    scene.holds(&["2001:db8::/32"]);
    let log = scene.daemon.log();
    for family in ["ipv4 unicast", "ipv4 nlri-mpls"] {
        let reported = |line: &&str| line.contains("are ignored") && line.contains(family);
        assert_eq!(log.lines().filter(reported).count(), 1, "{family}: {log}");
    }
    assert!(scene.ask("show neighbor summary").contains("established"));
}

#[test]
fn a_refresh_that_brings_nothing_is_logged() {
    let scene = Scene::new("route-refresh enable;", "");
    let mut theirs = offering(Offer {
        route_refresh: true,
        ..Offer::default()
    });
    theirs.capabilities.retain(|one| one.code() != 70);
    let (mut peer, _) = scene.session(&theirs);
    scene.ask("announce route-refresh ipv4 unicast");
    scene.ask("announce route-refresh ipv6 unicast");
    while peer.receive().expect("a message") != (MessageType::ROUTE_REFRESH, vec![0, 2, 0, 1]) {}
    // One of the two is answered.
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    let log = scene.daemon.logged("no routes followed the route refresh");
    assert!(
        log.contains("FRR 8.4") && log.contains("OpenBGPD 7.7"),
        "{log}"
    );
    let reported: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("no routes followed"))
        .collect();
    assert!(
        reported.len() == 1 && reported[0].contains("ipv6 unicast"),
        "{reported:?}"
    );
}

#[test]
fn why_a_neighbor_is_down_is_shown_and_logged() {
    // The peer connects: it would have to wait for half a minute to be connected to after a shutdown.
    let (scene, address) = Scene::passive("", "");
    let fresh = scene.ask("show neighbor extensive");
    assert!(!fresh.contains("History"), "{fresh}");
    let mut peer = RawPeer::connect(address);
    peer.establish(&offering(Offer::default()));
    let text = b"closed for maintenance";
    let mut body = vec![6, 2, u8::try_from(text.len()).expect("short")];
    body.extend(text);
    peer.send(MessageType::NOTIFICATION, &body);
    scene.daemon.logged("NOTIFICATION received: Cease");
    let line = "Shutdown Communication: \"closed for maintenance\"";
    assert!(scene.daemon.log().contains(line), "{}", scene.daemon.log());
    drop(peer);
    let mut peer = RawPeer::connect(address);
    peer.establish(&offering(Offer::default()));
    scene.ask("neighbor 127.0.0.1 teardown 4");
    peer.expect_notification();
    let shown = crate::support::daemon::wait_for("the history", || {
        let shown = scene.ask("show neighbor extensive");
        shown.contains("notification-sent").then_some(shown)
    });
    let (before, history) = shown.split_once("    History\n").expect("a history");
    assert!(before.contains("Message Statistic"), "{shown}");
    assert!(
        history.contains("closed for maintenance") && history.contains("(6,2)"),
        "{shown}"
    );
    assert!(
        history.contains("notification-sent: Cease") && history.contains("(6,4)"),
        "{shown}"
    );
    let json = scene.ask("show neighbor json");
    let value: serde_json::Value =
        serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    let history = &value[0]["history"];
    assert_eq!(history["lost"], 2);
    let received = &history["notification-received"];
    assert_eq!(received["count"], 1);
    assert!(
        received["reason"]
            .as_str()
            .expect("text")
            .contains("maintenance"),
        "{history}"
    );
}

#[test]
fn stale_routes_of_a_peer_that_never_sends_end_of_rib_are_dropped() {
    let scene = Scene::new("graceful-restart 60;", "stale-path-time 1;");
    let mut back = offering(Offer {
        graceful_restart: Some(60),
        ..Offer::default()
    });
    for capability in &mut back.capabilities {
        if let Capability::GracefulRestart(restart) = capability {
            for (_, flags) in &mut restart.families {
                *flags |= oxabgp::bgp::capability::GracefulRestart::FORWARDING;
            }
        }
    }
    let (mut peer, _) = scene.session(&back);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 2]));
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16"]);
    drop(peer);
    scene.holds(&["10.1.0.0/16*", "10.2.0.0/16*"]);
    let (mut peer, _) = scene.session(&back);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    // No End-of-RIB.
    scene.holds(&["10.1.0.0/16"]);
    scene.daemon.logged("stale routes are dropped");
}

#[test]
fn an_ipv4_route_with_an_ipv6_next_hop_waits_for_a_peer_that_negotiates_it() {
    const HOP: [u8; 16] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let routes =
        "static { route 10.1.0.0/16 next-hop 2001:db8::1; route 10.2.0.0/16 next-hop 192.0.2.1; }";
    let offers = format!("nexthop {{ ipv4 unicast ipv6; }} {routes}");
    let scene = Scene::new("nexthop enable;", &offers);
    // We offer it, and the peer does not.
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    assert!(next(&mut peer).1.ends_with(&[16, 10, 2]));
    assert_eq!(next(&mut peer), update(EOR_V4));
    assert_eq!(next(&mut peer), update(EOR_V6));
    scene.daemon.logged("has to be negotiated (RFC 8950)");
    let answer = scene.ask("announce route 10.3.0.0/16 next-hop 2001:db8::1");
    assert_eq!(answer.trim_end(), "error");
    scene.ask("announce route 10.4.0.0/16 next-hop 192.0.2.1");
    assert!(next(&mut peer).1.ends_with(&[16, 10, 4]));
    drop(peer);
    // Both sides do.
    let pairs = ExtendedNexthop(vec![(V4, Afi::IPV6)]);
    let mut theirs = offering(Offer::default());
    theirs.capabilities.push(Capability::ExtendedNexthop(pairs));
    let (mut peer, _) = scene.session(&theirs);
    let has_hop = |body: &[u8]| body.windows(16).any(|bytes| bytes == HOP);
    let mut found = Vec::new();
    loop {
        let (_, body) = next(&mut peer);
        if body == EOR_V4 {
            break;
        }
        found.push((body[body.len() - 1], has_hop(&body)));
    }
    found.sort_unstable();
    assert!(found.contains(&(4, false)), "{found:?}");
    assert!(found.iter().any(|(_, is_six)| *is_six), "{found:?}");
    scene.ask("announce route 10.3.0.0/16 next-hop 2001:db8::1");
    while !has_hop(&next(&mut peer).1) {}
}

#[test]
fn no_mark_of_a_refresh_precedes_end_of_rib_for_a_peer_with_graceful_restart() {
    let offer = |graceful_restart| {
        offering(Offer {
            route_refresh: true,
            graceful_restart,
            ..Offer::default()
        })
    };
    let capabilities = "route-refresh enable; graceful-restart 120;";
    let scene = Scene::new(capabilities, &format!("manual-eor true; {TWO}"));
    let request = [0, 1, 0, 1];
    let mark = |subtype| (MessageType::ROUTE_REFRESH, vec![0, 1, subtype, 1]);
    let (mut peer, _) = scene.session(&offer(Some(120)));
    assert_eq!(next(&mut peer), update(BOTH));
    peer.send(MessageType::ROUTE_REFRESH, &request);
    assert_eq!(next(&mut peer), update(BOTH));
    scene.ask("announce eor ipv4 unicast");
    peer.send(MessageType::ROUTE_REFRESH, &request);
    for wanted in [update(EOR_V4), mark(1), update(BOTH), mark(2)] {
        assert_eq!(next(&mut peer), wanted);
    }
    drop(peer);
    // RFC 7313 section 4 has this rule for graceful restart only.
    let (mut peer, _) = scene.session(&offer(None));
    assert_eq!(next(&mut peer), update(BOTH));
    peer.send(MessageType::ROUTE_REFRESH, &request);
    for wanted in [mark(1), update(BOTH), mark(2)] {
        assert_eq!(next(&mut peer), wanted);
    }
}
