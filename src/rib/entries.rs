//! Who is told what about one route.

use std::rc::Rc;

use smallvec::SmallVec;

use super::sets::{Sets, Shared};
use super::slab::NONE;
use super::{PeerId, PeerSet};
use crate::bgp::AttributeSet;
use crate::bgp::nlri::NlriBytes;

/// What some peers are told.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The attributes, next hop included.
    pub(crate) attributes: Rc<AttributeSet>,
    /// The peers: never none, and none of another entry.
    pub(crate) peers: Shared,
    /// The wire bytes, if they are not the key: labels and the like.
    payload: Option<Box<NlriBytes>>,
}

/// The entries of a route: one, as long as all peers are told the same.
#[derive(Debug)]
pub(crate) struct Entries {
    list: SmallVec<[Entry; 1]>,
    /// Start of its list of pending records.
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

impl Entry {
    /// The wire bytes, if they are not the key.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref().map(|bytes| &bytes[..])
    }

    /// Whether it says this.
    pub(crate) fn is(&self, attributes: &Rc<AttributeSet>, payload: Option<&[u8]>) -> bool {
        (Rc::ptr_eq(&self.attributes, attributes) || self.attributes == *attributes)
            && self.payload() == payload
    }
}

impl Entries {
    /// Tells `peers` this; those for whom it is news.
    pub(crate) fn announce(
        &mut self,
        sets: &mut Sets,
        attributes: &Rc<AttributeSet>,
        payload: Option<&[u8]>,
        peers: &Shared,
    ) -> Shared {
        let mut news = peers.clone();
        let same = self
            .list
            .iter()
            .position(|entry| entry.is(attributes, payload));
        if let Some(at) = same {
            news = sets.minus(peers, &self.list[at].peers);
            if news.is_empty() {
                return news;
            }
        }
        self.take_from(sets, &news);
        if let Some(at) = same {
            self.list[at].peers = sets.union(&self.list[at].peers, &news);
        } else {
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

    /// What is told to any of `peers` and differs from this.
    pub(crate) fn others(
        &self,
        attributes: &Rc<AttributeSet>,
        payload: Option<&[u8]>,
        peers: &Shared,
    ) -> SmallVec<[Entry; 1]> {
        self.list
            .iter()
            .filter(|entry| entry.peers.intersects(peers) && !entry.is(attributes, payload))
            .cloned()
            .collect()
    }

    /// Forgets what `peers` were told.
    pub(crate) fn withdraw(&mut self, sets: &mut Sets, peers: &Shared) {
        self.take_from(sets, peers);
        self.trim();
    }

    /// What `peer` is told.
    pub(crate) fn of(&self, peer: PeerId) -> Option<&Entry> {
        self.list.iter().find(|entry| entry.peers.contains(peer))
    }

    /// All entries.
    pub(crate) fn list(&self) -> &[Entry] {
        &self.list
    }

    /// Whether nobody is told anything, and nothing is pending.
    pub(crate) fn is_unused(&self) -> bool {
        self.list.is_empty() && self.pending == NONE
    }

    /// Whether any peer of `peers` is told something.
    pub(crate) fn reaches(&self, peers: &PeerSet) -> bool {
        self.list
            .iter()
            .any(|entry| entry.peers.set().is_some_and(|set| set.intersects(peers)))
    }

    /// Takes peers out of all entries. Where each peer is told something of its own, most entries have none of them.
    fn take_from(&mut self, sets: &mut Sets, peers: &Shared) {
        for entry in &mut self.list {
            if entry.peers.intersects(peers) {
                entry.peers = sets.minus(&entry.peers, peers);
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
