//! The leases of the daemon, with its clock.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::bgp::{AttributeSet, Nlri, NlriRef};
use crate::rib::{Ended, Leased, Leases, PeerId, PeerSet, Terms};

use super::sets::set_of;

/// Leases that end in one turn, or turn out to have been renewed.
const STEP: usize = 1_024;
/// Leases that are visited in one turn when a helper has died.
const VISITS: usize = 8_192;
/// Leases that are visited in one turn when the routes of neighbors are gone.
const SWEPT: usize = 4_096;
/// Sets of which peers are remembered until those without routes are looked for.
const SETS: usize = 2_048;
/// The longest wait: the clock of leases also counts time in which the machine slept, which timers do not.
const LOOK: Duration = Duration::from_secs(1);

/// The leases of the daemon.
#[derive(Default)]
pub(crate) struct LeaseTable {
    leases: RefCell<Leases>,
    /// The peers that routes of sets, without those of keys, were announced to since the set was last declared, by owner.
    reached: RefCell<HashMap<Rc<str>, PeerSet>>,
    /// Notified when the next deadline may be earlier.
    changed: Notify,
    /// Notified when [`sweep`](Self::sweep) has something to do, and when it is done.
    swept: Notify,
    /// How many have ended so far.
    pub(crate) ended: Cell<u64>,
}

impl LeaseTable {
    /// Returns `true` if nothing is recorded.
    pub(crate) fn is_empty(&self) -> bool {
        self.leases.borrow().is_empty()
    }

    /// Number of routes with a deadline.
    pub(crate) fn len(&self) -> usize {
        self.leases.borrow().len()
    }

    /// Number of recorded routes, with a deadline or not.
    pub(crate) fn recorded(&self) -> usize {
        self.leases.borrow().recorded()
    }

