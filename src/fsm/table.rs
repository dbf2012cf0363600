//! The state machine as a table: every transition that is logged, and what RFC 4271 section 8.2.2 asks for in its place.
//!
//! Search the sources for the words of a log line, such as `event=BGPOpen` with its `from=` and `to=`: there is one place,
//! the row below. The name of the event with its number, `BGPOpen (19)`, leads from there to the code of the machine. A
//! test holds the machine against the rows, and [`markdown`] against the table that follows.
//!
#![doc = include_str!("table.md")]

use std::fmt::Write as _;

use super::event::{Event, State};

/// One transition of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: State,
    /// What happened, by the RFC's name.
    pub event: &'static str,
    /// After.
    pub to: State,
    /// What is sent to the peer.
    pub sends: &'static str,
    /// What it means.
    pub why: &'static str,
}

macro_rules! transitions {
    ($(event=$event:ident from=$from:ident to=$to:ident: $sends:literal, $why:literal;)*) => {
        &[$(Transition {
            from: State::$from,
            event: stringify!($event),
            to: State::$to,
            sends: $sends,
            why: $why,
        }),*]
    };
}

/// Every transition.
pub const TRANSITIONS: &[Transition] = transitions! {
    event=ManualStart from=Idle to=Connect: "-", "the operator starts the neighbor: we dial";
    event=ManualStart from=Active to=Connect: "-", "the operator does not wait for the back-off: we dial at once";
    event=ManualStart_with_PassiveTcpEstablishment from=Idle to=Active: "-", "the operator starts a passive neighbor: we wait for its connection";
    event=AutomaticStart from=Idle to=Connect: "-", "the session is restarted: we dial at once";
    event=AutomaticStart from=Active to=Connect: "-", "the session is restarted: we dial at once";
    event=AutomaticStart_with_PassiveTcpEstablishment from=Idle to=Active: "-", "a passive neighbor is listened for again";
    event=ConnectRetryTimer_Expires from=Active to=Connect: "-", "the back-off is over: we dial again";
    event=IdleHoldTimer_Expires from=Idle to=Connect: "-", "the back-off is over: we dial again";
    event=ConnectRetryTimer_Expires from=Connect to=Active: "-", "the dial took too long: it is given up";
    event=TcpConnectionFails from=Connect to=Active: "-", "the dial failed: we listen, and dial again after the back-off";
    event=ManualStop from=Connect to=Idle: "-, or a Cease (6) on an open connection", "the operator stops the neighbor";
    event=ManualStop from=Active to=Idle: "-", "the operator stops the neighbor";
    event=AutomaticStop from=Active to=Idle: "-", "all connection attempts are used up";
    event=AutomaticStop from=Idle to=Idle: "a Cease (6)", "the configuration does not fit into an OPEN";
    event=AutomaticStop from=Connect to=Idle: "-, or a Cease (6) on an open connection", "the session is restarted or the configuration does not fit into an OPEN";
    event=OpenCollisionDump from=Connect to=Idle: "-, or a Cease (6/7) on an open connection", "another connection is up: this one is given up";
    event=Tcp_CR_Acked from=Connect to=OpenSent: "OPEN", "our connection is up";
    event=Tcp_CR_Acked from=Connect to=Connect: "-", "our connection is up; with `local-as auto` the peer's OPEN comes first";
    event=TcpConnectionConfirmed from=Idle to=OpenSent: "OPEN", "the peer has connected to us";
    event=TcpConnectionConfirmed from=Active to=OpenSent: "OPEN", "the peer has connected to us";
    event=TcpConnectionConfirmed from=Idle to=Connect: "-", "the peer has connected to us; with `local-as auto` its OPEN comes first";
    event=TcpConnectionConfirmed from=Active to=Connect: "-", "the peer has connected to us; with `local-as auto` its OPEN comes first";
    event=BGPOpen_with_DelayOpenTimer_running from=Connect to=OpenSent: "OPEN", "the peer's OPEN gives the AS of ours (`local-as auto`)";
    event=BGPOpen from=OpenSent to=OpenConfirm: "KEEPALIVE", "the peer's OPEN is acceptable";
    event=KeepAliveMsg from=OpenConfirm to=Established: "-", "the peer accepts our OPEN: the session is up";
    event=TcpConnectionFails from=Connect to=Idle: "-", "the peer closed the connection before its OPEN (`local-as auto`)";
    event=TcpConnectionFails from=OpenSent to=Active: "-", "the connection is lost: we listen, and dial again after the back-off";
    event=TcpConnectionFails from=OpenConfirm to=Idle: "-", "the connection is lost";
    event=TcpConnectionFails from=Established to=Idle: "-", "the connection is lost";
    event=HoldTimer_Expires from=Connect to=Idle: "NOTIFICATION 4/0", "the peer was silent for too long";
    event=HoldTimer_Expires from=OpenSent to=Idle: "NOTIFICATION 4/0", "the peer was silent for too long";
    event=HoldTimer_Expires from=OpenConfirm to=Idle: "NOTIFICATION 4/0", "the peer was silent for too long";
    event=HoldTimer_Expires from=Established to=Idle: "NOTIFICATION 4/0", "the peer was silent for too long";
    event=SendHoldTimer_Expires from=Established to=Idle: "NOTIFICATION 8/0", "the peer reads nothing of what we send";
    event=BGPHeaderErr from=Connect to=Idle: "NOTIFICATION 1", "the header of a message is malformed";
    event=BGPHeaderErr from=OpenSent to=Idle: "NOTIFICATION 1", "the header of a message is malformed";
    event=BGPHeaderErr from=OpenConfirm to=Idle: "NOTIFICATION 1", "the header of a message is malformed";
    event=BGPHeaderErr from=Established to=Idle: "NOTIFICATION 1", "the header of a message is malformed";
    event=BGPOpenMsgErr from=Connect to=Idle: "NOTIFICATION 2", "the peer's OPEN is malformed or unacceptable";
    event=BGPOpenMsgErr from=OpenSent to=Idle: "NOTIFICATION 2", "the peer's OPEN is malformed or unacceptable";
    event=BGPOpenMsgErr from=OpenConfirm to=Idle: "NOTIFICATION 2", "the program resets the session with an OPEN error";
    event=BGPOpenMsgErr from=Established to=Idle: "NOTIFICATION 2", "the program resets the session with an OPEN error";
    event=OpenCollisionDump from=OpenSent to=Idle: "NOTIFICATION 6/7", "another connection with the peer stays";
    event=OpenCollisionDump from=OpenConfirm to=Idle: "NOTIFICATION 6/7", "another connection with the peer stays";
    event=OpenCollisionDump from=Established to=Idle: "-", "the peer has restarted: its new connection replaces this one";
    event=NotifMsgVerErr from=Connect to=Idle: "-", "the peer does not support our BGP version";
    event=NotifMsgVerErr from=OpenSent to=Idle: "-", "the peer does not support our BGP version";
    event=NotifMsgVerErr from=OpenConfirm to=Idle: "-", "the peer does not support our BGP version";
    event=NotifMsgVerErr from=Established to=Idle: "-", "the peer does not support our BGP version";
    event=NotifMsg from=Connect to=Idle: "-", "the peer ends the session";
    event=NotifMsg from=OpenSent to=Idle: "-", "the peer ends the session";
    event=NotifMsg from=OpenConfirm to=Idle: "-", "the peer ends the session";
    event=NotifMsg from=Established to=Idle: "-", "the peer ends the session";
    event=KeepAliveMsg from=Connect to=Idle: "NOTIFICATION 5/1", "a KEEPALIVE is not expected before the OPEN";
    event=KeepAliveMsg from=OpenSent to=Idle: "NOTIFICATION 5/1", "a KEEPALIVE is not expected before the OPEN";
    event=UpdateMsg from=Connect to=Idle: "NOTIFICATION 5/1", "an UPDATE is not expected before the OPEN";
    event=UpdateMsg from=OpenSent to=Idle: "NOTIFICATION 5/1", "an UPDATE is not expected before the OPEN";
    event=UpdateMsg from=OpenConfirm to=Idle: "NOTIFICATION 5/2", "an UPDATE is not expected before the KEEPALIVE";
    event=BGPOpen from=OpenConfirm to=Idle: "NOTIFICATION 5/2", "a second OPEN is not expected";
    event=BGPOpen from=Established to=Idle: "NOTIFICATION 5/3", "a second OPEN is not expected";
    event=UpdateMsgErr from=Connect to=Idle: "NOTIFICATION 3", "the program resets the session for an error in an UPDATE";
    event=UpdateMsgErr from=OpenSent to=Idle: "NOTIFICATION 3", "the program resets the session for an error in an UPDATE";
    event=UpdateMsgErr from=OpenConfirm to=Idle: "NOTIFICATION 3", "the program resets the session for an error in an UPDATE";
    event=UpdateMsgErr from=Established to=Idle: "NOTIFICATION 3", "the program resets the session for an error in an UPDATE";
    event=AutomaticStop from=OpenSent to=Idle: "NOTIFICATION, none for a graceful restart", "the session is restarted or refused by the program";
    event=AutomaticStop from=OpenConfirm to=Idle: "NOTIFICATION, none for a graceful restart", "the session is restarted or refused by the program";
    event=AutomaticStop from=Established to=Idle: "NOTIFICATION, none for a graceful restart", "the session is restarted or refused by the program";
    event=ManualStop from=OpenSent to=Idle: "a Cease (6), none for a graceful restart", "the operator stops the neighbor";
    event=ManualStop from=OpenConfirm to=Idle: "a Cease (6), none for a graceful restart", "the operator stops the neighbor";
    event=ManualStop from=Established to=Idle: "a Cease (6), none for a graceful restart", "the operator stops the neighbor";
};

