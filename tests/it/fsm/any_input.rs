//! Any sequence of inputs, sensible or not, keeps the invariants of the state machine.

use std::collections::BTreeSet;
use std::time::Duration;

use oxabgp::bgp::Asn;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::{MessageType, encode, keepalive};
use oxabgp::fsm::{Cease, Config, ConnId, Input, Output, State, table};
use proptest::prelude::*;

use crate::support::pair::{Solo, config, info};

/// One thing that may happen. The numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Start,
    Incoming,
    Connected(usize),
    ConnectFailed(usize),
    Received(usize, Vec<u8>),
    Unread(usize),
    Written(usize),
    Eof(usize),
    Wait(u64),
    Timeout,
    Stop(bool),
    Reset(usize),
    Bounce,
    Configure(bool),
}

/// A message, most often a good one.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let open = (0_u16..4, 0_u8..4, any::<bool>(), any::<bool>()).prop_map(
        |(hold, id, graceful, same_as)| {
            let asn = if same_as { 65001 } else { 65002 };
            let open = Open {
                version: 4,
                asn,
                hold_time: [0, 2, 3, 90][usize::from(hold)],
                router_id: [10, 0, 0, id].into(),
                capabilities: capabilities(asn.into(), graceful),
            };
            open.encode().expect("a short OPEN")
        },
    );
    let other = (2_u8..8, prop::collection::vec(any::<u8>(), 0..8)).prop_map(|(kind, body)| {
        let mut out = Vec::new();
        encode(&mut out, MessageType(kind), |w| w.bytes(&body));
        out
    });
    prop_oneof![
        4 => open.clone(),
        4 => Just(keepalive()),
        2 => open.prop_map(|open| [open, keepalive()].concat()),
        2 => other,
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0_usize..4;
    prop_oneof![
        2 => Just(Step::Start),
        3 => Just(Step::Incoming),
        5 => which.clone().prop_map(Step::Connected),
        1 => which.clone().prop_map(Step::ConnectFailed),
        12 => (which.clone(), bytes()).prop_map(|(which, bytes)| Step::Received(which, bytes)),
        1 => which.clone().prop_map(Step::Unread),
        1 => which.clone().prop_map(Step::Written),
        1 => which.clone().prop_map(Step::Eof),
        2 => (0_u64..200_000).prop_map(Step::Wait),
        4 => Just(Step::Timeout),
        1 => any::<bool>().prop_map(Step::Stop),
        1 => which.prop_map(Step::Reset),
        1 => Just(Step::Bounce),
        1 => any::<bool>().prop_map(Step::Configure),
    ]
}

fn capabilities(local_as: u32, graceful: bool) -> Vec<oxabgp::bgp::Capability> {
    Offer {
        families: vec![oxabgp::bgp::Family::IPV4_UNICAST],
        asn4: Some(Asn(local_as)),
        graceful_restart: graceful.then_some(120),
        ..Offer::default()
    }
    .capabilities()
}

/// What must hold, followed from the outputs alone.
#[derive(Debug, Default)]
struct Watch {
    known: Vec<ConnId>,
    closed: BTreeSet<ConnId>,
    started: bool,
    shown: bool,
    established: Option<(ConnId, u16)>,
}

impl Watch {
    fn see(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Connect(id) => {
                    assert!(self.established.is_none(), "a dial beside a session");
                    self.known.push(*id);
                }
                Output::Transmit(id, _) => {
                    assert!(!self.closed.contains(id), "transmit after close");
                }
                Output::Close(id) => {
                    self.closed.insert(*id);
                }
                Output::State {
                    from, to, event, ..
                } => assert!(
                    table::find(*from, *event, *to).is_some(),
                    "not in the table: event={event} from={from} to={to}"
                ),
                Output::Connected(..) => {
                    assert!(!std::mem::replace(&mut self.shown, true), "connected twice");
                }
                Output::Established(id, negotiated) => {
                    assert!(self.shown && self.established.is_none(), "two sessions");
                    assert!(!self.closed.contains(id), "a closed session");
                    self.established = Some((*id, negotiated.hold_time));
                }
                Output::Down(_) => {
                    assert!(
                        std::mem::replace(&mut self.shown, false),
                        "down without connected"
                    );
                    self.established = None;
                }
                _ => {}
            }
        }
    }
}

