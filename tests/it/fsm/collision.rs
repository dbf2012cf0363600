//! Two connections at once: whatever the order of events, one session stays, and both ends keep the same one.

use std::time::Duration;

use oxabgp::bgp::Asn;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::keepalive;
use oxabgp::bgp::message::open::Open;
use oxabgp::fsm::{CloseReason, Config, ConnId, Initiator, Input, Output, State};
use proptest::prelude::*;

use crate::support::pair::{Pair, Solo, config, down, info, notification, story, up};

/// AS numbers and identifiers of the two ends.
const ENDS: [[(u32, [u8; 4]); 2]; 4] = [
    [(65001, [10, 0, 0, 1]), (65002, [10, 0, 0, 2])],
    [(65001, [10, 0, 0, 2]), (65002, [10, 0, 0, 1])],
    // RFC 6286: equal identifiers, the higher AS wins.
    [(65001, [10, 0, 0, 1]), (65002, [10, 0, 0, 1])],
    // Internal.
    [(65001, [10, 0, 0, 1]), (65001, [10, 0, 0, 2])],
];

fn pair(ends: [(u32, [u8; 4]); 2], graceful: bool) -> Pair {
    Pair::new(ends.map(|(local_as, router_id)| {
        Config {
            capabilities: Offer {
                families: vec![oxabgp::bgp::Family::IPV4_UNICAST],
                asn4: Some(Asn(local_as)),
                graceful_restart: graceful.then_some(120),
                ..Offer::default()
            }
            .capabilities(),
            ..config(local_as, router_id)
        }
    }))
}

/// Connected and Down alternate, Established only in between and once.
fn one_story(outputs: &[Output]) {
    let (mut connected, mut established) = (false, false);
    for word in story(outputs) {
        match word.as_str() {
            "connected" | "accepted" => {
                assert!(!connected, "{:?}", story(outputs));
                connected = true;
            }
            "up" => {
                assert!(connected && !established, "{:?}", story(outputs));
                established = true;
            }
            word if word.starts_with("down") => {
                assert!(connected, "{:?}", story(outputs));
                (connected, established) = (false, false);
            }
            _ => {}
        }
    }
}

/// Plays `choices` (each picks one of the channels on which something is on its way), then lets things take their course.
fn play(mut pair: Pair, choices: &[usize]) {
    pair.start();
    for choice in choices {
        let channels = pair.choices();
        let Some(channel) = channels.get(choice % channels.len().max(1)) else {
            break;
        };
        pair.deliver(*channel);
    }
    pair.advance(Duration::from_secs(12));
    assert_eq!(pair.states(), [State::Established; 2], "{choices:?}");
    assert_eq!(pair.session_wires(), 1, "{choices:?}");
    for side in 0..2 {
        one_story(&pair.outputs[side]);
        pair.outputs[side].clear();
    }
    // And it is at rest.
    pair.advance(Duration::from_secs(10));
    assert_eq!(pair.states(), [State::Established; 2], "{choices:?}");
    assert_eq!([0, 1].map(|side| down(&pair.outputs[side])), [None, None]);
}

