//! Runs: prefixes that get the same change.
//!
//! A helper announces thousands of prefixes, many in a row with the same attributes for the same peers. A run applies
//! them together, so that everything that does not depend on the prefix is done once; the result is that of a
//! [`Change`](super::Change) for each of its prefixes, in order.

use super::{Action, PeerSet};
use crate::bgp::{Family, Nlri};

/// Prefixes of IPv4 or IPv6, unicast or multicast, that get the same change.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Their family.
    pub family: Family,
    /// The path identifier of all of them (RFC 7911).
    pub path_id: Option<u32>,
    /// The peers to announce them to or withdraw them from.
    pub peers: &'a PeerSet,
    /// The action on all of them.
    pub action: &'a Action,
    /// Their wire form, one after the other, without path identifiers and without host bits.
    pub prefixes: &'a [u8],
}

impl<'a> Run<'a> {
    /// The wire forms of the prefixes.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.prefixes;
        std::iter::from_fn(move || {
            let bits = *rest.first()?;
            // Incomplete bytes at the end would be a mistake of the caller, and are ignored.
            let (prefix, after) = rest.split_at_checked(1 + usize::from(bits.div_ceil(8)))?;
            rest = after;
            Some(prefix)
        })
    }

    /// The routes.
    pub fn routes(&self) -> impl Iterator<Item = Nlri> + use<'a> {
        let (family, path_id) = (self.family, self.path_id);
        self.iter()
            .map(move |prefix| Nlri::new(family, path_id, prefix))
    }
}
