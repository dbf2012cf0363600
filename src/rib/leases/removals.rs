//! Peers that were removed from all leases, or added to those of another peer: what is left to do of it.
//!
//! Each removal or copy has a number, and each lease has the number of the last one that its peers take into account. Later ones
//! are applied when a lease is looked at; a walk over all leases, in steps, makes them unnecessary.

use std::collections::VecDeque;
use std::ops::Range;

use crate::rib::{PeerId, PeerSet};

/// What happened to the peers of all leases.
#[derive(Debug)]
enum Step {
    /// These have no leases any more.
    Remove(PeerSet),
    /// These have the leases of `from`.
    Copy { from: PeerId, to: PeerSet },
}

/// Removals and copies that are not applied to all leases yet.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// With their numbers.
    list: VecDeque<(u64, Step)>,
    last: u64,
    /// The last one is taken into account by a lease, so that no other peers may be added to it.
    is_used: bool,
    /// How many of them the current walk over the leases is for, the next lease, and the one after the last.
    walking: usize,
    next: u32,
    end: u32,
}

impl Removals {
    /// Removes peers.
    pub(super) fn add(&mut self, peers: &PeerSet) {
        if let Some(Step::Remove(last)) = self.open() {
            last.union(peers);
            return;
        }
        self.push(Step::Remove(peers.clone()));
    }

    /// The last step, if no lease has taken it into account.
    fn open(&mut self) -> Option<&mut Step> {
        let is_open = !self.is_used && self.walking < self.list.len();
        let last = self.list.back_mut().filter(|_| is_open);
        last.map(|(_, step)| step)
    }

    /// Adds a peer to the leases of another one.
    pub(super) fn copy(&mut self, from: PeerId, to: PeerId) {
        if let Some(Step::Copy {
            from: same,
            to: others,
        }) = self.open()
            && *same == from
        {
            others.insert(to);
            return;
        }
        let to = std::iter::once(to).collect();
        self.push(Step::Copy { from, to });
    }

    fn push(&mut self, step: Step) {
        self.last += 1;
        self.list.push_back((self.last, step));
        self.is_used = false;
    }

    /// The number that a lease has that takes all of them into account.
    pub(super) const fn settled(&mut self) -> u64 {
        self.is_used = true;
        self.last
    }

    /// The peers that a lease has, if they are others than those that it had at `settled`.
    pub(super) fn applied(&self, settled: u64, peers: &PeerSet) -> Option<PeerSet> {
        if settled == self.last {
            return None;
        }
        // The numbers are consecutive.
        let newer = usize::try_from(self.last - settled).unwrap_or(usize::MAX);
        let mut now: Option<PeerSet> = None;
        for (_, step) in self.list.range(self.list.len().saturating_sub(newer)..) {
            let known = now.as_ref().unwrap_or(peers);
            match step {
                Step::Remove(gone) if known.intersects(gone) => {
                    now.get_or_insert_with(|| peers.clone()).subtract(gone);
                }
                Step::Copy { from, to } if known.contains(*from) && !to.is_subset(known) => {
                    now.get_or_insert_with(|| peers.clone()).union(to);
                }
                Step::Remove(_) | Step::Copy { .. } => {}
            }
        }
        now
    }

    /// The next leases to visit, of those before `end`.
    pub(super) fn step(&mut self, count: usize, end: u32) -> Range<u32> {
        if self.walking == 0 {
            (self.walking, self.next, self.end) = (self.list.len(), 0, end);
        }
        let from = self.next;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.next = from.saturating_add(count).min(self.end);
        from..self.next
    }

    /// Drops those that the current walk has carried out, if all leases were visited.
    pub(super) fn finish_step(&mut self) {
        if self.next == self.end {
            self.list.drain(..self.walking);
            self.walking = 0;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Drops them all: there are no leases.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.walking = 0;
    }
}
