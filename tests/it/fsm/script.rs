//! Scripts of inputs for one state machine, and the invariants that hold whatever the inputs are.

use std::collections::BTreeSet;
use std::time::Duration;

use oxabgp::bgp::Asn;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::fsm::{Cease, Config, ConnId, Input, Output, State, table};

use crate::support::pair::{Solo, info};

/// One thing that may happen. The numbers choose among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
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

/// How the bytes of a step arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// At once.
    Whole,
    /// One by one.
    Bytewise,
}

pub(crate) fn capabilities(local_as: u32, graceful: bool) -> Vec<oxabgp::bgp::Capability> {
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

/// Plays a script, checks the invariants after each step, and returns all outputs.
pub(crate) fn play(config: Config, steps: Vec<Step>, arrival: Arrival) -> Vec<Output> {
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
                    Step::Received(_, bytes) => match arrival {
                        Arrival::Whole => solo.feed(id, &bytes),
                        Arrival::Bytewise => solo.feed_bytewise(id, &bytes),
                    },
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
    solo.outputs
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
