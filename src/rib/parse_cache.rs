//! A bounded cache of parsed bytes: command tails, raw attributes.
//!
//! Helpers announce many routes with the same text after the prefix, and peers send many UPDATEs with the same
//! attribute bytes; parsing them only once is the largest saving of the fast path. The cache never changes the
//! meaning of a key: callers store the result of parsing exactly that key, and errors are not stored. The number of
//! entries and of bytes is bounded; the clock algorithm evicts entries that were not used since its hand last passed.
//! An LRU list was rejected, because it writes three entries at each hit.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Number of offered keys that are remembered, roughly.
const OFFERED: usize = 65_536;
/// Longest key that is kept until another one is offered.
const LAST: usize = 4_096;

/// The limits of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCacheLimits {
    /// Number of entries.
    pub entries: usize,
    /// Number of bytes: keys, and the weights of values given by callers.
    pub bytes: usize,
}

impl Default for ParseCacheLimits {
    fn default() -> Self {
        Self {
            entries: 65_536,
            bytes: 32 << 20,
        }
    }
}

/// Maps `(tag, bytes)` to values; the tag distinguishes several kinds of keys or contexts.
#[derive(Debug)]
pub struct ParseCache<V> {
    limits: ParseCacheLimits,
    state: RandomState,
    index: HashTable<usize>,
    entries: Vec<Option<Remembered<V>>>,
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
    /// Half of the hashes of keys that were [offered](ParseCache::offer).
    offered: Vec<u32>,
    /// The key that was offered last, and its value.
    last: Option<(u32, Vec<u8>, V)>,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Remembered<V> {
    hash: u64,
    tag: u32,
    key: Box<[u8]>,
    value: V,
    weight: usize,
    /// Whether it was used since the hand last passed.
    used: bool,
}

impl<V> Default for ParseCache<V> {
    fn default() -> Self {
        Self::new(ParseCacheLimits::default())
    }
}

impl<V> ParseCache<V> {
    /// An empty cache. It allocates memory as it fills.
    pub fn new(limits: ParseCacheLimits) -> Self {
        Self {
            limits,
            state: RandomState::default(),
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            offered: Vec::new(),
            last: None,
            hits: 0,
            misses: 0,
        }
    }

    /// The value stored for this key, if it is still present.
    pub fn get(&mut self, tag: u32, key: &[u8]) -> Option<&V> {
        if let Some((known, last, value)) = &self.last
            && *known == tag
            && **last == *key
        {
            self.hits += 1;
            return Some(value);
        }
        let hash = self.hash(tag, key);
        let found = self
            .index
            .find(hash, |at| self.is_at(*at, hash, tag, key))
            .copied();
        let Some(entry) = found.and_then(|at| self.entries[at].as_mut()) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        entry.used = true;
        Some(&entry.value)
    }

    /// Stores the value for a key, replacing an older one. `weight` is the approximate number of bytes that the value
    /// takes on the heap. A key that is large compared to the limits is not stored.
    pub fn insert(&mut self, tag: u32, key: &[u8], value: V, weight: usize) {
        self.last = None;
        let weight = weight + key.len() + size_of::<Option<Remembered<V>>>();
        if weight > self.limits.bytes / 8 || self.limits.entries == 0 {
            return;
        }
        let hash = self.hash(tag, key);
        if let Some(at) = self
            .index
            .find(hash, |at| self.is_at(*at, hash, tag, key))
            .copied()
        {
            self.remove(at);
        }
        while self.index.len() >= self.limits.entries || self.bytes + weight > self.limits.bytes {
            self.evict();
        }
        let entry = Some(Remembered {
            hash,
            tag,
            key: key.into(),
            value,
            weight,
            used: false,
        });
        let at = if let Some(at) = self.free.pop() {
            self.entries[at] = entry;
            at
        } else {
            self.entries.push(entry);
            self.entries.len() - 1
        };
        self.bytes += weight;
        let entries = &self.entries;
        self.index.insert_unique(hash, at, |at| {
            entries[*at].as_ref().map_or(0, |entry| entry.hash)
        });
    }

