//! The routes that the configuration of a neighbor names, when it is added.
//!
//! Prefixes that the file gives the same attributes are applied together ([`AdjRibOut::apply_run`]), unless they are limited,
//! belong to a watchdog or are there twice; all other routes one by one.
//!
//! [`AdjRibOut::apply_run`]: crate::rib::AdjRibOut::apply_run

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tracing::warn;

use super::announce_limit::AnnounceLimits;
use super::neighbor::Neighbor;
use super::neighbors::Neighbors;
use super::routes::Routes;
use crate::bgp::nlri::NlriKey;
use crate::bgp::{AttributeSet, Family, Nlri, NlriRef};
use crate::grammar::{Piece, RouteList, RouteText, RunOfRoutes};
use crate::rib::{Action, Change, PeerSet, Run};

/// The tables that routes go to.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    /// What is announced.
    pub(crate) routes: &'a Routes,
    /// How many routes neighbors may be announced.
    pub(crate) limits: &'a AnnounceLimits,
    /// All neighbors.
    pub(crate) neighbors: &'a Neighbors,
}

impl Tables<'_> {
    /// Applies a change. Returns `false` if an `announce-limit` does not allow it.
    pub(crate) fn apply(&self, change: &Change) -> bool {
        let is_admitted = self.limits.admits((self.routes, self.neighbors), change);
        if is_admitted && !self.routes.apply(change) {
            let nlri = &change.nlri;
            warn!(route = %nlri, family = %nlri.family, "no neighbor has this family");
        }
        is_admitted
    }
}

/// What all versions of a route have in common.
type Route = (Family, Option<u32>, NlriKey);

/// The routes of one neighbor on their way to the table.
struct Announcing<'a> {
    tables: Tables<'a>,
    neighbor: &'a Neighbor,
    peers: PeerSet,
    random: RandomState,
    /// The fingerprints of routes that the file may have twice.
    twice: HashSet<u32>,
    /// The last version of each of them.
    known: HashMap<Route, (Nlri, Rc<AttributeSet>)>,
    /// The prefixes of a run.
    prefixes: Vec<u8>,
}

/// Announces the routes that the configuration of a neighbor names.
pub(crate) fn announce(tables: Tables<'_>, neighbor: &Neighbor) {
    let config = neighbor.config.borrow().clone();
    let random = RandomState::default();
    let mut announcing = Announcing {
        tables,
        neighbor,
        peers: std::iter::once(neighbor.id).collect(),
        twice: repeated(&config.routes, &random),
        random,
        known: HashMap::new(),
        prefixes: Vec::new(),
    };
    for piece in config.routes.pieces() {
        match piece {
            Piece::One(route) => announcing.one(route),
            Piece::Run(run) if announcing.together(&run) => {}
            Piece::Run(run) => run.routes().for_each(|route| announcing.one(&route)),
        }
    }
}

impl Announcing<'_> {
    /// Announces routes together. Returns `false`, with nothing changed, if they must be announced one by one.
    fn together(&mut self, run: &RunOfRoutes<'_>) -> bool {
        let Tables { routes, limits, .. } = self.tables;
        if !run.is_announced() || !limits.is_empty() || self.has_repeated(run) {
            return false;
        }
        collect_prefixes(run, &mut self.prefixes)
            && routes.apply_run(&Run {
                family: run.family(),
                path_id: run.path_id(),
                peers: &self.peers,
                action: &Action::Announce(routes.intern(Rc::clone(run.attributes()))),
                prefixes: &self.prefixes,
            })
    }

    fn has_repeated(&self, run: &RunOfRoutes<'_>) -> bool {
        let mut found = false;
        if !self.twice.is_empty() {
            Piece::Run(*run).each_nlri(|nlri| found |= self.is_repeated(nlri));
        }
        found
    }

    fn is_repeated(&self, nlri: NlriRef<'_>) -> bool {
        !self.twice.is_empty() && self.twice.contains(&fingerprint(nlri, &self.random))
    }

    fn one(&mut self, route: &RouteText) {
        let (tables, neighbor) = (self.tables, self.neighbor);
        let attributes = tables.routes.intern(Rc::clone(&route.attributes));
        if let Some(name) = &route.watchdog {
            tables.routes.guard(neighbor.id, name, route, &attributes);
            if route.withdraw {
                return;
            }
        }
        for nlri in &route.nlri {
            if self.is_repeated(nlri.as_ref()) {
                let key = (nlri.family, nlri.path_id, nlri.as_ref().key());
                let newer = (nlri.clone(), Rc::clone(&attributes));
                let older = self.known.insert(key, newer);
                if let Some(older) = older.filter(|older| older.1 != attributes) {
                    neighbor.overtake(older);
                }
            }
            let change = Change {
                nlri: nlri.clone(),
                action: Action::Announce(Rc::clone(&attributes)),
                peers: self.peers.clone(),
            };
            if !tables.apply(&change) && route.watchdog.is_some() {
                tables.routes.hold_back(neighbor.id, nlri);
            }
        }
    }
}

