//! Defects in establishing and closing sessions: 9, 10, 11, 12, 13, 17.

use std::time::{Duration, Instant};

use oxabgp::bgp::Notification;
use oxabgp::bgp::message::MessageType;

use super::{LAST, Stage, Table, bare, offering, one, recorded, session_with};
use crate::daemon::{listener, neighbor, session};
use crate::support::daemon::{Lab, PATIENCE, wait_for};
use crate::support::peer::{RawPeer, announcement, open};

/// A neighbor that we connect to and that may connect to us: the daemon, its listening port, and the peer's socket.
fn both_ways(router_id: &str) -> (Stage, u16, std::net::TcpListener) {
    let (listener, port) = listener();
    let (free, own) = crate::daemon::listener();
    drop(free);
    let configuration = neighbor(port, &format!("listen {own};")).replace("10.0.0.1", router_id);
    (Stage::start(Lab::new(), &configuration), own, listener)
}

#[test]
fn defect_09_a_second_connection_beside_an_established_one_gets_6_7() {
    let (stage, own, listener) = both_ways("10.0.0.1");
    let mut peer = session(&listener);
    let mut second = RawPeer::connect(([127, 0, 0, 1], own).into());
    // RFC 4271 6.8: an established connection stays up; the new one may be kept until its OPEN arrives.
    let ours = open(65001, [10, 0, 0, 2]).encode().expect("an OPEN");
    let _ = std::io::Write::write_all(&mut second.stream(), &ours);
    let reported = second.expect_notification();
    assert_eq!((reported.code, reported.subcode), (6, 7));
    let mut table = Table::default();
    super::settled(&stage, &mut peer, &mut table);
}

#[test]
fn defect_09_of_two_connections_the_one_of_the_higher_identifier_stays() {
    for (router_id, ours_stays) in [("10.0.0.1", false), ("10.0.0.9", true)] {
        let (stage, own, listener) = both_ways(router_id);
        // Both are in OpenConfirm or about to be: neither side has sent the KEEPALIVE that would end that.
        let mut theirs = RawPeer::accept(&listener);
        theirs.expect(MessageType::OPEN);
        let mut mine = RawPeer::connect(([127, 0, 0, 1], own).into());
        mine.expect(MessageType::OPEN);
        let hello = open(65001, [10, 0, 0, 2]).encode().expect("an OPEN");
        // Once it knows the peer's identifier it may close one before it has received the other's OPEN.
        theirs.send_bytes(&hello);
        let _ = std::io::Write::write_all(&mut mine.stream(), &hello);
        let (mut stays, mut goes) = if ours_stays {
            (theirs, mine)
        } else {
            (mine, theirs)
        };
        let reported = goes.expect_notification();
        assert_eq!((reported.code, reported.subcode), (6, 7), "{router_id}");
        stays.send(MessageType::KEEPALIVE, &[]);
        super::settled(&stage, &mut stays, &mut Table::default());
    }
}

#[test]
fn defect_10_shutdown_and_removal_are_told_to_the_peer() {
    let (stage, listener) = recorded("neighbor-changes;", "");
    let mut peer = session(&listener);
    let (other, port) = crate::daemon::listener();
    let before = std::fs::read_to_string(stage.lab.path("oxabgp.conf")).expect("readable");
    let more = neighbor(port, "api { processes [ recorder ]; neighbor-changes; }")
        .replace("10.0.0.1;", "10.0.0.3;");
    stage.reload(&(before.clone() + &more));
    let mut removed = session(&other);
    stage.reload(&before);
    let reported = removed.expect_notification();
    assert_eq!((reported.code, reported.subcode), (6, 3));
    stage.daemon.signal("TERM");
    let reported = peer.expect_notification();
    assert_eq!((reported.code, reported.subcode), (6, 2));
    // Helpers match this text.
    for reason in ["stop, message [removed]", "stop, message [shutting down]"] {
        stage.lab.lines("received", |lines| {
            lines.iter().any(|line| line.contains(reason))
        });
    }
}

#[test]
fn defect_11_only_a_session_where_both_offered_graceful_restart_ends_silently() {
    for (offered, silent) in [(None, false), (Some(120), true)] {
        let (listener, port) = listener();
        let body = "capability { graceful-restart 120; }";
        let stage = Stage::start(Lab::new(), &neighbor(port, body));
        let offer = offering(|offer| offer.graceful_restart = offered);
        let mut peer = session_with(&listener, &offer);
        super::settled(&stage, &mut peer, &mut Table::default());
        stage.daemon.signal("TERM");
        let mut reported = None;
        while let Some((kind, body)) = peer.receive() {
            if kind == MessageType::NOTIFICATION {
                reported = Some(Notification::decode(&body));
            }
        }
        let reported = reported.map(|reported| (reported.code, reported.subcode));
        assert_eq!(reported, (!silent).then_some((6, 2)), "peer: {offered:?}");
    }
}

