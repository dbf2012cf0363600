//! Routes that end by themselves: announced with a lifetime, or by an owner whose routes end some time after it has.
//!
//! A lease is not an attribute: two announcements that differ in their lifetime are the same route, and announcing again
//! only renews. There is no timer for each lease. A heap holds deadlines; a renewed lease stays where it is in the heap
//! and is put back when its old deadline comes, so that a million routes that are renewed every minute cost one comparison
//! each. Time is a duration since any fixed point, which the caller chooses.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::slab::Slab;
use super::{PeerId, PeerSet};
use crate::bgp::{AttributeSet, Nlri, NlriRef};

/// Entries of the heap that may be out of date before they are swept.
const SLACK: usize = 1_024;

/// How long an announced route is to stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// Nothing is said about it: a lease that the route has is renewed.
    #[default]
    Unchanged,
    /// Until it is withdrawn.
    Forever,
    /// For that long, unless it is announced again.
    For(Duration),
}

/// Who announces, and for how long.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The helper or operator.
    pub owner: Rc<str>,
    /// Which run of the owner: routes of earlier runs end with [`Leases::doom`].
    pub run: u64,
    /// Whether routes without a lifetime are recorded as well, since they may end with their owner.
    pub tracked: bool,
    /// How long the route is to stay.
    pub lifetime: Lifetime,
    /// How long a route is to stay that has no lease, if nothing is said about it.
    pub default: Option<Duration>,
    /// How much of that time is left, if part of it has passed.
    pub left: Option<Duration>,
    /// The selector that selected the peers, if it is to be remembered.
    pub selector: Option<Rc<str>>,
    /// Whether [`Leases::visit_owner`] is to find the routes of this owner, who has few.
    pub indexed: bool,
}

/// A recorded route.
#[derive(Clone, Debug)]
pub struct Leased<'a> {
    /// The route.
    pub nlri: &'a Nlri,
    /// Its attributes, if they were given.
    pub attributes: Option<&'a Rc<AttributeSet>>,
    /// The peers that it is announced to.
    pub peers: &'a PeerSet,
    /// Who announced it.
    pub owner: &'a Rc<str>,
    /// In which run of the owner.
    pub run: u64,
    /// The selector, as long as the peers are those that it selected.
    pub selector: Option<&'a Rc<str>>,
    /// How long it stays when it is announced.
    pub length: Option<Duration>,
    /// When it ends.
    pub deadline: Option<Duration>,
}

/// A route that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The route.
    pub nlri: Nlri,
    /// The peers that it was announced to.
    pub peers: PeerSet,
    /// Who announced it.
    pub owner: Rc<str>,
}

#[derive(Debug)]
struct Lease {
    nlri: Nlri,
    attributes: Option<Rc<AttributeSet>>,
    peers: PeerSet,
    owner: Rc<str>,
    selector: Option<Rc<str>>,
    run: u64,
    indexed: bool,
    length: Option<Duration>,
    deadline: Option<Duration>,
    /// Its deadline in the heap.
    queued: Option<Duration>,
}

impl Lease {
    fn shown(&self) -> Leased<'_> {
        Leased {
            nlri: &self.nlri,
            attributes: self.attributes.as_ref(),
            peers: &self.peers,
            owner: &self.owner,
            run: self.run,
            selector: self.selector.as_ref(),
            length: self.length,
            deadline: self.deadline,
        }
    }
}

/// All leases.
#[derive(Debug, Default)]
pub struct Leases {
    list: Slab<Lease>,
    /// Hash and lease: growing it reads no leases.
    index: HashTable<(u64, u32)>,
    state: RandomState,
    heap: BinaryHeap<Reverse<(Duration, u32)>>,
    /// Leases with a deadline.
    limited: usize,
    /// Leases by owner.
    owned: BTreeMap<Rc<str>, usize>,
    /// The leases of indexed owners.
    by_owner: BTreeMap<Rc<str>, Vec<u32>>,
}

