//! Continues with the neighbors and the tables of another process.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tracing::{info, warn};

use super::codec::Blob;
use super::pulse::{Beat, Pulse};
use super::sockets::Sockets;
use super::state::{NeighborState, Route, SessionState};
use super::tables::{Row, TableReader};
use crate::bgp::message::open::Open;
use crate::bgp::message::{Direction, MessageType, RawMessage};
use crate::bgp::nlri::NlriKey;
use crate::bgp::{AttributeSet, NextHop, Nlri};
use crate::config::diff::numbered;
use crate::daemon::clock;
use crate::daemon::connection::Session;
use crate::daemon::core::Core;
use crate::daemon::history::{HistoryParts, LastError};
use crate::daemon::neighbor::Neighbor;
use crate::daemon::neighbors::Listed;
use crate::daemon::phase::Phase;
use crate::daemon::sets::set_of;
use crate::daemon::watchdog::{LeftGroup, Switch};
use crate::daemon::{dynamic, eor_deferral, graceful_restart, prefix_limit, session};
use crate::fsm::retention::KeptFamily;
use crate::fsm::{ConnInfo, Initiator, SessionSnapshot};
use crate::rib::adj_rib_out::{Session as RibSession, Unsent, UnsentWalk};
use crate::rib::{Action, Change, Leased, PeerId};
use crate::speaker::{Counters, Handed, Server};
use crate::wire::{Reader, WireError};

/// The numbers of neighbors: as they were, and as they are.
pub(super) type Numbers = HashMap<u32, PeerId>;

/// A received route that waits for those before it.
type Received = (Nlri, Rc<AttributeSet>, Option<NextHop>, u32);

/// Fills the tables, then continues with the sessions. Returns the numbers of the neighbors.
///
/// # Errors
/// When the tables can't be read.
pub(super) fn resume(
    (core, server): (&Rc<Core>, &Server),
    states: Vec<NeighborState>,
    tables: Reader<'_>,
    (pulse, sockets): (&mut Pulse, &dyn Sockets),
) -> Result<Numbers, WireError> {
    let mut numbers = Numbers::new();
    let mut found: Vec<(Rc<Listed>, NeighborState)> = Vec::new();
    let mut configured = core.neighbors.all();
    configured.retain(|listed| listed.template.is_none());
    let names = configured
        .iter()
        .map(|listed| listed.neighbor.name().to_string());
    let mut configured: HashMap<(String, usize), Rc<Listed>> =
        numbered(names).into_iter().zip(configured).collect();
    // Neighbors of one name are in the order of the configuration in both processes. A dynamic one may have the name of a
    // configured one.
    let fixed = states.iter().filter(|state| state.dynamic.is_none());
    let mut names = numbered(fixed.map(|state| state.name.clone())).into_iter();
    for state in states {
        let listed = match &state.dynamic {
            Some((range, ends)) if state.session.is_some() => {
                let range = numbers.get(range).and_then(|id| core.neighbors.get(*id));
                range.and_then(|range| dynamic::resume((core, server), &range, *ends))
            }
            Some(_) => None,
            None => names.next().and_then(|name| configured.remove(&name)),
        };
        match listed {
            Some(listed) => {
                numbers.insert(state.id, listed.neighbor.id);
                found.push((listed, state));
            }
            None => {
                info!(neighbor = %state.name, "the neighbor is not continued");
                pulse.forget(state.id);
                state
                    .session
                    .iter()
                    .for_each(|session| discard(session, sockets));
            }
        }
    }
    pulse.look();
    let pending = fill((core, &numbers), tables, &found, pulse)?;
    let mut markers = Vec::new();
    let mut sessions = 0;
    for (listed, state) in found {
        let beat = pulse.find(state.id);
        let end_of_rib = state
            .session
            .as_ref()
            .map(|session| session.end_of_rib.clone());
        if neighbor((core, server), &listed, state, (beat, sockets)) {
            sessions += 1;
            markers.extend(end_of_rib.map(|families| (listed.neighbor.id, families)));
        }
    }
    for change in pending {
        core.routes.apply_quietly(&change);
    }
    for (id, families) in markers {
        let peers = std::iter::once(id).collect();
        for family in families {
            core.routes.end_of_rib(&peers, family);
        }
    }
    core.wake_neighbors();
    info!(sessions, "the sessions of the process before are continued");
    Ok(numbers)
}

