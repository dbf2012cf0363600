//! The difference between the configured routes of a neighbor before and after a reload, also for a range and its connected
//! neighbors, which have its routes.
//!
//! What a helper announces for a configured prefix takes precedence over the configuration: a reload neither replaces nor
//! withdraws it, whichever of the two was first. A configured route that a helper has withdrawn is announced again.

use std::collections::HashMap;
use std::rc::Rc;

use tracing::info;

use crate::bgp::{AttributeSet, Nlri};
use crate::config::NeighborConfig;
use crate::grammar::RouteText;
use crate::rib::{Action, Change, PeerId, PeerSet};

use super::core::Core;
use super::neighbor::RouteKey;
use super::neighbors::Listed;

/// The configured routes of a neighbor by key.
type Routes = HashMap<RouteKey, (Nlri, Rc<AttributeSet>)>;

fn key(nlri: &Nlri) -> RouteKey {
    (nlri.family, nlri.path_id, nlri.as_ref().key())
}

fn routes_of(config: &NeighborConfig) -> Routes {
    let mut all = Routes::new();
    for route in config
        .routes
        .iter()
        .filter(|route| route.watchdog.is_none())
    {
        for nlri in &route.nlri {
            all.insert(key(nlri), (nlri.clone(), Rc::clone(&route.attributes)));
        }
    }
    all
}

/// Of the configured routes of some neighbors, those in place of which helpers announce another version, and to whom.
type Overridden = HashMap<RouteKey, PeerSet>;

/// The neighbors whose routes change, and those of them that helpers have announced routes to.
struct Members<'a> {
    core: &'a Core,
    peers: PeerSet,
    overridden: Overridden,
}

impl<'a> Members<'a> {
    /// Takes what they have noted of routes of helpers, until [`finish`](Self::finish).
    fn new(core: &'a Core, members: &[Rc<Listed>]) -> Self {
        let mut overridden = Overridden::new();
        for listed in members {
            let id = listed.neighbor.id;
            for key in listed.neighbor.overridden.take() {
                overridden.entry(key).or_default().insert(id);
            }
        }
        Self {
            core,
            peers: members.iter().map(|listed| listed.neighbor.id).collect(),
            overridden,
        }
    }

    /// Those that a route is announced to; given attributes, only those with exactly these.
    fn holders(&self, nlri: &Nlri, attributes: Option<&Rc<AttributeSet>>) -> PeerSet {
        let mut holders = self.core.routes.holders(nlri.as_ref(), attributes);
        holders.intersect(&self.peers);
        holders
    }

    fn without(&self, others: &PeerSet) -> PeerSet {
        let mut peers = self.peers.clone();
        peers.subtract(others);
        peers
    }

    /// Withdraws the routes that are no longer configured. What helpers have announced stays.
    fn withdraw(&mut self, (before, after): (&Routes, &Routes), old: &NeighborConfig) {
        for (key, (nlri, attributes)) in before {
            if after.contains_key(key) {
                continue;
            }
            // Without an Adj-RIB-Out it is not known what is announced.
            let mut gone = match old.adj_rib_out {
                true => self.holders(nlri, Some(attributes)),
                false => self.peers.clone(),
            };
            if let Some(kept) = self.overridden.remove(key) {
                gone.subtract(&kept);
            }
            let action = Action::Withdraw(Some(Rc::clone(attributes)));
            send(self.core, nlri, &action, &gone);
        }
    }