impl Leases {
    /// Records that a route is announced. The attributes are only stored.
    pub fn announce(
        &mut self,
        (nlri, attributes): (&Nlri, Option<&Rc<AttributeSet>>),
        peers: &PeerSet,
        terms: &Terms,
        now: Duration,
    ) {
        let whole = |part: &PeerSet| terms.selector.clone().filter(|_| part == peers);
        let end = |length: Duration| now + terms.left.map_or(length, |left| left.min(length));
        let mut others = peers.clone();
        let mut parts: SmallVec<[(PeerSet, Option<Duration>); 1]> = SmallVec::new();
        for id in self.of(nlri.as_ref()) {
            let Some(lease) = self.list.get_mut(id) else {
                continue;
            };
            let mut both = lease.peers.clone();
            both.intersect(peers);
            if both.is_empty() {
                continue;
            }
            others.subtract(&both);
            let length = match terms.lifetime {
                Lifetime::Unchanged => lease.length.or(terms.default),
                Lifetime::Forever => None,
                Lifetime::For(length) => Some(length),
            };
            let keep = length.is_some() || terms.tracked;
            if keep && both == lease.peers {
                let before = std::mem::replace(&mut lease.owner, Rc::clone(&terms.owner));
                let was_indexed = std::mem::replace(&mut lease.indexed, terms.indexed);
                lease.run = terms.run;
                lease.length = length;
                lease.selector = whole(&both);
                if let Some(attributes) = attributes {
                    lease.attributes = Some(Rc::clone(attributes));
                    lease.nlri.clone_from(nlri);
                }
                if before != terms.owner {
                    self.count(&before, false);
                    self.count(&terms.owner, true);
                    self.index_owner(&before, (id, was_indexed), false);
                    self.index_owner(&terms.owner, (id, terms.indexed), true);
                }
                self.set(id, length.map(end));
                continue;
            }
            if keep {
                parts.push((both.clone(), length));
            }
            self.shrink(id, &both);
        }
        let length = match terms.lifetime {
            Lifetime::For(length) => Some(length),
            Lifetime::Unchanged => terms.default,
            Lifetime::Forever => None,
        };
        if !others.is_empty() && (length.is_some() || terms.tracked) {
            parts.push((others, length));
        }
        for (peers, length) in parts {
            let selector = whole(&peers);
            let id = self.add(Lease {
                nlri: nlri.clone(),
                attributes: attributes.cloned(),
                peers,
                owner: Rc::clone(&terms.owner),
                selector,
                run: terms.run,
                indexed: terms.indexed,
                length,
                deadline: None,
                queued: None,
            });
            self.set(id, length.map(end));
        }
    }

    /// Records a route as another table has it, whose time is this one's. Nothing may be recorded of it for these peers.
    pub fn restore(&mut self, leased: &Leased<'_>, indexed: bool) {
        let id = self.add(Lease {
            nlri: leased.nlri.clone(),
            attributes: leased.attributes.cloned(),
            peers: leased.peers.clone(),
            owner: Rc::clone(leased.owner),
            selector: leased.selector.cloned(),
            run: leased.run,
            indexed,
            length: leased.length,
            deadline: None,
            queued: None,
        });
        self.set(id, leased.deadline);
    }

    /// Records that a route is withdrawn.
    pub fn withdraw(&mut self, nlri: NlriRef<'_>, peers: &PeerSet) {
        if self.is_empty() {
            return;
        }
        for id in self.of(nlri) {
            self.shrink(id, peers);
        }
    }

    /// Ends all leases of these peers, whose routes are gone.
    pub fn forget(&mut self, peers: &PeerSet) {
        let ids: Vec<u32> = self.list.iter_from(0).map(|(id, _)| id).collect();
        for id in ids {
            self.shrink(id, peers);
        }
    }

    /// Takes peers off a lease.
    fn shrink(&mut self, id: u32, peers: &PeerSet) {
        if let Some(lease) = self.list.get_mut(id)
            && lease.peers.intersects(peers)
        {
            lease.peers.subtract(peers);
            lease.selector = None;
            if lease.peers.is_empty() {
                self.remove(id);
            }
        }
    }

