//! The state machine: how a session comes up, and each way in which it ends.

mod any_input;
mod back_off;
mod collision;
mod retention;
pub(crate) mod script;
mod table;

use std::time::Duration;

use oxabgp::bgp::Asn;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::{MessageType, encode, keepalive};
use oxabgp::fsm::{
    Cease, CloseReason, Config, Direction, Ended, Event, Input, Output, State, Timers,
};

use crate::support::pair::{Pair, Solo, config, down, info, notification, sent, story, up};

const OURS: [u8; 4] = [10, 0, 0, 1];
const THEIRS: [u8; 4] = [10, 0, 0, 2];

/// AS 65001 with the lower identifier, AS 65002 with the higher one.
fn pair() -> Pair {
    Pair::new([config(65001, OURS), config(65002, THEIRS)])
}

/// Us, AS 65001.
fn solo() -> Solo {
    Solo::new(config(65001, OURS))
}

/// The other end's OPEN.
fn open() -> Open {
    Open {
        version: 4,
        asn: 65002,
        hold_time: 9,
        router_id: THEIRS.into(),
        capabilities: config(65002, THEIRS).capabilities,
    }
}

fn wire(open: &Open) -> Vec<u8> {
    open.encode().expect("a short OPEN")
}

/// A message of any type.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, MessageType(kind), |w| w.bytes(body));
    out
}

/// A session that is up.
fn established() -> (Solo, oxabgp::fsm::ConnId) {
    let mut solo = solo();
    let id = solo.dialed();
    solo.feed(id, &wire(&open()));
    let outputs = solo.feed(id, &keepalive());
    assert!(up(&outputs).is_some());
    (solo, id)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The transitions for the log, as `from event to`.
fn transitions(outputs: &[Output]) -> Vec<String> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::State {
                from, to, event, ..
            } => Some(format!("{from} {event} {to}")),
            _ => None,
        })
        .collect()
}

#[test]
fn two_peers_come_up_without_socket_or_clock_and_stay() {
    let mut pair = pair();
    pair.peers[1].configure(Config {
        passive: true,
        ..config(65002, THEIRS)
    });
    pair.start();
    assert_eq!(pair.states(), [State::Connect, State::Active]);
    pair.pump();
    assert_eq!(pair.states(), [State::Established; 2]);
    let negotiated = up(&pair.outputs[0]).expect("a session");
    assert_eq!((negotiated.hold_time, negotiated.peer_as.0), (9, 65002));
    let rest = ["OPEN", "negotiated", "up"];
    assert_eq!(
        story(&pair.outputs[0]),
        [&["connecting", "connected"][..], &rest].concat()
    );
    assert_eq!(story(&pair.outputs[1]), [&["accepted"][..], &rest].concat());
    // Twenty minutes: keepalives flow, nothing else happens.
    pair.advance(seconds(1200));
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!([0, 1].map(|side| down(&pair.outputs[side])), [None, None]);
}

#[test]
fn a_message_that_is_not_expected_is_an_event_of_its_own() {
    // RFC 4271 section 8.2.2, OpenSent, and RFC 6608 section 4: Receive Unexpected Message in OpenSent State.
    for (bytes, event) in [
        (message(4, &[]), "KeepAliveMsg"),
        (message(2, &[0; 4]), "UpdateMsg"),
    ] {
        let mut solo = solo();
        let id = solo.dialed();
        solo.feed(id, &bytes);
        let last = transitions(&solo.outputs).pop();
        assert_eq!(last, Some(format!("OpenSent {event} Idle")));
        let reason = down(&solo.outputs).map(|reason| reason.to_string());
        assert_eq!(reason.as_deref(), Some("notification sent (5,1)"));
    }
}

