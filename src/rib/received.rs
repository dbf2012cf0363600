//! What the Adj-RIB-In stores about a route besides its key: 16 bytes for nearly all routes.
//!
//! The next hop is mostly that of the attributes, or one of a few that the routes of a peer share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::slab::Slab;
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{AttributeSet, NextHop};

/// A received route. It must be [released](Hops::release) when it is removed.
#[derive(Debug)]
pub(super) enum Received {
    /// The wire bytes are the key.
    Plain {
        /// The generation of its family in which it was announced last.
        age: u32,
        /// The code of its next hop.
        hop: u16,
        /// Its attributes.
        attributes: Rc<AttributeSet>,
    },
    /// Any other route.
    Full { age: u32, rest: Box<Full> },
}

#[derive(Debug)]
pub(super) struct Full {
    attributes: Rc<AttributeSet>,
    next_hop: Option<NextHop>,
    payload: Option<NlriBytes>,
}

/// The next hop is that of the attributes.
const SAME: u16 = 0;
/// There is no next hop, although the attributes have one.
const NO_HOP: u16 = 1;
/// The code of the first next hop in the pool.
const POOL: u32 = 2;

/// The next hops of routes that are not those of their attributes.
#[derive(Debug, Default)]
pub(super) struct Hops {
    /// Next hops, and how many routes have them.
    list: Slab<(NextHop, u32)>,
    index: HashMap<NextHop, u32>,
    /// The one that was used last, which consecutive routes usually share.
    last: Option<(NextHop, u32)>,
}

impl Received {
    /// A route with `payload` as its wire bytes, if they differ from the key.
    pub(super) fn new(
        hops: &mut Hops,
        attributes: Rc<AttributeSet>,
        next_hop: Option<NextHop>,
        payload: Option<&[u8]>,
        age: u32,
    ) -> Self {
        if payload.is_none()
            && let Some(hop) = hops.code(&attributes, next_hop)
        {
            return Self::Plain {
                age,
                hop,
                attributes,
            };
        }
        let rest = Box::new(Full {
            attributes,
            next_hop,
            payload: payload.map(NlriBytes::from_slice),
        });
        Self::Full { age, rest }
    }

    /// The generation of its family in which it was announced last.
    pub(super) const fn age(&self) -> u32 {
        match self {
            Self::Plain { age, .. } | Self::Full { age, .. } => *age,
        }
    }

    /// That generation, for modification.
    pub(super) const fn age_mut(&mut self) -> &mut u32 {
        match self {
            Self::Plain { age, .. } | Self::Full { age, .. } => age,
        }
    }

    /// Its attributes.
    pub(super) fn attributes(&self) -> &Rc<AttributeSet> {
        match self {
            Self::Plain { attributes, .. } => attributes,
            Self::Full { rest, .. } => &rest.attributes,
        }
    }

    /// Its wire bytes, if they differ from the key.
    pub(super) fn payload(&self) -> Option<&[u8]> {
        match self {
            Self::Plain { .. } => None,
            Self::Full { rest, .. } => rest.payload.as_deref(),
        }
    }

    /// Its next hop.
    pub(super) fn next_hop(&self, hops: &Hops) -> Option<NextHop> {
        match self {
            Self::Plain {
                hop: SAME,
                attributes,
                ..
            } => attributes.next_hop(),
            Self::Plain { hop, .. } => hops.get(*hop),
            Self::Full { rest, .. } => rest.next_hop,
        }
    }

    /// Replaces its attributes, but not its next hop.
    pub(super) fn restamp(&mut self, hops: &mut Hops, attributes: Rc<AttributeSet>) {
        let next_hop = self.next_hop(hops);
        hops.release(self);
        *self = Self::new(hops, attributes, next_hop, self.payload(), self.age());
    }
}

impl Hops {
    /// The code of a next hop, which counts as used once more; `None` if the pool is full.
    fn code(&mut self, attributes: &AttributeSet, next_hop: Option<NextHop>) -> Option<u16> {
        if attributes.next_hop() == next_hop {
            return Some(SAME);
        }
        let Some(hop) = next_hop else {
            return Some(NO_HOP);
        };
        let at = match self.last {
            Some((last, at)) if last == hop => at,
            _ => self.place(hop)?,
        };
        let (_, routes) = self.list.get_mut(at)?;
        *routes += 1;
        self.last = Some((hop, at));
        u16::try_from(at + POOL).ok()
    }

    /// The place of a next hop in the pool.
    fn place(&mut self, hop: NextHop) -> Option<u32> {
        let is_full = self.list.len() >= usize::from(u16::MAX) - POOL as usize;
        match self.index.entry(hop) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(vacant) => Some(*vacant.insert(self.list.insert((hop, 0)))),
        }
    }

    fn get(&self, code: u16) -> Option<NextHop> {
        let at = u32::from(code).checked_sub(POOL)?;
        self.list.get(at).map(|(hop, _)| *hop)
    }

    /// Notes that a route is removed or replaced.
    pub(super) fn release(&mut self, route: &Received) {
        let Received::Plain { hop, .. } = route else {
            return;
        };
        let Some(at) = u32::from(*hop).checked_sub(POOL) else {
            return;
        };
        let Some((hop, routes)) = self.list.get_mut(at) else {
            return;
        };
        *routes -= 1;
        if *routes == 0 {
            self.index.remove(hop);
            self.list.remove(at);
            self.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::bgp::Attribute;
    use crate::bgp::attribute::next_hop::NextHopAttribute;

    fn attributes(hop: Option<NextHop>) -> Rc<AttributeSet> {
        let list = hop.map(|hop| Attribute::NextHop(NextHopAttribute::new(hop)));
        Rc::new(AttributeSet::new(list.into_iter().collect()))
    }

    #[test]
    fn next_hops_are_kept_and_their_pool_is_bounded() {
        let mut hops = Hops::default();
        let own = Some(NextHop::V4(Ipv4Addr::LOCALHOST));
        let mut routes = Vec::new();
        let all = (0..70_000).map(|number| Some(NextHop::V6(Ipv6Addr::from(number % 66_000))));
        for hop in all.chain([own, None]) {
            for attributes in [attributes(own), attributes(None)] {
                routes.push((Received::new(&mut hops, attributes, hop, None, 3), hop));
            }
        }
        let plain = |route: &Received| matches!(route, Received::Plain { .. });
        assert!(routes.iter().any(|(route, _)| !plain(route)));
        assert_eq!(hops.list.len(), usize::from(u16::MAX) - 2);
        for (route, hop) in &mut routes {
            assert_eq!((route.next_hop(&hops), route.age()), (*hop, 3));
            route.restamp(&mut hops, attributes(None));
            assert_eq!((route.next_hop(&hops), route.age()), (*hop, 3));
        }
        for (route, _) in &routes {
            hops.release(route);
        }
        assert_eq!((hops.list.len(), hops.index.len()), (0, 0));
    }

    #[test]
    fn a_route_takes_two_pointers() {
        assert_eq!(size_of::<Received>(), 16);
    }
}
