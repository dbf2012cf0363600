//! The Adj-RIB-In: the routes received from one peer, for `show adj-rib in` and for graceful restart.
//!
//! A neighbor has one only if it is configured. It takes about a hundred bytes per route, since attributes are
//! shared. It is cleared when the session goes down (ExaBGP keeps showing routes of a closed session until the next
//! one is up). Graceful restart marks routes as stale instead and drops those that are not announced again (RFC 4724
//! section 4.2), and so does a route refresh between BoRR and EoRR (RFC 7313 section 4.2).
//!
//! Each route stores the generation of its family in which it was last announced, and is stale if that is not the
//! current one. Marking a million routes as stale is a single increment, so a peer cannot cause much work by marking.
//! Dropping them, or replacing their attributes, visits all routes, in steps, and so does freeing a table that was
//! [discarded](AdjRibIn::discard).

use std::ops::Range;
use std::rc::Rc;

use super::received::{Hops, Received};
use super::slab::NONE;
use super::slot::{Slot, with_key};
use super::table::{SlotId, Table};
use crate::bgp::message::update::Content;
use crate::bgp::{AttributeSet, Family, NextHop, Nlri, NlriRef};

/// Number of sub-tables: fewer than in the Adj-RIB-Out, since there is one table for each neighbor. The routes of the
/// Internet fill those of the size that they need.
const SHARDS: usize = 80;
/// How far apart the generations of routes can be.
const GENERATIONS: u64 = if cfg!(test) { 4 } else { u32::MAX as u64 };

/// The routes received from one peer.
#[derive(Debug)]
pub struct AdjRibIn {
    table: Table<Received>,
    hops: Hops,
    ages: Vec<Age>,
    /// The time that announced routes get, in seconds since 1970.
    now: u32,
}

/// The state of a family.
#[derive(Debug)]
struct Age {
    family: Family,
    /// How often its routes were marked as stale: the current generation.
    number: u64,
    /// The generation that routes store as 0.
    base: u64,
    routes: usize,
    /// Number of routes announced since the last time.
    fresh: usize,
    /// Whether its routes have path identifiers, of which 0 is stored like none.
    has_paths: bool,
}

/// The remaining work on stale routes: see [`AdjRibIn::sweep`] and [`AdjRibIn::restamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The family of the routes.
    pub family: Family,
    /// Only routes of generations before this one.
    before: u64,
    /// The next slot to visit.
    at: u32,
}

/// Routes that were removed and whose memory is freed in steps.
#[derive(Debug)]
#[must_use = "dropping it frees all the routes at once"]
pub struct Discarded(Table<Received>);

impl Discarded {
    /// Frees about `routes` routes. Returns `true` if there are more.
    pub fn step(&mut self, routes: u32) -> bool {
        self.0.dismantle(routes)
    }
}

impl Age {
    /// The generation of a route.
    fn of(&self, route: &Received) -> u64 {
        self.base + u64::from(route.age())
    }

    /// The current generation as routes store it.
    fn now(&self) -> u32 {
        // `mark_stale` sees to that.
        u32::try_from(self.number - self.base).unwrap_or(u32::MAX)
    }
}

/// A route of an Adj-RIB-In.
#[derive(Clone, Debug)]
pub struct ReceivedRoute<'a> {
    /// The route.
    pub nlri: Nlri,
    /// Its next hop, from MP_REACH_NLRI or the NEXT_HOP attribute.
    pub next_hop: Option<NextHop>,
    /// Its attributes.
    pub attributes: &'a Rc<AttributeSet>,
    /// Whether it was kept from a closed session.
    pub stale: bool,
    /// When it was announced, in seconds since 1970; 0 if nobody [set the time](AdjRibIn::set_time).
    pub since: u32,
    /// Where to [continue](AdjRibIn::routes_from) after it.
    pub next: u32,
}

impl Default for AdjRibIn {
    fn default() -> Self {
        Self::new()
    }
}

impl AdjRibIn {
    /// An empty table, which allocates almost nothing.
    pub fn new() -> Self {
        Self {
            table: Table::new(SHARDS),
            hops: Hops::default(),
            ages: Vec::new(),
            now: 0,
        }
    }

    /// Sets the time of the routes that are announced from now on, in seconds since 1970.
    pub const fn set_time(&mut self, seconds: u32) {
        self.now = seconds;
    }

    /// Applies an UPDATE: first its withdrawals, then its announcements.
    pub fn update(&mut self, content: &Content<'_>) {
        // RFC 7606 5.1 about a prefix in both fields: "treat the UPDATE message in this form as though the WITHDRAWN
        // ROUTES doesn't contain the address prefix". The routes of a `Content` have valid framing.
        for field in content.withdrawn() {
            field.routes.flatten().for_each(|nlri| {
                self.withdraw(nlri);
            });
        }
        for field in content.announced() {
            field
                .routes
                .flatten()
                .for_each(|nlri| self.announce(nlri, &content.attributes, field.next_hop));
        }
    }

