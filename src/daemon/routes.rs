//! The routes of the daemon: the Adj-RIB-Out of all neighbors, the interned attributes, the watchdog groups, and the
//! answers that wait until routes have been sent.
//!
//! No borrow outlives a method, except the read-only one that [`Routes::rib`] returns.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use tracing::warn;

use crate::bgp::{AttributeSet, Family, Nlri, NlriRef};
use crate::grammar::{RouteText, Verb};
use crate::rib::adj_rib_out::{AdjRibOut, Budget, Filled, PeerOptions, Session, Unsent};
use crate::rib::{Change, Chunk, Interner, PeerId, PeerSet, Refusal, Run};

use super::message_log;
use super::queue::Queue;
use super::watchdog::{LeftGroup, Switch, Watchdogs};

/// Routes to announce, and what depends on whether they have been sent.
#[derive(Default)]
pub(crate) struct Routes {
    rib: RefCell<AdjRibOut>,
    interner: RefCell<Interner>,
    watchdogs: RefCell<Watchdogs>,
    /// Queues with answers that are held back until routes have been sent.
    waiting: RefCell<Vec<Rc<Queue>>>,
}

impl Routes {
    /// The Adj-RIB-Out, to read. The borrow must not be held across a call of another method.
    pub(crate) fn rib(&self) -> Ref<'_, AdjRibOut> {
        self.rib.borrow()
    }

    fn rib_mut(&self) -> RefMut<'_, AdjRibOut> {
        self.rib.borrow_mut()
    }

    /// Adds a neighbor, or changes its options.
    pub(crate) fn configure(&self, peer: PeerId, options: PeerOptions) {
        self.rib_mut().add_peer(peer, options);
    }

    /// Announces to a neighbor all routes of another one.
    pub(crate) fn copy(&self, from: PeerId, to: PeerId) {
        self.rib_mut().copy_routes(from, to);
    }

    /// Removes a neighbor with its routes and watchdog groups.
    pub(crate) fn remove(&self, peer: PeerId) {
        self.rib_mut().remove_peer(peer);
        self.watchdogs_mut().forget(peer);
    }

    /// Starts a session.
    pub(crate) fn up(&self, peer: PeerId, session: Session) {
        self.rib_mut().up(peer, session);
    }

    /// Starts a session that another process has established, of which only this is not sent yet.
    pub(crate) fn resume(&self, peer: PeerId, session: Session, unsent: &Unsent) {
        self.rib_mut().resume(peer, session, unsent);
    }

    /// Finishes work on the whole table.
    pub(crate) fn finish_sweeps(&self) {
        self.rib_mut().finish_sweeps();
    }

    /// All groups of neighbors, as another process needs to know them.
    pub(crate) fn left_groups(&self) -> Vec<(PeerId, LeftGroup)> {
        self.watchdogs.borrow().left()
    }

    /// Continues with a neighbor's group as another process has left it. Nothing is announced or withdrawn.
    pub(crate) fn resume_group(&self, peer: PeerId, left: LeftGroup) {
        self.watchdogs_mut().resume(peer, left);
    }

    /// Ends a session.
    pub(crate) fn down(&self, peer: PeerId) {
        self.rib_mut().down(peer);
        self.arrived(peer);
    }

    /// Checks whether a change can be applied.
    ///
    /// # Errors
    /// Why no neighbor can be sent the route.
    pub(crate) fn check(&self, change: &Change) -> Result<(), Refusal> {
        self.rib_mut().check(change)
    }

    /// Applies a change. Returns `false` if no neighbor has its family.
    pub(crate) fn apply(&self, change: &Change) -> bool {
        message_log::change(change);
        self.rib_mut().apply(change).accepted > 0
    }

    /// Applies a change of which nobody has to be told if no neighbor has its family.
    pub(crate) fn apply_quietly(&self, change: &Change) {
        self.apply(change);
    }

    /// Applies a run. Returns `false`, with nothing changed, if its changes must be checked, applied and logged one by one.
    pub(crate) fn apply_run(&self, run: &Run<'_>) -> bool {
        !message_log::shows_changes() && self.rib_mut().apply_run(run)
    }

    /// The path identifiers (0: none) under which a prefix is announced to a neighbor.
    pub(crate) fn paths_to(&self, peer: PeerId, nlri: NlriRef<'_>) -> Vec<u32> {
        self.rib_mut().paths_to(peer, nlri)
    }

    /// The routes of a neighbor by family: see [`AdjRibOut::most_routes_of`].
    pub(crate) fn most_routes_of(&self, peer: PeerId) -> Option<BTreeMap<Family, u64>> {
        self.rib().most_routes_of(peer)
    }

    /// The same, by a walk over the table: see [`AdjRibOut::routes_of`].
    pub(crate) fn routes_of(
        &self,
        peer: PeerId,
        paths: impl Fn(Family) -> bool,
    ) -> BTreeMap<Family, u64> {
        self.rib().routes_of(peer, paths)
    }

    /// Returns `true` if any route of one of the families has a path identifier.
    pub(crate) fn has_paths(&self, families: impl Iterator<Item = Family>) -> bool {
        self.rib().has_paths(families)
    }

    /// The neighbors that a route is announced to; given attributes, only those that it is announced to with exactly these.
    pub(crate) fn holders(
        &self,
        nlri: NlriRef<'_>,
        attributes: Option<&Rc<AttributeSet>>,
    ) -> PeerSet {
        self.rib_mut().holders(nlri, attributes)
    }

    /// Returns `true` if a change announces what is announced to its neighbors already.
    pub(crate) fn is_announced(&self, change: &Change) -> bool {
        self.rib_mut().is_announced(change)
    }

    /// The neighbors that have a route in Adj-RIB-Out, by any of its paths, whether their sessions are established or not.
    pub(crate) fn announced_to(&self, nlri: &Nlri) -> PeerSet {
        self.rib_mut().announced_to(nlri.as_ref())
    }

    /// Counts the routes of neighbors: see [`AdjRibOut::count_routes`].
    pub(crate) fn count(
        &self,
        from: u32,
        most: usize,
        count: &mut impl FnMut(PeerId, Family, u64),
    ) -> Option<u32> {
        self.rib().count_routes(from, most, count)
    }

    /// Sends a neighbor its routes of a family again.
    pub(crate) fn refresh(&self, peer: PeerId, family: Family) {
        self.rib_mut().refresh(peer, family);
    }

    /// Sends End-of-RIB.
    pub(crate) fn end_of_rib(&self, peers: &PeerSet, family: Family) {
        self.rib_mut().eor(peers, family);
    }

    /// Continues with a session whose refreshes of these families have no marks before End-of-RIB.
    pub(crate) fn resume_unmarked(&self, peer: PeerId, families: &[Family]) {
        self.rib_mut().resume_unmarked(peer, families);
    }

    /// Sends all routes again.
    pub(crate) fn flush(&self, peers: &PeerSet) {
        self.rib_mut().flush(peers);
    }

    /// Withdraws all routes.
    pub(crate) fn clear(&self, peers: &PeerSet) {
        self.rib_mut().clear(peers);
    }

    /// Writes the next messages of a neighbor. Returns how many, and whether there are more.
    pub(crate) fn fill(
        &self,
        peer: PeerId,
        budget: Budget,
        out: &mut impl FnMut(Chunk),
    ) -> (Filled, bool) {
        let mut rib = self.rib_mut();
        let filled = rib.fill_chunks(peer, budget, out);
        let more = rib.has_work(peer);
        (filled, more)
    }

    /// Reports the neighbors that have something to send since the last call.
    pub(crate) fn take_wakeups(&self, wake: &mut impl FnMut(PeerId)) {
        self.rib_mut().take_wakeups(wake);
    }

    /// Logs routes that could not be sent to a neighbor.
    pub(crate) fn log_unsendable(&self) {
        self.rib_mut().take_unsendable(&mut |unsendable| {
            warn!(route = %unsendable.nlri, "the route can't be sent: {}", unsendable.refusal);
        });
    }

    /// The table of interned attributes.
    pub(crate) fn interner(&self) -> RefMut<'_, Interner> {
        self.interner.borrow_mut()
    }

    /// The one `Rc` of equal attributes.
    pub(crate) fn intern(&self, attributes: Rc<AttributeSet>) -> Rc<AttributeSet> {
        self.interner().intern_shared(attributes)
    }
}

