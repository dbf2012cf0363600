//! `announce-limit`: how many routes are announced to a neighbor.
//!
//! The routes of all owners count together, as the peer gets them: helpers, operators, the configuration. The newest
//! announcement is refused, before any table is touched; nothing is evicted, and withdrawals are always allowed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use tracing::{error, info, warn};

use crate::bgp::nlri::NlriId;
use crate::bgp::{Family, Nlri};
use crate::config::AnnounceLimit;
use crate::rib::{Action, Change, PeerId};

use super::guard::{self, GuardState, Rejection};
use super::neighbor::Neighbor;
use super::neighbors::{Listed, Neighbors};
use super::routes::Routes;

/// The rule as metrics have it.
const RULE: &str = "announce-limit";

/// The limits of all neighbors that have any.
#[derive(Default)]
pub(crate) struct AnnounceLimits {
    by_peer: RefCell<BTreeMap<PeerId, Rc<Limited>>>,
    /// Commands of operators that were refused.
    pub(crate) operators: GuardState,
    /// Routes of the configuration and of watchdog groups that were refused.
    pub(crate) configured: GuardState,
}

/// The limit of one neighbor.
struct Limited {
    limit: AnnounceLimit,
    /// The limits that are nearly reached, of which a warning was logged; `None` is the total.
    warned: RefCell<HashSet<Option<Family>>>,
}

/// How many routes of each family some changes add.
type Gains = BTreeMap<Family, i64>;

impl AnnounceLimits {
    /// Returns `true` if no neighbor has a limit.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_peer.borrow().is_empty()
    }

    /// Takes the limit of a neighbor from its configuration.
    pub(crate) fn configure(&self, neighbor: &Neighbor) {
        let limit = neighbor.config.borrow().announce_limit.as_deref().cloned();
        let mut by_peer = self.by_peer.borrow_mut();
        match limit {
            None => {
                by_peer.remove(&neighbor.id);
            }
            Some(limit) => {
                let same = by_peer.get(&neighbor.id);
                if same.is_none_or(|known| known.limit != limit) {
                    let limited = Limited {
                        limit,
                        warned: RefCell::default(),
                    };
                    by_peer.insert(neighbor.id, Rc::new(limited));
                }
            }
        }
    }

    /// Forgets a neighbor that is removed.
    pub(crate) fn forget(&self, peer: PeerId) {
        self.by_peer.borrow_mut().remove(&peer);
    }

    /// Returns `true` if changes may exceed a limit.
    pub(crate) fn may_refuse(&self, changes: &[Change]) -> bool {
        let by_peer = self.by_peer.borrow();
        let is_limited = |change: &Change| by_peer.keys().any(|peer| change.peers.contains(*peer));
        !by_peer.is_empty()
            && changes
                .iter()
                .any(|change| matches!(change.action, Action::Announce(_)) && is_limited(change))
    }

    /// Begins to judge changes that are to be applied together.
    pub(crate) fn begin(&self, neighbors: &Neighbors) -> Vec<LimitJudging> {
        let by_peer = self.by_peer.borrow();
        let judging = by_peer.iter().filter_map(|(peer, limited)| {
            Some(LimitJudging {
                limited: Rc::clone(limited),
                listed: neighbors.get(*peer)?,
                touched: HashMap::new(),
                last: None,
            })
        });
        judging.collect()
    }

    /// Judges a change that does not come from a command; one that is refused is logged and counted.
    pub(crate) fn admits(
        &self,
        (routes, neighbors): (&Routes, &Neighbors),
        change: &Change,
    ) -> bool {
        let changes = std::slice::from_ref(change);
        if !self.may_refuse(changes) {
            return true;
        }
        let mut limits = self.begin(neighbors).into_iter();
        let judged = limits.try_for_each(|mut limit| {
            limit.add(routes, changes)?;
            limit.finish(routes)
        });
        match judged {
            Ok(()) => true,
            Err(rejection) => {
                error!("the route is not announced: {}", rejection.message);
                self.configured.refuse(rejection.rule);
                false
            }
        }
    }
}

/// Changes for one neighbor that are judged in parts, and applied together.
pub(crate) struct LimitJudging {
    limited: Rc<Limited>,
    listed: Rc<Listed>,
    /// The routes that the changes are about: whether the neighbor has each now, and its paths after the changes.
    touched: HashMap<NlriId, (bool, HashSet<u32>)>,
    /// The last one that is announced.
    last: Option<Nlri>,
}

impl LimitJudging {
    /// Adds changes, which come after those that were added before.
    ///
    /// # Errors
    /// When an attribute announces routes that are not counted.
    pub(crate) fn add(&mut self, routes: &Routes, changes: &[Change]) -> Result<(), Rejection> {
        let neighbor = &self.listed.neighbor;
        let config = neighbor.config.borrow();
        let mut last = None;
        for change in changes {
            let nlri = &change.nlri;
            let family = nlri.family;
            if !change.peers.contains(neighbor.id) || !config.session.families.contains(&family) {
                continue;
            }
            guard::judge_raw(change).map_err(|rejection| Rejection {
                rule: RULE,
                ..rejection
            })?;
            let path = nlri.path_id.unwrap_or_default();
            let by_path = sends_paths(neighbor, family);
            let key = (family, if by_path { path } else { 0 }, nlri.as_ref().key());
            let (_, paths) = self.touched.entry(key).or_insert_with(|| {
                let mut known = routes.paths_to(neighbor.id, nlri.as_ref());
                known.retain(|known| !by_path || *known == path);
                (!known.is_empty(), known.into_iter().collect())
            });
            match change.action {
                Action::Announce(_) => {
                    paths.insert(path);
                    last = Some(nlri);
                }
                Action::Withdraw(_) => {
                    paths.remove(&path);
                }
            }
        }
        if let Some(last) = last {
            self.last = Some(last.clone());
        }
        Ok(())
    }

