//! How many routes one peer has, as it would get them.

use std::collections::{BTreeMap, HashSet};

use super::show::RouteFilter;
use super::state::AdjRibOut;
use crate::bgp::{Family, NlriRef};
use crate::rib::peer_set::PeerId;
use crate::rib::slot::with_key;

impl AdjRibOut {
    /// The path identifiers (0: none) under which a prefix is announced to `peer`.
    pub fn paths_to(&mut self, peer: PeerId, nlri: NlriRef<'_>) -> Vec<u32> {
        let paths = with_key(nlri, |route| {
            self.settle_route(route);
            self.table.slots_of(route)
        });
        let mut found = Vec::new();
        for (path, slot) in paths {
            self.settle(slot);
            let entries = self.table.get(slot).map(|slot| &slot.value);
            if entries.is_some_and(|entries| entries.of(peer).is_some()) {
                found.push(path);
            }
        }
        found
    }

    /// The routes of each family that are announced to `peer`, at most: paths of a prefix count one by one. `None` while
    /// the table is being swept, which makes that number uncertain.
    pub fn most_routes_of(&self, peer: PeerId) -> Option<BTreeMap<Family, u64>> {
        self.sweeps.is_empty().then(|| self.tally.of(peer))
    }

    /// Returns `true` if any route of one of the families has, or had, a path identifier.
    pub fn has_paths(&self, mut families: impl Iterator<Item = Family>) -> bool {
        families.any(|family| self.table.has_paths(family))
    }

    /// The routes of each family that `peer` gets: those of families for which `paths` returns `false` count once for each
    /// prefix. This is a walk over the table.
    pub fn routes_of(&self, peer: PeerId, paths: impl Fn(Family) -> bool) -> BTreeMap<Family, u64> {
        let filter = RouteFilter {
            peers: Some(std::iter::once(peer).collect()),
            family: None,
        };
        let mut counts = BTreeMap::new();
        let mut prefixes = HashSet::new();
        for route in self.routes(filter) {
            let (family, path) = (route.nlri.family, route.nlri.path_id.unwrap_or_default());
            let collapses = !paths(family) && self.table.has_paths(family);
            if path == 0 && !collapses
                || paths(family)
                || prefixes.insert((family, route.nlri.as_ref().key()))
            {
                *counts.entry(family).or_default() += 1;
            }
        }
        counts
    }
}
