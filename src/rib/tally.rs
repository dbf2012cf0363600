//! How many routes are announced to each set of peers, by family.
//!
//! Counting the routes of a peer by a walk over the table takes tens of milliseconds for a million routes, and the count
//! is asked for at every scrape. Nearly all routes are announced to one of a handful of sets, so the routes of each set
//! are counted as they change, and the sets are added up when somebody asks.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::PeerId;
use super::peer_set_interner::PeerSetRef;
use super::slab::{NONE, Slab};
use crate::bgp::Family;

/// Routes of one family that are announced to one set of peers.
#[derive(Debug)]
struct Counted {
    peers: PeerSetRef,
    family: Family,
    routes: u64,
}

/// The counters of all sets.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: Slab<Counted>,
    index: HashTable<u32>,
    state: RandomState,
    /// The counter that was used last: consecutive changes mostly have the same set and family.
    last: u32,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: Slab::default(),
            index: HashTable::new(),
            state: RandomState::default(),
            last: NONE,
        }
    }
}

impl Tally {
    /// Counts a route that moved from the peers `from` to the peers `to`; either may be empty.
    pub(crate) fn moved(&mut self, family: Family, from: &PeerSetRef, to: &PeerSetRef) {
        if from.is(to) {
            return;
        }
        if !to.is_empty() {
            self.add(family, to, 1);
        }
        if !from.is_empty() {
            self.subtract(family, from);
        }
    }

    /// Counts new routes that are announced to `peers`.
    pub(crate) fn started(&mut self, family: Family, peers: &PeerSetRef, routes: u64) {
        if routes > 0 && !peers.is_empty() {
            self.add(family, peers, routes);
        }
    }

    /// Reports the routes of the counters from a position on, for each peer: `most` of them or a few more. Returns the
    /// position to continue at, or `None` at the end.
    pub(crate) fn total(
        &self,
        from: u32,
        most: usize,
        count: &mut impl FnMut(PeerId, Family, u64),
    ) -> Option<u32> {
        let mut left = most;
        for (at, counted) in self.counts.iter_from(from) {
            if left == 0 {
                return Some(at);
            }
            left = left.saturating_sub(counted.peers.len());
            for peer in counted.peers.iter() {
                count(peer, counted.family, counted.routes);
            }
        }
        None
    }

    /// The routes of one peer by family.
    pub(crate) fn of(&self, peer: PeerId) -> std::collections::BTreeMap<Family, u64> {
        let mut routes = std::collections::BTreeMap::new();
        for (_, counted) in self.counts.iter_from(0) {
            if counted.peers.contains(peer) {
                *routes.entry(counted.family).or_default() += counted.routes;
            }
        }
        routes
    }

    fn add(&mut self, family: Family, peers: &PeerSetRef, routes: u64) {
        if let Some(counted) = self.find(family, peers) {
            counted.routes += routes;
            return;
        }
        let at = self.counts.insert(Counted {
            peers: peers.clone(),
            family,
            routes,
        });
        let Self {
            counts,
            index,
            state,
            ..
        } = self;
        index.insert_unique(hash(state, family, peers), at, |at| {
            counts
                .get(*at)
                .map_or(0, |counted| hash(state, counted.family, &counted.peers))
        });
        self.last = at;
    }

    fn subtract(&mut self, family: Family, peers: &PeerSetRef) {
        let Some(counted) = self.find(family, peers) else {
            return;
        };
        counted.routes -= 1;
        if counted.routes == 0 {
            let (at, hash) = (self.last, hash(&self.state, family, peers));
            self.counts.remove(at);
            if let Ok(found) = self.index.find_entry(hash, |other| *other == at) {
                found.remove();
            }
            self.last = NONE;
        }
    }

    /// The counter of a set, whose number is in `last` then.
    fn find(&mut self, family: Family, peers: &PeerSetRef) -> Option<&mut Counted> {
        let is = |counted: &Counted| counted.family == family && counted.peers.is(peers);
        if !self.counts.get(self.last).is_some_and(is) {
            let hash = hash(&self.state, family, peers);
            let counts = &self.counts;
            let same = |at: &u32| counts.get(*at).is_some_and(is);
            self.last = self.index.find(hash, same).copied()?;
        }
        self.counts.get_mut(self.last)
    }
}

fn hash(state: &RandomState, family: Family, peers: &PeerSetRef) -> u64 {
    let mut hasher = state.build_hasher();
    family.hash(&mut hasher);
    hasher.write_usize(peers.address());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::peer_set_interner::PeerSetInterner;
    use super::*;

    #[test]
    fn routes_are_counted_by_peer_and_family() {
        let mut sets = PeerSetInterner::default();
        let mut set = |peers: &[u32]| sets.intern(&peers.iter().copied().map(PeerId).collect());
        let (both, one, none) = (set(&[1, 2]), set(&[1]), PeerSetRef::EMPTY);
        let mut tally = Tally::default();
        let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
        tally.moved(v4, &none, &both);
        tally.moved(v4, &none, &both);
        tally.moved(v6, &none, &one);
        tally.moved(v4, &both, &one);
        tally.moved(v4, &one, &one);
        let count = |tally: &Tally| {
            let mut totals = std::collections::BTreeMap::new();
            let mut from = Some(0);
            // In the smallest steps.
            while let Some(at) = from {
                from = tally.total(at, 1, &mut |peer, family, routes| {
                    *totals.entry((peer, family)).or_insert(0) += routes;
                });
            }
            let of = |peer, family| {
                totals
                    .get(&(PeerId(peer), family))
                    .copied()
                    .unwrap_or_default()
            };
            (of(1, v4), of(2, v4), of(1, v6))
        };
        assert_eq!(count(&tally), (2, 1, 1));
        tally.moved(v4, &both, &none);
        tally.moved(v4, &one, &none);
        tally.moved(v6, &one, &none);
        assert_eq!(count(&tally), (0, 0, 0));
        assert_eq!((tally.counts.len(), tally.index.len()), (0, 0));
    }
}