#[test]
fn defect_12_a_refused_connection_is_not_told_as_connected_and_is_tried_less_and_less() {
    for local in ["127.0.0.1", "203.0.113.77"] {
        // Nothing listens there; and connecting from an address that is not ours fails immediately.
        let (free, port) = listener();
        drop(free);
        let lab = Lab::new();
        let received = lab.path("received");
        let script = format!("cat > {}", received.display());
        let configuration = crate::daemon::process(&lab, "recorder", &script)
            + &neighbor(port, "api { processes [ recorder ]; neighbor-changes; }")
                .replace("local-address 127.0.0.1", &format!("local-address {local}"));
        let start = Instant::now();
        let stage = Stage::start_with(lab, &configuration, &[("exabgp_tcp_attempts", "3")]);
        // With three attempts the daemon exits: 0, 1 and 2 seconds between them with the minimum jitter.
        let Stage { mut daemon, lab } = stage;
        assert_eq!(daemon.ended().code(), Some(0));
        assert!(
            start.elapsed() > Duration::from_millis(900),
            "{local}: three attempts within {:?}",
            start.elapsed()
        );
        let received = std::fs::read_to_string(lab.path("received")).unwrap_or_default();
        assert!(!received.contains("\"connected\""), "{local}: {received}");
    }
}

#[test]
fn defect_13_a_peer_without_the_capability_is_told_ipv4_unicast() {
    let (listener, port) = listener();
    let stage = Stage::start(Lab::new(), &neighbor(port, ""));
    let mut peer = session_with(&listener, &bare());
    let mut table = Table::default();
    super::settled(&stage, &mut peer, &mut table);
    assert!(table.0.contains_key(LAST));
    let shown = stage.ask("show neighbor summary");
    assert!(shown.contains("established"), "{shown}");
}

#[test]
fn defect_17_any_update_keeps_a_session_alive_and_routes_with_a_discarded_attribute_are_kept() {
    let (listener, port) = listener();
    let stage = Stage::start(Lab::new(), &neighbor(port, "hold-time 6;"));
    let mut peer = session(&listener);
    // An AGGREGATOR of 5 bytes is dropped; the route is kept.
    let mut body = announcement(65001, &[]);
    body.extend([0xC0, 7, 5, 1, 2, 3, 4, 5]);
    body[3] += 8;
    body.extend([24, 203, 0, 113]);
    // The daemon sends a KEEPALIVE every two seconds; we send none for more than a hold time.
    for _ in 0..4 {
        peer.send(MessageType::UPDATE, &body);
        loop {
            match peer.receive() {
                Some((MessageType::KEEPALIVE, _)) => break,
                Some((MessageType::UPDATE, _)) => {}
                other => panic!("the session is lost: {other:?}"),
            }
        }
    }
    let shown = stage.ask("show adj-rib in");
    assert!(shown.contains("203.0.113.0/24"), "{shown}");
}

#[test]
fn defect_17_waiting_for_an_open_ends_with_hold_timer_expired() {
    let (listener, port) = listener();
    let settings = [("exabgp_bgp_openwait", "1")];
    let _stage = Stage::start_with(Lab::new(), &neighbor(port, ""), &settings);
    let mut silent = RawPeer::accept(&listener);
    let reported = silent.expect_notification();
    // Hold Timer Expired, where ExaBGP sends 1/1.
    assert_eq!((reported.code, reported.subcode), (4, 0));
}

#[test]
fn defect_12_a_peer_that_refuses_costs_no_cpu() {
    let (free, port) = listener();
    drop(free);
    let stage = Stage::start(Lab::new(), &neighbor(port, ""));
    let (before, start) = (stage.daemon.cpu(), Instant::now());
    wait_for("a few attempts", || {
        (start.elapsed() > Duration::from_secs(2)).then_some(())
    });
    assert!(PATIENCE > Duration::from_secs(2));
    // In hundredths of a second: a loop without a pause would have used all of them.
    let used = stage.daemon.cpu() - before;
    assert!(used < 60, "{used} of 200 ticks");
    let (_stage, mut peer) = one("");
    peer.send(MessageType::KEEPALIVE, &[]);
}