/// Watchdog groups.
impl Routes {
    fn watchdogs_mut(&self) -> RefMut<'_, Watchdogs> {
        self.watchdogs.borrow_mut()
    }

    /// Adds the routes of a configured statement to a group.
    pub(crate) fn guard(
        &self,
        peer: PeerId,
        name: &str,
        route: &RouteText,
        attributes: &Rc<AttributeSet>,
    ) {
        let mut watchdogs = self.watchdogs_mut();
        watchdogs.add(peer, name, route, attributes);
    }

    /// Replaces the groups of a neighbor. Returns the changes to apply.
    pub(crate) fn replace_groups(&self, peer: PeerId, routes: &[RouteText]) -> Vec<Change> {
        self.watchdogs_mut().replace(peer, routes)
    }

    /// Notes that a route of a group could not be announced, so that the next command announces it.
    pub(crate) fn hold_back(&self, peer: PeerId, nlri: &Nlri) {
        self.watchdogs_mut().hold_back(peer, nlri.as_ref());
    }

    /// The changes that announcing or withdrawing the groups of that name makes. Nothing is switched yet.
    pub(crate) fn changes_of_group(&self, peers: &PeerSet, name: &str, verb: Verb) -> Vec<Change> {
        self.watchdogs.borrow().changes(peers, name, verb)
    }

    /// Notes that the groups of that name are announced or withdrawn. Returns the neighbors for which that is new.
    pub(crate) fn switch_group(&self, peers: &PeerSet, name: &str, switch: &Switch) -> PeerSet {
        self.watchdogs_mut().switch(peers, name, switch)
    }

    /// Calls `visit` for each route that the groups of a neighbor announce.
    pub(crate) fn announced_by_groups(
        &self,
        peer: PeerId,
        visit: &mut dyn FnMut(&Nlri, &Rc<AttributeSet>),
    ) {
        self.watchdogs.borrow().announced(peer, visit);
    }

    /// Calls `visit` for each group that a command has switched.
    pub(crate) fn switches(&self, visit: &mut dyn FnMut(PeerId, &str, &Switch)) {
        self.watchdogs.borrow().switches(visit);
    }

    /// Forgets what commands to earlier runs of the daemon have made of a group. Returns the changes to apply.
    pub(crate) fn abandon_group(&self, peer: PeerId, name: &str) -> Vec<Change> {
        self.watchdogs_mut().abandon(peer, name)
    }

    /// Returns `true` if one of these neighbors has a route in a group of that name.
    pub(crate) fn has_group(&self, peers: &PeerSet, name: &str) -> bool {
        self.watchdogs.borrow().has(peers, name)
    }
}

/// Answers that wait.
impl Routes {
    /// Sets the point up to which routes must be sent before a queue releases the answers that it holds back.
    pub(crate) fn hold_answers(&self, queue: &Rc<Queue>) {
        let sealed = queue.seal(
            |peers| self.rib_mut().mark(peers),
            |mark, peer| self.rib().is_reached(mark, peer),
        );
        let mut waiting = self.waiting.borrow_mut();
        if sealed && queue.holds_back() && !waiting.iter().any(|other| Rc::ptr_eq(other, queue)) {
            waiting.push(Rc::clone(queue));
        }
    }

    /// Releases answers: everything that the RIB produced for a neighbor has been sent, or its session has ended.
    pub(crate) fn arrived(&self, peer: PeerId) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() {
            let rib = self.rib();
            waiting.retain(|queue| queue.arrived(peer, |mark| rib.is_reached(mark, peer)));
        }
    }
}
