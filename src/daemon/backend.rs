//! What commands do: implements [`Control`] of the helper protocol for the [`Core`].
//!
//! A helper may send commands to the neighbors whose `api` blocks name it, an operator to all neighbors.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Instant;

use tracing::warn;

use crate::api::command::{CommandError, ErrorKind};
use crate::api::control::{
    Among, Control, DaemonStatus, ListedRoute, NeighborStatus, NewPeer, Request as Asked, RibSide,
    RoutePlace, Sending,
};
use crate::bgp::message::operational::{Content, Operational, OperationalType};
use crate::bgp::next_hop_rule::{NextHopError, NextHops, depends_on_session, resolve};
use crate::bgp::{AttributeSet, Family, NlriRef, Notification, Sender};
use crate::config::{GuardConfig, Secrets};
use crate::grammar::{Selector, Verb};
use crate::rib::RouteFilter;
use crate::rib::{Action, Change, Lifetime, PeerId, PeerSet, Run, Terms};

use super::clock::unix;
use super::core::Core;
use super::guard::{self, Rejection};
use super::journal::OPERATOR;
use super::neighbor::Neighbor;
use super::neighbors::Listed;
use super::peer_commands;
use super::peer_status::status;
use super::process::Process;
use super::refresh;
use super::session;
use super::signal::Request;

/// How many slots of a table one step of a listing visits.
const STEP: u32 = 4_096;

/// The backend of the commands of one helper or operator.
pub(crate) struct ApiBackend<'a> {
    pub(super) core: &'a Core,
    /// The helper's name; `None` for an operator.
    helper: Option<&'a str>,
    /// How long the next changes are to stay.
    pub(super) lifetimes: Vec<(usize, Lifetime)>,
    /// The selectors of the next changes.
    pub(super) selectors: Vec<(usize, Rc<str>)>,
    /// The changes are those of a set.
    pub(super) is_set: bool,
    pub(super) own: OnceCell<Own>,
}

/// What is known of the helper or operator.
pub(super) struct Own {
    pub(super) terms: Terms,
    pub(super) process: Option<Rc<Process>>,
    pub(super) guard: Option<GuardConfig>,
}

impl<'a> ApiBackend<'a> {
    pub(crate) const fn new(core: &'a Core, helper: Option<&'a str>) -> Self {
        Self {
            core,
            helper,
            lifetimes: Vec::new(),
            selectors: Vec::new(),
            is_set: false,
            own: OnceCell::new(),
        }
    }

    /// Returns `true` if the helper or operator may send commands to that neighbor.
    fn owns(&self, listed: &Listed) -> bool {
        self.helper
            .is_none_or(|name| listed.neighbor.is_open_to(name))
    }

    /// Who announces, and what they may.
    pub(super) fn own(&self) -> &Own {
        self.own.get_or_init(|| {
            let process = self
                .helper
                .and_then(|name| self.core.events.helpers().find(name));
            let process = process.map(|(_, process)| process);
            let guard = process.as_ref().and_then(|process| process.guard());
            let counted = guard
                .as_ref()
                .is_some_and(|guard| guard.max_routes.is_some());
            let dies = |process: &Rc<Process>| process.withdraw_after().is_some();
            let terms = Terms {
                owner: self.helper.unwrap_or(OPERATOR).into(),
                run: process.as_ref().map_or(1, |process| process.starts.get()),
                tracked: counted
                    || process.as_ref().is_some_and(dies)
                    || self.core.journal.is_kept(),
                lifetime: Lifetime::Unchanged,
                default: guard.as_ref().and_then(|guard| guard.lifetime),
                left: None,
                selector: None,
                indexed: false,
            };
            Own {
                terms,
                process,
                guard,
            }
        })
    }

    /// Judges changes by the guard of the helper, if it has one.
    fn judge(&self, changes: &[Change]) -> Result<(), CommandError> {
        let own = self.own();
        let (Some(guard), Some(process)) = (&own.guard, &own.process) else {
            return Ok(());
        };
        self.judge_by(guard, process, changes).map_err(|rejection| {
            process.guarded.refuse(rejection.rule);
            CommandError::new(ErrorKind::Refused, rejection.message)
        })
    }

    fn judge_by(
        &self,
        guard: &GuardConfig,
        process: &Process,
        changes: &[Change],
    ) -> Result<(), Rejection> {
        changes
            .iter()
            .try_for_each(|change| guard::judge(guard, change))?;
        let is_new = |change: &&Change| matches!(change.action, Action::Announce(_));
        let announced = changes.iter().filter(is_new).count();
        if announced == 0 {
            return Ok(());
        }
        if let Some(most) = guard.max_routes {
            let (leases, owner) = (&self.core.leases, &process.name);
            let holds = |nlri: NlriRef<'_>| leases.holds(owner, nlri);
            let after = guard::after(changes, leases.owned(owner), holds);
            if after > most as usize && after > leases.owned(owner) {
                let message = format!("no more than {most} routes are allowed");
                return Err(Rejection {
                    rule: "max-routes",
                    message,
                });
            }
        }
        match guard.max_rate {
            Some(rate) => process.guarded.spend(rate, announced, Instant::now()),
            None => Ok(()),
        }
    }

