//! Collects what the next process needs. Nothing here waits: all of it is of the same moment.

use std::os::fd::RawFd;
use std::rc::Rc;

use super::codec::{Blob, Field};
use super::protocol::{WITH_SECTIONS, magic};
use super::pulse::Pulse;
use super::sections::Sections;
use super::state::{
    CheckState, ControlState, FINDINGS, HelperState, HistoryState, NeighborState, OperatorState,
    QueueState, RetainedState, Route, STATES, SessionState, SourceState, State,
};
use super::tables::TableWriter;
use crate::api::command::{Role, RoutesJson, Source};
use crate::bgp::message::Direction;
use crate::bgp::{Family, Nlri};
use crate::daemon::checks::Check;
use crate::daemon::clock;
use crate::daemon::control::Control;
use crate::daemon::core::Core;
use crate::daemon::executor::Executor;
use crate::daemon::neighbor::Neighbor;
use crate::daemon::neighbors::Listed;
use crate::daemon::queue::handover::QueueParts;
use crate::fsm::Initiator;
use crate::health::Side;
use crate::rib::PeerId;
use crate::rib::adj_rib_out::{Exported, Unsent};
use crate::speaker::{Counters, Handed, Server};

/// What the next process is given.
pub(crate) struct Collected {
    magic: [u8; 8],
    state: Vec<u8>,
    tables: Vec<u8>,
    /// The descriptors that stay open.
    descriptors: Vec<RawFd>,
}

impl Collected {
    /// What the next process reads, in order.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        [&self.magic, &self.state, &self.tables]
    }

    /// What stays open, without the rest.
    pub(crate) fn into_descriptors(self) -> Vec<RawFd> {
        self.descriptors
    }
}

/// Collects all. `sessions` are those that are handed over, and `answer` is the answer to the request.
///
/// # Errors
/// Why that is not possible.
pub(super) fn collect(
    (executor, server, control): (&Executor, &Server, &Control),
    (format, sessions): (u8, Vec<(PeerId, Handed)>),
    answer: &str,
    pulse: &mut Pulse,
) -> Result<Collected, String> {
    let core = &executor.core;
    // Of one that is being removed nothing is left, and another may have its name already.
    let mut neighbors = core.neighbors.all();
    // A dynamic neighbor without connection is a new one when its peer connects again.
    neighbors.retain(|listed| listed.template.is_none() || listed.neighbor.connection().is_some());
    // They take longest, and what is known of the sessions changes meanwhile.
    let tables = tables(core, &neighbors, pulse)?;
    let mut sessions: Vec<(PeerId, Option<Handed>)> = sessions
        .into_iter()
        .map(|(id, handed)| (id, Some(handed)))
        .collect();
    let mut take = |id: PeerId| {
        let found = sessions.iter_mut().find(|(other, _)| *other == id);
        let mut handed = found.and_then(|(_, handed)| handed.take())?;
        if let Some(beat) = pulse.find(id.0) {
            beat.note(&mut handed);
        }
        Some(handed)
    };
    let mut state = State {
        pid: std::process::id(),
        age: clock::now().saturating_duration_since(core.started.0),
        listeners: server.listening_sockets(),
        control: control.parts().map(|parts| ControlState {
            socket: parts.socket,
            path: parts.path.to_string_lossy().into_owned(),
            file: parts.file,
        }),
        operators: operators(executor, control, answer),
        helpers: helpers(executor)?,
        neighbors: neighbors
            .iter()
            .map(|listed| neighbor(core, listed, take(listed.neighbor.id)))
            .collect(),
        sets: sets(core),
        checks: core.checks.all().iter().map(|one| check(one)).collect(),
    };
    for (peer, group) in core.routes.left_groups() {
        if let Some(state) = state.neighbors.iter_mut().find(|known| known.id == peer.0) {
            let switch = group.switch.map(|switch| {
                let owner = switch.owner.to_string();
                (switch.announced, owner, switch.is_claimed)
            });
            let announced = group.announced.iter().map(route).collect();
            state.watchdogs.push((group.name, announced, switch));
        }
    }
    let mut descriptors = Vec::new();
    descriptors.extend(state.listeners.iter().map(|(_, socket)| *socket));
    descriptors.extend(state.control.iter().map(|control| control.socket));
    descriptors.extend(state.operators.iter().map(|operator| operator.socket));
    for helper in &state.helpers {
        let pipes = helper.running.iter();
        descriptors.extend(pipes.flat_map(|(_, (a, b, c))| [*a, *b, *c]));
    }
    let established = state
        .neighbors
        .iter()
        .filter_map(|one| one.session.as_ref());
    descriptors.extend(established.map(|session| session.socket));
    let mut bytes = Vec::new();
    state.put(&mut bytes);
    if format >= WITH_SECTIONS {
        let sections = Sections::of(core);
        descriptors.extend(sections.descriptors());
        sections.put(&mut bytes);
    }
    Ok(Collected {
        magic: magic(format),
        state: bytes,
        tables,
        descriptors,
    })
}

