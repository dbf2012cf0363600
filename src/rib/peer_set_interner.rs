//! Interned peer sets: a route refers to one of the few sets in use with eight bytes, and repeating an operation on
//! the same two sets only compares two pointers.
//!
//! Nearly all routes are announced to one of a handful of sets (all peers, one peer). Results of set operations are
//! kept in a small direct-mapped cache. The cache holds references to its sets, so that a pointer in it never refers
//! to another set.

use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{PeerId, PeerSet};

/// Number of cached results; a power of two.
const CACHE: usize = 64;
/// The [weight] of the sets in the table before unused ones are swept for the first time.
const SWEEP: usize = 256 * WEIGHT;
/// The memory that a small set takes, in words.
const WEIGHT: usize = 10;

/// The memory that a set takes in the table, in words. A set of nearly all of many peers, of which every start of a session
/// makes another one, weighs more than many sets of one.
fn weight(set: &PeerSet) -> usize {
    WEIGHT + set.words()
}

/// An interned set; `None` is the empty set.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerSetRef(Option<Rc<PeerSet>>);

impl PeerSetRef {
    /// The empty set.
    pub(crate) const EMPTY: Self = Self(None);

    /// Returns `true` if there are no members.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns `true` if `peer` is a member.
    pub(crate) fn contains(&self, peer: PeerId) -> bool {
        self.0.as_ref().is_some_and(|set| set.contains(peer))
    }

    /// Returns `true` if the sets have a member in common.
    pub(crate) fn intersects(&self, other: &Self) -> bool {
        matches!((&self.0, &other.0), (Some(own), Some(other)) if own.intersects(other))
    }

    /// The members.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PeerId> {
        self.0.iter().flat_map(|set| set.iter())
    }

    /// The set, unless it is empty.
    pub(crate) fn set(&self) -> Option<&PeerSet> {
        self.0.as_deref()
    }

    /// Number of members.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |set| set.len())
    }

    /// Returns `true` if both are the same set. Interned sets are equal only if they are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// A number that distinguishes it from other sets while it exists.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |set| Rc::as_ptr(set).addr())
    }
}

/// A set operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Minus,
    And,
}

#[derive(Debug)]
struct Remembered {
    operation: Operation,
    left: PeerSetRef,
    right: PeerSetRef,
    result: PeerSetRef,
}

/// All sets in use.
#[derive(Debug)]
pub(crate) struct PeerSetInterner {
    table: HashTable<Rc<PeerSet>>,
    state: RandomState,
    cache: Vec<Option<Remembered>>,
    /// The weight of the sets in the table.
    weight: usize,
    sweep_at: usize,
    last: PeerSetRef,
}

impl Default for PeerSetInterner {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            state: RandomState::default(),
            cache: (0..CACHE).map(|_| None).collect(),
            weight: 0,
            sweep_at: SWEEP,
            last: PeerSetRef::EMPTY,
        }
    }
}

impl PeerSetInterner {
    /// Interns a set.
    pub(crate) fn intern(&mut self, set: &PeerSet) -> PeerSetRef {
        if set.is_empty() {
            return PeerSetRef::EMPTY;
        }
        if self.last.set() == Some(set) {
            return self.last.clone();
        }
        let hash = self.state.hash_one(set);
        if let Some(known) = self.table.find(hash, |known| **known == *set) {
            self.last = PeerSetRef(Some(Rc::clone(known)));
            return self.last.clone();
        }
        if self.weight >= self.sweep_at {
            self.cache.fill_with(|| None);
            self.table.retain(|known| Rc::strong_count(known) > 1);
            self.weight = self.table.iter().map(|known| weight(known)).sum();
            self.sweep_at = SWEEP.max(self.weight * 2);
        }
        let mut new = set.clone();
        new.shrink();
        let new = Rc::new(new);
        self.weight += weight(&new);
        let state = &self.state;
        self.table
            .insert_unique(hash, Rc::clone(&new), |known| state.hash_one(&**known));
        self.last = PeerSetRef(Some(new));
        self.last.clone()
    }

    /// The set of one peer.
    pub(crate) fn one(&mut self, peer: PeerId) -> PeerSetRef {
        self.intern(&[peer].into_iter().collect())
    }