/// Fills the tables. Returns the changes that sessions have not been sent.
fn fill(
    (core, numbers): (&Rc<Core>, &Numbers),
    tables: Reader<'_>,
    found: &[(Rc<Listed>, NeighborState)],
    pulse: &mut Pulse,
) -> Result<Vec<Change>, WireError> {
    let share = |set| core.routes.intern(set);
    let mut rows = TableReader::new(tables, share, |peer| numbers.get(&peer).copied());
    let mut pending = Vec::new();
    let mut received: HashMap<u32, [Vec<Received>; 2]> = HashMap::new();
    while let Some(row) = rows.next()? {
        pulse.call();
        match row {
            Row::Route {
                nlri,
                attributes,
                mut peers,
                unsent,
            } => {
                let change = |peers| Change {
                    nlri: nlri.to_nlri(),
                    action: Action::Announce(Rc::clone(&attributes)),
                    peers,
                };
                if !unsent.is_empty() {
                    peers.subtract(&unsent);
                    pending.push(change(unsent));
                }
                if !peers.is_empty() {
                    core.routes.apply_quietly(&change(peers));
                }
            }
            Row::Withdrawal {
                nlri,
                attributes,
                peers,
            } => pending.push(Change {
                nlri: nlri.to_nlri(),
                action: Action::Withdraw(attributes),
                peers,
            }),
            Row::Lease {
                nlri,
                attributes,
                peers,
                owner,
                selector,
                run,
                length,
                deadline,
            } => lease(
                core,
                &Leased {
                    nlri: &nlri.to_nlri(),
                    attributes: attributes.as_ref(),
                    peers: &peers,
                    owner: &owner,
                    run,
                    selector: selector.as_ref(),
                    length,
                    deadline,
                },
            ),
            Row::Received {
                nlri,
                attributes,
                peer,
                next_hop,
                stale,
                since,
            } => received.entry(peer).or_default()[usize::from(!stale)].push((
                nlri.to_nlri(),
                attributes,
                next_hop,
                since,
            )),
        }
    }
    for (listed, state) in found {
        let routes = received.remove(&state.id).unwrap_or_default();
        keep(&listed.neighbor, state, routes, pulse);
        graceful_restart::resume(core, &listed.neighbor);
    }
    Ok(pending)
}

fn lease(core: &Core, leased: &Leased<'_>) {
    if !leased.peers.is_empty() {
        let indexed = set_of(leased.owner).is_some_and(|(_, key)| key.is_some());
        core.leases.restore(leased, indexed);
    }
}

/// Fills the Adj-RIB-In of a neighbor: first with stale routes, then with the others.
fn keep(
    neighbor: &Neighbor,
    state: &NeighborState,
    [stale, fresh]: [Vec<Received>; 2],
    pulse: &mut Pulse,
) {
    let time = Duration::from_secs(neighbor.config.borrow().stale_path_time.into());
    let kept = state.retained.iter().map(|kept| KeptFamily {
        family: kept.family,
        left: kept.left,
        long_lived: kept.long_lived,
        stage: kept.stage,
        synchronised: kept.synchronised,
    });
    let kept: Vec<KeptFamily> = kept.collect();
    neighbor.received.keep_for(time);
    if kept.is_empty() && stale.is_empty() && fresh.is_empty() {
        return;
    }
    neighbor.received.resume(&kept, |rib| {
        let mut families = Vec::new();
        for (nlri, attributes, next_hop, since) in stale {
            pulse.call();
            rib.set_time(since);
            rib.announce(nlri.as_ref(), &attributes, next_hop);
            if !families.contains(&nlri.family) {
                families.push(nlri.family);
            }
        }
        families
            .into_iter()
            .for_each(|family| rib.mark_stale(family));
        for (nlri, attributes, next_hop, since) in fresh {
            pulse.call();
            rib.set_time(since);
            rib.announce(nlri.as_ref(), &attributes, next_hop);
        }
    });
}

/// The session of a neighbor, of which a KEEPALIVE is due at once.
pub(super) fn beat(state: &NeighborState) -> Option<Beat> {
    let session = state.session.as_ref()?;
    let hold_time = |open: &Blob| {
        let open = message(open);
        Some(Open::decode(open.body()).ok()?.hold_time)
    };
    let times = (hold_time(&session.opens.0)?, hold_time(&session.opens.1)?);
    session.keepalive?;
    let output = session.output.0.clone();
    Beat::new((state.id, session.socket), times, Duration::ZERO, output)
}

/// Continues with a neighbor, whose session was sent KEEPALIVEs meanwhile. Returns `true` if its session goes on.
fn neighbor(
    (core, server): (&Rc<Core>, &Server),
    listed: &Listed,
    state: NeighborState,
    (beat, sockets): (Option<&Beat>, &dyn Sockets),
) -> bool {
    let neighbor = &listed.neighbor;
    let ((established, lost), last) = (state.history.counts, state.history.last);
    neighbor.history.resume(HistoryParts {
        established,
        lost,
        last,
        error: state
            .history
            .error
            .map(|(received, code, subcode)| LastError {
                direction: match received {
                    true => Direction::Receive,
                    false => Direction::Send,
                },
                code,
                subcode,
            }),
    });
    let now = clock::now();
    let since = now.checked_sub(state.down).unwrap_or(now);
    neighbor.down_since.set(since);
    neighbor.gave_up.set(state.gave_up);
    neighbor.continue_events(state.events);
    for (family, Blob(message)) in state.advisories {
        neighbor.advisories.keep(family, message);
    }
    if established > 0 {
        neighbor.advisories.were_sent();
    }
    let overridden = state.overridden.into_iter();
    neighbor.overridden.borrow_mut().extend(
        overridden.map(|(family, path, Blob(key))| (family, path, NlriKey::from_slice(&key))),
    );
    for (name, routes, switch) in state.watchdogs {
        let group = LeftGroup {
            name,
            announced: routes.iter().map(nlri).collect(),
            switch: switch.map(|(announced, owner, is_claimed)| Switch {
                announced,
                owner: owner.into(),
                is_claimed,
            }),
        };
        core.routes.resume_group(neighbor.id, group);
    }
    let now_due = state.retry.unwrap_or_default();
    if let Some(key) = listed.key.get() {
        match state.penalty {
            _ if state.gave_up && state.session.is_none() => server.keep_down(key),
            Some(left) => {
                server.keep_down(key);
                prefix_limit::pause_for(core, neighbor, left);
            }
            None => server.postpone(key, (now_due, state.failures)),
        }
    }
    let Some(state) = state.session else {
        return false;
    };
    if listed.key.get().is_none() {
        discard(&state, sockets);
        return false;
    }
    match session((core, server), listed, state, (beat, sockets)) {
        Ok(()) => true,
        Err(reason) => {
            warn!(neighbor = %neighbor.name(), "the session can't be continued: {reason}");
            false
        }
    }
}

