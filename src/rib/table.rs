//! The routing table for both directions: routes of all families, found by key.
//!
//! Slots are in chunks and have numbers, so that a walk over the table can pause and continue; the hash index over
//! them is split into sub-tables, so that growing one moves a thousandth of it. The index keeps 32 bits of each hash
//! next to the number: growing reads no slots, and nearly all non-matching candidates are rejected without reading
//! one. Paths of one prefix (RFC 7911) have the same hash, which makes them adjacent in the index.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::slab::{CHUNK, Slab};
use crate::bgp::nlri::NlriKey;
use crate::bgp::{Afi, Family, Nlri, NlriRef, Safi};

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
    shards: Vec<HashTable<Place>>,
    shard_count: usize,
    slots: Slab<Slot<V>>,
    /// Number of slots with a path identifier, by family.
    paths: Vec<(Family, usize)>,
    state: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    slot: SlotId,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Slot<V> {
    /// The family.
    pub(crate) family: Family,
    path_id: u32,
    key: Key,
    /// The value of the route.
    pub(crate) value: V,
}

/// Longest key without an allocation: with it, a slot of the Adj-RIB-Out takes 64 bytes.
const INLINE: usize = 14;

/// Key bytes. Those of plain prefixes need no allocation, unless they are longer than 2001:db8::/104.
#[derive(Debug)]
enum Key {
    Inline(u8, [u8; INLINE]),
    /// Boxed twice, so that the pointer takes eight bytes.
    Heap(Box<Box<[u8]>>),
}

/// Identifies a route: family, path identifier (0: none) and key bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteKey<'a> {
    pub(crate) family: Family,
    pub(crate) path_id: u32,
    pub(crate) key: &'a [u8],
}

impl Key {
    fn new(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match (u8::try_from(bytes.len()), inline.get_mut(..bytes.len())) {
            (Ok(length), Some(room)) => {
                room.copy_from_slice(bytes);
                Self::Inline(length, inline)
            }
            _ => Self::Heap(Box::new(bytes.into())),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Self::Heap(bytes) => bytes,
        }
    }
}

/// Calls `then` with the key of a route; a plain prefix is its own key. As in ExaBGP, path identifier 0 means none.
pub(crate) fn with_key<T>(nlri: NlriRef<'_>, then: impl FnOnce(RouteKey<'_>) -> T) -> T {
    let owned: NlriKey;
    let key = if is_own_key(nlri) {
        nlri.bytes
    } else {
        owned = nlri.key();
        &owned
    };
    then(RouteKey {
        family: nlri.family,
        path_id: nlri.path_id.unwrap_or_default(),
        key,
    })
}

/// Returns `true` for a plain prefix without host bits.
fn is_own_key(nlri: NlriRef<'_>) -> bool {
    if !matches!(nlri.family.safi, Safi::UNICAST | Safi::MULTICAST)
        || !matches!(nlri.family.afi, Afi::IPV4 | Afi::IPV6)
    {
        return false;
    }
    match nlri.bytes {
        [] | [0] => true,
        [bits, .., last] => bits % 8 == 0 || last & (0xFF >> (bits % 8)) == 0,
        [_] => false,
    }
}

