//! What commands do: implements [`Control`] of the helper protocol for the [`Core`].
//!
//! A helper may send commands to the neighbors whose `api` blocks name it, an operator to all neighbors.

use std::cell::OnceCell;
use std::rc::Rc;

use tracing::warn;

use crate::api::changes::Changes;
use crate::api::command::{CommandError, ErrorKind};
use crate::api::control::{
    Among, CheckStatus, Control, DaemonStatus, ListedRoute, NeighborStatus, NewPeer, ReloadStep,
    Request as Asked, RibSide, RouteIndex, RoutePlace, Sending,
};
use crate::bgp::message::operational::Operational;
use crate::bgp::next_hop_rule::{NextHopError, NextHops, depends_on_session, resolve};
use crate::bgp::{AttributeSet, Family, Notification, Sender};
use crate::config::Secrets;
use crate::grammar::{Selector, Verb};
use crate::journal::OPERATOR;
use crate::rib::{Action, Change, PeerId, PeerSet, Run};

use super::advisory;
use super::authority::{Authority, Toll, may_declare};
use super::clock::unix;
use super::control::paths;
use super::core::Core;
use super::graceful_restart;
use super::guard::Rejection;
use super::lease_table;
use super::listing;
use super::neighbor::Neighbor;
use super::neighbors::Listed;
use super::peer_commands;
use super::peer_status::status;
use super::refresh;
use super::reload_step;
use super::sets::{owner_name, set_of};
use super::signal::Request;
use super::watchdog::Switch;

/// The backend of the commands of one helper or operator.
pub(crate) struct ApiBackend<'a> {
    pub(super) core: &'a Rc<Core>,
    /// The helper's name; `None` for an operator.
    helper: Option<&'a str>,
    /// The changes are those of a set.
    is_set: bool,
    own: OnceCell<Authority>,
}

impl<'a> ApiBackend<'a> {
    pub(crate) const fn new(core: &'a Rc<Core>, helper: Option<&'a str>) -> Self {
        Self {
            core,
            helper,
            is_set: false,
            own: OnceCell::new(),
        }
    }

    /// The backend of a health check, which owns its routes.
    pub(crate) fn of_check(core: &'a Rc<Core>, owner: &Rc<str>) -> Self {
        Self {
            own: OnceCell::from(Authority::of_check(core, owner)),
            ..Self::new(core, None)
        }
    }

    /// The backend of a set, whose owner is not the helper or operator that declares it.
    pub(super) fn of_set(core: &'a Rc<Core>, helper: Option<&'a str>, own: Authority) -> Self {
        Self {
            is_set: true,
            own: OnceCell::from(own),
            ..Self::new(core, helper)
        }
    }

    /// Returns `true` if the helper or operator may send commands to that neighbor.
    fn owns(&self, listed: &Listed) -> bool {
        self.helper
            .is_none_or(|name| listed.neighbor.is_open_to(name))
    }

    /// Who announces, and what they may.
    pub(super) fn own(&self) -> &Authority {
        self.own
            .get_or_init(|| Authority::new(self.core, self.helper))
    }

