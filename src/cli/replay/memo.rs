//! What was made of attributes, by their bytes.
//!
//! Keys lie one after the other in one piece of memory: hundreds of thousands of small allocations, released all at once, took
//! more time than everything else of a replay.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// Values by byte strings.
pub(super) struct Memo<T> {
    keys: Vec<u8>,
    entries: Vec<Entry<T>>,
    index: HashTable<u32>,
    /// The entry that was found or added last, which is mostly asked for again.
    last: usize,
    state: foldhash::fast::RandomState,
}

struct Entry<T> {
    hash: u64,
    start: usize,
    end: usize,
    value: T,
}

impl<T: Clone> Memo<T> {
    pub(super) fn new() -> Self {
        Self {
            keys: Vec::new(),
            entries: Vec::new(),
            index: HashTable::new(),
            last: 0,
            state: foldhash::fast::RandomState::default(),
        }
    }

    /// The value of a key.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<T> {
        let (keys, entries) = (&self.keys, &self.entries);
        let is = |entry: &Entry<T>| keys[entry.start..entry.end] == *key;
        if let Some(last) = entries.get(self.last).filter(|last| is(last)) {
            return Some(last.value.clone());
        }
        let hash = self.state.hash_one(key);
        let found = self.index.find(hash, |at| {
            let entry = &entries[*at as usize];
            entry.hash == hash && is(entry)
        });
        self.last = *found? as usize;
        Some(entries[self.last].value.clone())
    }

    /// Adds a key that [`get`](Self::get) did not find. There must be room for its number: see [`size`](Self::size).
    pub(super) fn insert(&mut self, key: &[u8], value: T) {
        let (hash, start) = (self.state.hash_one(key), self.keys.len());
        let Ok(number) = u32::try_from(self.entries.len()) else {
            return;
        };
        self.keys.extend_from_slice(key);
        self.last = self.entries.len();
        self.entries.push(Entry {
            hash,
            start,
            end: self.keys.len(),
            value,
        });
        let entries = &self.entries;
        self.index
            .insert_unique(hash, number, |at| entries[*at as usize].hash);
    }

    /// Bytes in use.
    pub(super) const fn size(&self) -> usize {
        self.keys.len() + self.entries.len() * (size_of::<Entry<T>>() + size_of::<u64>())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.entries.clear();
        self.index.clear();
        self.last = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_bytes() {
        let mut memo = Memo::new();
        for number in 0..1_000_u32 {
            let key = number.to_be_bytes();
            assert_eq!(memo.get(&key), None);
            memo.insert(&key, number);
        }
        for number in (0..1_000_u32).rev() {
            assert_eq!(memo.get(&number.to_be_bytes()), Some(number));
            assert_eq!(memo.get(&number.to_be_bytes()), Some(number));
        }
        assert_eq!(memo.get(&[]), None);
        assert!(memo.size() > 4_000);
        memo.clear();
        assert_eq!((memo.get(&[0; 4]), memo.size()), (None, 0));
    }
}
