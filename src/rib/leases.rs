//! Routes that end by themselves: announced with a lifetime, or by an owner whose routes end some time after it has.
//!
//! A lease is not an attribute: two announcements that differ in their lifetime are the same route, and announcing again
//! only renews. There is no timer for each lease. A heap holds deadlines; a renewed lease stays where it is in the heap
//! and is put back when its old deadline comes, so that a million routes that are renewed every minute cost one comparison
//! each. Time is a duration since any fixed point, which the caller chooses.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

mod lease;
mod part;
mod removals;
mod types;

use super::slab::Slab;
use super::{PeerId, PeerSet};
use crate::bgp::{AttributeSet, Nlri, NlriRef};
use lease::Lease;
use part::{Part, Parts};
use removals::Removals;
pub use types::{Ended, Leased, Lifetime, Terms};

/// Entries of the heap that may be out of date before they are swept.
const SLACK: usize = 1_024;

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
    removals: Removals,
}

impl Leases {
    /// Records that a route is announced. The attributes are only stored. Peers for which the route stays equally long share a
    /// lease afterwards, whatever they had before.
    pub fn announce(
        &mut self,
        route: (&Nlri, Option<&Rc<AttributeSet>>),
        peers: &PeerSet,
        terms: &Terms,
        now: Duration,
    ) {
        let mut others = peers.clone();
        let mut parts = Parts::default();
        for id in self.of(route.0.as_ref()) {
            self.settle(id);
            let Some(lease) = self.list.get(id) else {
                continue;
            };
            let mut both = lease.peers.clone();
            both.intersect(peers);
            if both.is_empty() {
                continue;
            }
            others.subtract(&both);
            let known = lease.length.filter(|_| lease.owner == terms.owner);
            let length = terms.length(known);
            let reused = (both == lease.peers).then_some(id);
            let keep = length.is_some() || terms.tracked;
            if !keep || !parts.add(length, &both, reused) {
                self.shrink(id, &both);
            }
        }
        let length = terms.length(None);
        if !others.is_empty() && (length.is_some() || terms.tracked) {
            parts.add(length, &others, None);
        }
        for part in parts.0 {
            let end = |length: Duration| now + terms.left.map_or(length, |left| left.min(length));
            let deadline = part.length.map(end);
            let id = self.record(route, part, (peers, terms));
            self.set(id, deadline);
        }
    }

