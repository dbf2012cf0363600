//! Restarts of both sides: what is kept of a peer that is down (RFC 4724, 8538, 9494), what a refresh confirms (RFC
//! 7313), and how we shut down and restart.

use oxabgp::bgp::Notification;
use oxabgp::bgp::capability::{Capability, GracefulRestart, Offer};
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::open::Open;

use super::scene::{EOR_V4, EOR_V6, Scene, V6, offering};
use super::{listener, neighbor, process};
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::{RawPeer, announcement, open};

/// BoRR and EoRR of IPv4 unicast.
const BORR: &[u8] = &[0, 1, 1, 1];
const EORR: &[u8] = &[0, 1, 2, 1];

/// Graceful restart with this time, long-lived for that.
fn graceful(time: u16, long_lived: Option<u32>) -> Open {
    offering(Offer {
        graceful_restart: Some(time),
        long_lived,
        route_refresh: true,
        ..Offer::default()
    })
}

/// Announces 10.N.0.0/16.
fn announce(peer: &mut RawPeer, number: u8) {
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, number]));
}

/// Announces it with these communities.
fn announce_with(peer: &mut RawPeer, number: u8, communities: &[u32]) {
    let body = announcement(65001, &[]);
    let mut attributes = body[4..].to_vec();
    let length = u8::try_from(communities.len() * 4).expect("few");
    attributes.extend([0xC0, 8, length]);
    attributes.extend(communities.iter().flat_map(|one| one.to_be_bytes()));
    let length = u16::try_from(attributes.len()).expect("short");
    let body = [
        &[0, 0],
        &length.to_be_bytes()[..],
        &attributes,
        &[16, 10, number],
    ];
    peer.send(MessageType::UPDATE, &body.concat());
}

fn restart_flags(open: &Open) -> (u8, Vec<u8>) {
    let found = open.capabilities.iter().find_map(|one| match one {
        Capability::GracefulRestart(restart) => Some(restart),
        _ => None,
    });
    let found = found.expect("graceful restart in our OPEN");
    let families = found.families.iter().map(|(_, flags)| *flags).collect();
    (found.flags, families)
}

#[test]
fn routes_of_a_peer_that_restarts_stay_until_it_has_announced_them_again() {
    let scene = Scene::new("graceful-restart 60;", "");
    let (mut peer, _) = scene.session(&graceful(60, None));
    announce(&mut peer, 1);
    announce(&mut peer, 2);
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16"]);
    drop(peer);
    scene.holds(&["10.1.0.0/16*", "10.2.0.0/16*"]);
    let (mut peer, _) = scene.session(&graceful(60, None));
    announce(&mut peer, 2);
    announce(&mut peer, 3);
    scene.holds(&["10.1.0.0/16*", "10.2.0.0/16", "10.3.0.0/16"]);
    peer.send(MessageType::UPDATE, EOR_V6);
    peer.send(MessageType::UPDATE, EOR_V4);
    scene.holds(&["10.2.0.0/16", "10.3.0.0/16"]);
    // The text format is unchanged.
    let text = scene.ask("show adj-rib in extensive");
    assert!(!text.contains("stale"), "{text}");
}

#[test]
fn routes_of_a_peer_that_does_not_come_back_go_when_its_time_is_over() {
    let scene = Scene::new("graceful-restart 60;", "");
    let (mut peer, _) = scene.session(&graceful(1, None));
    announce(&mut peer, 1);
    scene.holds(&["10.1.0.0/16"]);
    drop((peer, &scene.listener));
    scene.daemon.logged("the peer's routes are kept");
    scene.daemon.logged("stale routes are dropped");
    scene.holds(&[]);
}

#[test]
fn without_graceful_restart_of_both_nothing_is_kept() {
    for (ours, theirs) in [
        ("graceful-restart 60;", open(65001, [10, 0, 0, 2])),
        ("", graceful(60, None)),
    ] {
        let scene = Scene::new(ours, "");
        let (mut peer, _) = scene.session(&theirs);
        announce(&mut peer, 1);
        scene.holds(&["10.1.0.0/16"]);
        drop(peer);
        scene.daemon.logged("session closed");
        scene.holds(&[]);
        assert!(!scene.daemon.log().contains("are kept"));
    }
}

#[test]
fn a_peer_that_has_lost_its_forwarding_state_starts_from_nothing() {
    let scene = Scene::new("graceful-restart 60;", "");
    let (mut peer, _) = scene.session(&graceful(60, None));
    announce(&mut peer, 1);
    scene.holds(&["10.1.0.0/16"]);
    drop(peer);
    scene.holds(&["10.1.0.0/16*"]);
    let mut back = graceful(60, None);
    for capability in &mut back.capabilities {
        if let Capability::GracefulRestart(restart) = capability {
            restart.flags = GracefulRestart::RESTARTED;
            restart.families.retain(|(family, _)| *family == V6);
        }
    }
    let (_peer, _) = scene.session(&back);
    scene.holds(&[]);
}

