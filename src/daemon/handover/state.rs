//! What one process hands to the next, except the tables.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use super::codec::{Blob, Field, fields};
use crate::bgp::Family;
use crate::health::{self, Finding};
use crate::wire::{Reader, WireError};

/// A route: family, path identifier, and the rest as on the wire.
pub(super) type Route = (Family, Option<u32>, Blob);

/// The daemon.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The process that wrote it, which is the one that reads it.
    pub(super) pid: u32,
    /// How long the daemon has run.
    pub(super) age: Duration,
    /// Listening sockets.
    pub(super) listeners: Vec<(SocketAddr, i32)>,
    pub(super) control: Option<ControlState>,
    pub(super) operators: Vec<OperatorState>,
    pub(super) helpers: Vec<HelperState>,
    /// In the order in which they are shown.
    pub(super) neighbors: Vec<NeighborState>,
    /// Sets: name, speaker, revision.
    pub(super) sets: Vec<(String, String, Option<u64>)>,
    pub(super) checks: Vec<CheckState>,
}

/// A health check. Times are since the start of the daemon.
#[derive(Debug)]
pub(super) struct CheckState {
    pub(super) name: String,
    /// The state, and how often it was confirmed.
    pub(super) state: (u8, u64),
    /// Whether the service counts as up, and whether its routes are to be those of a service that is up.
    pub(super) sides: (Option<bool>, Option<bool>),
    pub(super) down_since: Option<Duration>,
    pub(super) bad_since: Option<Duration>,
    /// The last result.
    pub(super) last: Option<(Duration, u8)>,
    /// How long ago the state has changed.
    pub(super) changed: Option<Duration>,
    /// How soon the command of a service that went down is run.
    pub(super) drains: Option<Duration>,
    /// Good results, changes, and changes that were held back.
    pub(super) counts: (u64, u64, u64),
    /// The routes that are announced, and whether each is that of a service that is up.
    pub(super) routes: Vec<(Route, bool)>,
    /// The neighbors that they are announced to.
    pub(super) peers: Vec<u32>,
}

/// The control socket.
#[derive(Debug)]
pub(super) struct ControlState {
    pub(super) socket: i32,
    pub(super) path: String,
    pub(super) file: (u64, u64),
}

/// A client of the control socket.
#[derive(Debug)]
pub(super) struct OperatorState {
    pub(super) socket: i32,
    pub(super) input: Blob,
    pub(super) queue: QueueState,
    pub(super) source: SourceState,
}

/// How a source is answered.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    pub(super) enabled: bool,
    pub(super) json: bool,
    pub(super) reasons: bool,
    pub(super) sync: bool,
    pub(super) all_routes: bool,
    /// Whether it may change nothing.
    pub(super) read_only: bool,
}

/// Text for a helper or operator.
#[derive(Debug, Default)]
pub(super) struct QueueState {
    /// Texts, each with the number of its repetitions.
    pub(super) entries: Vec<(Blob, u64)>,
    /// Answers that wait until routes have been sent to these neighbors.
    pub(super) waiting: Vec<(Vec<u32>, Blob)>,
    /// Events that were dropped and not reported, and those dropped so far.
    pub(super) lost: (u64, u64),
}

/// A helper.
#[derive(Debug, Default)]
pub(super) struct HelperState {
    pub(super) name: String,
    /// Its process ID and the pipes of its stdin, stdout and stderr; `None` if it does not run and is not started again.
    pub(super) running: Option<(i32, (i32, i32, i32))>,
    /// What it wrote: an incomplete line.
    pub(super) input: Blob,
    pub(super) queue: QueueState,
    pub(super) source: Option<SourceState>,
    pub(super) starts: u64,
    pub(super) deaths: (u64, u32),
    /// Commands that were carried out and refused.
    pub(super) counts: (u64, u64),
}

/// The states of a check, in the order of their numbers.
pub(super) const STATES: [health::State; 6] = [
    health::State::Init,
    health::State::Disabled,
    health::State::Rising,
    health::State::Falling,
    health::State::Up,
    health::State::Down,
];
/// The results of a check, in the order of their numbers.
pub(super) const FINDINGS: [Finding; 3] = [Finding::Disabled, Finding::Good, Finding::Bad];

