//! From start to shutdown: sessions, events, answers, and how everything stops.

use oxabgp::bgp::Notification;
use oxabgp::bgp::message::MessageType;

use super::{announced, listener, neighbor, process, session, with_helper, withdrawn};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, announcement};

/// A helper that stores everything that it reads in a file.
fn recorder(lab: &Lab, first: &str) -> String {
    let path = lab.path("received");
    format!("{first}\ncat > {}", path.display())
}

#[test]
fn what_a_helper_prints_is_announced_and_what_a_peer_announces_is_reported() {
    let lab = Lab::new();
    let script = recorder(&lab, "echo announce route 10.9.0.0/16 next-hop 192.0.2.1");
    let (_daemon, mut peer) = with_helper(
        &lab,
        &script,
        "neighbor-changes; receive { parsed; update; keepalive; }",
    );
    announced(&mut peer, &[16, 10, 9]);
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    let received = lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("203.0.113.0/24"))
    });
    let position = |part: &str| received.iter().position(|line| line.contains(part));
    assert!(received.contains(&"done".to_owned()), "{received:?}");
    let (connected, up) = (
        position("\"state\": \"connected\""),
        position("\"state\": \"up\""),
    );
    let keepalive = position("\"type\": \"keepalive\"");
    assert!(
        connected < keepalive && keepalive < up && up < position("203.0.113.0/24"),
        "{received:#?}"
    );
    assert!(connected.is_some());
    for line in received.iter().filter(|line| *line != "done") {
        serde_json::from_str::<serde_json::Value>(line).expect("every event is JSON");
    }
}

#[test]
fn routes_come_back_after_a_lost_session_and_withdrawn_ones_do_not() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "echo announce route 10.1.0.0/16 next-hop 192.0.2.1\necho announce route 10.2.0.0/16 next-hop 192.0.2.1\n\
        while read -r line; do case $line in *'\"down\"'*) echo withdraw route 10.1.0.0/16; sent=1;; \
        done) [ -z \"$sent\" ] || touch WITHDRAWN;; esac; done";
    let withdrawn = lab.path("withdrawn");
    let script = &script.replace("WITHDRAWN", withdrawn.to_str().expect("UTF-8"));
    let body = "api { processes [ helper ]; neighbor-changes; } static { route 10.3.0.0/16 next-hop 192.0.2.1; }";
    let configuration = process(&lab, "helper", script) + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let mut seen = Vec::new();
    let mut peer = session(&listener);
    while seen.len() < 3 {
        seen.extend(prefixes(&mut peer));
    }
    drop(peer);
    wait_for("the withdrawal", || withdrawn.exists().then_some(()));
    let mut peer = session(&listener);
    let mut again = Vec::new();
    while again.len() < 2 {
        again.extend(prefixes(&mut peer));
    }
    seen.sort();
    again.sort();
    assert_eq!(seen, ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    assert_eq!(again, ["10.2.0.0/16", "10.3.0.0/16"]);
}

/// The IPv4 prefixes that the next UPDATE with routes announces.
fn prefixes(peer: &mut RawPeer) -> Vec<String> {
    let body = super::update(peer);
    let update = oxabgp::bgp::message::update::Update::new(&body).expect("a good UPDATE");
    oxabgp::bgp::nlri::Routes::new(oxabgp::bgp::Family::IPV4_UNICAST, false, update.nlri)
        .map(|nlri| nlri.expect("a good prefix").to_string())
        .collect()
}

#[test]
fn sigterm_notifies_peers_and_helpers_and_ends_with_0() {
    let lab = Lab::new();
    let script = recorder(&lab, "");
    let (mut daemon, mut peer) = with_helper(&lab, &script, "neighbor-changes;");
    lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("\"up\""))
    });
    daemon.signal("TERM");
    assert_eq!((peer.expect_notification().code, 6), (6, 6));
    assert_eq!(daemon.ended().code(), Some(0));
    let received = lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("\"shutdown\""))
    });
    assert!(
        received
            .iter()
            .any(|line| line.contains("stop, message [shutting down]")),
        "{received:#?}"
    );
}

#[test]
fn the_command_shutdown_does_the_same() {
    let lab = Lab::new();
    let script = format!("echo shutdown\n{}", recorder(&lab, ""));
    let (listener, port) = listener();
    let configuration =
        process(&lab, "helper", &script) + &neighbor(port, "api { processes [ helper ]; }");
    let mut daemon = Daemon::start(&lab, &configuration);
    drop(listener);
    assert_eq!(daemon.ended().code(), Some(0));
    let received = lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("\"shutdown\""))
    });
    assert_eq!(received[..2], ["shutdown in progress", "done"]);
}

#[test]
fn a_helper_that_dies_is_started_again_and_too_many_deaths_end_the_daemon() {
    let lab = Lab::new();
    let count = lab.path("count");
    let script = format!("echo started >> {}\nexit 1", count.display());
    let (_listener, port) = listener();
    let configuration =
        process(&lab, "helper", &script) + &neighbor(port, "api { processes [ helper ]; }");
    let mut daemon = Daemon::start(&lab, &configuration);
    assert_eq!(daemon.ended().code(), Some(1));
    // At least the five restarts of one window of 64 seconds; of two windows if the clock passed into the next one.
    let starts = lab.lines("count", |_| true).len();
    assert!((6..=12).contains(&starts), "{starts} starts");
}