    /// The lifetime that the guard allows.
    pub(super) fn allowed(&self, lifetime: Lifetime) -> Lifetime {
        let most = self
            .own()
            .guard
            .as_ref()
            .and_then(|guard| guard.max_lifetime);
        match (lifetime, most) {
            (Lifetime::For(length), Some(most)) => Lifetime::For(length.min(most)),
            (Lifetime::Forever, Some(most)) => Lifetime::For(most),
            (lifetime, _) => lifetime,
        }
    }

    /// Records how long the routes of changes stay.
    fn lease(&mut self, changes: &[Change]) {
        let lifetimes = std::mem::take(&mut self.lifetimes);
        let selectors = std::mem::take(&mut self.selectors);
        let leases = &self.core.leases;
        let own = &self.own().terms;
        let limited = own.default.is_some() || own.tracked;
        if lifetimes.is_empty() && leases.is_empty() && !limited {
            return;
        }
        let mut lifetimes = lifetimes.iter().peekable();
        let mut selectors = selectors.iter().peekable();
        let (mut terms, kept) = (own.clone(), self.is_set || self.core.journal.is_kept());
        for (at, change) in changes.iter().enumerate() {
            while lifetimes.next_if(|(end, _)| *end <= at).is_some() {}
            let lifetime = lifetimes.peek().map(|(_, lifetime)| *lifetime);
            terms.lifetime = self.allowed(lifetime.unwrap_or_default());
            while selectors.next_if(|(end, _)| *end <= at).is_some() {}
            terms.selector = selectors.peek().map(|(_, selector)| Rc::clone(selector));
            match &change.action {
                Action::Announce(attributes) => {
                    let attributes = kept.then_some(attributes);
                    leases.announce((&change.nlri, attributes), &change.peers, &terms);
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
            let listed = self.core.neighbors.get(id)?;
            let config = listed.neighbor.config.borrow();
            let mut sender = config.session.prospective_sender();
            if let Some(address) = listed.neighbor.local_address() {
                sender.local_address = address;
            }
            if let Some(negotiated) = listed.neighbor.negotiated() {
                sender.codec = negotiated.codec;
                sender.codec.ipv4_nexthop = session::ipv4_nexthop(&config.session, &negotiated);
            }
            Some(sender)
        })
    }
}

impl Control for ApiBackend<'_> {
    fn epoch(&self) -> u64 {
        self.core.neighbors.epoch()
    }

