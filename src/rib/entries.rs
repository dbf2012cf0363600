//! What is announced to which peers about one route.

use std::rc::Rc;

use smallvec::SmallVec;

use super::peer_set_interner::{PeerSetInterner, PeerSetRef};
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

/// The entries of a route. Nearly all routes have only one, without wire bytes of its own, and take 16 bytes.
#[derive(Debug)]
#[expect(
    clippy::box_collection,
    reason = "a bare vector would double the size of all entries"
)]
pub(crate) enum Entries {
    /// One entry whose wire bytes are the key.
    One(Rc<AttributeSet>, PeerSetRef),
    /// No entries, several, or one with wire bytes that differ from the key.
    Others(Option<Box<Vec<Entry>>>),
}

/// A borrowed entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryRef<'a> {
    /// The attributes, next hop included.
    pub(crate) attributes: &'a Rc<AttributeSet>,
    /// The peers that it is announced to.
    pub(crate) peers: &'a PeerSetRef,
    payload: Option<&'a [u8]>,
}

impl Default for Entries {
    fn default() -> Self {
        Self::Others(None)
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
    fn as_ref(&self) -> EntryRef<'_> {
        EntryRef {
            attributes: &self.attributes,
            peers: &self.peers,
            payload: self.payload(),
        }
    }

    /// The wire bytes, if they differ from the key.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref().map(|bytes| &bytes[..])
    }

    fn is(&self, attributes: &Rc<AttributeSet>, payload: Option<&[u8]>) -> bool {
        self.as_ref().is(attributes, payload)
    }
}