    /// Records a part of the peers of a route, in the lease that some of them have or in a new one. Returns its number.
    fn record(
        &mut self,
        (nlri, attributes): (&Nlri, Option<&Rc<AttributeSet>>),
        part: Part,
        (peers, terms): (&PeerSet, &Terms),
    ) -> u32 {
        let selector = terms.selector.clone().filter(|_| part.peers == *peers);
        let Some((id, lease)) = part.lease.and_then(|id| Some((id, self.list.get_mut(id)?))) else {
            return self.add(Lease {
                nlri: nlri.clone(),
                attributes: attributes.cloned(),
                peers: part.peers,
                owner: Rc::clone(&terms.owner),
                selector,
                run: terms.run,
                indexed: terms.indexed,
                length: part.length,
                deadline: None,
                queued: None,
                settled: 0,
            });
        };
        let (owner, was_indexed) = (Rc::clone(&lease.owner), lease.indexed);
        lease.run = terms.run;
        lease.length = part.length;
        lease.peers = part.peers;
        lease.selector = selector;
        lease.attributes = attributes.cloned();
        if lease.nlri != *nlri {
            lease.nlri.clone_from(nlri);
        }
        if owner != terms.owner {
            self.count(id, false);
            self.index_owner(&owner, (id, was_indexed), false);
            if let Some(lease) = self.list.get_mut(id) {
                lease.owner = Rc::clone(&terms.owner);
                lease.indexed = terms.indexed;
            }
            self.count(id, true);
            self.index_owner(&terms.owner, (id, terms.indexed), true);
        }
        id
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
            settled: 0,
        });
        self.set(id, leased.deadline);
    }

    /// Records that a route is withdrawn.
    pub fn withdraw(&mut self, nlri: NlriRef<'_>, peers: &PeerSet) {
        if self.is_empty() {
            return;
        }
        for id in self.of(nlri) {
            self.settle(id);
            self.shrink(id, peers);
        }
    }

    /// Ends all leases of these peers, whose routes are gone. It is as if that happened at once, but for the numbers of leases,
    /// which are right once [`sweep`](Self::sweep) has visited all.
    pub fn forget(&mut self, peers: &PeerSet) {
        if !self.is_empty() {
            self.removals.add(peers);
        }
    }

    /// Has all leases of one peer include another one, which has none: it is announced the same routes.
    pub fn copy(&mut self, from: PeerId, to: PeerId) {
        if !self.is_empty() {
            self.removals.copy(from, to);
        }
    }

    /// Carries out a part of [`forget`](Self::forget) and [`copy`](Self::copy): visits at most `most` leases. Returns `true` if
    /// there are more.
    pub fn sweep(&mut self, most: usize) -> bool {
        let count = most / self.removals.len().max(1);
        let places = self.removals.step(count.max(1), self.list.end());
        for id in places {
            self.settle(id);
        }
        self.removals.finish_step();
        self.is_sweeping()
    }

    /// Returns `true` if [`sweep`](Self::sweep) is to be called.
    pub fn is_sweeping(&self) -> bool {
        self.removals.len() > 0
    }

    /// Applies to a lease what has become of peers since it was last looked at.
    fn settle(&mut self, id: u32) {
        let Some(lease) = self.list.get_mut(id) else {
            return;
        };
        let now = self.removals.applied(lease.settled, &lease.peers);
        lease.settled = self.removals.settled();
        if let Some(now) = now {
            if !lease.peers.is_subset(&now) {
                lease.selector = None;
            }
            lease.peers = now;
            if lease.peers.is_empty() {
                self.remove(id);
            }
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
            lease.show(&self.removals, visit);
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
        for lease in self.of(nlri).into_iter().filter_map(|id| self.list.get(id)) {
            lease.show(&self.removals, &mut |leased| {
                if leased.peers.intersects(peers) {
                    visit(leased);
                }
            });
        }
    }

    /// Calls `visit` with the recorded routes of an [indexed](Terms::indexed) owner.
    pub fn visit_owner(&self, owner: &str, visit: &mut dyn FnMut(Leased<'_>)) {
        let ids = self.by_owner.get(owner).into_iter().flatten();
        for lease in ids.filter_map(|id| self.list.get(*id)) {
            lease.show(&self.removals, visit);
        }
    }

    /// Number of recorded routes, with a deadline or not.
    pub const fn recorded(&self) -> usize {
        self.list.len()
    }

    /// Sets a deadline for routes of owners that were announced in runs up to `run`, and were not announced again since. Visits
    /// about `most` leases from `from`. Returns where to continue, or `None` at the end.
    pub fn doom(
        &mut self,
        (is_own, run): (&dyn Fn(&str) -> bool, u64),
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
            if lease.run <= run
                && lease.deadline.is_none_or(|own| own > deadline)
                && is_own(&lease.owner)
            {
                doomed.push(id);
            }
        }
        for id in doomed {
            self.set(id, Some(deadline));
        }
        next
    }

    /// Moves routes whose deadline has passed to `ended`, after a look at no more than `most` entries of the heap. Returns
    /// `true` if there are more.
    pub fn expired(&mut self, now: Duration, most: usize, ended: &mut Vec<Ended>) -> bool {
        for _ in 0..most {
            match self.heap.peek() {
                Some(Reverse((at, _))) if *at <= now => {}
                _ => return false,
            }
            let Some(Reverse((at, id))) = self.heap.pop() else {
                return false;
            };
            self.settle(id);
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
        true
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

    /// Number of distinct routes of an owner that are recorded, to however many peers.
    pub fn owned(&self, owner: &str) -> usize {
        self.owned.get(owner).copied().unwrap_or_default()
    }

    /// The same for all owners whose names are `first`, or begin with it and a space.
    pub fn owned_below(&self, first: &str) -> usize {
        let is_below = |name: &str| {
            let rest = name.strip_prefix(first);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        // No character of a name is before the space: they are next to each other.
        let from = (Bound::Included(first), Bound::Unbounded);
        self.owned
            .range::<str, _>(from)
            .take_while(|(name, _)| is_below(name))
            .map(|(_, count)| count)
            .sum()
    }

    /// Returns `true` if a route of that owner is recorded.
    pub fn holds(&self, owner: &str, nlri: NlriRef<'_>) -> bool {
        !self.held(nlri, &|other| *other == *owner).is_empty()
    }

    /// The peers to which some owners announce a route.
    pub fn held(&self, nlri: NlriRef<'_>, is_own: &dyn Fn(&str) -> bool) -> PeerSet {
        let mut peers = PeerSet::new();
        for lease in self.of(nlri).into_iter().filter_map(|id| self.list.get(id)) {
            if is_own(&lease.owner) {
                lease.show(&self.removals, &mut |leased| peers.union(leased.peers));
            }
        }
        peers
    }

    /// Counts the route of a lease that is added or removed, unless its owner has another lease of the same route.
    fn count(&mut self, id: u32, more: bool) {
        let Some(lease) = self.list.get(id) else {
            return;
        };
        let owner = Rc::clone(&lease.owner);
        let is_another = |other: &u32| {
            let lease = self.list.get(*other).filter(|_| *other != id);
            lease.is_some_and(|lease| lease.owner == owner)
        };
        if self.of(lease.nlri.as_ref()).iter().any(is_another) {
            return;
        }
        if more {
            *self.owned.entry(owner).or_default() += 1;
        } else if let Some(count) = self.owned.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.owned.remove(&owner);
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

    fn add(&mut self, mut lease: Lease) -> u32 {
        lease.settled = self.removals.settled();
        let hash_of_new = hash(&self.state, lease.nlri.as_ref());
        let (owner, indexed) = (Rc::clone(&lease.owner), lease.indexed);
        let id = self.list.insert(lease);
        self.index_owner(&owner, (id, indexed), true);
        let place = (hash_of_new, id);
        self.index
            .insert_unique(hash_of_new, place, |place| place.0);
        self.count(id, true);
        id
    }

    fn remove(&mut self, id: u32) -> Option<Lease> {
        self.count(id, false);
        let lease = self.list.remove(id)?;
        self.limited -= usize::from(lease.deadline.is_some());
        self.index_owner(&lease.owner, (id, lease.indexed), false);
        let hash = hash(&self.state, lease.nlri.as_ref());
        if let Ok(found) = self.index.find_entry(hash, |place| place.1 == id) {
            found.remove();
        }
        if self.list.len() == 0 {
            self.heap.clear();
            self.removals.clear();
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