    /// Announces the routes that are new, have changed, or are missing.
    fn announce(&mut self, before: &Routes, mut after: Routes, new: &NeighborConfig) {
        for route in new.routes.iter().filter(|route| route.watchdog.is_none()) {
            for nlri in &route.nlri {
                let key = key(nlri);
                let is = |(known, attributes): &(Nlri, Rc<AttributeSet>)| {
                    known == nlri && **attributes == *route.attributes
                };
                // If the file has a route twice, the last one applies, once.
                if !after.get(&key).is_some_and(is) {
                    continue;
                }
                after.remove(&key);
                let earlier = before.get(&key);
                let announced = match new.adj_rib_out {
                    true => self.holders(nlri, None),
                    false => PeerSet::new(),
                };
                let overridden = self.overridden.remove(&key).unwrap_or_default();
                let mut kept = announced.clone();
                if let Some((nlri, attributes)) = earlier {
                    let mut configured = self.holders(nlri, Some(attributes));
                    configured.subtract(&overridden);
                    kept.subtract(&configured);
                }
                let without = match (earlier.is_some_and(is), new.adj_rib_out) {
                    (false, _) => self.without(&kept),
                    (true, true) => self.without(&announced),
                    (true, false) => PeerSet::new(),
                };
                if !kept.is_empty() {
                    self.overridden.insert(key, kept);
                }
                if !without.is_empty() {
                    let attributes = self.core.routes.intern(Rc::clone(&route.attributes));
                    send(self.core, nlri, &Action::Announce(attributes), &without);
                }
            }
        }
    }

    /// Gives back what they have noted.
    fn finish(self, members: &[Rc<Listed>]) {
        for (key, peers) in self.overridden {
            for listed in peers.iter().filter_map(|id| self.core.neighbors.get(id)) {
                let mut overridden = listed.neighbor.overridden.borrow_mut();
                overridden.insert(key.clone());
            }
        }
        for Listed { neighbor, .. } in members.iter().map(|listed| &**listed) {
            let routes = neighbor.overridden.borrow().len();
            if routes > 0 {
                info!(neighbor = %neighbor.name(), routes, "helpers announce another version of configured routes, which stays");
            }
        }
    }
}

/// Announces and withdraws the difference between the configured routes of the first of `members`; the others are the
/// connected neighbors of a range, if it is one.
pub(crate) fn apply(
    core: &Core,
    members: &[Rc<Listed>],
    old: &NeighborConfig,
    new: &NeighborConfig,
) {
    let (before, after) = (routes_of(old), routes_of(new));
    let mut all = Members::new(core, members);
    all.withdraw((&before, &after), old);
    if let Some(owner) = members.first() {
        watchdogs(&all, owner.neighbor.id, (old, new));
    }
    all.announce(&before, after, new);
    all.finish(members);
}

/// Applies a change for neighbors. Returns those whose `announce-limit` does not allow it.
fn send(core: &Core, nlri: &Nlri, action: &Action, peers: &PeerSet) -> PeerSet {
    let apply = |peers: &PeerSet| {
        core.apply(&Change {
            nlri: nlri.clone(),
            action: action.clone(),
            peers: peers.clone(),
        })
    };
    if peers.is_empty() {
        return PeerSet::new();
    }
    if core.limits.is_empty() {
        apply(peers);
        return PeerSet::new();
    }
    // Each has a limit of its own.
    let refused = peers
        .iter()
        .filter(|peer| !apply(&std::iter::once(*peer).collect()));
    refused.collect()
}

/// Replaces the watchdog groups of a neighbor by those of the new configuration; groups keep their state.
fn watchdogs(members: &Members<'_>, id: PeerId, (old, new): (&NeighborConfig, &NeighborConfig)) {
    let core = members.core;
    let groups = |config: &NeighborConfig| -> Vec<RouteText> {
        let routes = config.routes.iter();
        routes.filter(|route| route.watchdog.is_some()).collect()
    };
    let (before, mut after) = (groups(old), groups(new));
    if before == after {
        return;
    }
    let mut versions: HashMap<RouteKey, Vec<&Rc<AttributeSet>>> = HashMap::new();
    for route in &before {
        for nlri in &route.nlri {
            let known = versions.entry(key(nlri)).or_default();
            known.push(&route.attributes);
        }
    }
    for route in &mut after {
        route.attributes = core.routes.intern(Rc::clone(&route.attributes));
    }
    for change in &core.routes.replace_groups(id, &after) {
        let nlri = &change.nlri;
        // Those to which a helper announces the prefix keep that version.
        let mut overridden = members.holders(nlri, None);
        for attributes in versions.get(&key(nlri)).into_iter().flatten() {
            overridden.subtract(&members.holders(nlri, Some(attributes)));
        }
        let refused = send(core, nlri, &change.action, &members.without(&overridden));
        if refused.contains(id) {
            core.routes.hold_back(id, nlri);
        }
    }
}