    /// The members of either set.
    pub(crate) fn union(&mut self, left: &PeerSetRef, right: &PeerSetRef) -> PeerSetRef {
        if right.is_empty() || left.is(right) {
            return left.clone();
        }
        if left.is_empty() {
            return right.clone();
        }
        self.remembered(Operation::Union, left, right)
    }

    /// The members of `left` that are not in `right`.
    pub(crate) fn minus(&mut self, left: &PeerSetRef, right: &PeerSetRef) -> PeerSetRef {
        if left.is_empty() || left.is(right) {
            return PeerSetRef::EMPTY;
        }
        if right.is_empty() {
            return left.clone();
        }
        self.remembered(Operation::Minus, left, right)
    }

    /// The members of both sets.
    pub(crate) fn and(&mut self, left: &PeerSetRef, right: &PeerSetRef) -> PeerSetRef {
        if left.is_empty() || right.is_empty() {
            return PeerSetRef::EMPTY;
        }
        if left.is(right) {
            return left.clone();
        }
        self.remembered(Operation::And, left, right)
    }

    fn remembered(
        &mut self,
        operation: Operation,
        left: &PeerSetRef,
        right: &PeerSetRef,
    ) -> PeerSetRef {
        let mixed = (left.address() ^ right.address().rotate_left(7)) >> 4;
        let at = (mixed ^ mixed >> 6 ^ operation as usize) % CACHE;
        if let Some(known) = &self.cache[at]
            && known.operation == operation
            && known.left.is(left)
            && known.right.is(right)
        {
            return known.result.clone();
        }
        let mut set = left.set().cloned().unwrap_or_default();
        let other = right.set().cloned().unwrap_or_default();
        match operation {
            Operation::Union => set.union(&other),
            Operation::Minus => set.subtract(&other),
            Operation::And => set.intersect(&other),
        }
        let result = self.intern(&set);
        self.cache[at] = Some(Remembered {
            operation,
            left: left.clone(),
            right: right.clone(),
            result: result.clone(),
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(sets: &mut PeerSetInterner, peers: &[u32]) -> PeerSetRef {
        sets.intern(&peers.iter().copied().map(PeerId).collect())
    }

    #[test]
    fn operations_give_interned_sets() {
        let mut sets = PeerSetInterner::default();
        let (low, high, all) = (
            set(&mut sets, &[1, 2]),
            set(&mut sets, &[200]),
            set(&mut sets, &[1, 2, 200]),
        );
        for _ in 0..2 {
            assert!(sets.union(&low, &high).is(&all));
            assert!(sets.minus(&all, &high).is(&low));
            assert!(sets.and(&all, &low).is(&low));
            assert!(sets.and(&low, &high).is_empty());
            assert!(sets.minus(&low, &all).is_empty());
            assert!(sets.union(&PeerSetRef::EMPTY, &low).is(&low));
        }
        assert!(sets.one(PeerId(200)).is(&high));
        assert_eq!(
            (
                all.len(),
                all.contains(PeerId(2)),
                low.contains(PeerId(200))
            ),
            (3, true, false)
        );
    }

    #[test]
    fn unused_sets_are_swept() {
        let mut sets = PeerSetInterner::default();
        let kept = set(&mut sets, &[1, 3]);
        for peer in 0..5_000 {
            let one = sets.one(PeerId(peer));
            assert!(!sets.minus(&kept, &one).is_empty());
        }
        assert!(sets.table.len() <= SWEEP / WEIGHT);
        assert!(set(&mut sets, &[3, 1]).is(&kept));
    }

    #[test]
    fn sets_that_grow_peer_by_peer_are_swept_by_their_size() {
        const PEERS: u32 = 5_000;
        let mut sets = PeerSetInterner::default();
        let ones: Vec<PeerSetRef> = (0..PEERS).map(|peer| sets.one(PeerId(peer))).collect();
        let mut all = PeerSetRef::EMPTY;
        for one in &ones {
            all = sets.union(&all, one);
        }
        assert_eq!(all.len(), PEERS as usize);
        let words: usize = sets.table.iter().map(|set| weight(set)).sum();
        assert!(
            words <= 2 * WEIGHT * (PEERS as usize + 1) + CACHE * 100,
            "{words}"
        );
    }
}