    /// Judges changes by the guards and limits that apply.
    fn judge(&self, changes: &[Change]) -> Result<Toll<'_>, CommandError> {
        refused(self.own().judge(self.core, changes))
    }

    /// Checks whether changes can be applied.
    ///
    /// # Errors
    /// When one of them can be sent to none of its peers.
    pub(super) fn check(&self, changes: &[Change]) -> Result<(), CommandError> {
        for change in changes {
            if !self.has_self(change) {
                let message = format!(
                    "`next-hop self` of `{}` needs a session over IPv6",
                    change.nlri
                );
                return Err(CommandError::new(ErrorKind::Refused, message));
            }
            if let Err(refusal) = self.core.routes.check(change) {
                let message = format!("`{}`: {refusal}", change.nlri);
                return Err(CommandError::new(ErrorKind::Refused, message));
            }
        }
        Ok(())
    }

    /// Records and applies changes that were judged and checked.
    pub(super) fn carry_out(&self, changes: &Changes) {
        self.lease(changes);
        for change in &changes.list {
            // As with ExaBGP, the answer is `done` anyway: helpers announce both address families to all neighbors.
            if !self.core.routes.apply(change) && self.may_remark() {
                let nlri = &change.nlri;
                warn!(route = %nlri, family = %nlri.family, "no selected neighbor has this family");
            }
        }
    }

    /// Records how long the routes of changes stay.
    fn lease(&self, changes: &Changes) {
        let leases = &self.core.leases;
        let own = &self.own().terms;
        let limited = own.default.is_some() || own.tracked;
        if !changes.has_lifetimes() && leases.is_empty() && !limited {
            return;
        }
        let (mut terms, kept) = (own.clone(), self.is_set || self.core.journal.is_kept());
        let at_once = lease_table::now();
        for (at, change) in changes.list.iter().enumerate() {
            terms.lifetime = self.own().allowed(changes.lifetime(at));
            terms.selector = changes.selector(at).cloned();
            self.lose_revisions(change);
            match &change.action {
                Action::Announce(attributes) => {
                    let attributes = kept.then_some(attributes);
                    let route = (&change.nlri, attributes);
                    leases.announce(route, &change.peers, (&terms, at_once));
                    self.core.record(&change.nlri, &change.peers);
                }
                Action::Withdraw(_) => {
                    leases.withdraw(change.nlri.as_ref(), &change.peers);
                    self.core
                        .record_end(&terms.owner, (&change.nlri, &change.peers));
                }
            }
        }
    }

    /// Notes which sets lose a route by a change: their revisions do not stand for it any more. Routes of keys are not part of a
    /// revision.
    fn lose_revisions(&self, change: &Change) {
        if self.core.sets.is_empty() {
            return;
        }
        let own = &self.own().terms.owner;
        let mut sets: Vec<String> = Vec::new();
        let (nlri, peers) = (change.nlri.as_ref(), &change.peers);
        self.core.leases.visit_route(nlri, peers, &mut |leased| {
            if leased.owner != own
                && let Some((set, None)) = set_of(leased.owner)
            {
                sets.push(set.to_owned());
            }
        });
        sets.iter().for_each(|set| self.core.lose_revision(set));
    }

    fn each(&self, peers: &PeerSet, mut act: impl FnMut(&Listed)) {
        for id in peers.iter() {
            if let Some(listed) = self.core.neighbors.get(id) {
                act(&listed);
            }
        }
    }

    /// Returns `false` if `next-hop self` cannot be resolved for any of the peers.
    fn has_self(&self, change: &Change) -> bool {
        let Action::Announce(attributes) = &change.action else {
            return true;
        };
        let (family, hops) = (change.nlri.family, attributes.next_hops());
        !depends_on_session(family, hops)
            || self.check_next_hop(&change.peers, family, hops) != Err(NextHopError::NoSelf)
    }

    /// What the next hops of routes to these peers depend on, as far as it is known without a session.
    fn senders(&self, peers: &PeerSet) -> impl Iterator<Item = Sender> {
        peers.iter().filter_map(|id| {
            let listed = self.core.neighbors.get(id).filter(|it| !it.leaving.get())?;
            let config = listed.neighbor.config.borrow();
            let mut sender = config.session.prospective_sender();
            if let Some(address) = listed.neighbor.local_address() {
                sender.local_address = address;
            }
            if let Some(negotiated) = listed.neighbor.negotiated() {
                sender.codec = negotiated.codec;
            }
            Some(sender)
        })
    }
}