    fn select(&mut self, selector: &Selector, among: Among) -> PeerSet {
        let fits = |listed: &Listed| match among {
            _ if listed.leaving.get() => false,
            Among::All => true,
            Among::Own => self.owns(listed),
            Among::OwnEstablished => self.owns(listed) && listed.neighbor.is_established(),
        };
        self.core
            .neighbors
            .select(|listed| selector.matches(&listed.neighbor.name) && fits(listed))
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

    fn set_lifetimes(&mut self, lifetimes: Vec<(usize, Lifetime)>) {
        self.lifetimes = lifetimes;
    }

    fn keeps_selectors(&self) -> bool {
        self.core.journal.is_kept()
    }

    fn set_selectors(&mut self, selectors: Vec<(usize, Rc<str>)>) {
        self.selectors = selectors;
    }

    fn open_set(&mut self, name: &str) -> Result<Rc<()>, CommandError> {
        let hold = self.core.sets.open(name);
        hold.map_err(|message| CommandError::new(ErrorKind::Refused, message))
    }

    fn check_revision(&self, name: &str, revision: u64) -> Result<(), CommandError> {
        let checked = self.core.sets.check(name, revision);
        checked.map_err(|message| CommandError::new(ErrorKind::Refused, message))
    }

    fn apply(&mut self, changes: &mut Vec<Change>) -> Result<(), CommandError> {
        self.judge(changes)?;
        if let Some(change) = changes.iter().find(|change| !self.has_self(change)) {
            let message = format!(
                "`next-hop self` of `{}` needs a session over IPv6",
                change.nlri
            );
            return Err(CommandError::new(ErrorKind::Refused, message));
        }
        let routes = &self.core.routes;
        for change in &*changes {
            if let Err(refusal) = routes.check(change) {
                let message = format!("`{}`: {refusal}", change.nlri);
                return Err(CommandError::new(ErrorKind::Refused, message));
            }
        }
        self.lease(changes);
        for change in &*changes {
            // As with ExaBGP, the answer is `done` anyway: helpers announce both address families to all neighbors.
            routes.apply(change, "no selected neighbor has this family");
        }
        changes.clear();
        Ok(())
    }

    fn apply_run(&mut self, run: &Run<'_>) -> bool {
        // What is limited or may end is judged and recorded route by route.
        let own = self.own();
        let limited = own.guard.is_some() || own.terms.tracked || own.terms.default.is_some();
        !limited && self.core.leases.is_empty() && self.core.routes.apply_run(run)
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
                session.eor_deferred.retain(|other| *other != family);
                exchange.insert(neighbor.id);
            } else {
                warn!(neighbor = %neighbor.name, %family, "no End-of-RIB is sent: the session has not negotiated this family");
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
            listed.is_some_and(|listed| carries(&listed.neighbor, what))
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
                if let Content::Query { router_id, .. } | Content::Counter { router_id, .. } =
                    &mut message.content
                    && router_id.is_unspecified()
                {
                    *router_id = config.session.router_id.unwrap_or(*router_id);
                }
                let mut out = Vec::new();
                message.encode(&mut out);
                if message.kind == OperationalType::ASM {
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

    fn watchdog(&mut self, peers: &PeerSet, name: &str, verb: Verb) {
        self.core.routes.switch_group(peers, name, verb);
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
        peer_commands::create(self.core, peer)
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
                self.core.leases.forget(peers);
                self.core.journal.forget(&self.core.neighbors, peers);
            }
            RibSide::In => self.each(peers, |listed| listed.neighbor.received.clear()),
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
        let all = self.core.neighbors.all();
        let mut selected = all
            .iter()
            .map(|listed| &listed.neighbor)
            .filter(|neighbor| peers.contains(neighbor.id));
        let mut neighbor = match from.peer {
            None => selected.next()?,
            // The neighbor was removed, and with it the position in the order.
            Some(peer) => selected.find(|neighbor| neighbor.id == peer)?,
        };
        let (mut slot, mut left) = (from.slot, STEP);
        loop {
            let stop = slot.saturating_add(left);
            let end = self.list(side, neighbor, slot..stop, out);
            if stop < end {
                let peer = Some(neighbor.id);
                return Some(RoutePlace { peer, slot: stop });
            }
            // An empty table counts as one slot.
            left = left.saturating_sub(end.saturating_sub(slot).max(1));
            (neighbor, slot) = (selected.next()?, 0);
            if left == 0 {
                let peer = Some(neighbor.id);
                return Some(RoutePlace { peer, slot });
            }
        }
    }

    fn request(&mut self, request: Asked) {
        self.core.request(Request::Report);
        self.core.request(match request {
            Asked::Shutdown => Request::Shutdown,
            Asked::Reload => Request::Reload,
            Asked::Restart => Request::Restart,
        });
    }

    fn status(&self) -> DaemonStatus {
        let (start, wall) = self.core.started;
        DaemonStatus {
            uuid: self.core.run_id(),
            pid: std::process::id(),
            uptime: start.elapsed().as_secs(),
            start_time: unix(wall),
        }
    }

    fn queues(&self, out: &mut dyn FnMut(&str, usize, usize)) {
        for process in self.core.events.helpers().all() {
            if process.pid().is_some() {
                out(&process.name, process.queue.len(), process.queue.bytes());
            }
        }
    }
}

impl ApiBackend<'_> {
    /// Lists the routes of one neighbor in a range of slots. Returns the end of the table.
    fn list(
        &self,
        side: RibSide,
        neighbor: &Neighbor,
        places: Range<u32>,
        out: &mut dyn FnMut(&ListedRoute<'_>),
    ) -> u32 {
        let peer = neighbor.id;
        match side {
            RibSide::In => {
                let rib = neighbor.received.rib();
                for route in rib.routes_in(places, None) {
                    out(&ListedRoute {
                        peer,
                        nlri: route.nlri.as_ref(),
                        next_hop: route.next_hop.or_else(|| route.attributes.next_hop()),
                        attributes: route.attributes,
                        stale: route.stale,
                    });
                }
                rib.end()
            }
            RibSide::Out => {
                let rib = self.core.routes.rib();
                let filter = RouteFilter {
                    peers: Some(std::iter::once(peer).collect()),
                    family: None,
                };
                for route in rib.routes_in(places, filter) {
                    out(&ListedRoute {
                        peer,
                        nlri: route.nlri.as_ref(),
                        next_hop: route.attributes.next_hop(),
                        attributes: route.attributes,
                        stale: false,
                    });
                }
                rib.end()
            }
        }
    }
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