#[test]
fn a_notification_of_an_unsupported_version_is_an_event_of_its_own() {
    // RFC 4271 section 8.1.5: event 24 is an OPEN error with the subcode for the version, event 25 any other NOTIFICATION.
    for (error, event) in [
        ([2, 1], "NotifMsgVerErr"),
        ([2, 2], "NotifMsg"),
        ([1, 1], "NotifMsg"),
        ([6, 1], "NotifMsg"),
    ] {
        let mut solo = solo();
        let id = solo.dialed();
        solo.feed(id, &message(3, &error));
        let last = transitions(&solo.outputs).pop();
        assert_eq!(last, Some(format!("OpenSent {event} Idle")));
        let (mut solo, id) = established();
        solo.feed(id, &message(3, &error));
        let last = transitions(&solo.outputs).pop();
        assert_eq!(last, Some(format!("Established {event} Idle")));
    }
}

#[test]
fn each_transition_is_one_line_with_the_event_that_caused_it() {
    let (mut solo, id) = established();
    solo.feed(id, &message(3, &[6, 4]));
    assert_eq!(
        transitions(&solo.outputs),
        [
            "Idle ManualStart Connect",
            "Connect Tcp_CR_Acked OpenSent",
            "OpenSent BGPOpen OpenConfirm",
            "OpenConfirm KeepAliveMsg Established",
            "Established NotifMsg Idle",
        ]
    );
    assert_eq!(
        down(&solo.outputs).map(|reason| reason.to_string()),
        Some("notification received (6,4)".to_owned())
    );
    let (_, outputs) = solo.expire();
    assert_eq!(
        transitions(&outputs),
        ["Idle IdleHoldTimer_Expires Connect"]
    );
}

#[test]
fn a_lost_session_comes_back() {
    let mut pair = pair();
    pair.start();
    pair.advance(seconds(10));
    assert_eq!(pair.states(), [State::Established; 2]);
    pair.outputs = [Vec::new(), Vec::new()];
    pair.cut();
    pair.pump();
    assert_eq!(down(&pair.outputs[0]), Some(CloseReason::ConnectionLost));
    pair.advance(seconds(10));
    assert_eq!(pair.states(), [State::Established; 2]);
}

#[test]
fn a_peer_that_cannot_be_reached_is_tried_on_exabgps_schedule() {
    let mut solo = solo();
    let mut outputs = solo.handle(Input::Start);
    for wanted in [
        0, 1, 2, 3, 4, 5, 7, 9, 11, 14, 17, 21, 26, 32, 39, 47, 57, 60, 60,
    ] {
        let Some(Output::Connect(id)) = outputs.last() else {
            panic!("a dial, not {outputs:?}");
        };
        let failed = solo.handle(Input::ConnectFailed(*id));
        assert_eq!(transitions(&failed), ["Connect TcpConnectionFails Active"]);
        assert_eq!(story(&failed), [""; 0], "no `connected`, so no `down`");
        let (waited, next) = solo.expire();
        assert!(
            (seconds(wanted)..=seconds(wanted).mul_f64(1.1)).contains(&waited),
            "{wanted} {waited:?}"
        );
        assert_eq!(story(&next), ["connecting"]);
        outputs = next;
    }
    // Start means now, and from the beginning of the schedule.
    let Some(Output::Connect(id)) = outputs.last() else {
        panic!("a dial, not {outputs:?}");
    };
    solo.handle(Input::ConnectFailed(*id));
    let id = {
        let outputs = solo.handle(Input::Start);
        solo.answer(&outputs)
    };
    solo.handle(Input::Eof(id));
    assert_eq!(solo.expire().0, Duration::ZERO);
}

#[test]
fn a_dial_that_hangs_is_given_up() {
    let mut solo = solo();
    let outputs = solo.handle(Input::Start);
    let (waited, late) = solo.expire();
    assert_eq!(waited, Timers::default().connect_retry);
    let Some(Output::Connect(id)) = outputs.last() else {
        panic!("a dial, not {outputs:?}");
    };
    assert!(late.contains(&Output::Close(*id)));
    // It came up all the same, too late.
    let outputs = solo.handle(Input::Connected(*id, info()));
    assert_eq!(outputs, [Output::Close(*id)]);
}

