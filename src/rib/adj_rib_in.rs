//! The Adj-RIB-In: what one peer told us, for `show adj-rib in` and for graceful restart.
//!
//! One for each neighbour that asks for it; about a hundred bytes a route, since attributes are shared. It is emptied when
//! the session goes down (ExaBGP shows routes of a session that is gone until the next one is up); graceful restart marks
//! routes as stale instead and drops what was not told again (RFC 4724 section 4.2), and so does a route refresh between
//! its marks (RFC 7313 section 4.2).
//!
//! Each route has the number of the family's age in which it was told last, and is stale when that is not the current one:
//! marking a million routes is adding one, so that a peer can't make us work by marks. Dropping them looks at all, in steps.

use std::ops::Range;
use std::rc::Rc;

use super::slab::NONE;
use super::table::{Slot, SlotId, Table, with_key};
use crate::bgp::message::update::Content;
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{AttributeSet, Family, NextHop, Nlri, NlriRef};

/// Sub-tables: fewer than on the way out, since there is one table for each neighbour.
const SHARDS: usize = 64;

/// What one peer told us.
#[derive(Debug)]
pub struct AdjRibIn {
    table: Table<Received>,
    /// The last next hop: neighbouring routes share it.
    last_hop: Option<Rc<NextHop>>,
    ages: Vec<Age>,
}

/// The routes of a family.
#[derive(Debug)]
struct Age {
    family: Family,
    /// How often they were marked.
    number: u64,
    routes: usize,
    /// Those told since the last time.
    fresh: usize,
}

/// What is left to do of dropping routes: see [`AdjRibIn::sweep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Of which family.
    pub family: Family,
    /// Those of ages before this one.
    before: u64,
    /// From this slot on.
    at: u32,
}

#[derive(Debug)]
struct Received {
    attributes: Rc<AttributeSet>,
    next_hop: Option<Rc<NextHop>>,
    /// The wire bytes, if they are not the key.
    payload: Option<Box<NlriBytes>>,
    age: u64,
}

/// A route of an Adj-RIB-In.
#[derive(Clone, Debug)]
pub struct ReceivedRoute<'a> {
    /// The route.
    pub nlri: Nlri,
    /// Its next hop: of MP_REACH_NLRI or of the NEXT_HOP attribute.
    pub next_hop: Option<NextHop>,
    /// Its attributes.
    pub attributes: &'a Rc<AttributeSet>,
    /// Kept from a session that is gone.
    pub stale: bool,
    /// Where to [go on](AdjRibIn::routes_from) after it.
    pub next: u32,
}

impl Default for AdjRibIn {
    fn default() -> Self {
        Self::new()
    }
}

impl AdjRibIn {
    /// An empty one; it takes no memory to speak of.
    pub fn new() -> Self {
        Self {
            table: Table::new(SHARDS),
            last_hop: None,
            ages: Vec::new(),
        }
    }

