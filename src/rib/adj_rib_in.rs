//! The Adj-RIB-In: what one peer told us, for `show adj-rib in` and for graceful restart.
//!
//! One for each neighbour that asks for it; about a hundred bytes a route, since attributes are shared. It is emptied when
//! the session goes down (ExaBGP shows routes of a session that is gone until the next one is up); graceful restart marks
//! routes as stale instead and drops what was not told again (RFC 4724 section 4.2), and so does a route refresh between
//! its marks (RFC 7313 section 4.2).

use std::rc::Rc;

use super::slab::NONE;
use super::table::{Table, with_key};
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
    stale: usize,
}

#[derive(Debug)]
struct Received {
    attributes: Rc<AttributeSet>,
    next_hop: Option<Rc<NextHop>>,
    /// The wire bytes, if they are not the key.
    payload: Option<Box<NlriBytes>>,
    stale: bool,
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
            stale: 0,
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
        with_key(nlri, |route| {
            let mut new = Some(Received {
                attributes: Rc::clone(attributes),
                next_hop,
                payload: (nlri.bytes != route.key)
                    .then(|| Box::new(NlriBytes::from_slice(nlri.bytes))),
                stale: false,
            });
            // Called at most once, and only if there is no slot.
            let id = self
                .table
                .find_or_insert(route, || new.take().expect("not yet taken"));
            if let (Some(new), Some(slot)) = (new, self.table.get_mut(id)) {
                self.stale -= usize::from(slot.value.stale);
                slot.value = new;
            }
        });
    }

    /// Takes in a withdrawn route; whether it was there.
    pub fn withdraw(&mut self, nlri: NlriRef<'_>) -> bool {
        let found = with_key(nlri, |route| self.table.find(route));
        let slot = found.and_then(|id| self.table.remove(id));
        self.stale -= usize::from(slot.as_ref().is_some_and(|slot| slot.value.stale));
        slot.is_some()
    }

    /// Forgets everything: the session went down, or `clear adj-rib in`.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Marks the routes of `family` as kept from a session that is gone.
    pub fn mark_stale(&mut self, family: Family) {
        for id in 0..self.table.end() {
            if let Some(slot) = self
                .table
                .get_mut(id)
                .filter(|slot| slot.family == family && !slot.value.stale)
            {
                slot.value.stale = true;
                self.stale += 1;
            }
        }
    }

    /// Drops the routes of `family` that are still stale; each is shown to `gone`.
    pub fn drop_stale(&mut self, family: Family, gone: &mut impl FnMut(Nlri)) {
        for id in 0..self.table.end() {
            let stale = self
                .table
                .get(id)
                .is_some_and(|slot| slot.family == family && slot.value.stale);
            if let Some(slot) = stale.then(|| self.table.remove(id)).flatten() {
                self.stale -= 1;
                gone(slot.nlri(slot.value.payload.as_deref().map(|bytes| &bytes[..])));
            }
        }
    }

    /// Gives the routes of `family` that are stale other attributes; those for which `restamp` has none are dropped.
    pub fn restamp_stale(
        &mut self,
        family: Family,
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) {
        for id in 0..self.table.end() {
            let Some(slot) = self
                .table
                .get_mut(id)
                .filter(|slot| slot.family == family && slot.value.stale)
            else {
                continue;
            };
            match restamp(&slot.value.attributes) {
                Some(attributes) => slot.value.attributes = attributes,
                None => {
                    self.table.remove(id);
                    self.stale -= 1;
                }
            }
        }
    }

    /// Drops all routes of `family`.
    pub fn drop_family(&mut self, family: Family) {
        self.mark_stale(family);
        self.drop_stale(family, &mut |_| {});
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
        let slots = self
            .table
            .iter_from(from)
            .filter(move |(_, slot)| family.is_none_or(|family| family == slot.family));
        slots.map(|(id, slot)| ReceivedRoute {
            nlri: slot.nlri(slot.value.payload.as_deref().map(|bytes| &bytes[..])),
            next_hop: slot.value.next_hop.as_deref().copied(),
            attributes: &slot.value.attributes,
            stale: slot.value.stale,
            next: id.min(NONE - 1) + 1,
        })
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
    pub const fn stale(&self) -> usize {
        self.stale
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
        let mut gone = Vec::new();
        rib.drop_stale(Family::IPV4_UNICAST, &mut |nlri| gone.push(nlri.bytes[1]));
        assert_eq!(gone, (61..100).collect::<Vec<u8>>());
        assert_eq!((rib.len(), rib.stale()), (61, 0));
    }
}