#[test]
fn the_hold_timer_runs_from_the_last_message_of_any_kind() {
    let (mut solo, id) = established();
    let update = message(2, &[0, 0, 0, 0]);
    let refresh = message(5, &[0, 1, 0, 1]);
    for bytes in [keepalive(), update, refresh, message(6, &[0, 1, 0, 0])] {
        solo.now += seconds(8);
        solo.handle(Input::Timeout);
        assert_eq!(notification(&solo.feed(id, &bytes)), None);
    }
    let since = solo.now;
    let outputs = loop {
        solo.handle(Input::Written(id));
        let (_, outputs) = solo.expire();
        if sent(&outputs) != [MessageType::KEEPALIVE] {
            break outputs;
        }
    };
    assert_eq!(solo.now - since, seconds(9));
    assert_eq!(notification(&outputs), Some((4, 0)));
    assert_eq!(
        transitions(&outputs),
        ["Established HoldTimer_Expires Idle"]
    );
}

#[test]
fn unread_input_is_a_sign_of_life() {
    let (mut solo, id) = established();
    for _ in 0..10 {
        solo.now += seconds(9);
        solo.handle(Input::Unread(id));
        assert_eq!(notification(&solo.handle(Input::Timeout)), None);
    }
    solo.now += seconds(9);
    assert_eq!(notification(&solo.handle(Input::Timeout)), Some((4, 0)));
}

#[test]
fn keepalives_go_out_every_third_of_the_hold_time() {
    let (mut solo, id) = established();
    for _ in 0..5 {
        let (waited, outputs) = solo.expire();
        assert_eq!(
            (waited, sent(&outputs)),
            (seconds(3), vec![MessageType::KEEPALIVE])
        );
        solo.feed(id, &keepalive());
    }
}

#[test]
fn without_hold_time_there_is_no_timer_and_a_keepalive_is_no_error() {
    let mut solo = solo();
    let id = solo.dialed();
    let mut theirs = open();
    theirs.hold_time = 0;
    solo.feed(id, &wire(&theirs));
    assert!(
        solo.peer.timeout().is_some(),
        "open-wait still runs in OpenConfirm"
    );
    for _ in 0..3 {
        assert_eq!(notification(&solo.feed(id, &keepalive())), None);
    }
    assert_eq!(solo.peer.state(), State::Established);
    assert_eq!(solo.peer.timeout(), None);
}

