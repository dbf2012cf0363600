//! Routes and counters for display.

use std::ops::Range;
use std::rc::Rc;

use super::live::TxSource;
use super::state::AdjRibOut;
use super::types::Counters;
use crate::bgp::{AttributeSet, Family, Nlri, NlriRef};
use crate::rib::group::Log;
use crate::rib::peer_set::{PeerId, PeerSet};
#[cfg(feature = "daemon")]
use crate::rib::slot::RouteKey;
use crate::rib::slot::with_key;

/// Which routes to show; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct RouteFilter {
    /// Only routes announced to these peers.
    pub peers: Option<PeerSet>,
    /// Only this family.
    pub family: Option<Family>,
}

/// A route and the peers that it is announced to.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    /// The route.
    pub nlri: Nlri,
    /// Its attributes, next hop included.
    pub attributes: &'a Rc<AttributeSet>,
    /// The peers that it is announced to, with or without a session; with a filter, only those in the filter.
    pub peers: PeerSet,
    /// Where to [continue](AdjRibOut::routes_from) after this route's prefix.
    pub next: u32,
}

impl AdjRibOut {
    /// The announced routes, in no particular order.
    pub fn routes(&self, filter: RouteFilter) -> impl Iterator<Item = Route<'_>> {
        self.routes_from(0, filter)
    }

    /// The routes from a position on: 0, or [`Route::next`] of the last one seen. Routes that change between two
    /// calls may be missed or seen twice.
    pub fn routes_from(&self, from: u32, filter: RouteFilter) -> impl Iterator<Item = Route<'_>> {
        self.routes_in(from..u32::MAX, filter)
    }

    /// The routes in a range of positions.
    pub(crate) fn routes_in(
        &self,
        slots_wanted: Range<u32>,
        filter: RouteFilter,
    ) -> impl Iterator<Item = Route<'_>> {
        let slots = self
            .table
            .iter_from(slots_wanted.start)
            .take_while(move |(id, _)| *id < slots_wanted.end)
            .filter(move |(_, slot)| filter.family.is_none_or(|family| family == slot.family()));
        slots.flat_map(move |(id, slot)| {
            let wanted = filter.peers.clone();
            let views = self.sweeps.view(id, &slot.value).into_iter();
            slot.value
                .list()
                .zip(views)
                .filter_map(move |(entry, mut peers)| {
                    if let Some(wanted) = &wanted {
                        peers.intersect(wanted);
                    }
                    (!peers.is_empty()).then(|| Route {
                        nlri: slot.nlri(entry.payload()),
                        attributes: entry.attributes,
                        peers,
                        next: id + 1,
                    })
                })
        })
    }

    /// The versions of the route with that family, path identifier and key that are announced to `peers`.
    #[cfg(feature = "daemon")]
    pub(crate) fn routes_at(
        &self,
        (family, path_id, key): (Family, Option<u32>, &[u8]),
        peers: &PeerSet,
    ) -> impl Iterator<Item = Route<'_>> {
        let slot = self.table.find(RouteKey {
            family,
            path_id: path_id.unwrap_or_default(),
            key,
        });
        let filter = RouteFilter {
            peers: Some(peers.clone()),
            family: None,
        };
        let range = slot.map_or(0..0, |slot| slot..slot + 1);
        self.routes_in(range, filter)
    }

    /// Reports numbers of announced routes, to be added up by peer and family: about `most` of them, from a position
    /// on, at first 0. Returns the position to continue at, or `None` at the end. Routes that change between two calls
    /// may be missed or counted twice.
    pub fn count_routes(
        &self,
        from: u32,
        most: usize,
        count: &mut impl FnMut(PeerId, Family, u64),
    ) -> Option<u32> {
        self.tally.total(from, most, count)
    }

    /// The position after all routes.
    #[cfg(feature = "daemon")]
    pub(crate) fn end(&self) -> u32 {
        self.table.end()
    }

    /// The peers that a route is announced to; given attributes, only those that it is announced to with exactly these.
    pub fn holders(&mut self, nlri: NlriRef<'_>, attributes: Option<&Rc<AttributeSet>>) -> PeerSet {
        let mut peers = PeerSet::new();
        with_key(nlri, |route| {
            self.settle_route(route);
            let payload = (nlri.bytes != route.key).then_some(nlri.bytes);
            let slot = self.table.find(route).and_then(|slot| self.table.get(slot));
            for entry in slot.into_iter().flat_map(|slot| slot.value.list()) {
                if attributes.is_none_or(|attributes| entry.is(attributes, payload))
                    && let Some(set) = entry.peers.set()
                {
                    peers.union(set);
                }
            }
        });
        peers
    }

    /// The peers that a route is announced to, by any of its paths.
    pub fn announced_to(&mut self, nlri: NlriRef<'_>) -> PeerSet {
        let paths = with_key(nlri, |route| self.table.slots_of(route));
        let mut peers = PeerSet::new();
        for (_, slot) in paths {
            self.settle(slot);
            let entries = self.table.get(slot).into_iter();
            for set in entries.flat_map(|slot| slot.value.list()) {
                if let Some(set) = set.peers.set() {
                    peers.union(set);
                }
            }
        }
        peers
    }

    /// Counters for status.
    pub fn counters(&self) -> Counters {
        let groups = || self.groups.iter().flatten();
        let resync = || {
            self.peers
                .iter()
                .flatten()
                .filter_map(|peer| match &peer.live.as_ref()?.source {
                    TxSource::Resync(resync) => Some(resync),
                    TxSource::GroupLog(_) => None,
                })
        };
        Counters {
            routes: self.table.len(),
            pending: groups().map(|group| group.queue.len()).sum::<usize>()
                + resync().map(|resync| resync.queue.len()).sum::<usize>(),
            log_bytes: groups().map(|group| group.log.bytes()).sum::<usize>()
                + resync().map(|resync| resync.bytes()).sum::<usize>(),
            groups: groups().count(),
            lagged: self.lagged,
            walks: self.walks,
        }
    }

    /// Number of bytes of encoded messages that `peer` has not read.
    pub fn lag(&self, peer: PeerId) -> usize {
        let Some(live) = self.peer(peer).and_then(|peer| peer.live.as_ref()) else {
            return 0;
        };
        match &live.source {
            TxSource::Resync(resync) => resync.bytes(),
            TxSource::GroupLog(cursor) => self.groups[live.group]
                .as_ref()
                .map_or(0, |group| Log::lag(&group.log, *cursor)),
        }
    }
}
