//! The sweeps in progress; see [`sweep`](super::sweep).

use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use smallvec::SmallVec;

use crate::rib::entries::Entries;
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::Marker;
use crate::rib::table::SlotId;

/// All sweeps in progress, in order.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    pub(super) queue: VecDeque<Sweep>,
    /// Markers that come after them.
    pub(super) markers: Vec<(Marker, PeerSetRef)>,
}

/// One sweep.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) work: Work,
    /// The next slot, and the one after the last.
    pub(super) at: SlotId,
    pub(super) end: SlotId,
    /// Later slots where it is already done.
    pub(super) done: HashSet<SlotId, RandomState>,
}

#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Withdraws all routes of these peers.
    Clear(PeerSet),
    /// Announces to `to` what is announced to `from`.
    Copy { from: PeerId, to: PeerId },
    /// Removes deleted peers; `urgent` if the number of one is reused.
    Reap { gone: PeerSetRef, urgent: bool },
}

impl Sweep {
    pub(super) fn new(work: Work, end: SlotId) -> Self {
        Self {
            work,
            at: 0,
            end,
            done: HashSet::default(),
        }
    }

    pub(super) fn is_due(&self, slot: SlotId) -> bool {
        (self.at..self.end).contains(&slot) && !self.done.contains(&slot)
    }

    pub(super) const fn is_awaited(&self) -> bool {
        !matches!(self.work, Work::Reap { urgent: false, .. })
    }
}

impl Sweeps {
    /// Returns `true` if there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns `true` if something waits for one of the sweeps.
    pub(super) fn is_awaited(&self) -> bool {
        self.queue.iter().any(Sweep::is_awaited)
    }

    /// Drops the work for a deleted peer, whose number may be reused in the meantime, unless its routes are copied later.
    pub(super) fn forget(&mut self, peer: PeerId) {
        let is_copied =
            |sweep: &Sweep| matches!(sweep.work, Work::Copy { from, .. } if from == peer);
        let first = self
            .queue
            .iter()
            .rposition(is_copied)
            .map_or(0, |last| last + 1);
        for sweep in self.queue.range_mut(first..) {
            if let Work::Clear(peers) = &mut sweep.work {
                peers.remove(peer);
            }
        }
        let mut at = 0..;
        self.queue.retain(|sweep| {
            let is_needed = at.next().is_some_and(|at| at < first);
            is_needed || !matches!(sweep.work, Work::Copy { to, .. } if to == peer)
        });
    }

    /// Keeps a marker for some peers until all sweeps are done. Returns it if there are none.
    pub(super) fn keep(
        &mut self,
        marker: Marker,
        peers: PeerSetRef,
    ) -> Option<(Marker, PeerSetRef)> {
        if self.is_awaited() {
            self.markers.push((marker, peers));
            return None;
        }
        Some((marker, peers))
    }

    /// The peers of each entry of a slot as if all sweeps were done.
    pub(super) fn view(&self, slot: SlotId, entries: &Entries) -> SmallVec<[PeerSet; 1]> {
        let set_of = |shared: &PeerSetRef| shared.set().cloned().unwrap_or_default();
        let mut sets: SmallVec<[PeerSet; 1]> =
            entries.list().map(|entry| set_of(entry.peers)).collect();
        for sweep in self.queue.iter().filter(|sweep| sweep.is_due(slot)) {
            match &sweep.work {
                Work::Clear(gone) => sets.iter_mut().for_each(|set| set.subtract(gone)),
                Work::Reap { gone, .. } => {
                    let gone = set_of(gone);
                    sets.iter_mut().for_each(|set| set.subtract(&gone));
                }
                Work::Copy { from, to } => {
                    if let Some(model) = sets.iter().position(|set| set.contains(*from)) {
                        for set in &mut sets {
                            set.remove(*to);
                        }
                        sets[model].insert(*to);
                    }
                }
            }
        }
        sets
    }
}