fn operators(executor: &Executor, control: &Control, answer: &str) -> Vec<OperatorState> {
    let operators = control.operators(executor, answer, source);
    let operators = operators.into_iter().map(|parts| OperatorState {
        socket: parts.socket,
        input: Blob(parts.input),
        queue: queue(parts.queue),
        source: parts.source,
    });
    operators.collect()
}

fn source(source: &Source) -> SourceState {
    SourceState {
        enabled: source.acks.enabled,
        json: source.acks.json,
        reasons: source.acks.reasons,
        sync: source.sync,
        all_routes: source.routes_json == RoutesJson::V2,
        read_only: source.role == Role::ReadOnly,
    }
}

fn queue(parts: QueueParts) -> QueueState {
    let entries = parts.entries.into_iter();
    let waiting = parts.waiting.into_iter();
    QueueState {
        entries: entries.map(|(text, times)| (Blob(text), times)).collect(),
        waiting: waiting
            .map(|(peers, text)| (peers.iter().map(|peer| peer.0).collect(), Blob(text)))
            .collect(),
        lost: parts.lost,
    }
}

fn helpers(executor: &Executor) -> Result<Vec<HelperState>, String> {
    let mut helpers = executor.core.events.helpers().active();
    // What is known of one that waits is in a section.
    helpers.retain(|process| !process.is_waiting());
    let helpers = helpers.iter().map(|process| {
        let parts = process
            .parts()
            .ok_or_else(|| format!("the helper {} is being started or stopped", process.name))?;
        Ok(HelperState {
            name: process.name.to_string(),
            running: parts.running.map(|(pid, [a, b, c])| (pid, (a, b, c))),
            input: Blob(parts.input),
            queue: queue(process.queue.parts("")),
            source: executor.with_source(&process.name, source),
            starts: parts.starts,
            deaths: parts.deaths,
            counts: (parts.counts.done, parts.counts.refused),
        })
    });
    helpers.collect()
}

fn sets(core: &Core) -> Vec<(String, String, Option<u64>)> {
    let sets = core.sets.declared().into_iter();
    sets.map(|(name, set)| (name.to_string(), set.speaker.to_string(), set.revision))
        .collect()
}

fn route(nlri: &Nlri) -> Route {
    (nlri.family, nlri.path_id, Blob(nlri.bytes.to_vec()))
}

fn neighbor(core: &Core, listed: &Listed, handed: Option<Handed>) -> NeighborState {
    let neighbor = &listed.neighbor;
    let history = neighbor.history.parts();
    let overridden = neighbor.overridden.borrow();
    let advisories = neighbor.advisories.standing().into_iter();
    let retained = neighbor.received.retained().into_iter();
    let waits = core.status(neighbor.id);
    let now = clock::now();
    NeighborState {
        id: neighbor.id.0,
        name: neighbor.name().to_string(),
        dynamic: listed.template.and_then(|range| {
            let connection = neighbor.connection();
            let ends = connection.as_ref()?.ends;
            let (local, remote) = (ends.local.ip(), ends.remote.ip());
            Some((range.0, (remote.to_canonical(), local.to_canonical())))
        }),
        session: handed.and_then(|handed| session(core, neighbor, handed)),
        history: HistoryState {
            counts: (history.established, history.lost),
            last: history.last,
            error: history.error.map(|error| {
                let received = error.direction == Direction::Receive;
                (received, error.code, error.subcode)
            }),
        },
        down: now.saturating_duration_since(neighbor.down_since.get()),
        advisories: advisories
            .map(|(family, message)| (family, Blob(message)))
            .collect(),
        overridden: overridden
            .iter()
            .map(|(family, path, key)| (*family, *path, Blob(key.to_vec())))
            .collect(),
        events: neighbor.events(),
        gave_up: neighbor.gave_up.get(),
        retained: retained
            .map(|kept| RetainedState {
                family: kept.family,
                left: kept.left,
                long_lived: kept.long_lived,
                stage: kept.stage,
                synchronised: kept.synchronised,
            })
            .collect(),
        watchdogs: Vec::new(),
        retry: waits.as_ref().and_then(|waits| {
            let at = waits.retry_at?;
            Some(at.saturating_duration_since(now))
        }),
        failures: waits.map_or(0, |waits| waits.failures),
        penalty: neighbor
            .paused_until
            .get()
            .map(|until| until.saturating_duration_since(now)),
    }
}

