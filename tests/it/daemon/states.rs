//! The order of the events about one session, from the attempt to its end.

use std::net::SocketAddr;

use oxabgp::bgp::message::MessageType;

use super::{listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::{RawPeer, open};

/// What helpers are sent of a session whose second message is an UPDATE that cannot be split into its fields.
const SESSION: [&str; 9] = [
    "open",
    "OPENSENT",
    "negotiated",
    "OPENCONFIRM",
    "ESTABLISHED",
    "up",
    "update",
    "down",
    "IDLE",
];

/// A daemon whose helper writes down its events.
fn start(lab: &Lab, port: u16, more: &str) -> Daemon {
    let script = format!("cat > {}", lab.path("events").display());
    let body = format!(
        "{more} api {{ processes [ recorder ]; neighbor-changes; fsm; negotiated; send {{ parsed; open; }} receive {{ packets; update; }} }}"
    );
    Daemon::start(
        lab,
        &(process(lab, "recorder", &script) + &neighbor(port, &body)),
    )
}

/// Ends a session by an UPDATE with a length that exceeds it, and returns the events up to then.
fn events(lab: &Lab, peer: &mut RawPeer, count: usize) -> Vec<String> {
    peer.send(MessageType::UPDATE, &[0, 9, 0, 0]);
    assert_eq!(peer.expect_notification().code, 3);
    let lines = lab.lines("events", |lines| lines.len() >= count);
    let word = |line: &String| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let state = event["neighbor"]["state"].as_str();
        let kind = event["type"].as_str().expect("a type");
        state.unwrap_or(kind).to_owned()
    };
    lines.iter().take(count).map(word).collect()
}

#[test]
fn events_of_a_session_that_we_open() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port, "");
    let mut peer = session(&listener);
    let begin = ["ACTIVE", "IDLE", "connected", "CONNECT"];
    let wanted = [&begin[..], &SESSION].concat();
    assert_eq!(events(&lab, &mut peer, wanted.len()), wanted);
}

#[test]
fn events_of_a_session_that_the_peer_opens() {
    let lab = Lab::new();
    let (free, port) = listener();
    drop(free);
    let daemon = start(&lab, port, &format!("passive true; listen {port};"));
    daemon.logged("is running");
    let mut peer = RawPeer::connect(SocketAddr::from(([127, 0, 0, 1], port)));
    peer.establish(&open(65001, [10, 0, 0, 2]));
    let begin = ["connected", "ACTIVE", "IDLE", "CONNECT"];
    let wanted = [&begin[..], &SESSION].concat();
    assert_eq!(events(&lab, &mut peer, wanted.len()), wanted);
}