/// What is done in a state about an event that does not end it.
const STAYS: &[(State, Event, &str)] = &[
    (
        State::OpenConfirm,
        Event::KeepaliveTimerExpires,
        "KEEPALIVE",
    ),
    (
        State::Established,
        Event::KeepaliveTimerExpires,
        "KEEPALIVE",
    ),
    (State::Established, Event::KeepAliveMsg, "-"),
    (State::Established, Event::UpdateMsg, "-"),
];

/// Where the machine does not go where the RFC sends it, and why.
pub const DEVIATIONS: &[(State, Event, &str)] = &[
    (
        State::Idle,
        Event::TcpConnectionConfirmed,
        "8.2.2 refuses connections in Idle; a peer that connects during our back-off has recovered, so it is accepted",
    ),
    (
        State::Connect,
        Event::ConnectRetryTimerExpires,
        "8.2.2 dials again at once and stays in Connect; every failed dial is followed by the back-off, in Active",
    ),
    (
        State::Connect,
        Event::TcpConnectionFails,
        "8.2.2 goes to Idle, where connections are refused; we go on listening, which is Active",
    ),
    (
        State::Connect,
        Event::TcpCrAcked,
        "`local-as auto` is DelayOpen, with which 8.2.2 stays in Connect as well",
    ),
    (
        State::Connect,
        Event::BgpOpenWithDelayOpen,
        "8.2.2 goes to OpenConfirm at once; our OPEN and our KEEPALIVE are two steps, the second is event 19",
    ),
    (
        State::Active,
        Event::ManualStart,
        "8.2.2 ignores it; the operator's start ends the back-off",
    ),
    (
        State::Active,
        Event::AutomaticStart,
        "8.2.2 ignores it; the restart of a session ends the back-off",
    ),
    (
        State::Active,
        Event::TcpConnectionConfirmed,
        "`local-as auto` is DelayOpen, with which 8.2.2 stays in Active; the connection itself is in Connect",
    ),
    (
        State::OpenConfirm,
        Event::BgpOpen,
        "8.2.2 runs collision detection (6.8) when the OPEN is another connection's, and so do we, when that OPEN comes; \
         a second OPEN on the same connection is an FSM error (RFC 6608)",
    ),
];