#[test]
fn a_notification_ends_it_unless_both_sides_negotiated_otherwise() {
    let reset = Notification::cease(4);
    let hard = reset.clone().into_hard_reset();
    for (words, notification, kept) in [
        ("graceful-restart 60;", &reset, false),
        (
            "graceful-restart 60; graceful-restart-notification true;",
            &reset,
            true,
        ),
        (
            "graceful-restart 60; graceful-restart-notification true;",
            &hard,
            false,
        ),
    ] {
        let scene = Scene::new(words, "");
        let mut theirs = graceful(60, None);
        for capability in &mut theirs.capabilities {
            if let Capability::GracefulRestart(restart) = capability {
                restart.flags |= GracefulRestart::NOTIFICATION;
            }
        }
        let (mut peer, ours) = scene.session(&theirs);
        let offered = restart_flags(&ours).0 & GracefulRestart::NOTIFICATION != 0;
        assert_eq!(offered, words.contains("notification"));
        announce(&mut peer, 1);
        scene.holds(&["10.1.0.0/16"]);
        peer.send_bytes(&notification.encode());
        scene.daemon.logged("session closed");
        scene.holds(if kept { &["10.1.0.0/16*"] } else { &[] });
    }
}

#[test]
fn long_lived_routes_are_marked_and_those_that_must_not_be_are_dropped() {
    let scene = Scene::new("graceful-restart 60; long-lived-graceful-restart 3600;", "");
    let (mut peer, _) = scene.session(&graceful(0, Some(2)));
    announce_with(&mut peer, 1, &[0x0001_0002]);
    announce_with(&mut peer, 2, &[0xFFFF_0007]);
    announce(&mut peer, 3);
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    drop((peer, &scene.listener));
    scene.daemon.logged("long-lived from now on");
    let text = scene.ask("show adj-rib in extensive");
    if text.contains("10.") {
        let line = |prefix: &str| text.lines().find(|line| line.contains(prefix));
        let first = line("10.1.0.0/16").expect("it is kept");
        assert!(first.contains("community [ 1:2 65535:6 ]"), "{text}");
        assert!(line("10.3.0.0/16").is_some_and(|line| line.contains("65535:6")));
        assert_eq!(line("10.2.0.0/16"), None);
    } else {
        // A machine that takes more than two seconds for the request.
        scene.daemon.logged("stale routes are dropped");
    }
    scene.holds(&[]);
}

#[test]
fn a_refresh_with_marks_confirms_routes() {
    let scene = Scene::new("route-refresh true;", "");
    let theirs = offering(Offer {
        route_refresh: true,
        ..Offer::default()
    });
    let (mut peer, _) = scene.session(&theirs);
    announce(&mut peer, 1);
    announce(&mut peer, 2);
    peer.send(MessageType::ROUTE_REFRESH, BORR);
    scene.holds(&["10.1.0.0/16*", "10.2.0.0/16*"]);
    announce(&mut peer, 2);
    // An End-of-RIB is not the end of a refresh.
    peer.send(MessageType::UPDATE, EOR_V4);
    scene.holds(&["10.1.0.0/16*", "10.2.0.0/16"]);
    peer.send(MessageType::ROUTE_REFRESH, EORR);
    scene.holds(&["10.2.0.0/16"]);
    // Without a BoRR it is ignored.
    peer.send(MessageType::ROUTE_REFRESH, EORR);
    announce(&mut peer, 3);
    scene.holds(&["10.2.0.0/16", "10.3.0.0/16"]);
}

#[test]
fn a_new_connection_of_a_restarted_peer_replaces_the_old_one_without_a_loss() {
    let (scene, address) = Scene::passive("graceful-restart 60;", "");
    let mut old = RawPeer::connect(address);
    old.establish(&graceful(60, None));
    announce(&mut old, 1);
    scene.holds(&["10.1.0.0/16"]);
    // The peer has crashed: the old connection is silent.
    let mut new = RawPeer::connect(address);
    new.establish(&graceful(60, None));
    scene.holds(&["10.1.0.0/16*"]);
    old.expect_close();
    announce(&mut new, 2);
    new.send(MessageType::UPDATE, EOR_V4);
    scene.holds(&["10.2.0.0/16"]);
}

#[test]
fn our_open_has_the_restart_bit_only_after_a_restart() {
    let scene = Scene::new("graceful-restart 60;", "");
    let (peer, ours) = scene.session(&graceful(60, None));
    assert_eq!(restart_flags(&ours), (8, vec![0x80, 0x80]));
    drop(peer);
    let (mut peer, ours) = scene.session(&graceful(60, None));
    assert_eq!(restart_flags(&ours), (0, vec![0x80, 0x80]));
    // An operator's teardown is not a shutdown, and closes without a NOTIFICATION if both can restart gracefully.
    scene.ask("neighbor 127.0.0.1 teardown 4");
    silent_close(&mut peer);
    let (mut peer, ours) = scene.session(&graceful(60, None));
    assert_eq!(restart_flags(&ours), (0, vec![0x80, 0x80]));
    scene.ask("restart");
    silent_close(&mut peer);
    let (_peer, ours) = scene.session(&graceful(60, None));
    assert_eq!(restart_flags(&ours), (8, vec![0x80, 0x80]));
}

