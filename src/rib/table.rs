//! The routing table for both directions: routes of all families, found by key.
//!
//! Slots are in chunks and have numbers, so that a walk over the table can pause and continue; the hash index over
//! them is split into sub-tables, so that growing one moves a thousandth of it. The index holds only the numbers: the
//! seven bits of each hash that a hash table keeps reject nearly all candidates, and growing a sub-table hashes its
//! routes again, which costs less than keeping the hashes of a million routes. Paths of one prefix (RFC 7911) have the
//! same hash, which makes them adjacent in the index.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::slab::{CHUNK, Slab};
use super::slot::{RouteKey, Slot};
use crate::bgp::Family;

/// Routes that differ only in this many trailing bits are adjacent in the index: routes tend to arrive in the order
/// of their prefixes, and then four share a cache line. A larger number would cause clustering, which hashing is
/// meant to avoid.
const NEAR: u32 = 2;
const LAST: u64 = (1 << NEAR) - 1;

/// The number of a slot.
pub(crate) type SlotId = u32;

/// Routes and a value for each.
#[derive(Debug)]
pub(crate) struct Table<V> {
    shards: Vec<HashTable<SlotId>>,
    shard_count: usize,
    slots: Slab<Slot<V>>,
    /// Families with a slot that has, or had, a path identifier.
    paths: Vec<Family>,
    state: RandomState,
}

impl<V> Table<V> {
    /// An empty table. With `shards` sub-tables, growing a table of `n` routes pauses as long as growing one of `n /
    /// shards`.
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards: Vec::new(),
            shard_count: shards.max(1),
            slots: Slab::default(),
            paths: Vec::new(),
            state: RandomState::default(),
        }
    }

    /// The slot of a route.
    pub(crate) fn find(&self, route: RouteKey<'_>) -> Option<SlotId> {
        let hash = self.hash(route);
        self.shards
            .get(self.shard(hash))?
            .find(spread(hash), |slot| is_at(&self.slots, *slot, route))
            .copied()
    }

    /// The slot of a route. If there is none, a slot with the value returned by `new` is added.
    pub(crate) fn find_or_insert(
        &mut self,
        route: RouteKey<'_>,
        new: impl FnOnce() -> V,
    ) -> SlotId {
        self.entry_at(self.hash(route), route, new).0
    }

    /// The hash of a route, after reading the place of the index where the route belongs. Probing several routes before they
    /// are added overlaps the cache misses, which are most of the time that a large index takes.
    pub(crate) fn probe(&self, route: RouteKey<'_>) -> u64 {
        let hash = self.hash(route);
        if let Some(shard) = self.shards.get(self.shard(hash)) {
            let read = |slot: &SlotId| is_at(&self.slots, *slot, route);
            std::hint::black_box(shard.find(spread(hash), read));
        }
        hash
    }

    /// The slot of a route whose hash [`probe`](Self::probe) returned, and whether it was added with the value returned by
    /// `new`.
    pub(crate) fn entry_at(
        &mut self,
        hash: u64,
        route: RouteKey<'_>,
        new: impl FnOnce() -> V,
    ) -> (SlotId, bool) {
        if self.shards.is_empty() {
            self.shards.resize_with(self.shard_count, HashTable::new);
        }
        let shard = self.shard(hash);
        let (slots, state) = (&self.slots, &self.state);
        let entry = self.shards[shard].entry(
            spread(hash),
            |slot| is_at(slots, *slot, route),
            |slot| hash_at(slots, state, *slot),
        );
        let vacant = match entry {
            Entry::Occupied(found) => return (*found.get(), false),
            Entry::Vacant(vacant) => vacant,
        };
        // The borrow of the slots ends with the entry.
        let slot = self.slots.insert(Slot::new(route, new()));
        vacant.insert(slot);
        if route.path_id != 0 {
            self.note_path(route.family);
        }
        (slot, true)
    }

    /// Removes a slot.
    pub(crate) fn remove(&mut self, at: SlotId) -> Option<Slot<V>> {
        let slot = self.slots.remove(at)?;
        let hash = self.hash(slot.route_key());
        let shard = self.shard(hash);
        let table = &mut self.shards[shard];
        if let Ok(found) = table.find_entry(spread(hash), |other| *other == at) {
            found.remove();
        }
        if self.slots.len() == 0 {
            self.shards = Vec::new();
        }
        Some(slot)
    }

    /// Drops about `slots` slots of a table that is not used any more. Returns `true` if there are more.
    pub(crate) fn dismantle(&mut self, slots: u32) -> bool {
        // The index is a few large blocks without destructors.
        self.shards = Vec::new();
        let chunks = (slots as usize).div_ceil(CHUNK).max(1);
        (0..chunks).all(|_| self.slots.dismantle())
    }

    /// The slot with that number.
    pub(crate) fn get(&self, at: SlotId) -> Option<&Slot<V>> {
        self.slots.get(at)
    }

    /// The slot with that number, for modification.
    pub(crate) fn get_mut(&mut self, at: SlotId) -> Option<&mut Slot<V>> {
        self.slots.get_mut(at)
    }

    /// The slots of all paths of a prefix, the lowest path identifier first.
    pub(crate) fn paths_of(&self, at: SlotId) -> Vec<SlotId> {
        let Some(slot) = self.get(at) else {
            return Vec::new();
        };
        let mut found = self.slots_of(slot.route_key());
        found.sort_unstable();
        found.into_iter().map(|(_, slot)| slot).collect()
    }

    /// The path identifiers and slots of all paths of a prefix.
    pub(crate) fn slots_of(&self, route: RouteKey<'_>) -> Vec<(u32, SlotId)> {
        let hash = self.hash(route);
        let Some(shard) = self.shards.get(self.shard(hash)) else {
            return Vec::new();
        };
        let same = shard.iter_hash(spread(hash)).filter_map(|at| {
            let other = self.get(*at)?.route_key();
            let same = other.family == route.family && other.key == route.key;
            same.then_some((other.path_id, *at))
        });
        same.collect()
    }

    /// Returns `true` if any route of `family` has, or had, a path identifier: what a peer was sent may depend on a path
    /// that is gone.
    pub(crate) fn has_paths(&self, family: Family) -> bool {
        self.paths.contains(&family)
    }

    /// Number of routes.
    pub(crate) const fn len(&self) -> usize {
        self.slots.len()
    }

    /// An upper bound of the slot numbers (exclusive).
    pub(crate) fn end(&self) -> SlotId {
        self.slots.end()
    }

    /// The slots starting at number `from`.
    pub(crate) fn iter_from(&self, from: SlotId) -> impl Iterator<Item = (SlotId, &Slot<V>)> {
        self.slots.iter_from(from)
    }

    fn note_path(&mut self, family: Family) {
        if !self.has_paths(family) {
            self.paths.push(family);
        }
    }

    fn hash(&self, route: RouteKey<'_>) -> u64 {
        hash(&self.state, route)
    }

    const fn shard(&self, hash: u64) -> usize {
        (hash >> 32) as usize % self.shard_count
    }
}