impl<V> Slot<V> {
    /// The key bytes.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.bytes()
    }

    /// The path identifier, if it is not 0.
    pub(crate) const fn path_id(&self) -> Option<u32> {
        if self.path_id == 0 {
            None
        } else {
            Some(self.path_id)
        }
    }

    /// The key that identifies it.
    pub(crate) fn route_key(&self) -> RouteKey<'_> {
        RouteKey {
            family: self.family,
            path_id: self.path_id,
            key: self.key(),
        }
    }

    /// The NLRI with these wire bytes, or with those of the key if `None`.
    pub(crate) fn nlri(&self, bytes: Option<&[u8]>) -> Nlri {
        Nlri::new(
            self.family,
            self.path_id(),
            bytes.unwrap_or_else(|| self.key()),
        )
    }
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
        let wanted = low(hash);
        self.shards
            .get(self.shard(hash))?
            .find(spread(wanted), |place| {
                place.hash == wanted && is_at(&self.slots, *place, route)
            })
            .map(|place| place.slot)
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
        let wanted = low(hash);
        if let Some(shard) = self.shards.get(self.shard(hash)) {
            std::hint::black_box(shard.find(spread(wanted), |place| place.hash == wanted));
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
        let wanted = low(hash);
        if self.shards.is_empty() {
            self.shards.resize_with(self.shard_count, HashTable::new);
        }
        let shard = self.shard(hash);
        let slots = &self.slots;
        let entry = self.shards[shard].entry(
            spread(wanted),
            |place| place.hash == wanted && is_at(slots, *place, route),
            |place| spread(place.hash),
        );
        let vacant = match entry {
            Entry::Occupied(found) => return (found.get().slot, false),
            Entry::Vacant(vacant) => vacant,
        };
        let slot = self.slots.insert(Slot {
            family: route.family,
            path_id: route.path_id,
            key: Key::new(route.key),
            value: new(),
        });
        vacant.insert(Place { hash: wanted, slot });
        if route.path_id != 0 {
            self.count_path(route.family);
        }
        (slot, true)
    }

    /// Removes a slot.
    pub(crate) fn remove(&mut self, at: SlotId) -> Option<Slot<V>> {
        let slot = self.slots.remove(at)?;
        let hash = self.hash(slot.route_key());
        let shard = self.shard(hash);
        let wanted = low(hash);
        let table = &mut self.shards[shard];
        if let Ok(found) = table.find_entry(spread(wanted), |place| place.slot == at) {
            found.remove();
        }
        if slot.path_id != 0
            && let Some((_, count)) = self
                .paths
                .iter_mut()
                .find(|(family, _)| *family == slot.family)
        {
            *count -= 1;
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
        let same_hash = shard.iter_hash(spread(low(hash)));
        let same = same_hash.filter_map(|place| {
            let other = self.get(place.slot)?;
            let same = other.family == route.family && other.key() == route.key;
            same.then_some((other.path_id, place.slot))
        });
        same.collect()
    }

    /// Returns `true` if any route of `family` has a path identifier.
    pub(crate) fn has_paths(&self, family: Family) -> bool {
        self.paths
            .iter()
            .any(|(other, count)| *other == family && *count > 0)
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

    fn count_path(&mut self, family: Family) {
        match self.paths.iter_mut().find(|(other, _)| *other == family) {
            Some((_, count)) => *count += 1,
            None => self.paths.push((family, 1)),
        }
    }

    fn hash(&self, route: RouteKey<'_>) -> u64 {
        let mut hasher = self.state.build_hasher();
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

    const fn shard(&self, hash: u64) -> usize {
        (hash >> 32) as usize % self.shard_count
    }
}

/// Returns `true` if the slot of `place` is that of `route`.
fn is_at<V>(slots: &Slab<Slot<V>>, place: Place, route: RouteKey<'_>) -> bool {
    slots.get(place.slot).is_some_and(|slot| {
        slot.path_id == route.path_id && slot.family == route.family && slot.key() == route.key
    })
}

/// The half of a hash that the index keeps; the other half selected the sub-table.
const fn low(hash: u64) -> u32 {
    (hash & 0xFFFF_FFFF) as u32
}

/// Expands the half to a whole hash: hashbrown uses the lowest bits and the highest seven.
const fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
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
        ids.into_iter().for_each(|id| drop(table.remove(id)));
        assert!(!table.has_paths(Family::IPV4_UNICAST));
    }

    #[test]
    fn long_keys_and_host_bits() {
        let mut table = Table::new(1);
        let long = vec![9; 5_000];
        let at = table.find_or_insert(key(0, &long), || ());
        assert_eq!(table.get(at).map(Slot::key), Some(&long[..]));
        let host = NlriRef {
            family: Family::IPV4_UNICAST,
            path_id: Some(0),
            bytes: &[20, 10, 1, 0xFF],
        };
        with_key(host, |route| {
            assert_eq!((route.path_id, route.key), (0, &[20, 10, 1, 0xF0][..]))
        });
        assert!(is_own_key(NlriRef {
            bytes: &[20, 10, 1, 0xF0],
            ..host
        }));
        assert!(is_own_key(NlriRef {
            bytes: &[0],
            ..host
        }));
        assert!(!is_own_key(host));
    }

    #[test]
    fn a_slot_is_small() {
        assert!(
            size_of::<Slot<[u64; 5]>>() <= 64,
            "{}",
            size_of::<Slot<[u64; 5]>>()
        );
    }
}