#[test]
fn a_silent_peer_is_waited_for_as_long_as_open_wait() {
    let mut solo = solo();
    solo.dialed();
    let (waited, outputs) = solo.expire();
    assert_eq!(
        (waited, notification(&outputs)),
        (seconds(60), Some((4, 0)))
    );
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_after_the_send_hold_time() {
    // RFC 9687: the larger of eight minutes and twice the hold time.
    let (mut solo, id) = established();
    let since = solo.now;
    let outputs = loop {
        solo.feed(id, &keepalive());
        let (_, outputs) = solo.expire();
        if notification(&outputs).is_some() {
            break outputs;
        }
    };
    assert_eq!(solo.now - since, seconds(480));
    assert_eq!(notification(&outputs), Some((8, 0)));
    assert_eq!(
        transitions(&outputs),
        ["Established SendHoldTimer_Expires Idle"]
    );
}

#[test]
fn a_passive_peer_never_dials() {
    let mut solo = Solo::new(Config {
        passive: true,
        ..config(65001, OURS)
    });
    let outputs = solo.handle(Input::Start);
    assert_eq!(
        transitions(&outputs),
        ["Idle ManualStart_with_PassiveTcpEstablishment Active"]
    );
    assert_eq!(solo.peer.timeout(), None);
    let (id, outputs) = solo.accepted();
    assert_eq!(
        transitions(&outputs),
        ["Active TcpConnectionConfirmed OpenSent"]
    );
    let outputs = solo.handle(Input::Eof(id));
    assert_eq!(down(&outputs), Some(CloseReason::ConnectionLost));
    assert_eq!(
        (solo.peer.state(), solo.peer.timeout()),
        (State::Active, None)
    );
}

#[test]
fn an_accepted_connection_ends_the_wait_for_the_next_dial() {
    let mut solo = solo();
    for _ in 0..5 {
        let id = match solo.handle(Input::Start).last() {
            Some(Output::Connect(id)) => *id,
            other => panic!("a dial, not {other:?}"),
        };
        solo.handle(Input::ConnectFailed(id));
    }
    let (id, _) = solo.accepted();
    solo.feed(id, &wire(&open()));
    assert!(up(&solo.feed(id, &keepalive())).is_some());
    assert!(
        !solo
            .outputs
            .iter()
            .rev()
            .take(9)
            .any(|one| matches!(one, Output::Connect(_)))
    );
}

#[test]
fn local_as_auto_mirrors_the_peer() {
    let mut solo = Solo::new(Config {
        local_as: None,
        capabilities: Offer {
            families: vec![oxabgp::bgp::Family::IPV4_UNICAST],
            asn4: Some(Asn(0)),
            ..Offer::default()
        }
        .capabilities(),
        ..config(0, OURS)
    });
    let id = solo.dialed();
    assert_eq!(sent(&solo.outputs), []);
    assert_eq!(solo.peer.state(), State::Connect);
    let outputs = solo.feed(id, &wire(&open()));
    assert_eq!(sent(&outputs), [MessageType::OPEN, MessageType::KEEPALIVE]);
    assert_eq!(story(&outputs), ["OPEN", "negotiated"]);
    let negotiated = up(&solo.feed(id, &keepalive())).expect("a session");
    assert_eq!(
        (negotiated.local_as, negotiated.codec.ibgp),
        (Asn(65002), true)
    );
}

#[test]
fn an_asn_that_does_not_fit_is_not_sent_without_its_capability() {
    let mut solo = Solo::new(Config {
        local_as: Some(Asn(70_000)),
        capabilities: Vec::new(),
        ..config(65001, OURS)
    });
    solo.dialed();
    assert_eq!(sent(&solo.outputs), [MessageType::NOTIFICATION]);
    assert_eq!(notification(&solo.outputs), Some((6, 0)));
}

/// behaviour of the OPEN: what is refused, and with what.
#[test]
fn an_open_that_does_not_suit_is_refused() {
    let refused = |change: &dyn Fn(&mut Open), ours: Config| {
        let mut solo = Solo::new(ours);
        let id = solo.dialed();
        let mut theirs = open();
        change(&mut theirs);
        notification(&solo.feed(id, &wire(&theirs)))
    };
    let ours = || Config {
        peer_as: Some(Asn(65002)),
        ..config(65001, OURS)
    };
    type Case<'a> = (&'a dyn Fn(&mut Open), Option<(u8, u8)>);
    let cases: [Case<'_>; 8] = [
        (&|_| {}, None),
        (&|open| open.version = 3, Some((2, 1))),
        (&|open| open.asn = 0, Some((2, 2))),
        (&|open| open.router_id = [0; 4].into(), Some((2, 3))),
        // Equal identifiers are fine between two ASes (RFC 6286).
        (&|open| open.router_id = OURS.into(), None),
        (&|open| open.hold_time = 1, Some((2, 6))),
        (&|open| open.hold_time = 2, Some((2, 6))),
        (&|open| open.capabilities.clear(), None),
    ];
    for (at, (change, wanted)) in cases.into_iter().enumerate() {
        assert_eq!(refused(change, ours()), wanted, "case {at}");
    }
    let internal = Config {
        peer_as: None,
        ..config(65002, OURS)
    };
    assert_eq!(
        refused(&|open| open.router_id = OURS.into(), internal),
        Some((2, 3))
    );
    // The field does not matter beside the capability.
    let trans = |open: &mut Open| open.asn = 23456;
    assert_eq!(refused(&trans, ours()), None);
}

