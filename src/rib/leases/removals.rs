//! Peers that were removed from all leases: what is left to do of it.
//!
//! A removal is a number and a set of peers, and each lease has the number of the last removal that its peers take into
//! account. Whoever looks at a lease applies the later ones; a walk over all leases, in steps, makes them unnecessary.

use std::collections::VecDeque;
use std::ops::Range;

use crate::rib::PeerSet;

/// Peers whose leases end, which are not taken off all leases yet.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// Their numbers, and the peers.
    list: VecDeque<(u64, PeerSet)>,
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
        let is_open = !self.is_used && self.walking < self.list.len();
        if let Some((_, last)) = self.list.back_mut().filter(|_| is_open) {
            last.union(peers);
            return;
        }
        self.last += 1;
        self.list.push_back((self.last, peers.clone()));
        self.is_used = false;
    }

    /// The number that a lease has that takes all of them into account.
    pub(super) const fn settled(&mut self) -> u64 {
        self.is_used = true;
        self.last
    }

    /// The peers that were removed since, if any were.
    pub(super) fn since(&self, settled: u64) -> Option<PeerSet> {
        if settled == self.last {
            return None;
        }
        let mut gone = PeerSet::new();
        let newer = self.list.iter().rev();
        for (_, peers) in newer.take_while(|(number, _)| *number > settled) {
            gone.union(peers);
        }
        Some(gone)
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