#[test]
fn whatever_comes_first_one_session_stays() {
    // Every order of the first four deliveries on at most four channels; the rest in turn.
    for ends in ENDS {
        for code in 0..4_usize.pow(4) {
            let choices: Vec<usize> = (0..4).map(|at| code / 4_usize.pow(at) % 4).collect();
            play(pair(ends, false), &choices);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_longer_order_ends_the_same(
        ends in 0_usize..4,
        graceful: bool,
        choices in prop::collection::vec(0_usize..4, 0..60),
    ) {
        play(pair(ENDS[ends], graceful), &choices);
    }
}

/// The OPEN of AS 65002 with this identifier.
fn open(router_id: [u8; 4]) -> Vec<u8> {
    let open = Open {
        version: 4,
        asn: 65002,
        hold_time: 9,
        router_id: router_id.into(),
        capabilities: config(65002, router_id).capabilities,
    };
    open.encode().expect("a short OPEN")
}

/// We dialled and were dialled: our connection and theirs, both in OpenSent.
fn both() -> (Solo, ConnId, ConnId) {
    let mut solo = Solo::new(config(65001, [10, 0, 0, 5]));
    let ours = solo.dialed();
    let (theirs, _) = solo.accepted();
    (solo, ours, theirs)
}

#[test]
fn the_higher_identifier_keeps_the_connection_that_it_opened() {
    for (peer, kept_is_ours) in [([10, 0, 0, 9], false), ([10, 0, 0, 1], true)] {
        for first_is_ours in [true, false] {
            let (mut solo, ours, theirs) = both();
            let (first, second) = if first_is_ours {
                (ours, theirs)
            } else {
                (theirs, ours)
            };
            let (kept, lost) = if kept_is_ours {
                (ours, theirs)
            } else {
                (theirs, ours)
            };
            solo.outputs.clear();
            solo.feed(first, &open(peer));
            solo.feed(second, &open(peer));
            let cease = solo.outputs.iter().find_map(|output| match output {
                Output::Transmit(id, bytes) if bytes[18] == 3 => Some((*id, bytes[19], bytes[20])),
                _ => None,
            });
            assert_eq!(cease, Some((lost, 6, 7)));
            assert!(solo.outputs.contains(&Output::Close(lost)));
            solo.feed(kept, &keepalive());
            assert!(up(&solo.outputs).is_some());
            // Our connection was reported first, and of the other one only if it took over.
            let reported = down(&solo.outputs);
            assert_eq!(
                reported,
                (!kept_is_ours).then_some(CloseReason::OutgoingCollision)
            );
            one_story(
                &[
                    vec![Output::Connected(ours, info(), Initiator::Local)],
                    solo.outputs,
                ]
                .concat(),
            );
        }
    }
}

#[test]
fn between_equal_identifiers_the_connection_of_the_higher_as_stays() {
    // RFC 6286 2.3: "If the BGP Identifiers of the peers involved in the connection collision are identical, then the
    // connection initiated by the BGP speaker with the larger AS number is preserved." The number has four octets.
    for (ours, theirs, kept_is_ours) in [
        (65001, 65002, false),
        (65003, 65002, true),
        (70_000, 65002, true),
        (65001, 4_200_000_000, false),
    ] {
        for second_is_theirs in [false, true] {
            let id = [10, 0, 0, 5];
            let mut solo = Solo::new(config(ours, id));
            let dialed = solo.dialed();
            let (accepted, _) = solo.accepted();
            let open = Open {
                version: 4,
                asn: Asn(theirs).to_u16(),
                hold_time: 9,
                router_id: id.into(),
                capabilities: config(theirs, id).capabilities,
            };
            let open = open.encode().expect("a short OPEN");
            let (first, second) = if second_is_theirs {
                (dialed, accepted)
            } else {
                (accepted, dialed)
            };
            let mut outputs = solo.feed(first, &open);
            outputs.extend(solo.feed(second, &open));
            let (kept, lost) = if kept_is_ours {
                (dialed, accepted)
            } else {
                (accepted, dialed)
            };
            let case = format!("AS {ours} and {theirs}, {second_is_theirs}");
            assert!(outputs.contains(&Output::Close(lost)), "{case}");
            assert!(!outputs.contains(&Output::Close(kept)), "{case}");
            assert!(up(&solo.feed(kept, &keepalive())).is_some(), "{case}");
        }
    }
}

#[test]
fn the_winner_is_reported_from_its_start() {
    let (mut solo, ours, theirs) = both();
    solo.outputs.clear();
    solo.feed(theirs, &open([10, 0, 0, 9]));
    solo.feed(theirs, &keepalive());
    assert_eq!(
        story(&solo.outputs),
        [
            "down - closing outgoing connection as we have another incoming on with higher router-id",
            "accepted",
            "OPEN",
            "negotiated",
            "up",
        ]
    );
    assert_eq!(solo.feed(ours, &keepalive()), []);
}

#[test]
fn a_dial_in_progress_ends_when_the_peers_connection_is_up() {
    let mut solo = Solo::new(config(65001, [10, 0, 0, 5]));
    let outputs = solo.handle(Input::Start);
    let Some(Output::Connect(dial)) = outputs.last() else {
        panic!("a dial, not {outputs:?}");
    };
    let (theirs, _) = solo.accepted();
    solo.feed(theirs, &open([10, 0, 0, 1]));
    let outputs = solo.feed(theirs, &keepalive());
    assert!(outputs.contains(&Output::Close(*dial)));
    assert!(up(&outputs).is_some());
}

#[test]
fn a_second_connection_of_the_peer_replaces_its_first() {
    let mut solo = Solo::new(config(65001, [10, 0, 0, 5]));
    solo.handle(Input::Start);
    let (first, _) = solo.accepted();
    let (second, outputs) = solo.accepted();
    assert_eq!(notification(&outputs), Some((6, 7)));
    assert!(outputs.contains(&Output::Close(first)));
    assert_eq!(down(&outputs), Some(CloseReason::IncomingCollision));
    solo.feed(second, &open([10, 0, 0, 9]));
    assert!(up(&solo.feed(second, &keepalive())).is_some());
}