    /// Adds an announced route.
    pub fn announce(
        &mut self,
        nlri: NlriRef<'_>,
        attributes: &Rc<AttributeSet>,
        next_hop: Option<NextHop>,
    ) {
        let known = self.age(nlri.family);
        let at = known.unwrap_or_else(|| {
            self.ages.push(Age {
                family: nlri.family,
                number: 0,
                base: 0,
                routes: 0,
                fresh: 0,
                has_paths: false,
            });
            self.ages.len() - 1
        });
        let now = &mut self.ages[at];
        now.has_paths = nlri.path_id.is_some();
        with_key(nlri, |route| {
            let payload = (nlri.bytes != route.key).then_some(nlri.bytes);
            let attributes = Rc::clone(attributes);
            let new = Received::new(&mut self.hops, attributes, next_hop, payload, now.now());
            let mut new = Some(new);
            // Called at most once, and only if there is no slot yet.
            let id = self
                .table
                .find_or_insert(route, || new.take().expect("not yet taken"));
            let Some(slot) = self.table.get_mut(id) else {
                return;
            };
            *slot.mark_mut() = self.now;
            if let Some(new) = new {
                now.fresh += usize::from(now.of(&slot.value) != now.number);
                self.hops.release(&slot.value);
                slot.value = new;
            } else {
                now.routes += 1;
                now.fresh += 1;
            }
        });
    }

    /// Removes a withdrawn route. Returns `true` if it was present.
    pub fn withdraw(&mut self, nlri: NlriRef<'_>) -> bool {
        let found = with_key(nlri, |route| self.table.find(route));
        found.is_some_and(|id| self.remove(id).is_some())
    }

    fn remove(&mut self, id: SlotId) -> Option<Slot<Received>> {
        let slot = self.table.remove(id)?;
        self.hops.release(&slot.value);
        if let Some(at) = self.age(slot.family()) {
            let age = &mut self.ages[at];
            age.routes -= 1;
            age.fresh -= usize::from(age.of(&slot.value) == age.number);
        }
        Some(slot)
    }

    /// The index of the state of a family.
    fn age(&self, family: Family) -> Option<usize> {
        self.ages.iter().position(|age| age.family == family)
    }

    /// Removes all routes.
    pub fn clear(&mut self) {
        drop(self.discard());
    }

    /// Removes all routes, because the session went down or for `clear adj-rib in`. Returns what is left to free:
    /// freeing millions of routes at once takes a good part of a second.
    pub fn discard(&mut self) -> Discarded {
        let table = std::mem::replace(&mut self.table, Table::new(SHARDS));
        self.hops = Hops::default();
        // The generation numbers remain, for a sweep that is in progress.
        for age in &mut self.ages {
            (age.routes, age.fresh) = (0, 0);
        }
        Discarded(table)
    }

    /// Marks the routes of `family` as kept from a closed session.
    pub fn mark_stale(&mut self, family: Family) {
        let Some(at) = self.age(family) else { return };
        self.ages[at].number += 1;
        self.ages[at].fresh = 0;
        if self.ages[at].number - self.ages[at].base >= GENERATIONS {
            self.rebase(at);
        }
    }

    /// Makes room for more generations, which takes a walk over the table. Only routes that have been stale for half of
    /// all generations lose theirs.
    fn rebase(&mut self, at: usize) {
        let age = &mut self.ages[at];
        let base = age.number - GENERATIONS / 2;
        for id in 0..self.table.end() {
            if let Some(slot) = self.table.get_mut(id)
                && slot.family() == age.family
            {
                let new = age.of(&slot.value).saturating_sub(base);
                // The difference of two generations that are stored.
                *slot.value.age_mut() = u32::try_from(new).unwrap_or(u32::MAX);
            }
        }
        age.base = base;
    }

    /// Returns `true` if a slot has a route that a sweep is about.
    fn is_due(&self, sweep: &Sweep, slot: &Slot<Received>) -> bool {
        slot.family() == sweep.family
            && self
                .age(sweep.family)
                .is_some_and(|at| self.ages[at].of(&slot.value) < sweep.before)
    }

    /// Starts work on the currently stale routes of `family`. [`sweep`](Self::sweep) drops them,
    /// [`restamp`](Self::restamp) replaces their attributes.
    pub fn drop_stale(&self, family: Family) -> Sweep {
        Sweep {
            family,
            before: self.age(family).map_or(0, |at| self.ages[at].number),
            at: 0,
        }
    }

