//! Helpers that do not read, and whose configuration specifies that the daemon must not wait for them.

use oxabgp::bgp::message::MessageType;

use super::control::start_with;
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, session};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, announcement, encode};

/// A daemon whose helper runs `script`, with a queue of 64 KiB and that policy; and the session of its neighbor.
fn start(lab: &Lab, script: &str, policy: &str) -> (Daemon, RawPeer) {
    let program = lab.script("helper", script);
    let (listener, port) = listener();
    let configuration = format!(
        "process helper {{ run {program}; encoder json; queue-size 65536; queue-full {policy}; }}\n{}",
        neighbor(
            port,
            "api { processes [ helper ]; receive { parsed; update; } } static { route 10.9.0.0/16 next-hop 192.0.2.1; }"
        )
    );
    let daemon = start_with(lab, &configuration);
    let peer = session(&listener);
    (daemon, peer)
}

/// Announces a distinct prefix, the `number`th.
fn announce(peer: &mut RawPeer, number: u32) {
    let [_, b, c, d] = number.to_be_bytes();
    let body = announcement(65001, &[32, 10, b, c, d]);
    peer.send_bytes(&encode(MessageType::UPDATE, &body));
}

#[test]
fn events_are_dropped_and_counted_where_that_is_asked_for() {
    let lab = Lab::new();
    let (received, go) = (lab.path("received"), lab.path("go"));
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done\ncat > {}",
        go.display(),
        received.display()
    );
    let (_daemon, mut peer) = start(&lab, &script, "drop");
    // Some 300 bytes each: far more than the pipe and the queue hold, and nothing pauses.
    announced(&mut peer, &[16, 10, 9]);
    let mut sent = 0;
    while sent < 5_000 {
        announce(&mut peer, sent);
        sent += 1;
    }
    // The answer to this comes after all of them were read.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 9]);
    std::fs::write(&go, "").expect("a file");
    let lost = wait_for("the number of lost events", || {
        announce(&mut peer, sent);
        sent += 1;
        let text = std::fs::read_to_string(&received).ok()?;
        let line = text
            .lines()
            .find(|line| line.contains("\"type\": \"lost\""))?;
        let count = line.split("\"lost\": ").nth(1)?;
        count.trim_end_matches([' ', '}']).parse::<u32>().ok()
    });
    assert!(lost > 1_000, "{lost}");
    // Everything that was not dropped has arrived.
    lab.lines("received", |lines| {
        let updates = lines
            .iter()
            .filter(|line| line.contains("\"type\": \"update\""))
            .count();
        u32::try_from(updates).is_ok_and(|updates| updates + lost == sent)
    });
}

#[test]
fn a_helper_is_ended_for_not_reading_where_that_is_asked_for() {
    let lab = Lab::new();
    let (received, once) = (lab.path("received"), lab.path("once"));
    let script = format!(
        "if [ -e {0} ]; then cat > {1}; exit; fi\ntouch {0}\nexec sleep 600",
        once.display(),
        received.display()
    );
    let (daemon, mut peer) = start(&lab, &script, "kill");
    for number in 0..3_000 {
        announce(&mut peer, number);
    }
    daemon.logged("does not read its events and is killed");
    daemon.logged("started again");
    let mut number = 3_000;
    wait_for("an event for the second helper", || {
        announce(&mut peer, number);
        number += 1;
        let text = std::fs::read_to_string(&received).ok()?;
        text.contains("\"type\": \"update\"").then_some(())
    });
}

#[test]
fn a_helper_that_never_reads_is_started_after_waits_that_grow_and_ends_nothing() {
    let lab = Lab::new();
    let (mut daemon, mut peer) = start(&lab, "exec sleep 600", "kill");
    let mut number = 0;
    wait_for("the fourth time that it is killed", || {
        for _ in 0..200 {
            announce(&mut peer, number);
            number += 1;
        }
        daemon.log().contains("times=4 seconds=4").then_some(())
    });
    let log = daemon.log();
    for wait in [
        "times=1 seconds=0",
        "times=2 seconds=1",
        "times=3 seconds=2",
    ] {
        assert!(log.contains(wait), "{log}");
    }
    assert!(!log.contains("ERROR") && daemon.is_running(), "{log}");
    // An upgrade does not wait for it, and the next process goes on.
    upgrade(&lab, &daemon);
    wait_for("the fifth time", || {
        for _ in 0..200 {
            announce(&mut peer, number);
            number += 1;
        }
        daemon.log().contains("times=5 seconds=8").then_some(())
    });
    assert_eq!(daemon.log().matches("session closed").count(), 0);
}