impl<'a> EntryRef<'a> {
    /// The wire bytes, if they differ from the key.
    pub(crate) const fn payload(&self) -> Option<&'a [u8]> {
        self.payload
    }

    /// Returns `true` if this entry has these attributes and wire bytes.
    pub(crate) fn is(&self, attributes: &Rc<AttributeSet>, payload: Option<&[u8]>) -> bool {
        (Rc::ptr_eq(self.attributes, attributes) || self.attributes == attributes)
            && self.payload == payload
    }

    fn to_owned(self) -> Entry {
        Entry {
            attributes: Rc::clone(self.attributes),
            peers: self.peers.clone(),
            payload: self
                .payload
                .map(|bytes| Box::new(NlriBytes::from_slice(bytes))),
        }
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
        if payload.is_none()
            && let Some(news) = self.announce_only(edit, attributes, peers)
        {
            return news;
        }
        let mut news = peers.clone();
        let list = self.expand();
        let same = list.iter().position(|entry| entry.is(attributes, payload));
        if let Some(at) = same {
            news = edit.sets.minus(peers, &list[at].peers);
        }
        if !news.is_empty() {
            take_from(list, edit, &news);
            if let Some(at) = same {
                let place = &mut list[at].peers;
                let all = edit.sets.union(place, &news);
                edit.put(place, all);
            } else {
                edit.tally.moved(edit.family, &PeerSetRef::EMPTY, &news);
                let new = EntryRef {
                    attributes,
                    peers: &news,
                    payload,
                }
                .to_owned();
                match list.iter_mut().find(|entry| entry.peers.is_empty()) {
                    Some(unused) => *unused = new,
                    None => list.push(new),
                }
            }
        }
        self.compact();
        news
    }

    /// Does the same if at most one entry was there before and is left after it, all of them with the key as their wire
    /// bytes. Returns `None`, with nothing changed, in other cases.
    fn announce_only(
        &mut self,
        edit: &mut Edit<'_>,
        attributes: &Rc<AttributeSet>,
        peers: &PeerSetRef,
    ) -> Option<PeerSetRef> {
        match self {
            _ if peers.is_empty() => Some(PeerSetRef::EMPTY),
            Self::Others(None) => {
                edit.tally.moved(edit.family, &PeerSetRef::EMPTY, peers);
                self.start(attributes, peers);
                Some(peers.clone())
            }
            Self::One(own, holders) if Rc::ptr_eq(own, attributes) || own == attributes => {
                let news = edit.sets.minus(peers, holders);
                let all = edit.sets.union(holders, &news);
                edit.put(holders, all);
                Some(news)
            }
            Self::One(own, holders) => edit.sets.minus(holders, peers).is_empty().then(|| {
                edit.put(holders, peers.clone());
                own.clone_from(attributes);
                peers.clone()
            }),
            Self::Others(Some(_)) => None,
        }
    }

    /// Announces the only version of a new route to `peers`.
    pub(crate) fn start(&mut self, attributes: &Rc<AttributeSet>, peers: &PeerSetRef) {
        debug_assert!(self.is_empty());
        *self = Self::One(Rc::clone(attributes), peers.clone());
    }

    /// Returns what is announced to any of `peers` and differs from this version.
    pub(crate) fn others(
        &self,
        attributes: &Rc<AttributeSet>,
        payload: Option<&[u8]>,
        peers: &PeerSetRef,
    ) -> SmallVec<[Entry; 1]> {
        self.list()
            .filter(|entry| entry.peers.intersects(peers) && !entry.is(attributes, payload))
            .map(EntryRef::to_owned)
            .collect()
    }

    /// Removes what is announced to `peers`.
    pub(crate) fn withdraw(&mut self, edit: &mut Edit<'_>, peers: &PeerSetRef) {
        match self {
            Self::One(_, holders) => {
                if !holders.intersects(peers) {
                    return;
                }
                let left = edit.sets.minus(holders, peers);
                edit.put(holders, left);
                if holders.is_empty() {
                    *self = Self::default();
                }
            }
            Self::Others(Some(list)) => {
                take_from(list, edit, peers);
                self.compact();
            }
            Self::Others(None) => {}
        }
    }

    /// What is announced to `peer`.
    pub(crate) fn of(&self, peer: PeerId) -> Option<EntryRef<'_>> {
        self.list().find(|entry| entry.peers.contains(peer))
    }

    /// All entries.
    pub(crate) fn list(&self) -> impl Iterator<Item = EntryRef<'_>> + Clone {
        let (one, others) = match self {
            Self::One(attributes, peers) => {
                let one = EntryRef {
                    attributes,
                    peers,
                    payload: None,
                };
                (Some(one), &[][..])
            }
            Self::Others(list) => (None, list.as_ref().map_or(&[][..], |list| &list[..])),
        };
        one.into_iter().chain(others.iter().map(Entry::as_ref))
    }

    /// Returns `true` if the route is announced to no peer.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Others(None))
    }

    /// Returns `true` if the route is announced to any peer of `peers`.
    pub(crate) fn reaches(&self, peers: &PeerSet) -> bool {
        self.list()
            .any(|entry| entry.peers.set().is_some_and(|set| set.intersects(peers)))
    }

    /// All entries as a list, to be modified and then [made compact](Self::compact).
    fn expand(&mut self) -> &mut Vec<Entry> {
        if let Self::One(..) = self {
            let list = self.list().map(EntryRef::to_owned).collect();
            *self = Self::Others(Some(Box::new(list)));
        }
        match self {
            Self::Others(list) => list.get_or_insert_default(),
            // Replaced above.
            Self::One(..) => unreachable!("a list"),
        }
    }

    /// Drops entries without peers, and the list if one entry or none is left.
    fn compact(&mut self) {
        let Self::Others(Some(list)) = self else {
            return;
        };
        list.retain(|entry| !entry.peers.is_empty());
        match &mut list[..] {
            [] => *self = Self::default(),
            [only] if only.payload.is_none() => {
                *self = Self::One(Rc::clone(&only.attributes), only.peers.clone());
            }
            _ => {}
        }
    }
}

/// Removes peers from all entries. If each peer has a version of its own, most entries contain none of them.
fn take_from(list: &mut [Entry], edit: &mut Edit<'_>, peers: &PeerSetRef) {
    for entry in list {
        if entry.peers.intersects(peers) {
            let left = edit.sets.minus(&entry.peers, peers);
            edit.put(&mut entry.peers, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_a_usual_route_take_two_pointers() {
        assert_eq!(size_of::<Entries>(), 16);
    }
}