/// A health check.
fn check(check: &Check) -> CheckState {
    let parts = check.parts();
    let seen = parts.seen;
    CheckState {
        name: check.name.to_string(),
        state: (place(&STATES, seen.state), u64::from(seen.count)),
        sides: (
            seen.side.map(|side| side == Side::Up),
            parts.side.map(|side| side == Side::Up),
        ),
        down_since: seen.down_since,
        bad_since: seen.bad_since,
        last: seen
            .last
            .map(|(at, finding)| (at, place(&FINDINGS, finding))),
        changed: parts.changed,
        drains: parts.drains,
        counts: parts.counts,
        routes: parts
            .routes
            .iter()
            .map(|(nlri, is_up)| (route(nlri), *is_up))
            .collect(),
        peers: parts.peers.iter().map(|peer| peer.0).collect(),
    }
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    let at = all.iter().position(|other| *other == one);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or_default()
}

/// The session of a neighbor; `None` if something of it is missing, so that it cannot be continued.
fn session(core: &Core, neighbor: &Neighbor, handed: Handed) -> Option<SessionState> {
    let connection = neighbor.connection();
    let connection = connection.as_ref()?;
    let open = |direction| connection.raw_open(direction).map(<[u8]>::to_vec);
    let opens = (open(Direction::Send)?, open(Direction::Receive)?);
    let session = neighbor.session();
    let session = session.as_ref()?;
    let unsent = core.routes.rib().unsent(neighbor.id)?;
    let now = clock::now();
    let deferred = neighbor.eor_deferred_until.get();
    let (messages, walks, end_of_rib) = waiting(unsent);
    let timers = &handed.session;
    Some(SessionState {
        socket: handed.socket,
        ends: (handed.ends.local, handed.ends.remote),
        initiator: u8::from(timers.initiator == Initiator::Remote),
        opens: (Blob(opens.0), Blob(opens.1)),
        extended: timers.extended,
        age: timers.age,
        hold: timers.hold,
        keepalive: timers.keepalive,
        send_hold: timers.send_hold,
        established: handed.established,
        input: Blob(handed.input),
        output: Blob(handed.output),
        sessions: handed.sessions,
        counters: handed.counters.iter().flat_map(Counters::numbers).collect(),
        outgoing: session.outgoing().cloned().map(Blob).collect(),
        over_limit: session.over_limit,
        ignored: session.ignored().to_vec(),
        eor_deferred: session.eor_deferred().to_vec(),
        eor_deferred_for: deferred
            .filter(|until| *until > now)
            .map(|until| until - now),
        unsent: messages,
        walks,
        end_of_rib,
    })
}

/// What a session has yet to be sent, as it is written.
type Waiting = (Vec<Blob>, Vec<super::state::Walk>, Vec<Family>);

fn waiting(unsent: Unsent) -> Waiting {
    let blob = |bytes: bytes::Bytes| Blob(bytes.into());
    let walks = unsent.walks.into_iter().map(|walk| {
        let after = walk.after.into_iter().map(blob).collect();
        (walk.family, walk.before.map(blob), after)
    });
    let walks = walks.collect();
    let messages = unsent.messages.into_iter().map(blob).collect();
    (messages, walks, unsent.end_of_rib)
}

/// The tables.
fn tables(core: &Core, neighbors: &[Rc<Listed>], pulse: &mut Pulse) -> Result<Vec<u8>, String> {
    let mut w = TableWriter::default();
    core.routes.rib().export(&mut |exported| {
        pulse.call();
        match exported {
            Exported::Route {
                nlri,
                attributes,
                peers,
                unsent,
            } => w.route(&nlri, attributes, (peers, &unsent)),
            Exported::Withdrawal {
                nlri,
                attributes,
                peers,
            } => w.withdrawal(&nlri, attributes, &peers),
        }
    });
    core.leases.visit(0, usize::MAX, &mut |leased| {
        pulse.call();
        w.lease(&leased);
    });
    for listed in neighbors {
        let neighbor = &listed.neighbor;
        let rib = neighbor.received.rib();
        for received in rib.iter().flat_map(|rib| rib.routes(None)) {
            pulse.call();
            w.received(neighbor.id, &received);
        }
    }
    match w.unwritable {
        Some(nlri) => Err(format!("the attributes of {nlri} can't be handed over")),
        None => Ok(w.out),
    }
}