/// Events that are never produced, and why.
pub const NEVER: &[(u8, &str, &str)] = &[
    (
        6,
        "AutomaticStart_with_DampPeerOscillations",
        "damping is the back-off, which ends with event 13",
    ),
    (
        7,
        "AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment",
        "damping is the back-off, which ends with event 13",
    ),
    (
        12,
        "DelayOpenTimer_Expires",
        "`local-as auto` waits for the peer's OPEN until the open-wait timer, a hold timer, expires",
    ),
    (
        14,
        "TcpConnection_Valid",
        "the kernel hands over complete connections only",
    ),
    (
        15,
        "Tcp_CR_Invalid",
        "a connection that belongs to no neighbor is refused before it reaches a state machine",
    ),
];

/// The transition that a log line reports.
pub fn find(from: State, event: Event, to: State) -> Option<&'static Transition> {
    TRANSITIONS
        .iter()
        .find(|row| (row.from, row.event, row.to) == (from, event.name(), to))
}

/// The state that RFC 4271 section 8.2.2 (for event 29: RFC 9687 section 3.2) names for an event, by number.
pub const fn rfc(state: State, event: u8) -> State {
    use State::{Active, Connect, Established, Idle, OpenConfirm, OpenSent};
    match (state, event) {
        (Idle, 1 | 3 | 6 | 13) => Connect,
        (Idle, 4 | 5 | 7) => Active,
        (_, 1 | 3..=7) => state,
        (Connect, 9 | 14 | 15) | (Active, 9) => Connect,
        (Connect | Active, 12 | 16 | 17) => OpenSent,
        (Active, 14 | 15) => Active,
        (Connect | Active, 20) => OpenConfirm,
        (OpenSent | OpenConfirm | Established, 14..=17) => state,
        (OpenSent, 18) => Active,
        (OpenSent, 19) => OpenConfirm,
        (OpenConfirm, 11 | 19) => OpenConfirm,
        (OpenConfirm, 26) => Established,
        (Established, 11 | 26 | 27) => Established,
        _ => Idle,
    }
}

