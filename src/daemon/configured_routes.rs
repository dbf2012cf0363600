//! The difference between the configured routes of a neighbor before and after a reload.
//!
//! What a helper announces for a configured prefix takes precedence over the configuration: a reload neither replaces nor
//! withdraws it, whichever of the two was first. A configured route that a helper has withdrawn is announced again.

use std::collections::HashMap;
use std::rc::Rc;

use tracing::info;

use crate::bgp::{AttributeSet, Nlri};
use crate::config::NeighborConfig;
use crate::grammar::RouteText;
use crate::rib::{Action, Change, PeerSet};

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

/// Announces and withdraws the difference between the configured routes.
pub(crate) fn apply(core: &Core, listed: &Listed, old: &NeighborConfig, new: &NeighborConfig) {
    let neighbor = &listed.neighbor;
    let peers: PeerSet = std::iter::once(neighbor.id).collect();
    let (before, after) = (routes_of(old), routes_of(new));
    let change = |nlri: &Nlri, action| {
        core.apply(&Change {
            nlri: nlri.clone(),
            action,
            peers: peers.clone(),
        })
    };
    // Without an Adj-RIB-Out it is not known what is announced.
    let is_announced = |nlri: &Nlri| core.routes.has(neighbor.id, nlri.as_ref());
    let is_configured = |(nlri, attributes): &(Nlri, Rc<AttributeSet>)| {
        core.routes.has_with(neighbor.id, nlri.as_ref(), attributes)
    };
    let mut overridden = neighbor.overridden.borrow_mut();
    for (key, route) in &before {
        if !after.contains_key(key)
            && !overridden.remove(key)
            && (is_configured(route) || !old.adj_rib_out)
        {
            change(&route.0, Action::Withdraw(Some(Rc::clone(&route.1))));
        }
    }
    watchdogs(core, listed, old, new);
    for route in new.routes.iter().filter(|route| route.watchdog.is_none()) {
        for nlri in &route.nlri {
            let key = key(nlri);
            let is = |(known, attributes): &(Nlri, Rc<AttributeSet>)| {
                known == nlri && **attributes == *route.attributes
            };
            // If the file has a route twice, the last one applies.
            if !after.get(&key).is_some_and(is) {
                continue;
            }
            let earlier = before.get(&key);
            let announced = new.adj_rib_out && is_announced(nlri);
            if announced && (overridden.contains(&key) || !earlier.is_some_and(is_configured)) {
                overridden.insert(key);
                continue;
            }
            overridden.remove(&key);
            if !announced && new.adj_rib_out || !earlier.is_some_and(is) {
                let attributes = core.routes.intern(Rc::clone(&route.attributes));
                change(nlri, Action::Announce(attributes));
            }
        }
    }
    if !overridden.is_empty() {
        info!(neighbor = %neighbor.name, routes = overridden.len(), "helpers announce another version of configured routes, which stays");
    }
}

/// Replaces the watchdog groups by those of the new configuration; groups keep their state.
fn watchdogs(core: &Core, listed: &Listed, old: &NeighborConfig, new: &NeighborConfig) {
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
    let id = listed.neighbor.id;
    for change in &core.routes.replace_groups(id, &after) {
        let nlri = change.nlri.as_ref();
        let mut known = versions.get(&key(&change.nlri)).into_iter().flatten();
        // A helper announces the prefix.
        let overridden = core.routes.has(id, nlri)
            && !known.any(|attributes| core.routes.has_with(id, nlri, attributes));
        if !overridden && !core.apply(change) {
            core.routes.hold_back(id, &change.nlri);
        }
    }
}
