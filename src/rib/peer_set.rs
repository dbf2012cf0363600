//! Sets of peers: a bitmap, inline for the first 128.
//!
//! The rest of it begins with the first word that has a member, so that the set of one peer, of which there is one for each,
//! takes no more room with thousands of peers.

use std::hash::{Hash, Hasher};
use std::ops::Range;

use smallvec::SmallVec;

/// The number of a peer: small, dense, and reused once the peer is removed from every table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

impl PeerId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Peers below this number are in the first part of the bitmap.
const LOW: usize = 128;
/// The number of peers in a word of the second part.
const WORD: usize = 64;

/// A set of peers. Equal sets have equal representations: the second part neither begins nor ends with an empty word.
#[derive(Clone, Debug, Default)]
pub struct PeerSet {
    low: u128,
    /// The words from number `start` on; 0 if there are none.
    high: SmallVec<[u64; 2]>,
    start: usize,
}

impl PeerSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self {
            low: 0,
            high: SmallVec::new_const(),
            start: 0,
        }
    }

    /// Adds `peer`. Returns `true` if it was not a member before.
    pub fn insert(&mut self, peer: PeerId) -> bool {
        let index = peer.index();
        if index < LOW {
            let bit = 1 << index;
            let new = self.low & bit == 0;
            self.low |= bit;
            return new;
        }
        let (word, bit) = place(index);
        self.cover(word, word + 1);
        let word = &mut self.high[word - self.start];
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Removes `peer`. Returns `true` if it was a member.
    pub fn remove(&mut self, peer: PeerId) -> bool {
        let index = peer.index();
        if index < LOW {
            let bit = 1 << index;
            let found = self.low & bit != 0;
            self.low &= !bit;
            return found;
        }
        let (word, bit) = place(index);
        let at = word.wrapping_sub(self.start);
        let found = self.high.get(at).is_some_and(|value| value & bit != 0);
        if found {
            self.high[at] &= !bit;
            self.trim();
        }
        found
    }

    /// Returns `true` if `peer` is a member.
    pub fn contains(&self, peer: PeerId) -> bool {
        let index = peer.index();
        if index < LOW {
            return self.low & 1 << index != 0;
        }
        let (word, bit) = place(index);
        self.high
            .get(word.wrapping_sub(self.start))
            .is_some_and(|word| word & bit != 0)
    }

    /// Returns `true` if there are no members.
    pub fn is_empty(&self) -> bool {
        self.low == 0 && self.high.is_empty()
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        let high: u32 = self.high.iter().map(|word| word.count_ones()).sum();
        (self.low.count_ones() + high) as usize
    }

    /// Adds all members of `other`.
    pub fn union(&mut self, other: &Self) {
        self.low |= other.low;
        if other.high.is_empty() {
            return;
        }
        self.cover(other.start, other.end());
        let from = other.start - self.start;
        self.high[from..]
            .iter_mut()
            .zip(&other.high)
            .for_each(|(word, more)| *word |= more);
    }

    /// Removes all members of `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.low &= !other.low;
        let (own, others) = self.common_mut(other);
        own.iter_mut()
            .zip(others)
            .for_each(|(word, less)| *word &= !less);
        self.trim();
    }

    /// Keeps only members of `other`.
    pub fn intersect(&mut self, other: &Self) {
        self.low &= other.low;
        let (start, end) = (self.start.max(other.start), self.end().min(other.end()));
        if start >= end {
            self.high = SmallVec::new_const();
        } else {
            self.high.truncate(end - self.start);
            self.high.drain(..start - self.start);
            self.start = start;
            let (own, others) = self.common_mut(other);
            own.iter_mut()
                .zip(others)
                .for_each(|(word, keep)| *word &= keep);
        }
        self.trim();
    }

    /// Returns `true` if the sets have a member in common.
    pub fn intersects(&self, other: &Self) -> bool {
        if self.low & other.low != 0 {
            return true;
        }
        let (own, others) = self.common(other);
        own.iter()
            .zip(others)
            .any(|(left, right)| left & right != 0)
    }

    /// Returns `true` if all members are members of `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        if self.low & !other.low != 0 {
            return false;
        }
        // The first and the last word have members.
        let (own, others) = self.common(other);
        own.len() == self.high.len()
            && own
                .iter()
                .zip(others)
                .all(|(word, other)| word & !other == 0)
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = PeerId> {
        let low = Bits(self.low).map(PeerId);
        // A word that has members is that of a peer, whose number has as many bits.
        let first = u32::try_from(LOW + self.start * WORD).unwrap_or(u32::MAX);
        let high = self.high.iter().zip(0u32..).flat_map(move |(word, at)| {
            Bits((*word).into()).map(move |bit| PeerId(first + at * 64 + bit))
        });
        low.chain(high)
    }

    /// The memory that it takes besides its own, in words.
    pub(super) fn words(&self) -> usize {
        if self.high.spilled() {
            self.high.len()
        } else {
            0
        }
    }

    /// Frees memory that it does not need.
    pub(super) fn shrink(&mut self) {
        self.high.shrink_to_fit();
    }

    /// The number of the word after the last one.
    fn end(&self) -> usize {
        self.start + self.high.len()
    }

    /// Makes room for the words from `start` up to `end`.
    fn cover(&mut self, start: usize, end: usize) {
        if self.high.is_empty() {
            self.start = start;
        } else if start < self.start {
            let more = self.start - start;
            self.high.insert_many(0, std::iter::repeat_n(0, more));
            self.start = start;
        }
        if self.end() < end {
            self.high.resize(end - self.start, 0);
        }
    }

    /// Where the words are in both that stand for the same peers.
    fn overlap(&self, other: &Self) -> (Range<usize>, Range<usize>) {
        let start = self.start.max(other.start);
        let end = self.end().min(other.end()).max(start);
        let of = |set: &Self| match start < end {
            true => start - set.start..end - set.start,
            false => 0..0,
        };
        (of(self), of(other))
    }

    fn common<'a>(&'a self, other: &'a Self) -> (&'a [u64], &'a [u64]) {
        let (own, others) = self.overlap(other);
        (&self.high[own], &other.high[others])
    }

    fn common_mut<'a>(&'a mut self, other: &'a Self) -> (&'a mut [u64], &'a [u64]) {
        let (own, others) = self.overlap(other);
        (&mut self.high[own], &other.high[others])
    }

    /// Removes empty words at both ends, so that equal sets have equal representations.
    fn trim(&mut self) {
        while self.high.last() == Some(&0) {
            self.high.pop();
        }
        let empty = self.high.iter().take_while(|word| **word == 0).count();
        if empty > 0 {
            self.high.drain(..empty);
        }
        self.start = match self.high.is_empty() {
            true => 0,
            false => self.start + empty,
        };
    }
}

