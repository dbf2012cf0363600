//! The Adj-RIB-Out: what every peer is to hear from us, and what it has not heard yet.
//!
//! ```text
//! apply ─► table (one slot a route, all peers) ─► pending records ─► shared lane of an update group ─► log ─► cursors
//!                                                      └─► private lane of a peer that joins, refreshes or lags
//! ```
//!
//! The caller tells what is configured ([`add_peer`](AdjRibOut::add_peer)), what changes ([`apply`](AdjRibOut::apply)) and
//! which sessions are up ([`up`](AdjRibOut::up)); it pulls encoded messages whenever a socket has room
//! ([`fill`](AdjRibOut::fill)) and asks after each batch of calls whom to wake
//! ([`take_wakeups`](AdjRibOut::take_wakeups)). No clock, no socket, no task.
//!
//! There is one desired state, and the last writer wins: what changes before it is encoded is encoded once. An equal
//! announcement is no news; a withdrawal is always sent, and when an announcement follows it before it was encoded,
//! both are sent, in that order. A difference in labels alone is news. Sessions without ADD-PATH get the path with
//! the lowest identifier, and a withdrawal when the last path goes.

use std::rc::Rc;

use bytes::Bytes;

use super::backlog::{Backlog, Gone, Marker};
use super::comparison::Comparison;
use super::entries::Entries;
use super::group::Group;
use super::pack::{Packer, Refusal};
use super::peer_set::{PeerId, PeerSet};
use super::route::{Action, Change};
use super::sets::{Sets, Shared};
use super::table::{RouteKey, SlotId, Table, with_key};
use crate::bgp::negotiated::Refresh;
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{AttributeSet, Family, Nlri, NlriRef, Sender};

mod apply;
mod encode;
mod fit;
mod session;
mod show;
mod sweep;

pub use show::{Route, RouteFilter};

/// Sub-tables: growing one moves a thousandth of the index.
const SHARDS: usize = 1_024;
/// Recent (peers, family) pairs whose meaning is remembered.
const TARGETS: usize = 8;
/// The least lag limit, however many members of a group are private, in parts of the configured one.
const LEAST_LAG: usize = 16;
/// Refused routes kept for the caller.
const REFUSALS: usize = 1_000;

/// What is configured for a neighbour, session or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerOptions {
    /// Families of its `family` block: a route of another family is refused.
    pub families: Vec<Family>,
    /// Keep what was sent, to send it again after a reconnect (`adj-rib-out`). Without it a route is forgotten once it was
    /// encoded for the session, but never before.
    pub keep: bool,
}

/// What a session that came up negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The facts that encoding depends on: peers with equal ones share an update group.
    pub sender: Sender,
    /// Negotiated families; the order is that of the End-of-RIB markers.
    pub families: Vec<Family>,
    /// How routes are asked for again; with [`Refresh::Enhanced`], BoRR and EoRR stand around the answer.
    pub refresh: Refresh,
    /// Send no End-of-RIB by itself.
    pub manual_eor: bool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Peers that took it, whether or not it was news for them.
    pub accepted: usize,
    /// Peers without that family in their configuration, or not configured at all.
    pub refused: usize,
}

/// How much one [`fill`](AdjRibOut::fill) may hand out. One message is handed out whatever its size, unless `messages` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages; `usize::MAX` for no limit.
    pub messages: usize,
}

/// What one [`fill`](AdjRibOut::fill) handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages.
    pub messages: usize,
}

/// A point in the order of changes, from [`mark`](AdjRibOut::mark).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// A route that a session can't be told: never sent, never truncated. An older version that the peer may hold is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// The route.
    pub nlri: Nlri,
    /// The peers that it was for.
    pub peers: PeerSet,
    /// Why.
    pub refusal: Refusal,
}

/// Numbers for status and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Routes in the table: one for each prefix and path, however many peers.
    pub routes: usize,
    /// Routes that wait to be encoded, counted once for each group.
    pub pending: usize,
    /// Bytes of encoded messages kept for peers that did not take them yet.
    pub log_bytes: usize,
    /// Update groups.
    pub groups: usize,
    /// How often a peer fell so far behind that it left the shared log.
    pub lagged: u64,
    /// How often a table walk began: session up, refresh, flush.
    pub walks: u64,
}

/// Marks that bound memory and turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that a peer may be behind the log of its group before it gets a lane of its own, in which changes coalesce. The
    /// more peers of a group have one, the less is allowed, down to a sixteenth.
    pub lag: usize,
    /// Most routes encoded in one step.
    pub turn: usize,
    /// Most slots looked at in one step of a table walk.
    pub scan: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lag: 16 << 20,
            turn: 16_384,
            scan: 16_384,
        }
    }
}

