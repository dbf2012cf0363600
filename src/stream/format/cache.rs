//! Rendered attributes, kept by the bytes they were rendered from.
//!
//! Four of five routes of a table repeat attributes; the updates of a route server none. So the table counts its hits, and when
//! they do not pay for the looking up, it stays out of the way for a while.

use std::hash::BuildHasher;

/// Slots; a power of two.
const SLOTS: usize = 4_096;

/// Lookups after which the hits are judged.
const WINDOW: u32 = 8_192;

/// Lookups that are skipped when the hits did not pay.
const PAUSE: u32 = 65_536;

/// Longest key and text that are kept, in bytes: bounds the memory to about 4 MiB, and a few hundred KiB on real data.
const LONGEST: usize = 512;

#[derive(Clone, Debug, Default)]
struct Slot {
    hash: u64,
    /// What kind of key it is.
    kind: u8,
    key: Vec<u8>,
    text: Vec<u8>,
}

/// A table of rendered attributes.
#[derive(Debug)]
pub(super) struct Cache {
    slots: Vec<Slot>,
    hasher: foldhash::fast::FixedState,
    key: Vec<u8>,
    lookups: u32,
    hits: u32,
    skip: u32,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            hasher: foldhash::fast::FixedState::default(),
            key: Vec::new(),
            lookups: 0,
            hits: 0,
            skip: 0,
        }
    }

    /// Appends what `render` makes, or made before of the same `parts`.
    #[inline]
    pub(super) fn append(
        &mut self,
        out: &mut Vec<u8>,
        parts: &[Option<&[u8]>],
        render: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        if self.skip == 0 {
            for part in parts {
                // An attribute that is absent is not one that is empty.
                let Some(part) = part else {
                    key.push(0);
                    continue;
                };
                key.push(1);
                // Lengths keep parts apart; an attribute has at most 65,535 bytes.
                key.extend_from_slice(&(part.len() as u64).to_be_bytes()[6..]);
                key.extend_from_slice(part);
            }
        }
        self.append_whole(out, 0, &key, render);
        self.key = key;
    }

    /// Appends what `render` makes, or made before of the same `key`. Keys of another `kind` are others; 0 is that of
    /// [`append`](Self::append).
    #[inline]
    pub(super) fn append_whole(
        &mut self,
        out: &mut Vec<u8>,
        kind: u8,
        key: &[u8],
        render: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.skip > 0 {
            self.skip -= 1;
            render(out);
            return;
        }
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash & (SLOTS as u64 - 1)).unwrap_or_default();
        let slot = &mut self.slots[index];
        self.lookups += 1;
        if slot.hash == hash && slot.kind == kind && slot.key == key {
            self.hits += 1;
            out.extend_from_slice(&slot.text);
        } else {
            let start = out.len();
            render(out);
            if key.len() <= LONGEST && out.len() - start <= LONGEST {
                slot.hash = hash;
                slot.kind = kind;
                slot.key.clear();
                slot.key.extend_from_slice(key);
                slot.text.clear();
                slot.text.extend_from_slice(&out[start..]);
            }
        }
        if self.lookups == WINDOW {
            if self.hits < WINDOW / 4 {
                self.skip = PAUSE;
            }
            self.lookups = 0;
            self.hits = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_up_when_it_misses_and_comes_back() {
        let mut cache = Cache::new();
        let mut out = Vec::new();
        for index in 0..WINDOW {
            cache.append(&mut out, &[Some(&index.to_be_bytes())], |out| out.push(1));
        }
        assert_eq!(cache.skip, PAUSE);
        for _ in 0..PAUSE {
            cache.append(&mut out, &[Some(b"x")], |_| ());
        }
        assert_eq!(cache.skip, 0);
        let mut rendered = 0;
        for _ in 0..10 {
            cache.append(&mut out, &[Some(b"x"), None], |_| rendered += 1);
        }
        assert_eq!(rendered, 1);
    }

    #[test]
    fn parts_are_kept_apart() {
        let mut cache = Cache::new();
        let mut out = Vec::new();
        cache.append(&mut out, &[Some(b"ab"), Some(b"c")], |out| out.push(b'1'));
        cache.append(&mut out, &[Some(b"a"), Some(b"bc")], |out| out.push(b'2'));
        cache.append_whole(&mut out, 1, b"ab", |out| out.push(b'3'));
        cache.append_whole(&mut out, 2, b"ab", |out| out.push(b'4'));
        cache.append_whole(&mut out, 2, b"ab", |_| ());
        cache.append(&mut out, &[Some(b"ab"), None], |out| out.push(b'5'));
        cache.append(&mut out, &[Some(b"ab"), Some(b"")], |out| out.push(b'6'));
        assert_eq!(out, b"1234456");
    }
}