fn play(config: Config, steps: Vec<Step>) {
    let mut solo = Solo::new(config);
    let mut watch = Watch::default();
    for step in steps {
        let pick = |which: usize| watch.known.iter().rev().nth(which).copied();
        let outputs = match step {
            Step::Start => {
                watch.started = true;
                solo.handle(Input::Start)
            }
            Step::Incoming => {
                let id = solo.peer.allot();
                watch.known.push(id);
                solo.handle(Input::Incoming(id, info()))
            }
            Step::Wait(milliseconds) => {
                solo.now += Duration::from_millis(milliseconds);
                solo.handle(Input::Timeout)
            }
            Step::Timeout if solo.peer.timeout().is_some() => solo.expire().1,
            Step::Timeout => solo.handle(Input::Timeout),
            Step::Stop(true) => solo.handle(Input::Stop(Cease::Removed)),
            Step::Stop(false) => solo.handle(Input::Stop(Cease::Shutdown("bye".to_owned()))),
            Step::Bounce => solo.handle(Input::Bounce(Notification::cease(4))),
            Step::Configure(passive) => {
                let config = Config {
                    passive,
                    ..solo.peer.config().clone()
                };
                solo.peer.configure(config);
                solo.handle(Input::Bounce(Notification::cease(6)))
            }
            Step::Connected(which)
            | Step::ConnectFailed(which)
            | Step::Received(which, _)
            | Step::Unread(which)
            | Step::Written(which)
            | Step::Eof(which)
            | Step::Reset(which) => {
                let Some(id) = pick(which) else {
                    continue;
                };
                match step {
                    Step::Connected(_) => solo.handle(Input::Connected(id, info())),
                    Step::ConnectFailed(_) => solo.handle(Input::ConnectFailed(id)),
                    Step::Received(_, bytes) => solo.feed(id, &bytes),
                    Step::Unread(_) => solo.handle(Input::Unread(id)),
                    Step::Written(_) => solo.handle(Input::Written(id)),
                    Step::Eof(_) => solo.handle(Input::Eof(id)),
                    _ => solo.handle(Input::Reset(id, Notification::new(3, 1, Vec::new()))),
                }
            }
        };
        watch.see(&outputs);
        check(&mut solo, &mut watch);
    }
}

/// What must hold between two inputs.
fn check(solo: &mut Solo, watch: &mut Watch) {
    let state = solo.peer.state();
    assert_eq!(
        state == State::Established,
        watch.established.is_some(),
        "{state}"
    );
    assert_eq!(
        solo.peer.negotiated().is_some(),
        watch.established.is_some()
    );
    // What is due is served in a few turns: no input can make the owner spin.
    for turn in 0.. {
        if solo.peer.timeout().is_none_or(|at| at > solo.now) {
            break;
        }
        assert!(turn < 4, "the same deadline again and again");
        let outputs = solo.handle(Input::Timeout);
        watch.see(&outputs);
    }
    // A peer that wants something has a deadline, unless it is the other end's turn for as long as that may take.
    let waits_for_ever = match solo.peer.state() {
        State::Established => watch
            .established
            .is_some_and(|(_, hold_time)| hold_time == 0),
        State::Active => solo.peer.config().passive,
        State::Idle => solo.peer.ended().is_some() || !watch.started,
        _ => false,
    };
    if !waits_for_ever {
        assert!(
            solo.peer.timeout().is_some(),
            "{:?} without deadline",
            solo.peer.state()
        );
    }
    if solo.peer.ended().is_some() {
        assert_eq!(
            (solo.peer.timeout(), solo.peer.state()),
            (None, State::Idle)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_input_keeps_the_invariants(
        passive: bool,
        auto: bool,
        graceful: bool,
        hold_time in prop::sample::select(vec![0_u16, 3, 180]),
        attempts in prop::option::of(1_u32..5),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        play(
            Config {
                passive,
                attempts,
                hold_time,
                local_as: (!auto).then_some(Asn(65001)),
                capabilities: capabilities(65001, graceful),
                ..config(65001, [10, 0, 0, 2])
            },
            steps,
        );
    }
}