/// Reads until the connection is closed, which must come without a NOTIFICATION.
fn silent_close(peer: &mut RawPeer) {
    while let Some((kind, _)) = peer.receive() {
        assert_ne!(kind, MessageType::NOTIFICATION);
    }
}

#[test]
fn the_end_of_the_program_preserves_forwarding_where_both_sides_can() {
    let mut scene = Scene::new("graceful-restart 60;", "");
    let (mut peer, _) = scene.session(&graceful(60, None));
    peer.expect(MessageType::UPDATE);
    scene.daemon.signal("TERM");
    silent_close(&mut peer);
    assert_eq!(scene.daemon.ended().code(), Some(0));
    // A peer that cannot is sent a NOTIFICATION.
    let mut scene = Scene::new("graceful-restart 60;", "");
    let (mut peer, _) = scene.session(&open(65001, [10, 0, 0, 2]));
    peer.expect(MessageType::UPDATE);
    scene.daemon.signal("TERM");
    let notification = peer.expect_notification();
    assert_eq!((notification.code, notification.subcode), (6, 2));
    assert_eq!(scene.daemon.ended().code(), Some(0));
}

/// The next UPDATE's body.
fn next(peer: &mut RawPeer) -> Vec<u8> {
    peer.expect(MessageType::UPDATE)
}

#[test]
fn end_of_rib_waits_for_a_helper_only_after_a_start_and_not_for_ever() {
    let route = "static { route 10.9.0.0/16 next-hop 192.0.2.1; }";
    let scene = Scene::new(
        "graceful-restart 60;",
        &format!("eor-deferral 3600; {route}"),
    );
    let (mut peer, _) = scene.session(&graceful(60, None));
    assert!(next(&mut peer).ends_with(&[16, 10, 9]));
    scene.daemon.logged("End-of-RIB waits");
    scene.ask("announce route 10.8.0.0/16 next-hop 192.0.2.1");
    assert!(next(&mut peer).ends_with(&[16, 10, 8]));
    scene.ask("announce eor ipv4 unicast");
    assert_eq!(next(&mut peer), EOR_V4);
    scene.ask("announce eor ipv6 unicast");
    assert_eq!(next(&mut peer), EOR_V6);
    drop(peer);
    // A restart within the time of the first one waits for the remaining time.
    let (mut peer, _) = scene.session(&graceful(60, None));
    next(&mut peer);
    scene.ask("announce eor ipv6 unicast");
    assert_eq!(next(&mut peer), EOR_V6);
    // It happens without a command, and immediately after the next loss of the session.
    let scene = Scene::new("graceful-restart 60;", &format!("eor-deferral 1; {route}"));
    let (mut peer, _) = scene.session(&graceful(60, None));
    assert!(next(&mut peer).ends_with(&[16, 10, 9]));
    scene.ask("announce eor ipv6 unicast");
    let mut both = [next(&mut peer), next(&mut peer)];
    both.sort();
    scene.daemon.logged("in time");
    assert_eq!(both, [EOR_V4, EOR_V6]);
    drop(peer);
    let (mut peer, _) = scene.session(&graceful(60, None));
    assert!(next(&mut peer).ends_with(&[16, 10, 9]));
    assert_eq!(next(&mut peer), EOR_V4);
}

#[test]
fn helpers_receive_the_same_events_of_a_restart() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = format!("cat > {}", lab.path("received").display());
    let api = "api { processes [ helper ]; neighbor-changes; receive { parsed; update; } }";
    let body = format!("capability {{ graceful-restart 60; }} {api}");
    let configuration = process(&lab, "helper", &script) + &neighbor(port, &body);
    let daemon = Daemon::start(&lab, &configuration);
    for (numbers, last) in [([1, 2], 2), ([2, 3], 3)] {
        let mut peer = RawPeer::accept(&listener);
        peer.establish(&graceful(60, None));
        for number in numbers {
            announce(&mut peer, number);
        }
        peer.send(MessageType::UPDATE, EOR_V4);
        peer.send(MessageType::UPDATE, EOR_V6);
        let prefix = format!("10.{last}.0.0/16");
        lab.lines("received", |lines| {
            lines.iter().any(|line| line.contains(&prefix))
        });
    }
    daemon.logged("stale routes are dropped");
    let received = lab.lines("received", |lines| {
        lines
            .iter()
            .filter(|line| line.contains("\"down\""))
            .count()
            == 2
    });
    let reported: Vec<&str> = received
        .iter()
        .map(|line| {
            let words = ["connected", "\"up\"", "\"down\"", "eor", "withdraw"];
            let prefixes = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"];
            let all = words.into_iter().chain(prefixes);
            let found = all.into_iter().find(|word| line.contains(word));
            found.expect("an event that is expected")
        })
        .collect();
    let session = |first, second| {
        [
            "connected",
            "\"up\"",
            first,
            second,
            "eor",
            "eor",
            "\"down\"",
        ]
    };
    let wanted = [
        session("10.1.0.0/16", "10.2.0.0/16"),
        session("10.2.0.0/16", "10.3.0.0/16"),
    ];
    // The third connection is not answered.
    assert_eq!(reported[..14], wanted.concat());
}
