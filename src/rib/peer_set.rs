//! Sets of peers: a bitmap, inline for the first 128.

use std::hash::{Hash, Hasher};

/// The number of a peer: small, dense, and reused once the peer is removed from every table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

impl PeerId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of peers. Equal sets have equal representations: there are no trailing empty words.
#[derive(Clone, Debug, Default)]
pub struct PeerSet {
    low: u128,
    high: Vec<u64>,
}

impl PeerSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self {
            low: 0,
            high: Vec::new(),
        }
    }

    /// Adds `peer`. Returns `true` if it was not a member before.
    pub fn insert(&mut self, peer: PeerId) -> bool {
        let index = peer.index();
        if index < 128 {
            let bit = 1 << index;
            let new = self.low & bit == 0;
            self.low |= bit;
            return new;
        }
        let (word, bit) = ((index - 128) / 64, 1 << ((index - 128) % 64));
        if self.high.len() <= word {
            self.high.resize(word + 1, 0);
        }
        let new = self.high[word] & bit == 0;
        self.high[word] |= bit;
        new
    }

    /// Removes `peer`. Returns `true` if it was a member.
    pub fn remove(&mut self, peer: PeerId) -> bool {
        let index = peer.index();
        if index < 128 {
            let bit = 1 << index;
            let found = self.low & bit != 0;
            self.low &= !bit;
            return found;
        }
        let (word, bit) = ((index - 128) / 64, 1 << ((index - 128) % 64));
        let found = self.high.get(word).is_some_and(|value| value & bit != 0);
        if found {
            self.high[word] &= !bit;
            self.trim();
        }
        found
    }

    /// Returns `true` if `peer` is a member.
    pub fn contains(&self, peer: PeerId) -> bool {
        let index = peer.index();
        if index < 128 {
            return self.low & 1 << index != 0;
        }
        self.high
            .get((index - 128) / 64)
            .is_some_and(|word| word & 1 << ((index - 128) % 64) != 0)
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
        if self.high.len() < other.high.len() {
            self.high.resize(other.high.len(), 0);
        }
        self.high
            .iter_mut()
            .zip(&other.high)
            .for_each(|(word, more)| *word |= more);
    }

    /// Removes all members of `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.low &= !other.low;
        self.high
            .iter_mut()
            .zip(&other.high)
            .for_each(|(word, less)| *word &= !less);
        self.trim();
    }

    /// Keeps only members of `other`.
    pub fn intersect(&mut self, other: &Self) {
        self.low &= other.low;
        self.high.truncate(other.high.len());
        self.high
            .iter_mut()
            .zip(&other.high)
            .for_each(|(word, keep)| *word &= keep);
        self.trim();
    }

    /// Returns `true` if the sets have a member in common.
    pub fn intersects(&self, other: &Self) -> bool {
        self.low & other.low != 0
            || self
                .high
                .iter()
                .zip(&other.high)
                .any(|(left, right)| left & right != 0)
    }

    /// Returns `true` if all members are members of `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut theirs = other.high.iter().chain(std::iter::repeat(&0));
        let mut high = self.high.iter();
        self.low & !other.low == 0
            && high.all(|word| theirs.next().is_some_and(|other| word & !other == 0))
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = PeerId> {
        let low = Bits(self.low).map(PeerId);
        let high = self.high.iter().zip(0u32..).flat_map(|(word, at)| {
            Bits((*word).into()).map(move |bit| PeerId(128 + at * 64 + bit))
        });
        low.chain(high)
    }

    /// Removes trailing empty words, so that equal sets have equal representations.
    fn trim(&mut self) {
        while self.high.last() == Some(&0) {
            self.high.pop();
        }
    }
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
            && self.high.len() == other.high.len()
            && (self.high.is_empty() || self.high == other.high)
    }
}

impl Eq for PeerSet {}

impl Hash for PeerSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.low.hash(state);
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
}
