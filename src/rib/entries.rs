//! What is announced to which peers about one route.

use std::rc::Rc;

use smallvec::SmallVec;

use super::peer_set_interner::{PeerSetInterner, PeerSetRef};
use super::slab::NONE;
use super::tally::Tally;
use super::{PeerId, PeerSet};
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{AttributeSet, Family};

/// An announced version of a route.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The attributes, next hop included.
    pub(crate) attributes: Rc<AttributeSet>,
    /// The peers that it is announced to: at least one, and disjoint from those of other entries.
    pub(crate) peers: PeerSetRef,
    /// The wire bytes, if they differ from the key: with labels, for example.
    payload: Option<Box<NlriBytes>>,
}

/// The entries of a route: only one if the same is announced to all peers.
#[derive(Debug)]
pub(crate) struct Entries {
    list: SmallVec<[Entry; 1]>,
    /// The start of its list of pending records.
    pub(crate) pending: u32,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            list: SmallVec::new(),
            pending: NONE,
        }
    }
}

/// What the entries of a route of one family are changed with: the sets, and the counters of their routes.
pub(crate) struct Edit<'a> {
    pub(crate) sets: &'a mut PeerSetInterner,
    pub(crate) tally: &'a mut Tally,
    pub(crate) family: Family,
}

impl Edit<'_> {
    /// Replaces the peers of an entry.
    fn put(&mut self, place: &mut PeerSetRef, peers: PeerSetRef) {
        self.tally.moved(self.family, place, &peers);
        *place = peers;
    }
}

impl Entry {
    /// The wire bytes, if they differ from the key.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref().map(|bytes| &bytes[..])
    }

    /// Returns `true` if this entry has these attributes and wire bytes.
    pub(crate) fn is(&self, attributes: &Rc<AttributeSet>, payload: Option<&[u8]>) -> bool {
        (Rc::ptr_eq(&self.attributes, attributes) || self.attributes == *attributes)
            && self.payload() == payload
    }
}

impl Entries {
    /// Announces this version to `peers`. Returns the peers for which it is a change.
    pub(crate) fn announce(
        &mut self,
        edit: &mut Edit<'_>,
        attributes: &Rc<AttributeSet>,
        payload: Option<&[u8]>,
        peers: &PeerSetRef,
    ) -> PeerSetRef {
        let mut news = peers.clone();
        let same = self
            .list
            .iter()
            .position(|entry| entry.is(attributes, payload));
        if let Some(at) = same {
            news = edit.sets.minus(peers, &self.list[at].peers);
            if news.is_empty() {
                return news;
            }
        }
        self.take_from(edit, &news);
        if let Some(at) = same {
            let place = &mut self.list[at].peers;
            let all = edit.sets.union(place, &news);
            edit.put(place, all);
        } else {
            edit.tally.moved(edit.family, &PeerSetRef::EMPTY, &news);
            let new = Entry {
                attributes: Rc::clone(attributes),
                peers: news.clone(),
                payload: payload.map(|bytes| Box::new(NlriBytes::from_slice(bytes))),
            };
            match self.list.iter_mut().find(|entry| entry.peers.is_empty()) {
                Some(unused) => *unused = new,
                None => self.list.push(new),
            }
        }
        self.trim();
        news
    }

    /// Announces the only version of a new route to `peers`.
    pub(crate) fn start(&mut self, attributes: &Rc<AttributeSet>, peers: &PeerSetRef) {
        debug_assert!(self.list.is_empty());
        self.list.push(Entry {
            attributes: Rc::clone(attributes),
            peers: peers.clone(),
            payload: None,
        });
    }

    /// Returns what is announced to any of `peers` and differs from this version.
    pub(crate) fn others(
        &self,
        attributes: &Rc<AttributeSet>,
        payload: Option<&[u8]>,
        peers: &PeerSetRef,
    ) -> SmallVec<[Entry; 1]> {
        self.list
            .iter()
            .filter(|entry| entry.peers.intersects(peers) && !entry.is(attributes, payload))
            .cloned()
            .collect()
    }

    /// Removes what is announced to `peers`.
    pub(crate) fn withdraw(&mut self, edit: &mut Edit<'_>, peers: &PeerSetRef) {
        self.take_from(edit, peers);
        self.trim();
    }

    /// What is announced to `peer`.
    pub(crate) fn of(&self, peer: PeerId) -> Option<&Entry> {
        self.list.iter().find(|entry| entry.peers.contains(peer))
    }

    /// All entries.
    pub(crate) fn list(&self) -> &[Entry] {
        &self.list
    }

    /// Returns `true` if the route is announced to no peer, and nothing is pending.
    pub(crate) fn is_unused(&self) -> bool {
        self.list.is_empty() && self.pending == NONE
    }

    /// Returns `true` if the route is announced to any peer of `peers`.
    pub(crate) fn reaches(&self, peers: &PeerSet) -> bool {
        self.list
            .iter()
            .any(|entry| entry.peers.set().is_some_and(|set| set.intersects(peers)))
    }

    /// Removes peers from all entries. If each peer has a version of its own, most entries contain none of them.
    fn take_from(&mut self, edit: &mut Edit<'_>, peers: &PeerSetRef) {
        for entry in &mut self.list {
            if entry.peers.intersects(peers) {
                let left = edit.sets.minus(&entry.peers, peers);
                edit.put(&mut entry.peers, left);
            }
        }
    }

    fn trim(&mut self) {
        self.list.retain(|entry| !entry.peers.is_empty());
        if self.list.spilled() && self.list.len() <= 1 {
            self.list.shrink_to_fit();
        }
    }
}