#[test]
fn without_respawn_a_dead_helper_has_no_effect() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = lab.script(
        "once.sh",
        "echo announce route 10.9.0.0/16 next-hop 192.0.2.1; exit 0",
    );
    let configuration = format!("process once {{ run {script}; encoder json; respawn false; }}\n")
        + &neighbor(
            port,
            "api { processes [ once ]; neighbor-changes; receive { parsed; update; keepalive; } }",
        );
    let mut daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 9]);
    daemon.logged("not started again");
    // ExaBGP crashes on events for the dead helper.
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    drop(peer);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 9]);
    assert!(daemon.is_running());
}

#[test]
fn tcp_attempts_end_the_daemon_when_they_are_used_up() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let mut daemon = Daemon::start_with(&lab, &neighbor(port, ""), &[("exabgp_tcp_attempts", "1")]);
    let peer = session(&listener);
    drop(peer);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_teardown_sends_the_given_code_and_the_session_comes_back() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "while read -r line; do case $line in *'\"up\"'*) [ -e DONE ] || echo teardown 4; touch DONE;; esac; done";
    let script = script.replace("DONE", lab.path("once").to_str().expect("a path in UTF-8"));
    let script = script.replace("echo teardown", "echo neighbor 127.0.0.1 teardown");
    let configuration = process(&lab, "helper", &script)
        + &neighbor(port, "api { processes [ helper ]; neighbor-changes; }");
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    let reported = peer.expect_notification();
    assert_eq!((reported.code, reported.subcode), (Notification::CEASE, 4));
    let _again = session(&listener);
}

#[test]
fn a_dynamic_neighbour_has_its_own_routes_and_is_gone_with_its_session() {
    let lab = Lab::new();
    let (free, port) = listener();
    drop(free);
    let configuration = format!(
        "neighbor 127.0.0.0/8 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive; \
         listen {port}; family {{ ipv4 unicast; }} static {{ route 10.3.0.0/16 next-hop 192.0.2.1; }} }}"
    );
    let daemon = Daemon::start(&lab, &configuration);
    daemon.logged("is running");
    let times = |text: &str| daemon.log().matches(text).count();
    for round in 1..=2 {
        let mut peer = RawPeer::connect(([127, 0, 0, 1], port).into());
        peer.establish(&crate::support::peer::open(65001, [10, 0, 0, 2]));
        announced(&mut peer, &[16, 10, 3]);
        drop(peer);
        // Until the daemon has read the end of the connection, another connection collides with this session (RFC
        // 4271 6.8).
        wait_for("the session to end", || {
            (times("session closed") == round).then_some(())
        });
        assert_eq!(times("a dynamic neighbor connects"), round);
    }
}

#[test]
fn a_watchdog_is_switched_by_its_name() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "while read -r line; do case $line in *'\"up\"'*) echo announce watchdog dnsr;; \
        *keepalive*) echo withdraw watchdog dnsr;; esac; done";
    let body = "api { processes [ helper ]; neighbor-changes; receive { parsed; keepalive; } } \
        static { route 10.5.0.0/16 next-hop 192.0.2.1 watchdog dnsr withdraw; }";
    let configuration = process(&lab, "helper", script) + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = RawPeer::accept(&listener);
    peer.establish(&crate::support::peer::open(65001, [10, 0, 0, 2]));
    announced(&mut peer, &[16, 10, 5]);
    peer.send(MessageType::KEEPALIVE, &[]);
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body.len() == 7 {
            assert_eq!(body, [0, 3, 16, 10, 5, 0, 0]);
            break;
        }
    }
}

#[test]
fn a_watchdog_needs_no_api_section() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "echo announce watchdog dnsr; while read -r line; do :; done";
    let body = "static { route 10.5.0.0/16 next-hop 192.0.2.1 watchdog dnsr withdraw; }";
    let configuration = process(&lab, "helper", script) + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = RawPeer::accept(&listener);
    peer.establish(&crate::support::peer::open(65001, [10, 0, 0, 2]));
    announced(&mut peer, &[16, 10, 5]);
}

#[test]
fn a_withdrawal_reaches_the_peer() {
    let lab = Lab::new();
    let script = "echo announce route 10.9.0.0/16 next-hop 192.0.2.1\n\
        while read -r line; do case $line in *203.0.113.0*) echo withdraw route 10.9.0.0/16;; esac; done";
    let (_daemon, mut peer) = with_helper(&lab, script, "receive { parsed; update; }");
    announced(&mut peer, &[16, 10, 9]);
    // The End-of-RIB of both families may come in between.
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    let mut ends = 0;
    while ends < 2 {
        let body = peer.expect(MessageType::UPDATE);
        if body == [0, 3, 16, 10, 9, 0, 0] {
            return;
        }
        ends += 1;
    }
    withdrawn(&mut peer, &[16, 10, 9]);
}

#[test]
fn a_reload_that_comes_with_the_end_does_not_cut_the_farewell_short() {
    let lab = Lab::new();
    let (mut daemon, mut peer) = with_helper(&lab, "exec sleep 600", "");
    for signal in ["USR1", "TERM", "USR1"] {
        daemon.signal(signal);
    }
    assert_eq!(peer.expect_notification().code, 6);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn code_that_only_the_start_needs_takes_no_memory_afterwards() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = Daemon::start(&lab, &neighbor(port, ""));
    let _peer = session(&listener);
    let (now, peak) = (daemon.status("RssFile"), daemon.status("VmHWM"));
    assert!(now < peak * 4 / 5, "{now} KiB of files, {peak} KiB at most");
}
