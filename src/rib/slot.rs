//! One route of a table: its key and its value, in 32 bytes for a plain prefix.
//!
//! Tables hold millions of routes, nearly all of them plain prefixes of few families. So family, path identifier and key
//! bytes share 16 bytes with a number that each table uses as it likes; routes with longer keys or of unknown families
//! take an allocation.

use super::slab::NONE;
use crate::bgp::nlri::{NlriBytes, NlriKey};
use crate::bgp::{Family, Nlri, NlriRef};

/// One route.
#[derive(Debug)]
pub(crate) struct Slot<V> {
    /// The value of the route.
    pub(crate) value: V,
    key: Key,
}

/// Number of bytes of a path identifier and a key that need no allocation: an IPv4 prefix with a path identifier, or an
/// IPv6 prefix of up to 64 bits without one.
const INLINE: usize = 9;
/// The bit of the length of an inline key that starts with a path identifier.
const PATH: u8 = 0x80;

/// Family, path identifier, key bytes, and the mark of the slot.
#[derive(Debug)]
enum Key {
    Short {
        /// The index in [`Family::KNOWN`].
        family: u8,
        /// Number of bytes, and [`PATH`].
        length: u8,
        bytes: [u8; INLINE],
        mark: u32,
    },
    Long(Box<LongKey>, u32),
}

#[derive(Debug)]
struct LongKey {
    family: Family,
    path_id: u32,
    bytes: NlriBytes,
}

/// Identifies a route: family, path identifier (0: none) and key bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteKey<'a> {
    pub(crate) family: Family,
    pub(crate) path_id: u32,
    pub(crate) key: &'a [u8],
}

impl Key {
    fn new(route: RouteKey<'_>) -> Self {
        Self::short(route).unwrap_or_else(|| {
            let key = LongKey {
                family: route.family,
                path_id: route.path_id,
                bytes: NlriBytes::from_slice(route.key),
            };
            Self::Long(Box::new(key), NONE)
        })
    }

    fn short(route: RouteKey<'_>) -> Option<Self> {
        let family = Family::KNOWN
            .iter()
            .position(|known| *known == route.family)?;
        let mut bytes = [0; INLINE];
        let path = match route.path_id {
            0 => 0,
            path_id => {
                bytes[..4].copy_from_slice(&path_id.to_be_bytes());
                4
            }
        };
        let end = path + route.key.len();
        bytes.get_mut(path..end)?.copy_from_slice(route.key);
        Some(Self::Short {
            family: u8::try_from(family).ok()?,
            length: u8::try_from(end).ok()? | if path == 0 { 0 } else { PATH },
            bytes,
            mark: NONE,
        })
    }

    fn route(&self) -> RouteKey<'_> {
        match self {
            Self::Short {
                family,
                length,
                bytes,
                ..
            } => {
                let whole = &bytes[..usize::from(length & !PATH).min(INLINE)];
                let (path_id, key) = match whole.split_first_chunk::<4>() {
                    Some((path_id, key)) if length & PATH != 0 => {
                        (u32::from_be_bytes(*path_id), key)
                    }
                    _ => (0, whole),
                };
                RouteKey {
                    family: Family::KNOWN[usize::from(*family)],
                    path_id,
                    key,
                }
            }
            Self::Long(key, _) => RouteKey {
                family: key.family,
                path_id: key.path_id,
                key: &key.bytes,
            },
        }
    }
}

/// Calls `then` with the key of a route; a plain prefix is its own key. As in ExaBGP, path identifier 0 means none.
pub(crate) fn with_key<T>(nlri: NlriRef<'_>, then: impl FnOnce(RouteKey<'_>) -> T) -> T {
    let owned: NlriKey;
    let key = if nlri.is_own_key() {
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

impl<V> Slot<V> {
    /// A route, marked with `NONE`.
    pub(super) fn new(route: RouteKey<'_>, value: V) -> Self {
        let key = Key::new(route);
        Self { value, key }
    }

    /// The family.
    pub(crate) fn family(&self) -> Family {
        match &self.key {
            Key::Short { family, .. } => Family::KNOWN[usize::from(*family)],
            Key::Long(key, _) => key.family,
        }
    }

    /// The key bytes.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.route().key
    }

    /// The path identifier, if it is not 0.
    pub(crate) fn path_id(&self) -> Option<u32> {
        match self.key.route().path_id {
            0 => None,
            path_id => Some(path_id),
        }
    }

    /// The key that identifies it.
    pub(crate) fn route_key(&self) -> RouteKey<'_> {
        self.key.route()
    }

    /// A number that the owner of the table stores with the route.
    pub(crate) const fn mark(&self) -> u32 {
        match &self.key {
            Key::Short { mark, .. } | Key::Long(_, mark) => *mark,
        }
    }

    /// That number, for modification.
    pub(crate) const fn mark_mut(&mut self) -> &mut u32 {
        match &mut self.key {
            Key::Short { mark, .. } | Key::Long(_, mark) => mark,
        }
    }

    /// The NLRI with these wire bytes, or with those of the key if `None`.
    pub(crate) fn nlri(&self, bytes: Option<&[u8]>) -> Nlri {
        Nlri::new(
            self.family(),
            self.path_id(),
            bytes.unwrap_or_else(|| self.key()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rib::slab::Slab;

    #[test]
    fn keys_of_any_length_family_and_path_are_kept() {
        let mut families = Family::KNOWN.to_vec();
        families.push(Family::new(7, 9));
        for family in families {
            for path_id in [0, 1, u32::MAX] {
                for length in (0..30).chain([5_000]) {
                    let key: Vec<u8> = (1..=u8::MAX).cycle().take(length).collect();
                    let route = RouteKey {
                        family,
                        path_id,
                        key: &key,
                    };
                    let mut slot = Slot::new(route, 'v');
                    assert_eq!(slot.route_key(), route);
                    assert_eq!((slot.family(), slot.mark()), (family, NONE));
                    assert_eq!(slot.path_id(), Some(path_id).filter(|path| *path != 0));
                    *slot.mark_mut() = 7;
                    assert_eq!((slot.mark(), slot.value), (7, 'v'));
                    assert_eq!(slot.route_key(), route);
                }
            }
        }
    }

    #[test]
    fn a_prefix_without_host_bits_is_its_own_key() {
        let host = NlriRef {
            family: Family::IPV4_UNICAST,
            path_id: Some(0),
            bytes: &[20, 10, 1, 0xFF],
            withdrawn: false,
        };
        with_key(host, |route| {
            assert_eq!((route.path_id, route.key), (0, &[20, 10, 1, 0xF0][..]))
        });
        let with = |bytes| NlriRef { bytes, ..host };
        assert!(with(&[20, 10, 1, 0xF0]).is_own_key());
        assert!(with(&[0]).is_own_key());
        assert!(!host.is_own_key());
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot<[u64; 2]>>(), 32);
        assert_eq!(Slab::<Slot<[u64; 2]>>::PLACE, 32);
    }
}