/// What we tell our peers.
#[derive(Debug)]
pub struct AdjRibOut {
    limits: Limits,
    table: Table<Entries>,
    sets: Sets,
    backlog: Backlog,
    peers: Vec<Option<Peer>>,
    groups: Vec<Option<Group>>,
    packer: Packer,
    /// Announcements of the turn that is being packed, by what they may replace in a peer's table.
    replacing: Vec<(Nlri, Shared)>,
    sizes: fit::Sizes,
    comparison: Comparison,
    /// What recent changes were about; forgotten whenever a peer or a session comes or goes.
    targets: Vec<Target>,
    next_target: usize,
    wakeups: PeerSet,
    marks: u64,
    unsendable: Vec<Unsendable>,
    /// Work over the whole table that is under way.
    sweeps: sweep::Sweeps,
    lagged: u64,
    walks: u64,
}

#[derive(Debug)]
struct Peer {
    options: PeerOptions,
    /// The set of this peer.
    one: Shared,
    live: Option<session::Live>,
}

/// What a set of peers and a family mean.
#[derive(Debug)]
struct Target {
    peers: PeerSet,
    family: Family,
    /// The peers that take routes of this family.
    taken: Shared,
    /// Those with a session that does, by group.
    shares: Vec<(usize, Shared)>,
    outcome: Outcome,
}

impl Default for AdjRibOut {
    fn default() -> Self {
        Self::new()
    }
}

impl AdjRibOut {
    /// Nothing to tell, and nobody to tell it to.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// The same, with other limits than the default ones.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            table: Table::new(SHARDS),
            sets: Sets::default(),
            backlog: Backlog::default(),
            peers: Vec::new(),
            groups: Vec::new(),
            packer: Packer::default(),
            replacing: Vec::new(),
            sizes: fit::Sizes::default(),
            comparison: Comparison::default(),
            targets: Vec::new(),
            next_target: 0,
            wakeups: PeerSet::new(),
            marks: 0,
            unsendable: Vec::new(),
            sweeps: sweep::Sweeps::default(),
            lagged: 0,
            walks: 0,
        }
    }

    /// Takes in a configured neighbour, session or not; routes can be applied from now on. If it is there already, its
    /// options change and its routes stay; they count from the next session on.
    pub fn add_peer(&mut self, peer: PeerId, options: PeerOptions) {
        self.targets.clear();
        if self.peer(peer).is_none() {
            self.reuse(peer);
        }
        if self.peers.len() <= peer.index() {
            self.peers.resize_with(peer.index() + 1, || None);
        }
        match &mut self.peers[peer.index()] {
            Some(known) => known.options = options,
            place => {
                *place = Some(Peer {
                    options,
                    one: self.sets.one(peer),
                    live: None,
                });
            }
        }
    }

    /// Forgets a neighbour, its session and its routes. The number may be used again at once.
    pub fn remove_peer(&mut self, peer: PeerId) {
        self.down(peer);
        let Some(gone) = self.peers.get_mut(peer.index()).and_then(Option::take) else {
            return;
        };
        self.targets.clear();
        self.reap(peer, &gone.one);
    }

    /// Whether `peer` was added and not removed.
    pub fn is_known(&self, peer: PeerId) -> bool {
        self.peer(peer).is_some()
    }

    /// Whether `peer` has a session.
    pub fn is_up(&self, peer: PeerId) -> bool {
        self.peer(peer).is_some_and(|peer| peer.live.is_some())
    }

    /// Calls `wake` for each peer for which there may be work since the last call.
    pub fn take_wakeups(&mut self, wake: &mut impl FnMut(PeerId)) {
        let wakeups = std::mem::take(&mut self.wakeups);
        self.groups
            .iter_mut()
            .flatten()
            .for_each(|group| group.woken = false);
        wakeups.iter().for_each(wake);
    }

    /// Calls `report` for each route that turned out impossible to send since the last call; of very many, only for the first.
    pub fn take_unsendable(&mut self, report: &mut impl FnMut(Unsendable)) {
        std::mem::take(&mut self.unsendable)
            .into_iter()
            .for_each(report);
    }

    fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(peer.index())?.as_ref()
    }

    /// Forgets a slot that nobody needs.
    fn release(&mut self, slot: SlotId) {
        if self
            .table
            .get(slot)
            .is_some_and(|slot| slot.value.is_unused())
        {
            self.table.remove(slot);
        }
    }
}