/// What happens to the timers on the way into a state.
const fn timers(to: State, event: Event) -> &'static str {
    match (to, event) {
        (State::Idle, Event::ManualStop) => "all stop",
        (State::Idle, _) => "all stop; IdleHoldTimer starts if it was the last connection",
        (State::Connect, Event::TcpCrAcked | Event::TcpConnectionConfirmed) => {
            "HoldTimer starts (open-wait)"
        }
        (State::Connect, _) => "ConnectRetryTimer starts",
        (State::Active, Event::ManualStartPassive | Event::AutomaticStartPassive) => "all stop",
        (State::Active, _) => "ConnectRetryTimer starts (back-off)",
        (State::OpenSent, _) => "ConnectRetryTimer stops; HoldTimer starts (open-wait)",
        (State::OpenConfirm, _) => "HoldTimer, KeepaliveTimer start (negotiated)",
        (State::Established, _) => "HoldTimer restarts; SendHoldTimer starts",
    }
}

/// The whole table: each state with each event.
pub fn markdown() -> String {
    let mut out = String::new();
    for state in State::ALL {
        let _ = writeln!(
            out,
            "### {state}\n\n| event | to | RFC 4271 8.2.2 | sent | timers | meaning |\n|---|---|---|---|---|---|"
        );
        for number in 1..=29 {
            let event = Event::ALL.iter().find(|event| event.number() == number);
            match event {
                Some(event) => cell(&mut out, state, *event),
                None => never(&mut out, state, number),
            }
        }
        out.push('\n');
    }
    out.push_str("### Deviations from RFC 4271\n\n");
    for (state, event, why) in DEVIATIONS {
        let _ = writeln!(out, "- {state}, {event} ({}): {why}.", event.number());
    }
    out.push_str("\n### Events that are never produced\n\n");
    for (number, name, why) in NEVER {
        let _ = writeln!(out, "- {name} ({number}): {why}.");
    }
    out
}

/// The rows of one state and event.
fn cell(out: &mut String, state: State, event: Event) {
    let (name, number) = (event.name(), event.number());
    let rfc = rfc(state, number);
    let before = out.len();
    for row in TRANSITIONS {
        if (row.from, row.event) == (state, name) {
            let mark = if row.to == rfc { "" } else { " (deviation)" };
            let timers = timers(row.to, event);
            let _ = writeln!(
                out,
                "| {name} ({number}) | {}{mark} | {rfc} | {} | {timers} | {} |",
                row.to, row.sends, row.why
            );
        }
    }
    if out.len() > before {
        return;
    }
    let stays = STAYS
        .iter()
        .find(|(here, what, _)| (*here, *what) == (state, event));
    let _ = match stays {
        Some((.., sends)) => {
            let timers = match event {
                Event::KeepaliveTimerExpires => "KeepaliveTimer restarts",
                _ => "HoldTimer restarts",
            };
            writeln!(
                out,
                "| {name} ({number}) | {state} | {rfc} | {sends} | {timers} | stays |"
            )
        }
        None if matches!(number, 1..=5) => writeln!(
            out,
            "| {name} ({number}) | {state} | {rfc} | - | - | ignored |"
        ),
        None => writeln!(
            out,
            "| {name} ({number}) | - | {rfc} | - | - | cannot occur |"
        ),
    };
}

/// The row of an event that is never produced.
fn never(out: &mut String, state: State, number: u8) {
    if let Some((_, name, _)) = NEVER.iter().find(|(never, ..)| *never == number) {
        let rfc = rfc(state, number);
        let _ = writeln!(
            out,
            "| {name} ({number}) | - | {rfc} | - | - | never produced |"
        );
    }
}