    /// How many routes of each family the changes add.
    fn gains(&self) -> Gains {
        let mut gains = Gains::new();
        for ((family, ..), (was, paths)) in &self.touched {
            let gain = i64::from(!paths.is_empty()) - i64::from(*was);
            *gains.entry(*family).or_default() += gain;
        }
        gains
    }

    /// Judges the whole.
    ///
    /// # Errors
    /// When the neighbor would have more routes than its limit allows, and more than it has now.
    pub(crate) fn finish(&self, routes: &Routes) -> Result<(), Rejection> {
        let neighbor = &self.listed.neighbor;
        let Some(last) = &self.last else {
            return Ok(());
        };
        let gains = self.gains();
        if !gains.values().any(|gain| *gain > 0) {
            return Ok(());
        }
        let limited = &self.limited;
        let paths = |family| sends_paths(neighbor, family);
        let bound = routes.most_routes_of(neighbor.id);
        let exact = |counts: &BTreeMap<Family, u64>| limited.excess(counts, &gains);
        // Walking over the table is only worth it where paths of a prefix may have been counted one by one.
        let counts = match bound {
            Some(counts)
                if exact(&counts).is_none() || counts.keys().all(|family| paths(*family)) =>
            {
                counts
            }
            Some(counts) if !routes.has_paths(counts.keys().copied()) => counts,
            _ => routes.routes_of(neighbor.id, paths),
        };
        if let Some((family, most)) = limited.excess(&counts, &gains) {
            let what = family.map_or_else(String::new, |family| format!(" of {family}"));
            let peer = neighbor.config.borrow().peer();
            let message =
                format!("`{last}`: neighbor {peer} may be sent no more than {most} routes{what}");
            return Err(Rejection {
                rule: RULE,
                message,
            });
        }
        limited.warn(neighbor, &counts, &gains);
        Ok(())
    }
}

impl Limited {
    /// The limits with what they are about, and the number of routes now and after the changes.
    fn numbers(
        &self,
        counts: &BTreeMap<Family, u64>,
        gains: &Gains,
    ) -> Vec<(Option<Family>, u32, u64, u64)> {
        let of = |family: &Family| {
            let now = counts.get(family).copied().unwrap_or_default();
            let gain = gains.get(family).copied().unwrap_or_default();
            (now, now.saturating_add_signed(gain))
        };
        let families: HashSet<&Family> = counts.keys().chain(gains.keys()).collect();
        let total = families
            .into_iter()
            .map(of)
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let of_families = self.limit.families.iter().map(|(family, most)| {
            let (now, after) = of(family);
            (Some(*family), *most, now, after)
        });
        let of_all = self
            .limit
            .total
            .iter()
            .map(|most| (None, *most, total.0, total.1));
        of_families.chain(of_all).collect()
    }

    /// The limit that would be exceeded.
    fn excess(
        &self,
        counts: &BTreeMap<Family, u64>,
        gains: &Gains,
    ) -> Option<(Option<Family>, u32)> {
        let numbers = self.numbers(counts, gains);
        let mut over = numbers
            .into_iter()
            .filter(|(_, most, now, after)| *after > u64::from(*most) && after > now);
        over.next().map(|(family, most, ..)| (family, most))
    }

    /// Logs limits that are nearly reached, once until they are not any more.
    fn warn(&self, neighbor: &Neighbor, counts: &BTreeMap<Family, u64>, gains: &Gains) {
        let Some(share) = self.limit.warn_at else {
            return;
        };
        let mut warned = self.warned.borrow_mut();
        for (family, most, _, after) in self.numbers(counts, gains) {
            let what = family.map_or_else(|| "total".to_owned(), |family| family.to_string());
            if after * 100 < u64::from(most) * u64::from(share) {
                if warned.remove(&family) {
                    info!(neighbor = %neighbor.name(), limit = %what, routes = after, most, "well within `announce-limit` again");
                }
            } else if warned.insert(family) {
                warn!(neighbor = %neighbor.name(), limit = %what, routes = after, most, "`announce-limit` is nearly reached");
            }
        }
    }
}

/// Returns `true` if the neighbor gets every path of a prefix: by its session, or before there is one, by what is offered.
fn sends_paths(neighbor: &Neighbor, family: Family) -> bool {
    match neighbor.negotiated() {
        Some(session) => session.codec.add_path_send.contains(family),
        None => {
            let config = neighbor.config.borrow();
            let capabilities = &config.session.capabilities;
            capabilities.add_path.send && capabilities.add_path_families.contains(&family)
        }
    }
}