#[test]
fn bad_bytes_before_and_after_the_open_name_their_notification() {
    let bad_marker = [0; 19];
    let short = [&[0xFF; 16][..], &[0, 18, 4]].concat();
    let unknown = message(9, &[]);
    type Case<'a> = (&'a [u8], (u8, u8), (u8, u8), (u8, u8));
    let cases: [Case<'_>; 6] = [
        (&bad_marker, (1, 1), (1, 1), (1, 1)),
        (&short, (1, 2), (1, 2), (1, 2)),
        (&unknown, (1, 3), (1, 3), (1, 3)),
        (&wire(&open()), (0, 0), (5, 2), (5, 3)),
        (&message(2, &[0; 4]), (5, 1), (5, 2), (0, 0)),
        (&message(5, &[0, 1, 0, 1]), (5, 1), (5, 2), (0, 0)),
    ];
    for (bytes, open_sent, open_confirm, up) in cases {
        let mut first = solo();
        let id = first.dialed();
        assert_eq!(
            notification(&first.feed(id, bytes)).unwrap_or_default(),
            open_sent
        );
        let mut second = solo();
        let id = second.dialed();
        second.feed(id, &wire(&open()));
        assert_eq!(
            notification(&second.feed(id, bytes)).unwrap_or_default(),
            open_confirm
        );
        let (mut third, id) = established();
        assert_eq!(notification(&third.feed(id, bytes)).unwrap_or_default(), up);
    }
    let mut early = solo();
    let id = early.dialed();
    let outputs = early.feed(id, &keepalive());
    assert_eq!(notification(&outputs), Some((5, 1)));
    // RFC 6608: the data is the type of the message that was not expected.
    let printed = outputs.iter().find_map(|output| match output {
        Output::Transmit(_, bytes) => Some(bytes[21..].to_vec()),
        _ => None,
    });
    assert_eq!(printed, Some(vec![4]));
}

#[test]
fn there_is_no_answer_to_a_notification() {
    for body in [&[6, 2][..], &[2, 1, 0, 4], &[4, 0], &[99, 99, 1]] {
        let (mut solo, id) = established();
        let outputs = solo.feed(id, &message(3, body));
        assert_eq!(sent(&outputs), []);
        let received = Notification::decode(body);
        assert_eq!(
            down(&outputs),
            Some(CloseReason::NotificationReceived(received))
        );
    }
}

#[test]
fn the_owner_chooses_the_notification() {
    // An error that the owner found: back-off. A bounce: at once.
    let (mut solo, id) = established();
    let outputs = solo.handle(Input::Reset(id, Notification::new(3, 1, Vec::new())));
    assert_eq!(notification(&outputs), Some((3, 1)));
    assert_eq!(transitions(&outputs), ["Established UpdateMsgErr Idle"]);
    assert!(solo.peer.timeout().is_some());
    let (mut solo, _) = established();
    let outputs = solo.handle(Input::Bounce(Notification::cease(6)));
    assert_eq!(notification(&outputs), Some((6, 6)));
    assert_eq!(
        down(&outputs).map(|reason| reason.to_string()),
        Some("notification sent (6,6)".to_owned())
    );
    assert!(matches!(outputs.last(), Some(Output::Connect(_))));
    for (cease, printed, reason) in [
        (
            Cease::Shutdown("bye".to_owned()),
            (6, 2),
            "stop, message [shutting down]",
        ),
        (Cease::Removed, (6, 3), "stop, message [removed]"),
        (Cease::ProcessProblem, (6, 2), "process problem"),
    ] {
        let (mut solo, id) = established();
        let outputs = solo.handle(Input::Stop(cease));
        assert_eq!(notification(&outputs), Some(printed));
        assert_eq!(
            down(&outputs).map(|reason| reason.to_string()),
            Some(reason.to_owned())
        );
        assert_eq!(
            (solo.peer.ended(), solo.peer.timeout()),
            (Some(Ended::Stopped), None)
        );
        assert_eq!(solo.feed(id, &keepalive()), []);
        let (_, outputs) = solo.accepted();
        assert_eq!(outputs.len(), 2, "refused: {outputs:?}");
        assert!(matches!(
            solo.handle(Input::Start).last(),
            Some(Output::Connect(_))
        ));
    }
}

