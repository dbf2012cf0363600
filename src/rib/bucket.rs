//! Routes to pack, collected by equal family, attributes and receivers.

use std::rc::Rc;

use super::peer_set_interner::PeerSetRef;
use crate::bgp::{AttributeSet, Family, Nlri};

/// Whether a route is announced or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Withdraw,
    Announce,
}

/// A route to pack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) kind: Kind,
    pub(crate) family: Family,
    /// The path identifier to send on sessions with ADD-PATH.
    pub(crate) path_id: Option<u32>,
    pub(crate) bytes: &'a [u8],
    /// Mandatory for announcements; for withdrawals, attributes to be sent with them.
    pub(crate) attributes: Option<&'a Rc<AttributeSet>>,
    pub(crate) peers: &'a PeerSetRef,
}

impl Item<'_> {
    /// Hashes the properties that distinguish buckets. The hash of a set is seeded, so that peers cannot choose
    /// collisions.
    pub(super) fn hash(&self) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let family = u64::from(self.family.afi.0) << 8 | u64::from(self.family.safi.0);
        let attributes = self.attributes.map_or(0, |set| set.hash_value());
        let kind = u64::from(self.kind == Kind::Announce);
        let mixed = attributes
            ^ (family << 1 | kind).wrapping_mul(ODD)
            ^ (self.peers.address() as u64).rotate_left(20);
        (mixed ^ mixed >> 29).wrapping_mul(ODD)
    }
}

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) kind: Kind,
    pub(super) family: Family,
    pub(super) attributes: Option<Rc<AttributeSet>>,
    pub(super) peers: PeerSetRef,
    pub(super) add_path: bool,
    pub(super) hash: u64,
    pub(super) nlri: Vec<u8>,
    /// The end of each NLRI.
    pub(super) ends: Vec<usize>,
    pub(super) sorted: bool,
    pub(super) last_start: usize,
}

impl Bucket {
    pub(super) fn takes(&self, item: &Item<'_>) -> bool {
        self.kind == item.kind
            && self.family == item.family
            && self.peers.is(item.peers)
            && match (&self.attributes, item.attributes) {
                (Some(own), Some(other)) => Rc::ptr_eq(own, other) || own == other,
                (None, None) => true,
                _ => false,
            }
    }

    /// Adds an NLRI, and records whether they are all in ExaBGP's order so far.
    pub(super) fn push(&mut self, item: &Item<'_>) {
        let start = self.nlri.len();
        if let Some(path_id) = item.path_id {
            self.nlri.extend_from_slice(&path_id.to_be_bytes());
        }
        self.nlri.extend_from_slice(item.bytes);
        self.sorted =
            self.sorted && self.order(self.last_start, start) <= self.order(start, self.nlri.len());
        self.last_start = start;
        self.ends.push(self.nlri.len());
    }

    /// ExaBGP's sort key: length and address, path identifiers last.
    fn order(&self, start: usize, end: usize) -> (&[u8], &[u8]) {
        let head = if self.add_path && end > start { 4 } else { 0 };
        (
            &self.nlri[start + head..end],
            &self.nlri[start..start + head],
        )
    }

    /// Sorts the NLRI in ExaBGP's order. The first eight bytes nearly always decide, and are compared as a number.
    pub(super) fn sort(&mut self, scratch: &mut Vec<u8>, parts: &mut Vec<(u64, usize, usize)>) {
        if std::mem::replace(&mut self.sorted, true) {
            return;
        }
        parts.clear();
        let mut start = 0;
        for end in &self.ends {
            let (bytes, _) = self.order(start, *end);
            let length = bytes.len().min(8);
            let mut first = [0; 8];
            first[..length].copy_from_slice(&bytes[..length]);
            parts.push((u64::from_be_bytes(first), start, *end));
            start = *end;
        }
        parts.sort_unstable_by(|left, right| {
            left.0.cmp(&right.0).then_with(|| {
                self.order(left.1, left.2)
                    .cmp(&self.order(right.1, right.2))
            })
        });
        scratch.clear();
        self.ends.clear();
        for (_, start, end) in parts.drain(..) {
            scratch.extend_from_slice(&self.nlri[start..end]);
            self.ends.push(scratch.len());
        }
        std::mem::swap(&mut self.nlri, scratch);
    }

    /// The NLRI with index `at`, without its path identifier.
    pub(super) fn get(&self, at: usize) -> Nlri {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        let whole = &self.nlri[start..self.ends[at]];
        match whole.split_first_chunk::<4>() {
            Some((path_id, bytes)) if self.add_path => {
                Nlri::new(self.family, Some(u32::from_be_bytes(*path_id)), bytes)
            }
            _ => Nlri::new(self.family, None, whole),
        }
    }
}
