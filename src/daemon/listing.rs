//! Routes for the answers that list them: so many of a table in each step that no turn is long.

use std::ops::Range;

use crate::api::control::{ListedRoute, RibSide, RouteIndex, RoutePlace};
use crate::bgp::{AttributeSet, Family, Nlri};
use crate::rib::{PeerId, PeerSet, RouteFilter};

use super::core::Core;
use super::neighbor::Neighbor;

/// How many slots of a table one step visits.
const STEP: u32 = 4_096;

/// Reports routes of one side for some neighbors, neighbor by neighbor, and family by family as ExaBGP does, from a place on.
/// Returns where to continue.
pub(super) fn some(
    core: &Core,
    (side, peers): (RibSide, &PeerSet),
    from: RoutePlace,
    out: &mut dyn FnMut(&ListedRoute<'_>),
) -> Option<RoutePlace> {
    let all = core.neighbors.all();
    let mut selected = all
        .iter()
        .map(|listed| &listed.neighbor)
        .filter(|neighbor| peers.contains(neighbor.id));
    let mut neighbor = match from.peer {
        None => selected.next()?,
        // The neighbor was removed, and with it the position in the order.
        Some(peer) => selected.find(|neighbor| neighbor.id == peer)?,
    };
    let (mut first, mut left) = (from.family, STEP);
    let mut slot = from.slot;
    loop {
        let peer = Some(neighbor.id);
        let families = families(core, side, neighbor);
        for family in families.into_iter().filter(|one| Some(*one) >= first) {
            if Some(family) != first {
                slot = 0;
            }
            let place = |slot| RoutePlace {
                peer,
                family: Some(family),
                slot,
            };
            if left == 0 {
                return Some(place(slot));
            }
            let stop = slot.saturating_add(left);
            let end = list(core, (side, neighbor, family), slot..stop, out);
            if stop < end {
                return Some(place(stop));
            }
            left = left.saturating_sub(end.saturating_sub(slot));
        }
        // A neighbor counts as one slot.
        left = left.saturating_sub(1);
        neighbor = selected.next()?;
        (first, slot) = (None, 0);
    }
}

/// The families of one side that a neighbor may have routes of, in their order.
fn families(core: &Core, side: RibSide, neighbor: &Neighbor) -> Vec<Family> {
    let mut families: Vec<Family> = match side {
        RibSide::In => {
            let rib = neighbor.received.rib();
            let counts = rib.iter().flat_map(|rib| rib.counts());
            counts
                .filter(|(_, routes)| *routes > 0)
                .map(|(family, _)| family)
                .collect()
        }
        RibSide::Out => match core.routes.most_routes_of(neighbor.id) {
            Some(routes) => routes.into_keys().collect(),
            None => neighbor.config.borrow().session.families.clone(),
        },
    };
    families.sort_unstable();
    families
}

/// Reports the routes with an index that are announced to some neighbors.
pub(super) fn find(
    core: &Core,
    peers: &PeerSet,
    index: &RouteIndex,
    out: &mut dyn FnMut(&ListedRoute<'_>),
) {
    let rib = core.routes.rib();
    for route in rib.routes_at((index.family, index.path_id, &index.key), peers) {
        for peer in route.peers.iter() {
            out(&announced(peer, &route.nlri, route.attributes));
        }
    }
}

/// Lists the routes of one neighbor and family in a range of slots. Returns the end of the table.
fn list(
    core: &Core,
    (side, neighbor, family): (RibSide, &Neighbor, Family),
    places: Range<u32>,
    out: &mut dyn FnMut(&ListedRoute<'_>),
) -> u32 {
    let peer = neighbor.id;
    match side {
        RibSide::In => {
            let Some(rib) = neighbor.received.rib() else {
                return 0;
            };
            for route in rib.routes_in(places, Some(family)) {
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
            let rib = core.routes.rib();
            let filter = RouteFilter {
                peers: Some(std::iter::once(peer).collect()),
                family: Some(family),
            };
            for route in rib.routes_in(places, filter) {
                out(&announced(peer, &route.nlri, route.attributes));
            }
            rib.end()
        }
    }
}

/// A route as it is announced to a neighbor.
fn announced<'a>(peer: PeerId, nlri: &'a Nlri, attributes: &'a AttributeSet) -> ListedRoute<'a> {
    ListedRoute {
        peer,
        nlri: nlri.as_ref(),
        next_hop: attributes.next_hop(),
        attributes,
        stale: false,
    }
}