#[test]
fn attempts_are_counted_whether_they_succeed_or_not() {
    let limited = |limit| Config {
        attempts: Some(limit),
        ..config(65001, OURS)
    };
    let mut solo = Solo::new(limited(1));
    let id = solo.dialed();
    assert_eq!(solo.peer.ended(), None);
    solo.handle(Input::Eof(id));
    assert_eq!(
        (solo.peer.ended(), solo.peer.timeout()),
        (Some(Ended::Attempts), None)
    );
    let mut solo = Solo::new(limited(2));
    let outputs = solo.handle(Input::Start);
    let Some(Output::Connect(id)) = outputs.last() else {
        panic!("a dial, not {outputs:?}");
    };
    solo.handle(Input::ConnectFailed(*id));
    let (_, outputs) = solo.expire();
    let id = solo.answer(&outputs);
    solo.handle(Input::Eof(id));
    assert_eq!(solo.peer.ended(), Some(Ended::Attempts));
}

#[test]
fn attempts_of_another_process_count_and_those_that_are_under_way_do_not() {
    let mut solo = Solo::new(Config {
        attempts: Some(4),
        ..config(65001, OURS)
    });
    assert_eq!(solo.peer.attempts(), 0);
    solo.peer.resume_attempts(2);
    assert_eq!(solo.peer.attempts(), 2);
    solo.peer.resume_waiting((seconds(5), 2), solo.now);
    let (waited, outputs) = solo.expire();
    assert_eq!((waited, solo.peer.attempts()), (seconds(5), 2), "it dials");
    let id = solo.answer(&outputs);
    assert_eq!(solo.peer.attempts(), 2, "it is connected");
    solo.feed(id, &wire(&open()));
    solo.feed(id, &keepalive());
    assert_eq!(solo.peer.attempts(), 3, "it is established");
    solo.handle(Input::Eof(id));
    assert_eq!((solo.peer.attempts(), solo.peer.ended()), (3, None));
    let (_, outputs) = solo.expire();
    let id = solo.answer(&outputs);
    solo.handle(Input::Eof(id));
    assert_eq!(solo.peer.attempts(), 4);
    assert_eq!(solo.peer.ended(), Some(Ended::Attempts));
}

/// A configuration that offers graceful restart.
fn graceful(local_as: u32, router_id: [u8; 4]) -> Config {
    Config {
        capabilities: Offer {
            families: vec![oxabgp::bgp::Family::IPV4_UNICAST],
            asn4: Some(Asn(local_as)),
            graceful_restart: Some(120),
            ..Offer::default()
        }
        .capabilities(),
        ..config(local_as, router_id)
    }
}

/// The flags and time of graceful restart in the last OPEN that was sent.
fn restart_bits(outputs: &[Output]) -> Option<u8> {
    use oxabgp::bgp::Capability;
    outputs.iter().rev().find_map(|output| match output {
        Output::Message {
            direction: Direction::Send,
            message,
            ..
        } if message.kind == MessageType::OPEN => {
            let open = Open::decode(message.body()).ok()?;
            open.capabilities.iter().find_map(|one| match one {
                Capability::GracefulRestart(restart) => Some(restart.flags),
                _ => None,
            })
        }
        _ => None,
    })
}

#[test]
fn a_graceful_session_is_closed_silently_only_when_both_sides_can() {
    for (theirs, printed, reason) in [
        (
            graceful(65002, THEIRS),
            None,
            "graceful restarted negotiated, closing without sending any notification",
        ),
        (
            config(65002, THEIRS),
            Some((6, 4)),
            "notification sent (6,4)",
        ),
    ] {
        let mut pair = Pair::new([graceful(65001, OURS), theirs]);
        pair.start();
        pair.advance(seconds(5));
        assert_eq!(pair.states(), [State::Established; 2]);
        pair.outputs = [Vec::new(), Vec::new()];
        pair.handle(0, Input::Bounce(Notification::cease(4)));
        assert_eq!(notification(&pair.outputs[0]), printed);
        let reported = down(&pair.outputs[0]).map(|reason| reason.to_string());
        assert_eq!(reported, Some(reason.to_owned()));
        pair.advance(seconds(5));
        assert_eq!(pair.states(), [State::Established; 2]);
    }
}

