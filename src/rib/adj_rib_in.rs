//! What one peer has announced to us and not withdrawn (Adj-RIB-In of RFC 4271 section 3.2), before any policy.

use std::rc::Rc;

use hashbrown::HashMap;

use crate::bgp::nlri::NlriKey;
use crate::bgp::{AttributeSet, Family, NextHop, Nlri, NlriRef};

/// The routes of one peer. Attribute sets are shared with whoever interned them.
#[derive(Debug, Default)]
pub struct AdjRibIn {
    routes: HashMap<(Family, Option<u32>, NlriKey), Received, foldhash::fast::RandomState>,
}

/// A route as received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The route, labels and host bits as they came.
    pub nlri: Nlri,
    /// Its attributes.
    pub attributes: Rc<AttributeSet>,
    /// Its next hop: of NEXT_HOP or of MP_REACH_NLRI.
    pub next_hop: Option<NextHop>,
}

impl AdjRibIn {
    /// Adds a route, or replaces an earlier announcement of it.
    pub fn announce(
        &mut self,
        nlri: NlriRef<'_>,
        attributes: &Rc<AttributeSet>,
        next_hop: Option<NextHop>,
    ) {
        let route = Received {
            nlri: nlri.to_nlri(),
            attributes: Rc::clone(attributes),
            next_hop,
        };
        self.routes
            .insert((nlri.family, nlri.path_id, nlri.key()), route);
    }

    /// Removes a route, if it is there.
    pub fn withdraw(&mut self, nlri: NlriRef<'_>) {
        self.routes.remove(&(nlri.family, nlri.path_id, nlri.key()));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.routes = HashMap::default();
    }

    /// The routes, in no particular order.
    pub fn routes(&self) -> impl Iterator<Item = &Received> {
        self.routes.values()
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}