    /// Visits the next `budget` slots and drops routes that were stale when the sweep started and were not announced
    /// since. Returns `true` when the sweep is complete.
    pub fn sweep(&mut self, sweep: &mut Sweep, budget: u32) -> bool {
        let end = sweep.at.saturating_add(budget).min(self.table.end());
        for id in sweep.at..end {
            let slot = self.table.get(id);
            if slot.is_some_and(|slot| self.is_due(sweep, slot)) {
                self.remove(id);
            }
        }
        sweep.at = end;
        end >= self.table.end()
    }

    /// Replaces the attributes of the stale routes of `family`. Routes for which `restamp` returns `None` are
    /// dropped.
    pub fn restamp_stale(
        &mut self,
        family: Family,
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) {
        let mut sweep = self.drop_stale(family);
        while !self.restamp(&mut sweep, u32::MAX, restamp) {}
    }

    /// Visits the next `budget` slots, and replaces the attributes of the routes that were stale when the sweep started
    /// and were not announced since. Routes for which `restamp` returns `None` are dropped. Returns `true` when the
    /// sweep is complete.
    pub fn restamp(
        &mut self,
        sweep: &mut Sweep,
        budget: u32,
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) -> bool {
        let end = sweep.at.saturating_add(budget).min(self.table.end());
        for id in sweep.at..end {
            let slot = self.table.get(id);
            let Some(slot) = slot.filter(|slot| self.is_due(sweep, slot)) else {
                continue;
            };
            match restamp(slot.value.attributes()) {
                Some(attributes) => {
                    if let Some(slot) = self.table.get_mut(id) {
                        slot.value.restamp(&mut self.hops, attributes);
                    }
                }
                None => {
                    self.remove(id);
                }
            }
        }
        sweep.at = end;
        end >= self.table.end()
    }