#[test]
fn the_restart_bit_is_set_at_first_and_with_another_configuration() {
    let mut solo = Solo::new(graceful(65001, OURS));
    let id = solo.dialed();
    assert_eq!(restart_bits(&solo.outputs), Some(8));
    solo.feed(id, &wire(&open()));
    solo.feed(id, &keepalive());
    solo.handle(Input::Eof(id));
    let (_, outputs) = solo.expire();
    let mut id = solo.answer(&outputs);
    assert_eq!(restart_bits(&solo.outputs), Some(0));
    for (configured, bits) in [(false, 0), (true, 8)] {
        if configured {
            solo.peer.configure(graceful(65001, OURS));
        }
        solo.handle(Input::Bounce(Notification::cease(4)));
        let outputs = solo.outputs.clone();
        let again = outputs.iter().rev().find_map(|output| match output {
            Output::Connect(id) => Some(*id),
            _ => None,
        });
        assert_ne!(again, Some(id));
        id = again.expect("a dial");
        solo.handle(Input::Connected(id, info()));
        assert_eq!(restart_bits(&solo.outputs), Some(bits));
    }
}

#[test]
fn a_restarted_peer_replaces_its_session_only_with_graceful_restart() {
    let (mut solo, id) = established();
    let (second, outputs) = solo.accepted();
    assert!(outputs.contains(&Output::Close(second)), "{outputs:?}");
    assert_eq!(story(&outputs), [""; 0]);
    assert!(matches!(&outputs[0], Output::Transmit(_, bytes) if bytes[19..21] == [6, 7]));
    let mut solo = Solo::new(graceful(65001, OURS));
    let first = solo.dialed();
    let theirs = Open {
        capabilities: graceful(65002, THEIRS).capabilities,
        ..open()
    };
    solo.feed(first, &wire(&theirs));
    solo.feed(first, &keepalive());
    let (second, outputs) = solo.accepted();
    assert_eq!(
        story(&outputs),
        [""; 0],
        "not before the peer has come up on it"
    );
    solo.feed(second, &wire(&theirs));
    let outputs = solo.feed(second, &keepalive());
    assert_eq!(
        (down(&outputs), notification(&outputs)),
        (Some(CloseReason::ConnectionLost), None)
    );
    assert!(outputs.contains(&Output::Close(first)));
    assert!(up(&outputs).is_some());
    assert_ne!(id, second);
}

#[test]
fn beside_an_accepted_session_the_last_connection_of_the_peer_counts() {
    let mut solo = Solo::new(graceful(65001, OURS));
    let theirs = wire(&Open {
        capabilities: graceful(65002, THEIRS).capabilities,
        ..open()
    });
    solo.handle(Input::Start);
    let (first, _) = solo.accepted();
    solo.feed(first, &theirs);
    solo.feed(first, &keepalive());
    assert!(solo.peer.negotiated().is_some());
    let (second, outputs) = solo.accepted();
    assert!(!outputs.contains(&Output::Close(first)), "{outputs:?}");
    let (third, outputs) = solo.accepted();
    assert!(outputs.contains(&Output::Close(second)), "{outputs:?}");
    solo.feed(third, &theirs);
    let outputs = solo.feed(third, &keepalive());
    assert!(outputs.contains(&Output::Close(first)), "{outputs:?}");
    assert!(up(&outputs).is_some());
    assert_eq!(solo.peer.state(), State::Established);
}

#[test]
fn every_event_has_the_number_of_the_rfc() {
    for (event, number) in [
        (Event::ManualStart, 1),
        (Event::ManualStop, 2),
        (Event::HoldTimerExpires, 10),
        (Event::TcpCrAcked, 16),
        (Event::BgpOpen, 19),
        (Event::OpenCollisionDump, 23),
        (Event::UpdateMsgErr, 28),
    ] {
        assert_eq!(event.number(), number, "{event}");
    }
}
