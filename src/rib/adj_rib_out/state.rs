//! The state of the Adj-RIB-Out, and its peers.

use super::live::Live;
use super::sizes::Sizes;
use super::sweeps::Sweeps;
use super::types::{Limits, Outcome, PeerOptions, Unsendable};
use crate::bgp::{Family, Nlri, Sender};
use crate::rib::comparison::Comparison;
use crate::rib::entries::Entries;
use crate::rib::group::Group;
use crate::rib::pack::Packer;
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::peer_set_interner::{PeerSetInterner, PeerSetRef};
use crate::rib::pending::Backlog;
use crate::rib::slab::NONE;
use crate::rib::table::{SlotId, Table};
use crate::rib::tally::Tally;

/// Number of sub-tables: growing one moves a thousandth of the index. The routes of the Internet fill sub-tables of the
/// size that they need.
const SHARDS: usize = 1_280;
/// Number of recent (peers, family) pairs whose resolution is cached.
pub(super) const TARGETS: usize = 8;
/// The minimum lag limit, however many members of a group are private, as a fraction of the configured one.
pub(super) const LEAST_LAG: usize = 16;
/// Maximum number of rejected routes kept for the caller.
pub(super) const REFUSALS: usize = 1_000;

/// The routes that we announce to our peers. See the [module](super) for how to use it.
#[derive(Debug)]
pub struct AdjRibOut {
    pub(super) limits: Limits,
    pub(super) table: Table<Entries>,
    pub(super) sets: PeerSetInterner,
    pub(super) tally: Tally,
    pub(super) pending: Backlog,
    pub(super) peers: Vec<Option<Peer>>,
    pub(super) groups: Vec<Option<Group>>,
    pub(super) packer: Packer,
    /// Announcements of the current step that may replace a route in a peer's table.
    pub(super) replacing: Vec<(Nlri, PeerSetRef)>,
    pub(super) sizes: Sizes,
    pub(super) comparison: Comparison,
    /// Resolved targets of recent changes. Cleared whenever a peer or a session is added or removed.
    pub(super) targets: Vec<Target>,
    pub(super) next_target: usize,
    pub(super) wakeups: PeerSet,
    pub(super) marks: u64,
    pub(super) unsendable: Vec<Unsendable>,
    /// Work over the whole table that is in progress.
    pub(super) sweeps: Sweeps,
    pub(super) lagged: u64,
    pub(super) walks: u64,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) options: PeerOptions,
    /// The set that contains only this peer.
    pub(super) one: PeerSetRef,
    pub(super) live: Option<Live>,
}

/// A resolved set of peers and family.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) peers: PeerSet,
    pub(super) family: Family,
    /// The peers that accept routes of this family.
    pub(super) taken: PeerSetRef,
    /// Those with a session that negotiated it, by group.
    pub(super) shares: Vec<(usize, PeerSetRef)>,
    pub(super) outcome: Outcome,
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
            sets: PeerSetInterner::default(),
            tally: Tally::default(),
            pending: Backlog::default(),
            peers: Vec::new(),
            groups: Vec::new(),
            packer: Packer::default(),
            replacing: Vec::new(),
            sizes: Sizes::default(),
            comparison: Comparison::default(),
            targets: Vec::new(),
            next_target: 0,
            wakeups: PeerSet::new(),
            marks: 0,
            unsendable: Vec::new(),
            sweeps: Sweeps::default(),
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

    /// How routes are encoded on the session of `peer`, while it has one.
    pub fn sender(&self, peer: PeerId) -> Option<Sender> {
        let live = self.peer(peer)?.live.as_ref()?;
        Some(self.groups[live.group].as_ref()?.sender)
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

    pub(super) fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(peer.index())?.as_ref()
    }

    /// Removes a slot if it is unused.
    pub(super) fn release(&mut self, slot: SlotId) {
        if self
            .table
            .get(slot)
            .is_some_and(|slot| slot.value.is_empty() && slot.mark() == NONE)
        {
            self.table.remove(slot);
        }
    }
}