    /// Takes in an UPDATE: what it withdraws, then what it announces.
    pub fn update(&mut self, content: &Content<'_>) {
        // RFC 7606 5.1 of a prefix in both fields: "treat the UPDATE message in this form as though the WITHDRAWN ROUTES
        // doesn't contain the address prefix". The routes of a `Content` are known to frame.
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

    /// Takes in an announced route.
    pub fn announce(
        &mut self,
        nlri: NlriRef<'_>,
        attributes: &Rc<AttributeSet>,
        next_hop: Option<NextHop>,
    ) {
        let next_hop = self.shared(next_hop);
        let known = self.age(nlri.family);
        let at = known.unwrap_or_else(|| {
            self.ages.push(Age {
                family: nlri.family,
                number: 0,
                routes: 0,
                fresh: 0,
            });
            self.ages.len() - 1
        });
        let now = &mut self.ages[at];
        with_key(nlri, |route| {
            let mut new = Some(Received {
                attributes: Rc::clone(attributes),
                next_hop,
                payload: (nlri.bytes != route.key)
                    .then(|| Box::new(NlriBytes::from_slice(nlri.bytes))),
                age: now.number,
            });
            // Called at most once, and only if there is no slot.
            let id = self
                .table
                .find_or_insert(route, || new.take().expect("not yet taken"));
            match (new, self.table.get_mut(id)) {
                (Some(new), Some(slot)) => {
                    now.fresh += usize::from(slot.value.age != now.number);
                    slot.value = new;
                }
                _ => {
                    now.routes += 1;
                    now.fresh += 1;
                }
            }
        });
    }

    /// Takes in a withdrawn route; whether it was there.
    pub fn withdraw(&mut self, nlri: NlriRef<'_>) -> bool {
        let found = with_key(nlri, |route| self.table.find(route));
        found.is_some_and(|id| self.remove(id).is_some())
    }

    fn remove(&mut self, id: SlotId) -> Option<Slot<Received>> {
        let slot = self.table.remove(id)?;
        if let Some(at) = self.age(slot.family) {
            let age = &mut self.ages[at];
            age.routes -= 1;
            age.fresh -= usize::from(slot.value.age == age.number);
        }
        Some(slot)
    }

    /// Where the age of a family stands.
    fn age(&self, family: Family) -> Option<usize> {
        self.ages.iter().position(|age| age.family == family)
    }

    /// Forgets everything: the session went down, or `clear adj-rib in`.
    pub fn clear(&mut self) {
        self.table = Table::new(SHARDS);
        self.last_hop = None;
        // The numbers stay, for a sweep that is under way.
        for age in &mut self.ages {
            (age.routes, age.fresh) = (0, 0);
        }
    }

    /// Marks the routes of `family` as kept from a session that is gone.
    pub fn mark_stale(&mut self, family: Family) {
        let Some(at) = self.age(family) else { return };
        self.ages[at].number += 1;
        self.ages[at].fresh = 0;
    }

    /// Begins to drop the routes of `family` that are stale now; [`sweep`](Self::sweep) does it.
    pub fn drop_stale(&self, family: Family) -> Sweep {
        Sweep {
            family,
            before: self.age(family).map_or(0, |at| self.ages[at].number),
            at: 0,
        }
    }

    /// Looks at the next `budget` slots and drops those routes that were stale when the sweep began and were not told since;
    /// whether it is done.
    pub fn sweep(&mut self, sweep: &mut Sweep, budget: u32) -> bool {
        let end = sweep.at.saturating_add(budget).min(self.table.end());
        for id in sweep.at..end {
            let slot = self.table.get(id);
            if slot.is_some_and(|slot| slot.family == sweep.family && slot.value.age < sweep.before)
            {
                self.remove(id);
            }
        }
        sweep.at = end;
        end >= self.table.end()
    }

    /// Gives the routes of `family` that are stale other attributes; those for which `restamp` has none are dropped.
    pub fn restamp_stale(
        &mut self,
        family: Family,
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) {
        let now = self.drop_stale(family).before;
        for id in 0..self.table.end() {
            let Some(slot) = self
                .table
                .get_mut(id)
                .filter(|slot| slot.family == family && slot.value.age < now)
            else {
                continue;
            };
            match restamp(&slot.value.attributes) {
                Some(attributes) => slot.value.attributes = attributes,
                None => {
                    self.remove(id);
                }
            }
        }
    }

    /// The routes, of one family if one is given, in no particular order.
    pub fn routes(&self, family: Option<Family>) -> impl Iterator<Item = ReceivedRoute<'_>> {
        self.routes_from(0, family)
    }

    /// The same from some point on: 0, or [`ReceivedRoute::next`] of the last one seen.
    pub fn routes_from(
        &self,
        from: u32,
        family: Option<Family>,
    ) -> impl Iterator<Item = ReceivedRoute<'_>> {
        self.routes_in(from..u32::MAX, family)
    }

    /// The same up to some point.
    pub(crate) fn routes_in(
        &self,
        places: Range<u32>,
        family: Option<Family>,
    ) -> impl Iterator<Item = ReceivedRoute<'_>> {
        let slots = self
            .table
            .iter_from(places.start)
            .take_while(move |(id, _)| *id < places.end)
            .filter(move |(_, slot)| family.is_none_or(|family| family == slot.family));
        slots.map(move |(id, slot)| ReceivedRoute {
            nlri: slot.nlri(slot.value.payload.as_deref().map(|bytes| &bytes[..])),
            next_hop: slot.value.next_hop.as_deref().copied(),
            attributes: &slot.value.attributes,
            stale: self
                .age(slot.family)
                .is_some_and(|at| slot.value.age != self.ages[at].number),
            next: id.min(NONE - 1) + 1,
        })
    }

    /// Where a walk over all routes ends.
    #[cfg(feature = "daemon")]
    pub(crate) fn end(&self) -> u32 {
        self.table.end()
    }

    /// Routes.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stale routes.
    pub fn stale(&self) -> usize {
        self.ages.iter().map(|age| age.routes - age.fresh).sum()
    }

    fn shared(&mut self, next_hop: Option<NextHop>) -> Option<Rc<NextHop>> {
        let next_hop = next_hop?;
        if self.last_hop.as_deref() != Some(&next_hop) {
            self.last_hop = Some(Rc::new(next_hop));
        }
        self.last_hop.clone()
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
    fn what_is_not_told_again_is_dropped() {
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
        // What is marked while it goes on stays.
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