/// A neighbor.
#[derive(Debug, Default)]
pub(super) struct NeighborState {
    /// Its number in the tables.
    pub(super) id: u32,
    pub(super) name: String,
    /// For a dynamic neighbor: the number of its range, and both addresses.
    pub(super) dynamic: Option<(u32, (IpAddr, IpAddr))>,
    /// Its session, if it is established.
    pub(super) session: Option<SessionState>,
    /// What is known of earlier sessions.
    pub(super) history: HistoryState,
    /// How long it has been without session.
    pub(super) down: Duration,
    pub(super) advisories: Vec<(Family, Blob)>,
    /// Routes of the configuration that a helper replaces.
    pub(super) overridden: Vec<Route>,
    /// The number of events so far.
    pub(super) events: u64,
    pub(super) gave_up: bool,
    /// Families whose routes are kept without session.
    pub(super) retained: Vec<RetainedState>,
    /// Groups of watchdogs, the routes of each that are announced, and what the last command has made of it.
    pub(super) watchdogs: Vec<(String, Vec<Route>, Option<Switched>)>,
    /// How soon the next attempt to connect is due, and how many have failed.
    pub(super) retry: Option<Duration>,
    pub(super) failures: u32,
    /// How long it is kept down because it had too many routes.
    pub(super) penalty: Option<Duration>,
}

/// What a command has made of a watchdog group: whether it is announced, the owner, and whether this run of the daemon knows
/// that owner.
pub(super) type Switched = (bool, String, bool);

/// An established session.
#[derive(Debug)]
pub(super) struct SessionState {
    pub(super) socket: i32,
    pub(super) ends: (SocketAddr, SocketAddr),
    pub(super) initiator: u8,
    /// The OPENs as on the wire: sent and received.
    pub(super) opens: (Blob, Blob),
    pub(super) extended: bool,
    pub(super) age: Duration,
    pub(super) hold: Option<Duration>,
    pub(super) keepalive: Option<Duration>,
    pub(super) send_hold: Option<Duration>,
    pub(super) established: SystemTime,
    pub(super) input: Blob,
    pub(super) output: Blob,
    pub(super) sessions: u64,
    pub(super) counters: Vec<u64>,
    /// Messages other than routes that wait.
    pub(super) outgoing: Vec<Blob>,
    pub(super) over_limit: bool,
    pub(super) ignored: Vec<Family>,
    pub(super) eor_deferred: Vec<Family>,
    pub(super) eor_deferred_for: Option<Duration>,
    /// Encoded routes that wait, walks that are not finished, and End-of-RIB markers.
    pub(super) unsent: Vec<Blob>,
    pub(super) walks: Vec<Walk>,
    pub(super) end_of_rib: Vec<Family>,
}

/// A walk over the table: family, messages before and after the routes.
pub(super) type Walk = (Option<Family>, Option<Blob>, Vec<Blob>);

/// An event of earlier sessions: text, age, repetitions.
pub(super) type Noted = Option<(String, Duration, u64)>;

/// What is known of earlier sessions.
#[derive(Debug, Default)]
pub(super) struct HistoryState {
    pub(super) counts: (u64, u64),
    pub(super) last: Vec<Noted>,
    /// The last NOTIFICATION: whether it was received, code and subcode.
    pub(super) error: Option<(bool, u8, u8)>,
}

/// A family whose routes are kept without session.
#[derive(Debug)]
pub(super) struct RetainedState {
    pub(super) family: Family,
    pub(super) left: Duration,
    pub(super) long_lived: u32,
    pub(super) stage: u8,
    pub(super) synchronised: Option<Duration>,
}

fields! {
    State { pid, age, listeners, control, operators, helpers, neighbors, sets, checks }
    CheckState { name, state, sides, down_since, bad_since, last, changed, drains, counts, routes, peers }
    ControlState { socket, path, file }
    OperatorState { socket, input, queue, source }
    SourceState { enabled, json, reasons, sync, all_routes, read_only }
    QueueState { entries, waiting, lost }
    HelperState { name, running, input, queue, source, starts, deaths, counts }
    NeighborState {
        id, name, dynamic, session, history, down, advisories, overridden, events, gave_up, retained, watchdogs,
        retry, failures, penalty,
    }
    SessionState {
        socket, ends, initiator, opens, extended, age, hold, keepalive, send_hold, established, input, output, sessions,
        counters, outgoing, over_limit, ignored, eor_deferred, eor_deferred_for, unsent, walks, end_of_rib,
    }
    HistoryState { counts, last, error }
    RetainedState { family, left, long_lived, stage, synchronised }
}
