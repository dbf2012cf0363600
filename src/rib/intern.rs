//! Interns attribute sets: equal sets are a single `Rc`.
//!
//! So tables need eight bytes per route, comparing sets is comparing pointers, and whatever an [`AttributeSet`]
//! caches (JSON, text) is rendered once. The interner holds one reference; sets without other references are swept a
//! few at a time, so that no insertion has to sweep the whole table: as many as are added, and more where many are
//! found unused. So a table whose routes keep changing holds about a seventh more sets than are in use.

use std::rc::Rc;

use hashbrown::HashTable;

use super::parse_cache::{ParseCache, ParseCacheLimits};
use crate::bgp::attribute::decode::{self, AttributeSource};
use crate::bgp::{AttributeSet, Codec, UpdateError};

/// Number of sub-tables, the unit of sweeping. A power of two.
const SHARDS: usize = 256;
/// The table is swept once while as many sets are added as it holds, but at least this many; up to [`FASTEST`] times as
/// often while sets go out of use.
const SWEEP: usize = 4_096;
/// See [`SWEEP`].
const FASTEST: usize = 8;
/// What a decoded set is for.
#[derive(Clone, Copy, Debug)]
enum UseOfSet {
    Kept,
    Passing,
}

/// Number of contexts of received attributes that are kept before all of them are dropped.
const CODECS: usize = 1_024;

/// Decodes received attributes that no table keeps: from the cache, or without interning them. The attributes of a full
/// table are mostly seen once, and then interning them, which is for tables, takes longer than decoding them.
#[derive(Debug)]
pub struct Passing<'a>(&'a mut Interner);

/// All attribute sets in use, and a cache of decoded attributes.
#[derive(Debug)]
pub struct Interner {
    shards: Box<[HashTable<Rc<AttributeSet>>]>,
    len: usize,
    /// Sub-tables to be swept, in units of one set's share.
    debt: usize,
    /// How often the table is swept while as many sets are added as it holds.
    pace: usize,
    next_sweep: usize,
    received: ParseCache<Rc<AttributeSet>>,
    codecs: Vec<Codec>,
}

impl Default for Interner {
    fn default() -> Self {
        Self::new(ParseCacheLimits::default())
    }
}

impl Interner {
    /// Creates an interner whose cache of received attributes has these limits.
    pub fn new(received: ParseCacheLimits) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            len: 0,
            debt: 0,
            pace: 1,
            next_sweep: 0,
            received: ParseCache::new(received),
            codecs: Vec::new(),
        }
    }

    /// Returns the only `Rc` with this value.
    pub fn intern(&mut self, set: AttributeSet) -> Rc<AttributeSet> {
        if let Some(known) = self.known(&set) {
            return known;
        }
        let set = Rc::new(set);
        self.insert(set.hash_value(), Rc::clone(&set));
        set
    }

    /// The only `Rc` with this value, if it exists.
    fn known(&self, set: &AttributeSet) -> Option<Rc<AttributeSet>> {
        let hash = set.hash_value();
        self.shards[shard_of(hash)]
            .find(hash, |known| **known == *set)
            .map(Rc::clone)
    }

    /// Adds a set that does not exist yet, and sweeps its share.
    fn insert(&mut self, hash: u64, set: Rc<AttributeSet>) {
        self.shards[shard_of(hash)].insert_unique(hash, set, |set| set.hash_value());
        self.len += 1;
        self.debt += SHARDS * self.pace;
        while self.debt >= self.len.max(SWEEP) {
            self.debt -= self.len.max(SWEEP);
            self.sweep_next();
        }
    }

    /// Interns a set that is already shared: of two equal ones, the first is kept.
    pub fn intern_shared(&mut self, set: Rc<AttributeSet>) -> Rc<AttributeSet> {
        if let Some(known) = self.known(&set) {
            return known;
        }
        self.insert(set.hash_value(), Rc::clone(&set));
        set
    }

    /// Drops all sets without other references; for idle time after many withdrawals.
    pub fn sweep(&mut self) {
        (0..SHARDS).for_each(|_| self.sweep_next());
    }

    /// Number of sets, including unused ones that are not yet swept.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A source of attributes that are shown in events, but not kept.
    pub const fn passing(&mut self) -> Passing<'_> {
        Passing(self)
    }

    /// Decodes attributes with the cache. `passing` sets are not interned, and are cached apart from those that are.
    fn cached(
        &mut self,
        raw: &[u8],
        cx: &Codec,
        use_of_set: UseOfSet,
    ) -> Result<Rc<AttributeSet>, UpdateError> {
        let tag = self.codec_tag(cx) << 1 | use_of_set as u32;
        if let Some(known) = self.received.get(tag, raw) {
            return Ok(Rc::clone(known));
        }
        let set = decode::attributes(raw, cx)?;
        let set = match use_of_set {
            UseOfSet::Kept => self.intern(set),
            UseOfSet::Passing => Rc::new(set),
        };
        // A decoded set with its JSON takes about eight times the size of its wire form, plus some hundred bytes.
        self.received
            .offer(tag, raw, Rc::clone(&set), raw.len() * 8 + 400);
        Ok(set)
    }

    /// The cache of received attributes, for its counters.
    pub const fn received(&self) -> &ParseCache<Rc<AttributeSet>> {
        &self.received
    }

    fn sweep_next(&mut self) {
        let shard = &mut self.shards[self.next_sweep];
        let before = shard.len();
        shard.retain(|set| Rc::strong_count(set) > 1);
        let unused = before - shard.len();
        self.len -= unused;
        // By the root: if each added set replaces another one, it settles at four, with an eighth unused on average. In
        // proportion to them it would swing, since what a sweep finds depends on the pace until then.
        self.pace = (FASTEST * FASTEST * unused / before.max(1))
            .isqrt()
            .clamp(1, FASTEST);
        if shard.len() * 4 < shard.capacity() {
            shard.shrink_to_fit(|set| set.hash_value());
        }
        self.next_sweep = (self.next_sweep + 1) % SHARDS;
    }

    /// The number of a context in the cache.
    fn codec_tag(&mut self, cx: &Codec) -> u32 {
        let at = self.codecs.iter().rposition(|known| known == cx);
        let at = at.unwrap_or_else(|| {
            if self.codecs.len() >= CODECS {
                self.codecs.clear();
                self.received.clear();
            }
            self.codecs.push(*cx);
            self.codecs.len() - 1
        });
        // At most `CODECS`.
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}