pub(super) fn nlri((family, path_id, Blob(bytes)): &Route) -> Nlri {
    Nlri::new(*family, *path_id, bytes)
}

/// Continues with a session.
fn session(
    (core, server): (&Rc<Core>, &Server),
    listed: &Listed,
    mut state: SessionState,
    (beat, sockets): (Option<&Beat>, &dyn Sockets),
) -> Result<(), String> {
    let neighbor = &listed.neighbor;
    let key = listed.key.get().ok_or("it is not in the speaker")?;
    let (sent, received) = (message(&state.opens.0), message(&state.opens.1));
    let (Ok(local), Ok(remote)) = (Open::decode(sent.body()), Open::decode(received.body())) else {
        discard(&state, sockets);
        return Err("an OPEN can't be read".to_owned());
    };
    let ends = ConnInfo {
        local: state.ends.0,
        remote: state.ends.1,
    };
    let mut handed = Handed {
        socket: state.socket,
        ends,
        session: SessionSnapshot {
            initiator: match state.initiator {
                0 => Initiator::Local,
                _ => Initiator::Remote,
            },
            local,
            remote,
            extended: state.extended,
            age: state.age,
            hold: state.hold,
            keepalive: state.keepalive,
            send_hold: state.send_hold,
        },
        established: state.established,
        input: state.input.0,
        output: state.output.0,
        sessions: state.sessions,
        counters: counters(&state.counters),
    };
    if let Some(beat) = beat {
        beat.note(&mut handed);
    }
    let negotiated = sockets
        .connection(state.socket)
        .and_then(|stream| server.adopt(key, handed, stream))
        .map_err(|cause| cause.to_string())?;
    neighbor.connected(ends);
    neighbor.note(Direction::Send, &sent);
    neighbor.note(Direction::Receive, &received);
    neighbor.negotiate(&negotiated);
    neighbor.phase.set(Phase::Established);
    let config = neighbor.config.borrow();
    let sender = session::sender(&config.session, &negotiated, ends.local.ip());
    let outgoing = std::mem::take(&mut state.outgoing).into_iter();
    let mut up = Session::new(outgoing.map(|Blob(message)| message));
    up.since = up.since.checked_sub(state.age).unwrap_or(up.since);
    up.over_limit = state.over_limit;
    for family in state.ignored {
        up.ignores(family);
    }
    up.defer_eor(state.eor_deferred);
    neighbor.replace_session(Some(up));
    if let Some(left) = state.eor_deferred_for {
        eor_deferral::resume(core, neighbor, left);
    }
    let rib = RibSession {
        sender,
        families: negotiated.families.clone(),
        refresh: negotiated.refresh,
        manual_eor: config.manual_eor,
        peer_restarts: negotiated.peer_restart().is_some(),
    };
    core.routes
        .resume(neighbor.id, rib, &unsent(state.unsent, state.walks));
    neighbor.wake.notify_one();
    Ok(())
}

/// An OPEN.
fn message(Blob(bytes): &Blob) -> RawMessage {
    RawMessage {
        kind: MessageType::OPEN,
        bytes: Bytes::copy_from_slice(bytes),
    }
}

/// Closes the connection of a session that is not continued.
fn discard(state: &SessionState, sockets: &dyn Sockets) {
    // One that is closed already needs no more.
    drop(sockets.connection(state.socket));
}

fn counters(numbers: &[u64]) -> [Counters; 4] {
    let mut counters = [Counters::default(); 4];
    for (place, numbers) in counters.iter_mut().zip(numbers.chunks_exact(8)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(numbers);
        *place = Counters::from_numbers(eight);
    }
    counters
}

fn unsent(messages: Vec<Blob>, walks: Vec<super::state::Walk>) -> Unsent {
    let bytes = |Blob(bytes)| Bytes::from(bytes);
    let walks = walks.into_iter().map(|(family, before, after)| UnsentWalk {
        family,
        before: before.map(bytes),
        after: after.into_iter().map(bytes).collect(),
    });
    Unsent {
        walks: walks.collect(),
        messages: messages.into_iter().map(bytes).collect(),
        end_of_rib: Vec::new(),
    }
}