    /// Calls `visit` with some of the recorded routes, from a position on. Returns where to continue, or `None` at the end.
    pub(crate) fn visit(
        &self,
        from: u32,
        most: usize,
        visit: &mut dyn FnMut(Leased<'_>),
    ) -> Option<u32> {
        self.leases.borrow().visit(from, most, visit)
    }

    /// Calls `visit` with the recorded routes of an indexed owner.
    pub(crate) fn visit_owner(&self, owner: &str, visit: &mut dyn FnMut(Leased<'_>)) {
        self.leases.borrow().visit_owner(owner, visit);
    }

    /// Calls `visit` with what is recorded of a route for any of these peers.
    pub(crate) fn visit_route(
        &self,
        nlri: NlriRef<'_>,
        peers: &PeerSet,
        visit: &mut dyn FnMut(Leased<'_>),
    ) {
        self.leases.borrow().visit_route(nlri, peers, visit);
    }

    /// Number of routes of an owner.
    pub(crate) fn owned(&self, owner: &str) -> usize {
        self.leases.borrow().owned(owner)
    }

    /// Number of routes of the owners that this name is the beginning of.
    pub(crate) fn owned_below(&self, first: &str) -> usize {
        self.leases.borrow().owned_below(first)
    }

    /// The peers to which some owners announce a route.
    pub(crate) fn held(&self, nlri: NlriRef<'_>, is_own: &dyn Fn(&str) -> bool) -> PeerSet {
        self.leases.borrow().held(nlri, is_own)
    }

    /// Returns `true` if an owner has a route.
    pub(crate) fn holds(&self, owner: &str, nlri: NlriRef<'_>) -> bool {
        self.leases.borrow().holds(owner, nlri)
    }

    /// Records that a route is announced by a command, at a time that is the same for all routes of the command.
    pub(crate) fn announce(
        &self,
        route: (&Nlri, Option<&Rc<AttributeSet>>),
        peers: &PeerSet,
        (terms, at): (&Terms, Duration),
    ) {
        self.reach(&terms.owner, peers);
        let mut leases = self.leases.borrow_mut();
        let before = leases.next();
        leases.announce(route, peers, terms, at);
        if leases.next() != before {
            self.changed.notify_one();
        }
    }

    /// Records a route as another process has recorded it.
    pub(crate) fn restore(&self, leased: &Leased<'_>, indexed: bool) {
        self.reach(leased.owner, leased.peers);
        self.leases.borrow_mut().restore(leased, indexed);
        self.changed.notify_one();
    }

    /// Records that a route is withdrawn by a command.
    pub(crate) fn withdraw(&self, nlri: NlriRef<'_>, peers: &PeerSet) {
        self.leases.borrow_mut().withdraw(nlri, peers);
    }

    /// Notes which peers an owner announces to, if it is a set.
    fn reach(&self, owner: &Rc<str>, peers: &PeerSet) {
        if !matches!(set_of(owner), Some((_, None))) {
            return;
        }
        let mut reached = self.reached.borrow_mut();
        if let Some(known) = reached.get_mut(owner) {
            if !peers.is_subset(known) {
                known.union(peers);
            }
            return;
        }
        if reached.len() >= SETS {
            reached.retain(|owner, _| self.owned(owner) > 0);
        }
        reached.insert(Rc::clone(owner), peers.clone());
    }

    /// Notes that a set is declared: its routes are announced to these peers, and no others.
    pub(crate) fn declared(&self, owner: &Rc<str>, peers: PeerSet) {
        if let Some(known) = self.reached.borrow_mut().get_mut(owner) {
            *known = peers;
        }
    }

    /// The sets that lose routes with a peer. Those of a neighbor of a `range` stay there.
    pub(crate) fn sets_of(&self, peer: PeerId, range: Option<PeerId>) -> Vec<String> {
        let reached = self.reached.borrow();
        let loses = |peers: &PeerSet| {
            peers.contains(peer) && !range.is_some_and(|range| peers.contains(range))
        };
        let losing = reached
            .iter()
            .filter(|(owner, peers)| loses(peers) && self.owned(owner) > 0);
        let names = losing.filter_map(|(owner, _)| set_of(owner).map(|(set, _)| set.to_owned()));
        names.collect()
    }

    /// Ends the leases of neighbors whose routes are gone. [`sweep`](Self::sweep) does the work.
    pub(crate) fn forget(&self, peers: &PeerSet) {
        let mut reached = self.reached.borrow_mut();
        reached.values_mut().for_each(|known| known.subtract(peers));
        drop(reached);
        self.leases.borrow_mut().forget(peers);
        if self.is_sweeping() {
            self.swept.notify_waiters();
        }
    }

    /// Gives a neighbor the leases of the range that it is created from, whose routes it is announced.
    pub(crate) fn copy(&self, range: PeerId, neighbor: PeerId) {
        self.leases.borrow_mut().copy(range, neighbor);
        if self.is_sweeping() {
            self.swept.notify_waiters();
        }
    }

    /// Returns `true` while leases of neighbors whose routes are gone are still counted.
    pub(crate) fn is_sweeping(&self) -> bool {
        self.leases.borrow().is_sweeping()
    }

    /// Waits until it is no longer so.
    pub(crate) async fn swept(&self) {
        while self.is_sweeping() {
            self.swept.notified().await;
        }
    }

    /// Removes leases of neighbors whose routes are gone, a part of them in each turn, as long as the daemon runs.
    pub(crate) async fn sweep(&self) {
        loop {
            while !self.is_sweeping() {
                self.swept.notified().await;
            }
            self.finish_sweeps().await;
        }
    }

    /// Removes all that are left of them.
    pub(crate) async fn finish_sweeps(&self) {
        while self.leases.borrow_mut().sweep(SWEPT) {
            tokio::task::yield_now().await;
        }
        self.swept.notify_waiters();
    }

    /// Takes some of the leases that have ended. Returns `true` if there may be more.
    pub(crate) fn take(&self, ended: &mut Vec<Ended>) -> bool {
        let before = ended.len();
        let more = self.leases.borrow_mut().expired(now(), STEP, ended);
        self.ended
            .set(self.ended.get() + (ended.len() - before) as u64);
        more
    }

    /// Gives routes that owners announced in runs up to `run` a deadline after `wait`: a part of them, from a position on.
    /// Returns the position to continue at.
    pub(crate) fn doom(
        &self,
        (is_own, run): (&dyn Fn(&str) -> bool, u64),
        deadline: Duration,
        from: u32,
    ) -> Option<u32> {
        let mut leases = self.leases.borrow_mut();
        let next = leases.doom((is_own, run), deadline, from, VISITS);
        self.changed.notify_one();
        next
    }

    /// Waits until a lease may have ended.
    pub(crate) async fn due(&self) {
        loop {
            let next = self.leases.borrow().next();
            let Some(next) = next else {
                self.changed.notified().await;
                continue;
            };
            let left = next.saturating_sub(now());
            if left.is_zero() {
                return;
            }
            // Whichever comes first.
            let _ = tokio::time::timeout(left.min(LOOK), self.changed.notified()).await;
        }
    }
}

pub(crate) use super::clock::since_boot as now;