impl AttributeSource for Interner {
    fn attributes(&mut self, raw: &[u8], cx: &Codec) -> Result<Rc<AttributeSet>, UpdateError> {
        self.cached(raw, cx, UseOfSet::Kept)
    }
}

impl AttributeSource for Passing<'_> {
    fn attributes(&mut self, raw: &[u8], cx: &Codec) -> Result<Rc<AttributeSet>, UpdateError> {
        self.0.cached(raw, cx, UseOfSet::Passing)
    }
}

/// The sub-table of a hash, selected by bits that hashbrown does not use first.
const fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Attribute;
    use crate::bgp::attribute::med::Med;

    fn set(med: u32) -> AttributeSet {
        AttributeSet::new(vec![Attribute::Med(Med(med))])
    }

    #[test]
    fn equal_sets_are_one() {
        let mut interner = Interner::default();
        let first = interner.intern(set(1));
        assert!(Rc::ptr_eq(&first, &interner.intern(set(1))));
        assert!(!Rc::ptr_eq(&first, &interner.intern(set(2))));
    }

    #[test]
    fn unused_sets_are_swept_and_used_ones_stay() {
        let mut interner = Interner::default();
        let kept: Vec<_> = (0..1_000).map(|med| interner.intern(set(med))).collect();
        for med in 0..200_000 {
            interner.intern(set(med));
            assert!(interner.len() < 3 * SWEEP, "{med}: {}", interner.len());
        }
        interner.sweep();
        assert_eq!(interner.len(), kept.len());
        assert!(Rc::ptr_eq(&kept[7], &interner.intern(set(7))));
    }

    #[test]
    fn sets_that_replace_others_leave_few_unused_ones() {
        const USED: usize = 20_000;
        let mut interner = Interner::default();
        let mut used: Vec<_> = (0..20_000).map(|med| interner.intern(set(med))).collect();
        for (med, at) in (20_000..200_000).zip((0..USED).cycle()) {
            used[at] = interner.intern(set(med));
            // The first round finds out how many go out of use. An eighth is usual; it depends on the hashes.
            if med > 60_000 {
                assert!(interner.len() < USED * 3 / 2, "{med}: {}", interner.len());
            }
        }
    }

    #[test]
    fn received_bytes_are_decoded_once_for_each_context() {
        let mut interner = Interner::default();
        let raw = [0x80, 4, 4, 0, 0, 0, 9];
        let plain = Codec::default();
        let first = interner.attributes(&raw, &plain).expect("a good MED");
        let again = interner.attributes(&raw, &plain).expect("a good MED");
        assert!(Rc::ptr_eq(&first, &again));
        assert_eq!(interner.received().hits_and_misses(), (1, 1));
        let narrow = Codec {
            asn4: false,
            ..plain
        };
        let other = interner.attributes(&raw, &narrow).expect("a good MED");
        assert!(Rc::ptr_eq(&first, &other));
        assert_eq!(interner.received().hits_and_misses(), (1, 2));
    }

    #[test]
    fn passing_attributes_equal_kept_ones_and_leave_nothing_behind() {
        let mut interner = Interner::default();
        let cx = Codec::default();
        let mut state = 1u32;
        for round in 0..20_000u32 {
            // Attributes of any quality: flags, codes and lengths are mostly wrong.
            let mut raw = Vec::new();
            for _ in 0..round % 4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [flags, code, length, value] = state.to_be_bytes();
                raw.extend([flags & 0xC0, code % 20, length % 9]);
                raw.extend(std::iter::repeat_n(value, usize::from(length % 9)));
            }
            let plain = decode::attributes(&raw, &cx);
            for _ in 0..2 {
                let passing = interner.passing().attributes(&raw, &cx);
                assert_eq!(passing.as_deref(), plain.as_ref(), "{raw:?}");
            }
        }
        assert!(interner.is_empty());
    }
}