/// The number of the word of a peer in the second part, and its bit there.
const fn place(index: usize) -> (usize, u64) {
    let index = index - LOW;
    (index / WORD, 1 << (index % WORD))
}

/// The numbers of the bits set.
struct Bits(u128);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 128).then_some(bit)
    }
}

impl PartialEq for PeerSet {
    fn eq(&self, other: &Self) -> bool {
        // Comparing two empty vectors is slow: libc's vector code reads from the dangling pointer of an empty Vec
        // with an empty mask, and each such read takes a slow path in the processor. It took a fifth of the time to
        // load a table.
        self.low == other.low
            && (self.start, self.high.len()) == (other.start, other.high.len())
            && (self.high.is_empty() || self.high == other.high)
    }
}

impl Eq for PeerSet {}

impl Hash for PeerSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.low.hash(state);
        self.start.hash(state);
        self.high.hash(state);
    }
}

impl FromIterator<PeerId> for PeerSet {
    fn from_iter<T: IntoIterator<Item = PeerId>>(peers: T) -> Self {
        let mut set = Self::new();
        for peer in peers {
            set.insert(peer);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_across_the_inline_limit() {
        let peers = [0, 5, 127, 128, 191, 192, 1000].map(PeerId);
        let mut set: PeerSet = peers.into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), peers);
        assert_eq!(set.len(), 7);
        assert!(set.contains(PeerId(192)) && !set.contains(PeerId(193)));
        assert!(set.remove(PeerId(1000)) && set.remove(PeerId(192)) && !set.remove(PeerId(192)));
        let other: PeerSet = [PeerId(5), PeerId(128)].into_iter().collect();
        assert!(set.intersects(&other));
        assert!(other.is_subset(&set) && !set.is_subset(&other));
        let high: PeerSet = [PeerId(5), PeerId(900)].into_iter().collect();
        assert!(!high.is_subset(&set) && !high.is_subset(&other) && high.is_subset(&high));
        set.intersect(&other);
        assert_eq!(set, other);
        set.subtract(&other);
        assert_eq!(set, PeerSet::new());
        assert!(set.is_empty());
    }

    /// Peers in and around the first part, in neighboring words, and far away from all others.
    fn peers() -> impl Strategy<Value = BTreeSet<u32>> {
        let peer = prop_oneof![0..300u32, 120..136u32, 4_980..5_050u32, 60_000..60_200u32];
        prop::collection::btree_set(peer, 0..8)
    }

    fn set(peers: &BTreeSet<u32>) -> PeerSet {
        peers.iter().copied().map(PeerId).collect()
    }

    /// Checks the members, and that the representation is that of a set made from them in another order.
    fn check(set: &PeerSet, peers: &BTreeSet<u32>) {
        let listed: Vec<u32> = set.iter().map(|peer| peer.0).collect();
        let expected: Vec<u32> = peers.iter().copied().collect();
        assert_eq!(listed, expected);
        assert_eq!((set.len(), set.is_empty()), (peers.len(), peers.is_empty()));
        let other: PeerSet = peers.iter().rev().copied().map(PeerId).collect();
        assert_eq!(set, &other);
        let state = RandomState::new();
        assert_eq!(state.hash_one(set), state.hash_one(&other));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sets_are_like_ordered_sets(left in peers(), right in peers()) {
            let (a, b) = (set(&left), set(&right));
            check(&a, &left);
            for peer in left.iter().chain(&right).flat_map(|peer| [*peer, peer + 64]) {
                prop_assert_eq!(a.contains(PeerId(peer)), left.contains(&peer));
            }
            prop_assert_eq!(a.intersects(&b), !left.is_disjoint(&right));
            prop_assert_eq!(a.is_subset(&b), left.is_subset(&right));
            prop_assert_eq!(a == b, left == right);
            let mut both = a.clone();
            both.union(&b);
            check(&both, &(&left | &right));
            prop_assert!(a.is_subset(&both) && b.is_subset(&both));
            let mut common = a.clone();
            common.intersect(&b);
            check(&common, &(&left & &right));
            prop_assert!(common.is_subset(&a) && common.is_subset(&b));
            let mut rest = a.clone();
            rest.subtract(&b);
            check(&rest, &(&left - &right));
            let (mut set, mut model) = (a, left);
            for peer in right {
                prop_assert_eq!(set.remove(PeerId(peer)), model.remove(&peer));
                check(&set, &model);
                prop_assert_eq!(set.insert(PeerId(peer)), model.insert(peer));
                check(&set, &model);
            }
        }
    }

    #[test]
    fn the_set_of_one_peer_takes_no_memory_of_its_own() {
        let one: PeerSet = [PeerId(60_000)].into_iter().collect();
        assert_eq!(one.words(), 0);
    }
}