/// Returns `true` if the slot with that number is that of `route`.
fn is_at<V>(slots: &Slab<Slot<V>>, at: SlotId, route: RouteKey<'_>) -> bool {
    slots.get(at).is_some_and(|slot| slot.route_key() == route)
}

/// The hash of the route with that number, as the index of its sub-table uses it.
fn hash_at<V>(slots: &Slab<Slot<V>>, state: &RandomState, at: SlotId) -> u64 {
    // The index has numbers of routes only.
    slots
        .get(at)
        .map_or(0, |slot| spread(hash(state, slot.route_key())))
}

fn hash(state: &RandomState, route: RouteKey<'_>) -> u64 {
    let mut hasher = state.build_hasher();
    let family = u32::from(route.family.afi.0) << 8 | u32::from(route.family.safi.0);
    let (rest, last) = route
        .key
        .split_last()
        .map_or((route.key, 0), |(last, rest)| (rest, *last));
    // An IPv4 prefix, and most IPv6 prefixes, are hashed as one number.
    let mut short = [0; 8];
    if let Some(room) = short.get_mut(..rest.len()) {
        room.copy_from_slice(rest);
        hasher.write_u64(u64::from_le_bytes(short));
    } else {
        hasher.write(rest);
    }
    let length = route.key.len() as u64;
    hasher.write_u64(length << 32 | u64::from(family) << 8 | u64::from(last >> NEAR));
    hasher.finish() & !LAST | u64::from(last) & LAST
}

/// Expands the half of a hash that did not select the sub-table to a whole one: hashbrown uses the lowest bits and the
/// highest seven.
const fn spread(hash: u64) -> u64 {
    hash << 32 | hash & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path_id: u32, key: &[u8]) -> RouteKey<'_> {
        RouteKey {
            family: Family::IPV4_UNICAST,
            path_id,
            key,
        }
    }

    #[test]
    fn routes_are_found_by_family_path_and_key() {
        let mut table = Table::new(16);
        for number in 0..20_000u32 {
            table.find_or_insert(key(0, &number.to_be_bytes()), || number);
        }
        assert_eq!(table.len(), 20_000);
        for number in 0..20_000u32 {
            let bytes = number.to_be_bytes();
            let at = table.find(key(0, &bytes)).expect("stored");
            assert_eq!(table.get(at).map(|slot| slot.value), Some(number));
            assert_eq!(table.find(key(1, &bytes)), None);
            if number % 2 == 0 {
                table.remove(at);
            }
        }
        assert_eq!(table.find(key(0, &4u32.to_be_bytes())), None);
        assert!(table.find(key(0, &5u32.to_be_bytes())).is_some());
        assert_eq!(table.len(), 10_000);
    }

    #[test]
    fn paths_of_a_prefix_stand_together() {
        let mut table = Table::new(16);
        let ids = [7, 0, 3].map(|path| table.find_or_insert(key(path, b"prefix"), || ()));
        table.find_or_insert(key(0, b"other"), || ());
        assert_eq!(table.paths_of(ids[0]), [ids[1], ids[2], ids[0]]);
        assert!(table.has_paths(Family::IPV4_UNICAST));
        assert!(!table.has_paths(Family::IPV6_UNICAST));
        ids.into_iter().for_each(|id| drop(table.remove(id)));
        assert!(table.has_paths(Family::IPV4_UNICAST));
    }
}
