//! The state machine: how a session comes up, and each way in which it ends.

use std::time::Duration;

use oxabgp::bgp::fsm::{CloseReason, State};

use crate::support::pair::{Pair, config, down, story, up};

/// AS 65001 with the lower identifier, AS 65002 with the higher one.
fn pair() -> Pair {
    Pair::new([config(65001, [10, 0, 0, 1]), config(65002, [10, 0, 0, 2])])
}

#[test]
fn two_peers_come_up_without_socket_or_clock_and_stay() {
    let mut pair = pair();
    pair.peers[1].configure(oxabgp::bgp::fsm::Config {
        passive: true,
        ..config(65002, [10, 0, 0, 2])
    });
    pair.start();
    assert_eq!(pair.states(), [State::Connect, State::Active]);
    pair.pump();
    assert_eq!(pair.states(), [State::Established; 2]);
    let negotiated = up(&pair.outputs[0]).expect("a session");
    assert_eq!((negotiated.hold_time, negotiated.peer_as.0), (9, 65002));
    assert_eq!(
        story(&pair.outputs[0]),
        [
            "ACTIVE",
            "IDLE",
            "connected",
            "CONNECT",
            "OPENSENT",
            "negotiated",
            "OPENCONFIRM",
            "ESTABLISHED",
            "up",
        ]
    );
    assert_eq!(
        story(&pair.outputs[1]),
        [
            "connected",
            "ACTIVE",
            "IDLE",
            "CONNECT",
            "OPENSENT",
            "negotiated",
            "OPENCONFIRM",
            "ESTABLISHED",
            "up",
        ]
    );
    // Twenty minutes: keepalives flow, nothing else happens.
    pair.advance(Duration::from_secs(1200));
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!([0, 1].map(|side| down(&pair.outputs[side])), [None, None]);
}

#[test]
fn a_lost_session_comes_back() {
    let mut pair = pair();
    pair.start();
    pair.advance(Duration::from_secs(10));
    assert_eq!(pair.states(), [State::Established; 2]);
    pair.outputs = [Vec::new(), Vec::new()];
    pair.cut();
    pair.pump();
    assert_eq!(down(&pair.outputs[0]), Some(CloseReason::ConnectionLost));
    pair.advance(Duration::from_secs(10));
    assert_eq!(pair.states(), [State::Established; 2]);
}