/// Collects the prefixes of a run. Returns `false` if its routes have other NLRI, or prefixes with host bits.
fn collect_prefixes(run: &RunOfRoutes<'_>, prefixes: &mut Vec<u8>) -> bool {
    prefixes.clear();
    let (family, path_id) = (run.family(), run.path_id());
    let Some(bits) = family.prefix_bits() else {
        return false;
    };
    run.nlri().all(|bytes| {
        prefixes.extend_from_slice(bytes);
        let is_whole = bytes.first().is_some_and(|length| {
            *length <= bits && bytes.len() == 1 + usize::from(length.div_ceil(8))
        });
        let nlri = NlriRef {
            family,
            path_id,
            bytes,
            withdrawn: false,
        };
        is_whole && nlri.is_own_key()
    })
}

/// A number that is the same for all versions of a route.
fn fingerprint(nlri: NlriRef<'_>, random: &RandomState) -> u32 {
    let hash = random.hash_one((nlri.family, nlri.path_id, nlri.key()));
    // Its upper half.
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// The fingerprints that several of these routes have: mostly none, so that no table of all routes is needed to find those
/// that the file has twice.
fn repeated(routes: &RouteList, random: &RandomState) -> HashSet<u32> {
    let spread = |print: &u32| u64::from(*print).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut seen = HashTable::with_capacity(routes.len());
    let mut twice = HashSet::new();
    for piece in routes.pieces() {
        piece.each_nlri(|nlri| {
            let print = fingerprint(nlri, random);
            match seen.entry(spread(&print), |other| *other == print, spread) {
                Entry::Occupied(_) => {
                    twice.insert(print);
                }
                Entry::Vacant(free) => {
                    free.insert(print);
                }
            }
        });
    }
    twice
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(nlri: &[(u8, Vec<u8>)], family: Family) -> RouteList {
        let attributes = Rc::new(AttributeSet::new(Vec::new()));
        let route = |(length, bytes): &(u8, Vec<u8>)| RouteText {
            nlri: vec![Nlri::new(family, None, &[&[*length], &bytes[..]].concat())],
            attributes: Rc::clone(&attributes),
            watchdog: None,
            withdraw: false,
            name: None,
        };
        nlri.iter().map(route).collect()
    }

    /// Prefixes, some of them with host bits or bytes that are missing or superfluous.
    fn prefix(most: u8) -> impl Strategy<Value = (u8, Vec<u8>)> {
        (0..=most, any::<[u8; 16]>(), 0..20u8).prop_map(move |(length, bytes, damage)| {
            let mut bytes = bytes[..usize::from(length.div_ceil(8)).min(16)].to_vec();
            let spare = (8 - length % 8) % 8;
            if let Some(last) = bytes.last_mut().filter(|_| damage > 1) {
                *last &= 0xFF << spare;
            }
            if damage == 0 {
                bytes.push(0);
            }
            (length, bytes)
        })
    }

    proptest! {
        #[test]
        fn a_run_has_the_routes_of_the_list_or_is_refused(
            nlri in proptest::collection::vec(prefix(33), 1..8),
            is_v6: bool,
        ) {
            let family = if is_v6 { Family::IPV6_UNICAST } else { Family::IPV4_UNICAST };
            let list = list(&nlri, family);
            let plain: Vec<Nlri> = list.iter().flat_map(|route| route.nlri).collect();
            let canonical = plain.iter().all(|nlri| {
                let length = usize::from(nlri.bytes[0]);
                length <= if is_v6 { 128 } else { 32 }
                    && nlri.bytes.len() == 1 + length.div_ceil(8)
                    && nlri.as_ref().key()[..] == nlri.bytes[..]
            });
            let mut prefixes = Vec::new();
            for piece in list.pieces() {
                let Piece::Run(run) = piece else {
                    panic!("each route has one NLRI");
                };
                prop_assert_eq!(collect_prefixes(&run, &mut prefixes), canonical);
                let run = Run {
                    family,
                    path_id: None,
                    peers: &PeerSet::new(),
                    action: &Action::Withdraw(None),
                    prefixes: &prefixes,
                };
                if canonical {
                    prop_assert_eq!(run.routes().collect::<Vec<_>>(), plain.clone());
                }
            }
        }

        #[test]
        fn routes_that_are_there_twice_are_found(
            nlri in proptest::collection::vec((8..=8u8, proptest::collection::vec(any::<u8>(), 1)), 0..40),
        ) {
            let random = RandomState::default();
            let found = repeated(&list(&nlri, Family::IPV4_UNICAST), &random);
            for one in &nlri {
                let bytes = [&[one.0], &one.1[..]].concat();
                let nlri_of = Nlri::new(Family::IPV4_UNICAST, None, &bytes);
                let times = nlri.iter().filter(|other| *other == one).count();
                let is_found = found.contains(&fingerprint(nlri_of.as_ref(), &random));
                prop_assert!(is_found || times == 1);
            }
            let distinct: HashSet<_> = nlri.iter().collect();
            prop_assert!(found.is_empty() || distinct.len() < nlri.len());
        }
    }
}
