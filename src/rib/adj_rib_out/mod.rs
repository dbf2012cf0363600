//! The Adj-RIB-Out: the routes that each peer should have, and those that have not been sent yet.
//!
//! ```text
//! apply ─► table (one slot a route, all peers) ─► pending records ─► shared lane of an update group ─► log ─► cursors
//!                                                      └─► private lane of a peer that joins, refreshes or lags
//! ```
//!
//! The caller reports which neighbors are configured ([`add_peer`](AdjRibOut::add_peer)), which routes change
//! ([`apply`](AdjRibOut::apply)) and which sessions are up ([`up`](AdjRibOut::up)). It pulls encoded messages
//! whenever a socket has room ([`fill`](AdjRibOut::fill)), and after each batch of calls it asks which peers to wake
//! ([`take_wakeups`](AdjRibOut::take_wakeups)). There is no clock, socket or task in here.
//!
//! There is one desired state, and the last change wins: changes to a route are merged until it is encoded.
//! Announcing an equal route again sends nothing. A withdrawal is always sent; if an announcement follows before the
//! withdrawal is encoded, both are sent in that order. A change of labels alone is sent. Sessions without ADD-PATH
//! receive the path with the lowest identifier, and a withdrawal when the last path is withdrawn.

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

/// Number of sub-tables: growing one moves a thousandth of the index.
const SHARDS: usize = 1_024;
/// Number of recent (peers, family) pairs whose resolution is cached.
const TARGETS: usize = 8;
/// The minimum lag limit, however many members of a group are private, as a fraction of the configured one.
const LEAST_LAG: usize = 16;
/// Maximum number of rejected routes kept for the caller.
const REFUSALS: usize = 1_000;

/// The configuration of a neighbor, with or without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerOptions {
    /// Families of its `family` block. Routes of other families are rejected.
    pub families: Vec<Family>,
    /// Whether sent routes are kept, to be sent again after a reconnect (`adj-rib-out`). Otherwise a route is removed
    /// once it was encoded for the session.
    pub keep: bool,
}

/// The negotiated parameters of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The parameters that encoding depends on. Peers with equal ones share an update group.
    pub sender: Sender,
    /// Negotiated families, in the order of their End-of-RIB markers.
    pub families: Vec<Family>,
    /// How routes can be requested again. With [`Refresh::Enhanced`], the reply is enclosed in BoRR and EoRR.
    pub refresh: Refresh,
    /// Whether the automatic End-of-RIB markers are suppressed.
    pub manual_eor: bool,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of peers that accepted it, whether or not it changes anything for them.
    pub accepted: usize,
    /// Number of peers that do not have that family in their configuration, or are not configured at all.
    pub refused: usize,
}

/// The limits of one [`fill`](AdjRibOut::fill). One message is returned whatever its size, unless `messages` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages; `usize::MAX` for no limit.
    pub messages: usize,
}

/// The amount returned by one [`fill`](AdjRibOut::fill).
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

/// A route that cannot be sent on a session. It is neither sent nor truncated; an older version that the peer may
/// hold is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// The route.
    pub nlri: Nlri,
    /// The peers that it was meant for.
    pub peers: PeerSet,
    /// The reason.
    pub refusal: Refusal,
}

/// Counters for status and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Routes in the table: one for each prefix and path, independent of the number of peers.
    pub routes: usize,
    /// Routes waiting to be encoded, counted once for each group.
    pub pending: usize,
    /// Bytes of encoded messages kept for peers that have not read them yet.
    pub log_bytes: usize,
    /// Update groups.
    pub groups: usize,
    /// How often a peer lagged so far behind that it left the shared log.
    pub lagged: u64,
    /// How often a table walk was started: session up, refresh, flush.
    pub walks: u64,
}

/// Limits on memory use and on the work of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of bytes that a peer may lag behind the log of its group before it gets a lane of its own, in
    /// which changes are merged. The more peers of a group have one, the lower the limit, down to a sixteenth.
    pub lag: usize,
    /// Maximum number of routes encoded in one step.
    pub turn: usize,
    /// Maximum number of slots visited in one step of a table walk.
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

/// The routes that we announce to our peers.
#[derive(Debug)]
pub struct AdjRibOut {
    limits: Limits,
    table: Table<Entries>,
    sets: Sets,
    backlog: Backlog,
    peers: Vec<Option<Peer>>,
    groups: Vec<Option<Group>>,
    packer: Packer,
    /// Announcements of the current step that may replace a route in a peer's table.
    replacing: Vec<(Nlri, Shared)>,
    sizes: fit::Sizes,
    comparison: Comparison,
    /// Resolved targets of recent changes. Cleared whenever a peer or a session is added or removed.
    targets: Vec<Target>,
    next_target: usize,
    wakeups: PeerSet,
    marks: u64,
    unsendable: Vec<Unsendable>,
    /// Work over the whole table that is in progress.
    sweeps: sweep::Sweeps,
    lagged: u64,
    walks: u64,
}

#[derive(Debug)]
struct Peer {
    options: PeerOptions,
    /// The set that contains only this peer.
    one: Shared,
    live: Option<session::Live>,
}

/// A resolved set of peers and family.
#[derive(Debug)]
struct Target {
    peers: PeerSet,
    family: Family,
    /// The peers that accept routes of this family.
    taken: Shared,
    /// Those with a session that negotiated it, by group.
    shares: Vec<(usize, Shared)>,
    outcome: Outcome,
}

impl Default for AdjRibOut {
    fn default() -> Self {
        Self::new()
    }
}

impl AdjRibOut {
    /// An empty table without peers.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// An empty table without peers, with other limits than the default ones.
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

    /// Adds a configured neighbor, with or without a session. Routes can be applied from now on. If the neighbor
    /// exists already, its options are replaced and its routes are kept; the options take effect with the next
    /// session.
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

    /// Removes a neighbor, its session and its routes. The number may be reused immediately.
    pub fn remove_peer(&mut self, peer: PeerId) {
        self.down(peer);
        let Some(gone) = self.peers.get_mut(peer.index()).and_then(Option::take) else {
            return;
        };
        self.targets.clear();
        self.reap(peer, &gone.one);
    }

    /// Returns `true` if `peer` was added and not removed since.
    pub fn is_known(&self, peer: PeerId) -> bool {
        self.peer(peer).is_some()
    }

    /// Returns `true` if `peer` has a session.
    pub fn is_up(&self, peer: PeerId) -> bool {
        self.peer(peer).is_some_and(|peer| peer.live.is_some())
    }

    /// Calls `wake` for each peer that may have got work since the last call.
    pub fn take_wakeups(&mut self, wake: &mut impl FnMut(PeerId)) {
        let wakeups = std::mem::take(&mut self.wakeups);
        self.groups
            .iter_mut()
            .flatten()
            .for_each(|group| group.woken = false);
        wakeups.iter().for_each(wake);
    }

    /// Calls `report` for each route that turned out to be unsendable since the last call. The number of reports is
    /// limited.
    pub fn take_unsendable(&mut self, report: &mut impl FnMut(Unsendable)) {
        std::mem::take(&mut self.unsendable)
            .into_iter()
            .for_each(report);
    }

    fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(peer.index())?.as_ref()
    }

    /// Removes a slot if it is unused.
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
