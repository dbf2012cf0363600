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

    /// The value of a key; the hash to [`insert`](Self::insert) it with if there is none.
    pub(super) fn get(&mut self, key: &[u8]) -> Result<T, u64> {
        let (keys, entries) = (&self.keys, &self.entries);
        let is = |entry: &Entry<T>| keys[entry.start..entry.end] == *key;
        if let Some(last) = entries.get(self.last).filter(|last| is(last)) {
            return Ok(last.value.clone());
        }
        let hash = self.state.hash_one(key);
        let found = self.index.find(hash, |at| {
            let entry = &entries[*at as usize];
            entry.hash == hash && is(entry)
        });
        self.last = *found.ok_or(hash)? as usize;
        Ok(entries[self.last].value.clone())
    }

    /// Adds a key that [`get`](Self::get) did not find. There must be room for its number: see [`size`](Self::size).
    pub(super) fn insert(&mut self, hash: u64, key: &[u8], value: T) {
        let start = self.keys.len();
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
            let hash = memo.get(&key).expect_err("it is not there");
            memo.insert(hash, &key, number);
        }
        for number in (0..1_000_u32).rev() {
            assert_eq!(memo.get(&number.to_be_bytes()), Ok(number));
            assert_eq!(memo.get(&number.to_be_bytes()), Ok(number));
        }
        assert!(memo.get(&[]).is_err());
        assert!(memo.size() > 4_000);
        memo.clear();
        assert!(memo.get(&[0; 4]).is_err());
        assert_eq!(memo.size(), 0);
    }
}