    /// Stores the value for a key if the key was offered before, not too long ago, or until another one is offered. Keys that
    /// never come back, such as the attributes of a full table, take neither time nor memory this way.
    pub fn offer(&mut self, tag: u32, key: &[u8], value: V, weight: usize)
    where
        V: Clone,
    {
        if key.len() <= LAST {
            let mut room = self.last.take().map_or_else(Vec::new, |(_, key, _)| key);
            room.clear();
            room.extend_from_slice(key);
            self.last = Some((tag, room, value.clone()));
        }
        let hash = self.hash(tag, key);
        if self.offered.is_empty() {
            self.offered.resize(OFFERED, 0);
        }
        let [high, low] = [hash >> 32, hash & 0xFFFF_FFFF];
        let (Ok(place), Ok(mark)) = (usize::try_from(high), u32::try_from(low)) else {
            return;
        };
        if std::mem::replace(&mut self.offered[place % OFFERED], mark) == mark {
            self.insert(tag, key, value, weight);
        }
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns `true` if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Number of bytes that count towards the limit.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of hits and of misses.
    pub const fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    fn hash(&self, tag: u32, key: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write_u32(tag);
        hasher.write(key);
        hasher.finish()
    }

    fn is_at(&self, at: usize, hash: u64, tag: u32, key: &[u8]) -> bool {
        self.entries[at]
            .as_ref()
            .is_some_and(|entry| entry.hash == hash && entry.tag == tag && *entry.key == *key)
    }

    /// Moves the hand to the next unused entry, and evicts it. Takes at most two rounds: the first one clears all
    /// marks.
    fn evict(&mut self) {
        loop {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.entries.len().max(1);
            match self.entries.get_mut(at) {
                Some(Some(entry)) if entry.used => entry.used = false,
                Some(Some(_)) => return self.remove(at),
                _ => {}
            }
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(entry) = self.entries[at].take() {
            self.bytes -= entry.weight;
            self.free.push(at);
            if let Ok(found) = self.index.find_entry(entry.hash, |other| *other == at) {
                found.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_found_under_its_tag_only() {
        let mut memo = ParseCache::default();
        memo.insert(1, b"a", 10, 0);
        memo.insert(2, b"a", 20, 0);
        memo.insert(1, b"a", 11, 0);
        assert_eq!(memo.get(1, b"a"), Some(&11));
        assert_eq!(memo.get(2, b"a"), Some(&20));
        assert_eq!(memo.get(3, b"a"), None);
        assert_eq!((memo.len(), memo.hits_and_misses()), (2, (2, 1)));
    }

    #[test]
    fn entries_are_bounded_and_the_ones_in_use_stay() {
        let mut memo = ParseCache::new(ParseCacheLimits {
            entries: 100,
            bytes: 1 << 20,
        });
        memo.insert(0, b"hot", 0, 0);
        for number in 0..10_000u32 {
            memo.insert(0, &number.to_be_bytes(), number, 0);
            assert!(memo.get(0, b"hot").is_some(), "{number}");
            assert!(memo.len() <= 100);
        }
        assert_eq!(memo.get(0, &9_999u32.to_be_bytes()), Some(&9_999));
    }

    #[test]
    fn bytes_are_bounded_whatever_the_keys_are() {
        let mut memo = ParseCache::new(ParseCacheLimits {
            entries: usize::MAX,
            bytes: 10_000,
        });
        for length in (0..5_000).chain([0, 1, 2]) {
            memo.insert(0, &vec![7; length], (), length);
            assert!(memo.bytes() <= 10_000);
            assert!(memo.entries.len() <= 10_000 / size_of::<Option<Remembered<()>>>() + 1);
        }
        memo.clear();
        assert!(memo.is_empty() && memo.bytes() == 0);
    }
}
