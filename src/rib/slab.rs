//! Numbered slots in chunks: growing allocates one chunk and moves nothing, so that no insertion ever stalls.

/// Number of slots in a chunk.
pub(super) const CHUNK: usize = 1_024;
/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Values with dense, reused numbers.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Place<T>>>,
    free: u32,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    Full(T),
    /// The next free slot.
    Free(u32),
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    /// Bytes that a value takes.
    #[cfg(test)]
    pub(crate) const PLACE: usize = size_of::<Place<T>>();

    /// Stores a value and returns its number.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if self.free != NONE {
            let at = self.free;
            let place = &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK];
            if let Place::Free(next) = *place {
                self.free = next;
            }
            *place = Place::Full(value);
            return at;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first chunk starts small, so that an idle table takes little memory.
            let room = if self.chunks.is_empty() { 16 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        // A chunk was added if no chunk had room.
        let chunk = self.chunks.last_mut().expect("a chunk with room");
        chunk.push(Place::Full(value));
        // Four billion slots of at least 32 bytes exceed the memory of any machine.
        u32::try_from(before + chunk.len() - 1).expect("fewer than 2^32 places")
    }

    /// Removes a value; its number will be reused.
    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let place = self
            .chunks
            .get_mut(at as usize / CHUNK)?
            .get_mut(at as usize % CHUNK)?;
        if matches!(place, Place::Free(_)) {
            return None;
        }
        let taken = std::mem::replace(place, Place::Free(self.free));
        self.free = at;
        self.len -= 1;
        if self.len == 0 {
            // All numbers are free, so the memory can be released.
            self.chunks = Vec::new();
            self.free = NONE;
        }
        match taken {
            Place::Full(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    /// The value with that number.
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        match self
            .chunks
            .get(at as usize / CHUNK)?
            .get(at as usize % CHUNK)?
        {
            Place::Full(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    /// The value with that number, for modification.
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        match self
            .chunks
            .get_mut(at as usize / CHUNK)?
            .get_mut(at as usize % CHUNK)?
        {
            Place::Full(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    /// Drops the values of the last chunk. The slab must not be used for anything else afterwards. Returns `true` if
    /// there are more.
    pub(crate) fn dismantle(&mut self) -> bool {
        self.chunks.pop();
        !self.chunks.is_empty()
    }

    /// Number of values.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// An upper bound of the numbers in use (exclusive).
    pub(crate) fn end(&self) -> u32 {
        let last = self.chunks.last().map_or(0, Vec::len);
        let end = self.chunks.len().saturating_sub(1) * CHUNK + last;
        // See `insert`.
        u32::try_from(end).expect("fewer than 2^32 places")
    }

    /// The values with their numbers, starting at number `from`.
    pub(crate) fn iter_from(&self, from: u32) -> impl Iterator<Item = (u32, &T)> {
        (from..self.end()).filter_map(|at| Some((at, self.get(at)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_used_again() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..3_000).map(|value| slab.insert(value)).collect();
        assert_eq!(numbers, (0..3_000).collect::<Vec<_>>());
        assert_eq!(slab.remove(2_000), Some(2_000));
        assert_eq!(slab.remove(2_000), None);
        assert_eq!(slab.remove(5), Some(5));
        assert_eq!(
            (slab.insert(9), slab.insert(9), slab.insert(9)),
            (5, 2_000, 3_000)
        );
        assert_eq!(
            slab.iter_from(2_999).collect::<Vec<_>>(),
            [(2_999, &2_999), (3_000, &9)]
        );
        (0..=3_000).for_each(|at| {
            slab.remove(at);
        });
        assert_eq!((slab.len(), slab.end(), slab.get(7)), (0, 0, None));
    }

    #[test]
    fn a_slab_is_dismantled_in_as_many_steps_as_it_has_chunks() {
        let mut slab = Slab::default();
        for value in 0..2 * CHUNK + 1 {
            slab.insert(value);
        }
        assert_eq!([0; 3].map(|_| slab.dismantle()), [true, true, false]);
    }
}