    /// Calls `visit` with about `most` recorded routes from a position on. Returns where to continue, or `None` at the end.
    pub fn visit(&self, from: u32, most: usize, visit: &mut dyn FnMut(Leased<'_>)) -> Option<u32> {
        for (count, (id, lease)) in self.list.iter_from(from).enumerate() {
            if count == most {
                return Some(id);
            }
            visit(lease.shown());
        }
        None
    }

    /// Calls `visit` with what is recorded of a route for any of these peers.
    pub fn visit_route(
        &self,
        nlri: NlriRef<'_>,
        peers: &PeerSet,
        visit: &mut dyn FnMut(Leased<'_>),
    ) {
        let leases = self.of(nlri).into_iter().filter_map(|id| self.list.get(id));
        for lease in leases.filter(|lease| lease.peers.intersects(peers)) {
            visit(lease.shown());
        }
    }

    /// Calls `visit` with the recorded routes of an [indexed](Terms::indexed) owner.
    pub fn visit_owner(&self, owner: &str, visit: &mut dyn FnMut(Leased<'_>)) {
        let ids = self.by_owner.get(owner).into_iter().flatten();
        for lease in ids.filter_map(|id| self.list.get(*id)) {
            visit(lease.shown());
        }
    }

    /// Number of recorded routes, with a deadline or not.
    pub const fn recorded(&self) -> usize {
        self.list.len()
    }

    /// Sets a deadline for routes that an owner announced in runs up to `run`, and did not announce again since. Visits
    /// about `most` leases from `from`. Returns where to continue, or `None` at the end.
    pub fn doom(
        &mut self,
        (owner, run): (&str, u64),
        deadline: Duration,
        from: u32,
        most: usize,
    ) -> Option<u32> {
        let mut doomed = Vec::new();
        let mut next = None;
        for (count, (id, lease)) in self.list.iter_from(from).enumerate() {
            if count == most {
                next = Some(id);
                break;
            }
            if *lease.owner == *owner
                && lease.run <= run
                && lease.deadline.is_none_or(|own| own > deadline)
            {
                doomed.push(id);
            }
        }
        for id in doomed {
            self.set(id, Some(deadline));
        }
        next
    }

    /// Takes routes whose deadline has passed, at most `most`.
    pub fn expired(&mut self, now: Duration, most: usize) -> Vec<Ended> {
        let mut ended = Vec::new();
        while ended.len() < most {
            match self.heap.peek() {
                Some(Reverse((at, _))) if *at <= now => {}
                _ => break,
            }
            let Some(Reverse((at, id))) = self.heap.pop() else {
                break;
            };
            let Some(lease) = self
                .list
                .get_mut(id)
                .filter(|lease| lease.queued == Some(at))
            else {
                continue;
            };
            lease.queued = None;
            match lease.deadline {
                Some(deadline) if deadline <= now => {
                    if let Some(lease) = self.remove(id) {
                        ended.push(Ended {
                            nlri: lease.nlri,
                            peers: lease.peers,
                            owner: lease.owner,
                        });
                    }
                }
                // It was renewed.
                Some(deadline) => self.queue(id, deadline),
                None => {}
            }
        }
        ended
    }

    /// When [`expired`](Self::expired) is to be called next: not later than the next deadline.
    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Number of routes with a deadline.
    pub const fn len(&self) -> usize {
        self.limited
    }

    /// Returns `true` if nothing is recorded.
    pub const fn is_empty(&self) -> bool {
        self.list.len() == 0
    }

    /// Number of routes of an owner that are recorded; one that is announced differently to several peers counts as
    /// several.
    pub fn owned(&self, owner: &str) -> usize {
        self.owned.get(owner).copied().unwrap_or_default()
    }

    /// Returns `true` if a route of that owner is recorded.
    pub fn holds(&self, owner: &str, nlri: NlriRef<'_>) -> bool {
        let own = |id: &u32| {
            self.list
                .get(*id)
                .is_some_and(|lease| *lease.owner == *owner)
        };
        self.of(nlri).iter().any(own)
    }

    fn count(&mut self, owner: &Rc<str>, more: bool) {
        if more {
            *self.owned.entry(Rc::clone(owner)).or_default() += 1;
        } else if let Some(count) = self.owned.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                self.owned.remove(owner);
            }
        }
    }

    /// Adds a lease to the index of its owner, or removes it there.
    fn index_owner(&mut self, owner: &Rc<str>, (id, indexed): (u32, bool), more: bool) {
        if !indexed {
            return;
        }
        if more {
            self.by_owner.entry(Rc::clone(owner)).or_default().push(id);
        } else if let Some(ids) = self.by_owner.get_mut(owner) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_owner.remove(owner);
            }
        }
    }

    /// Sets the deadline of a lease.
    fn set(&mut self, id: u32, deadline: Option<Duration>) {
        let Some(lease) = self.list.get_mut(id) else {
            return;
        };
        self.limited -= usize::from(lease.deadline.is_some());
        self.limited += usize::from(deadline.is_some());
        lease.deadline = deadline;
        if let Some(deadline) = deadline
            && lease.queued.is_none_or(|queued| queued > deadline)
        {
            self.queue(id, deadline);
        }
    }

    fn queue(&mut self, id: u32, at: Duration) {
        if let Some(lease) = self.list.get_mut(id) {
            lease.queued = Some(at);
            self.heap.push(Reverse((at, id)));
        }
        if self.heap.len() > 2 * self.list.len() + SLACK {
            let list = &self.list;
            self.heap.retain(|Reverse((at, id))| {
                list.get(*id).is_some_and(|lease| lease.queued == Some(*at))
            });
        }
    }

    fn add(&mut self, lease: Lease) -> u32 {
        let hash_of_new = hash(&self.state, lease.nlri.as_ref());
        let (owner, indexed) = (Rc::clone(&lease.owner), lease.indexed);
        self.count(&owner, true);
        let id = self.list.insert(lease);
        self.index_owner(&owner, (id, indexed), true);
        let place = (hash_of_new, id);
        self.index
            .insert_unique(hash_of_new, place, |place| place.0);
        id
    }

    fn remove(&mut self, id: u32) -> Option<Lease> {
        let lease = self.list.remove(id)?;
        self.limited -= usize::from(lease.deadline.is_some());
        self.count(&lease.owner, false);
        self.index_owner(&lease.owner, (id, lease.indexed), false);
        let hash = hash(&self.state, lease.nlri.as_ref());
        if let Ok(found) = self.index.find_entry(hash, |place| place.1 == id) {
            found.remove();
        }
        if self.list.len() == 0 {
            self.heap.clear();
        }
        Some(lease)
    }

    /// The leases of a route.
    fn of(&self, nlri: NlriRef<'_>) -> SmallVec<[u32; 2]> {
        if self.is_empty() {
            return SmallVec::new();
        }
        let key = nlri.key();
        let hash = hash(&self.state, nlri);
        let same = |(other, id): &(u64, u32)| {
            let lease = self.list.get(*id).filter(|_| *other == hash)?;
            let other = lease.nlri.as_ref();
            let same =
                other.family == nlri.family && path(other) == path(nlri) && other.key() == key;
            same.then_some(*id)
        };
        self.index.iter_hash(hash).filter_map(same).collect()
    }

    /// Ends the leases of one peer.
    pub fn forget_one(&mut self, peer: PeerId) {
        if !self.is_empty() {
            self.forget(&std::iter::once(peer).collect());
        }
    }
}

/// The path identifier; as in ExaBGP, 0 means none.
fn path(nlri: NlriRef<'_>) -> u32 {
    nlri.path_id.unwrap_or_default()
}

fn hash(state: &RandomState, nlri: NlriRef<'_>) -> u64 {
    let mut hasher = state.build_hasher();
    nlri.family.hash(&mut hasher);
    hasher.write_u32(path(nlri));
    hasher.write(&nlri.key());
    hasher.finish()
}