impl Control for ApiBackend<'_> {
    fn epoch(&self) -> u64 {
        self.core.neighbors.epoch()
    }

    fn removed_since(&self, epoch: u64) -> PeerSet {
        self.core.neighbors.removed_since(epoch)
    }

    fn select(&mut self, selector: &Selector, among: Among) -> PeerSet {
        let fits = |listed: &Listed| match among {
            Among::All => true,
            Among::Own | Among::OwnRoutes | Among::OwnAside => self.owns(listed),
            Among::OwnEstablished => self.owns(listed) && listed.neighbor.is_established(),
        };
        let is_selected = |listed: &Listed| listed.neighbor.is_selected(selector) && fits(listed);
        let neighbors = &self.core.neighbors;
        let aside = || neighbors.select(|listed| listed.aside.get() && is_selected(listed));
        if among == Among::OwnAside {
            return aside();
        }
        let mut peers: PeerSet =
            neighbors.select(|listed| !listed.leaving.get() && is_selected(listed));
        if among == Among::OwnRoutes && !peers.is_empty() && self.core.reloads.left().is_some() {
            peers.union(&aside());
        }
        peers
    }

    fn intern(&mut self, attributes: Rc<AttributeSet>) -> Rc<AttributeSet> {
        self.core.routes.intern(attributes)
    }

    fn check_next_hop(
        &self,
        peers: &PeerSet,
        family: Family,
        hops: NextHops,
    ) -> Result<(), NextHopError> {
        let mut verdict = Ok(());
        for sender in self.senders(peers) {
            match resolve(family, hops, &sender) {
                Ok(_) => return Ok(()),
                Err(error) => verdict = Err(error),
            }
        }
        verdict
    }

    fn keeps_selectors(&self) -> bool {
        self.core.journal.is_kept()
    }

    fn open_set(&mut self, name: &str) -> Result<Rc<()>, CommandError> {
        let hold =
            may_declare(self.core, self.helper, name).and_then(|()| self.core.sets.open(name));
        hold.map_err(|message| CommandError::new(ErrorKind::Refused, message))
    }

    fn has_set(&self, name: &str) -> bool {
        let is_declared = self.core.sets.speaker(name).is_some();
        is_declared || self.core.leases.owned_below(&owner_name(name, None)) > 0
    }

    fn check_revision(&self, name: &str, revision: u64) -> Result<(), CommandError> {
        let checked = self.core.sets.check(name, revision);
        checked.map_err(|message| CommandError::new(ErrorKind::Refused, message))
    }

    fn apply(&mut self, changes: &mut Changes) -> Result<(), CommandError> {
        if changes.has_lifetimes() {
            // They end by themselves, and what came in an attribute would stay.
            refused(self.own().judge_raw(self.core, &changes.list))?;
        }
        let toll = self.judge(&changes.list)?;
        self.check(&changes.list)?;
        toll.pay();
        self.carry_out(changes);
        changes.clear();
        Ok(())
    }

    fn apply_run(&mut self, run: &Run<'_>) -> bool {
        // What is limited or may end is judged and recorded route by route.
        let own = self.own();
        let limited = own.is_limited();
        !limited
            && self.core.limits.is_empty()
            && self.core.leases.is_empty()
            && self.core.routes.apply_run(run)
    }

    fn may_remark(&self) -> bool {
        self.core.log_limit.admits(self.helper.unwrap_or(OPERATOR))
    }

    fn end_of_rib(&mut self, peers: &PeerSet, family: Family) {
        // RFC 4724 section 2 allows families of the session only: peers reset it after a marker of another family.
        let mut exchange = PeerSet::new();
        self.each(peers, |listed| {
            let neighbor = &listed.neighbor;
            let Some(session) = &mut *neighbor.session() else {
                return;
            };
            if neighbor
                .negotiated()
                .is_some_and(|negotiated| negotiated.families.contains(&family))
            {
                session.end_of_rib(family);
                exchange.insert(neighbor.id);
            } else if self.may_remark() {
                warn!(neighbor = %neighbor.name(), %family, "no End-of-RIB is sent: the session has not negotiated this family");
            }
        });
        self.core.routes.end_of_rib(&exchange, family);
    }

    fn can_send(&self, peers: &PeerSet, what: Sending<'_>) -> bool {
        if let Sending::Watchdog(name) = what {
            return self.core.routes.has_group(peers, name);
        }
        peers.iter().any(|id| {
            let listed = self.core.neighbors.get(id);
            listed.is_some_and(|it| !it.leaving.get() && carries(&it.neighbor, what))
        })
    }

    fn refresh(&mut self, peers: &PeerSet, family: Family) {
        self.each(peers, |listed| refresh::request(&listed.neighbor, family));
    }

    fn operational(&mut self, peers: &PeerSet, message: &Operational) {
        self.each(peers, |listed| {
            let config = listed.neighbor.config.borrow();
            if config.session.capabilities.operational {
                let mut message = message.clone();
                if let Some(ours) = config.session.router_id {
                    advisory::identify(&mut message, ours);
                }
                let out = advisory::encoded(&message);
                if advisory::is_standing(&message) {
                    let advisories = &listed.neighbor.advisories;
                    advisories.keep(message.family, out.clone());
                    if !listed.neighbor.is_established() {
                        return;
                    }
                }
                listed.neighbor.send(out);
            }
        });
    }

    fn watchdog(&mut self, peers: &PeerSet, name: &str, verb: Verb) -> Result<(), CommandError> {
        let core = self.core;
        let mut changes = core.routes.changes_of_group(peers, name, verb);
        core.include_instances(&mut changes, peers);
        self.judge(&changes)?.pay();
        for change in &changes {
            core.routes.apply_quietly(change);
        }
        let switch = Switch {
            announced: verb == Verb::Announce,
            owner: Rc::clone(&self.own().terms.owner),
            is_claimed: true,
        };
        let news = core.routes.switch_group(peers, name, &switch);
        core.record_switch((&news, name), &switch);
        Ok(())
    }

    fn teardown(&mut self, peers: &PeerSet, subcode: u8) {
        let server = self.core.server();
        self.each(peers, |listed| {
            if let (Some(server), Some(key), true) =
                (server, listed.key.get(), listed.neighbor.is_established())
            {
                // An error means that the session is being reset already.
                let _ = server.reset_peer(key, Notification::cease(subcode));
            }
        });
    }

    fn create(&mut self, peer: &NewPeer) -> Result<(), CommandError> {
        peer_commands::create(self.core, self.helper, peer)
    }

    fn delete(&mut self, peers: &PeerSet) -> Result<(), CommandError> {
        peer_commands::delete(self.core, peers)
    }

    fn flush(&mut self, peers: &PeerSet) {
        self.core.routes.flush(peers);
    }

    fn clear(&mut self, peers: &PeerSet, side: RibSide) {
        match side {
            RibSide::Out => {
                self.core.routes.clear(peers);
                let range = |peer| self.core.neighbors.get(peer)?.template;
                for peer in peers.iter().chain(peers.iter().filter_map(range)) {
                    self.core.lose_revisions_of(peer, None);
                }
                self.core.leases.forget(peers);
                self.core.journal.forget(&self.core.neighbors, peers);
            }
            RibSide::In => self.each(peers, |listed| {
                if let Some(routes) = listed.neighbor.received.clear() {
                    graceful_restart::free(self.core, routes);
                }
            }),
        }
    }

    fn neighbors(&self, out: &mut dyn FnMut(&NeighborStatus<'_>)) {
        for listed in self.core.neighbors.all() {
            status(self.core, &listed, out);
        }
    }

    fn configuration(&self, peer: PeerId) -> String {
        let listed = self.core.neighbors.get(peer);
        listed
            .map(|listed| listed.neighbor.config.borrow().render(Secrets::Hidden) + "\n")
            .unwrap_or_default()
    }

    fn routes(
        &self,
        side: RibSide,
        peers: &PeerSet,
        from: RoutePlace,
        out: &mut dyn FnMut(&ListedRoute<'_>),
    ) -> Option<RoutePlace> {
        listing::some(self.core, (side, peers), from, out)
    }

    fn find_route(
        &self,
        peers: &PeerSet,
        index: &RouteIndex,
        out: &mut dyn FnMut(&ListedRoute<'_>),
    ) {
        listing::find(self.core, peers, index, out);
    }

    fn request(&mut self, request: Asked) {
        self.core.request(Request::Report);
        self.core.request(match request {
            Asked::Shutdown => Request::Shutdown,
            Asked::Reload => Request::Reload,
            Asked::Restart => Request::Restart,
        });
    }

    fn reload_step(&mut self, step: ReloadStep) -> Result<String, CommandError> {
        reload_step::take(self.core, step)
    }

    fn status(&self) -> DaemonStatus {
        let (start, wall) = self.core.started;
        DaemonStatus {
            uuid: self.core.run_id(),
            pid: std::process::id(),
            uptime: start.elapsed().as_secs(),
            start_time: unix(wall),
            socket_group: paths::group(),
        }
    }

    fn checks(&self, out: &mut dyn FnMut(&CheckStatus<'_>)) {
        self.core.checks.show(&self.core.routes, out);
    }

    fn queues(&self, out: &mut dyn FnMut(&str, usize, usize)) {
        for process in self.core.events.helpers().all() {
            if process.pid().is_some() {
                out(&process.name, process.queue.len(), process.queue.bytes());
            }
        }
    }
}

fn refused<T>(judged: Result<T, Rejection>) -> Result<T, CommandError> {
    judged.map_err(|rejection| CommandError::new(ErrorKind::Refused, rejection.message))
}

/// Returns `true` if the session with a neighbor can carry this, or if it is down and its next one may.
fn carries(neighbor: &Neighbor, what: Sending<'_>) -> bool {
    let session = neighbor.negotiated();
    let config = neighbor.config.borrow();
    let families = match session.as_deref() {
        Some(session) => &session.families,
        None => &config.session.families,
    };
    match what {
        Sending::Route(family) => families.contains(&family),
        Sending::EndOfRib(family) => session.is_some() && families.contains(&family),
        Sending::RouteRefresh(family) => session
            .as_deref()
            .is_some_and(|session| refresh::is_negotiated(session, family)),
        Sending::Operational => config.session.capabilities.operational,
        Sending::Watchdog(_) => true,
    }
}