    /// The routes, optionally of one family, in no particular order.
    pub fn routes(&self, family: Option<Family>) -> impl Iterator<Item = ReceivedRoute<'_>> {
        self.routes_from(0, family)
    }

    /// The routes from a position on: 0, or [`ReceivedRoute::next`] of the last one seen.
    pub fn routes_from(
        &self,
        from: u32,
        family: Option<Family>,
    ) -> impl Iterator<Item = ReceivedRoute<'_>> {
        self.routes_in(from..u32::MAX, family)
    }

    /// The routes in a range of positions.
    pub(crate) fn routes_in(
        &self,
        places: Range<u32>,
        family: Option<Family>,
    ) -> impl Iterator<Item = ReceivedRoute<'_>> {
        let slots = self
            .table
            .iter_from(places.start)
            .take_while(move |(id, _)| *id < places.end)
            .filter(move |(_, slot)| family.is_none_or(|family| family == slot.family()));
        slots.map(move |(id, slot)| {
            let age = self.age(slot.family()).map(|at| &self.ages[at]);
            let mut nlri = slot.nlri(slot.value.payload());
            if age.is_some_and(|age| age.has_paths) {
                nlri.path_id.get_or_insert_default();
            }
            ReceivedRoute {
                nlri,
                next_hop: slot.value.next_hop(&self.hops),
                attributes: slot.value.attributes(),
                stale: age.is_some_and(|age| age.of(&slot.value) != age.number),
                since: slot.mark(),
                next: id.min(NONE - 1) + 1,
            }
        })
    }

    /// The position after all routes.
    #[cfg(feature = "daemon")]
    pub(crate) fn end(&self) -> u32 {
        self.table.end()
    }

    /// Number of routes.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// The number of routes of each family that has any.
    pub fn count_routes(&self) -> impl Iterator<Item = (Family, usize)> {
        let ages = self.ages.iter().filter(|age| age.routes > 0);
        ages.map(|age| (age.family, age.routes))
    }

    /// Returns `true` if there are no routes.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of routes of each family, stale ones included.
    pub fn counts(&self) -> impl Iterator<Item = (Family, usize)> {
        self.ages.iter().map(|age| (age.family, age.routes))
    }

    /// Number of stale routes.
    pub fn stale(&self) -> usize {
        self.ages.iter().map(|age| age.routes - age.fresh).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::bgp::attribute::med::Med;
    use crate::bgp::{Attribute, Safi};

    fn attributes(med: u32) -> Rc<AttributeSet> {
        Rc::new(AttributeSet::new(vec![Attribute::Med(Med(med))]))
    }

    fn nlri(family: Family, bytes: &[u8]) -> NlriRef<'_> {
        NlriRef {
            family,
            path_id: None,
            bytes,
            withdrawn: false,
        }
    }

    #[test]
    fn the_newest_version_of_each_route_is_kept() {
        let mut rib = AdjRibIn::new();
        let hop = Some(NextHop::V4(Ipv4Addr::LOCALHOST));
        rib.announce(nlri(Family::IPV4_UNICAST, &[8, 10]), &attributes(1), hop);
        rib.announce(nlri(Family::IPV4_UNICAST, &[8, 10]), &attributes(2), hop);
        rib.announce(nlri(Family::IPV4_MULTICAST, &[8, 10]), &attributes(3), None);
        let meds: Vec<_> = rib
            .routes(None)
            .map(|route| (route.attributes.text().to_owned(), route.next_hop))
            .collect();
        assert_eq!(
            meds,
            [(" med 2".to_owned(), hop), (" med 3".to_owned(), None)]
        );
        assert!(rib.withdraw(nlri(Family::IPV4_UNICAST, &[8, 10])));
        assert!(!rib.withdraw(nlri(Family::IPV4_UNICAST, &[8, 10])));
        assert_eq!(
            (rib.len(), rib.routes(Some(Family::IPV4_UNICAST)).count()),
            (1, 0)
        );
        rib.clear();
        assert!(rib.is_empty());
    }

    #[test]
    fn path_identifier_0_is_shown_where_routes_have_path_identifiers() {
        let mut rib = AdjRibIn::new();
        let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
        for path_id in [0, 7] {
            let path_id = Some(path_id);
            let nlri = NlriRef {
                path_id,
                ..nlri(v4, &[8, 10])
            };
            rib.announce(nlri, &attributes(1), None);
        }
        rib.announce(nlri(v6, &[8, 0x20]), &attributes(1), None);
        let mut paths: Vec<_> = rib
            .routes(Some(v4))
            .map(|route| route.nlri.path_id)
            .collect();
        paths.sort();
        assert_eq!(paths, [Some(0), Some(7)]);
        assert!(
            rib.routes(Some(v6))
                .all(|route| route.nlri.path_id.is_none())
        );
    }

    #[test]
    fn labels_are_shown_as_received_last() {
        let family = Family {
            safi: Safi::NLRI_MPLS,
            ..Family::IPV4_UNICAST
        };
        let mut rib = AdjRibIn::new();
        for label in [0x11, 0x21] {
            rib.announce(nlri(family, &[32, 0, 0, label, 10]), &attributes(1), None);
        }
        assert_eq!(
            rib.routes(None)
                .map(|route| route.nlri.bytes.to_vec())
                .collect::<Vec<_>>(),
            [[32, 0, 0, 0x21, 10]]
        );
    }

    #[test]
    fn routes_that_are_not_announced_again_are_dropped() {
        let mut rib = AdjRibIn::new();
        for number in 0..100 {
            rib.announce(
                nlri(Family::IPV4_UNICAST, &[8, number]),
                &attributes(1),
                None,
            );
        }
        rib.announce(nlri(Family::IPV6_UNICAST, &[8, 1]), &attributes(1), None);
        rib.mark_stale(Family::IPV4_UNICAST);
        assert_eq!(rib.stale(), 100);
        for number in 0..60 {
            rib.announce(
                nlri(Family::IPV4_UNICAST, &[8, number]),
                &attributes(1),
                None,
            );
        }
        rib.withdraw(nlri(Family::IPV4_UNICAST, &[8, 60]));
        let mut sweep = rib.drop_stale(Family::IPV4_UNICAST);
        assert!(!rib.sweep(&mut sweep, 70));
        // Routes marked as stale during the sweep remain.
        rib.mark_stale(Family::IPV4_UNICAST);
        while !rib.sweep(&mut sweep, 10) {}
        assert_eq!((rib.len(), rib.stale()), (61, 60));
        let left = rib.routes(Some(Family::IPV4_UNICAST));
        let mut left: Vec<u8> = left.map(|route| route.nlri.bytes[1]).collect();
        left.sort_unstable();
        assert_eq!(left, (0..60).collect::<Vec<u8>>());
        assert!(
            rib.routes(None)
                .all(|route| { route.stale == (route.nlri.family == Family::IPV4_UNICAST) })
        );
    }

    #[test]
    fn stale_routes_take_other_attributes_or_go() {
        let mut rib = AdjRibIn::new();
        let family = Family::IPV4_UNICAST;
        for number in 0..4 {
            rib.announce(
                nlri(family, &[8, number]),
                &attributes(u32::from(number)),
                None,
            );
        }
        rib.mark_stale(family);
        rib.announce(nlri(family, &[8, 0]), &attributes(9), None);
        let other = attributes(7);
        rib.restamp_stale(family, &mut |old| {
            (old.text() != " med 2").then(|| Rc::clone(&other))
        });
        let mut meds: Vec<_> = rib
            .routes(None)
            .map(|route| route.attributes.text().to_owned())
            .collect();
        meds.sort();
        assert_eq!(meds, [" med 7", " med 7", " med 9"]);
        assert_eq!((rib.len(), rib.stale()), (3, 2));
    }
}
