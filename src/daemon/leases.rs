//! Routes with a lifetime: announced by commands with `lifetime 10m`, or by helpers with `on-death withdraw-after`.
//!
//! When a lease ends, the route is withdrawn, or the version of the configuration is announced again. That happens in
//! turns: a million leases that end within a second delay nobody, and their withdrawals fill UPDATEs.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use tracing::info;

use crate::api::encode::LeaseEnd;
use crate::bgp::nlri::NlriKey;
use crate::bgp::{AttributeSet, Family, Nlri};
use crate::config::NeighborConfig;
use crate::rib::{Action, Change, Ended, PeerId, PeerSet};

use super::core::Core;
use super::lease_table::now;
use super::sets::{owner_name, set_of};

/// How long to wait after a deadline: routes that end shortly after each other are withdrawn together.
const LINGER: Duration = Duration::from_millis(50);
/// Turns until neighbors are woken: each time, the last UPDATE of a neighbor may not be full.
const TURNS: usize = 16;
/// The most neighbors that an event names.
const NAMES: usize = 64;

/// Ends leases as long as the daemon runs.
pub(crate) async fn run(core: &Rc<Core>) {
    tokio::join!(end_all(core), core.leases.sweep());
}

async fn end_all(core: &Rc<Core>) {
    let mut configured = Configured::default();
    loop {
        core.leases.due().await;
        tokio::time::sleep(LINGER).await;
        for turn in 1.. {
            let mut ended = Vec::new();
            let more = core.leases.take(&mut ended);
            end(core, &ended, &mut configured);
            if !more {
                break;
            }
            if turn % TURNS == 0 {
                core.wake_neighbors();
            }
            tokio::task::yield_now().await;
        }
        core.wake_neighbors();
        configured.clear();
    }
}

/// Gives the routes of earlier runs of a helper, which has died, a deadline, and those of the sets that it has declared.
/// Commands, and an upgrade, wait until all have it.
pub(crate) fn doom_helper(
    core: Rc<Core>,
    helper: Rc<str>,
    run: u64,
    wait: Duration,
) -> impl Future<Output = ()> {
    let is_own = move |core: &Core, owner: &str| {
        *owner == *helper
            || set_of(owner).is_some_and(|(set, _)| core.sets.is_declared_by(set, &helper))
    };
    doom(core, (is_own, run), wait)
}

/// Gives the routes of earlier runs of some owners a deadline.
pub(crate) fn doom(
    core: Rc<Core>,
    (is_own, run): (impl Fn(&Core, &str) -> bool, u64),
    wait: Duration,
) -> impl Future<Output = ()> {
    let (work, deadline) = (core.works.begin(), now() + wait);
    async move {
        let mut from = Some(0);
        while let Some(at) = from {
            let is_own = |owner: &str| is_own(&core, owner);
            from = core.leases.doom((&is_own, run), deadline, at);
            tokio::task::yield_now().await;
        }
        drop(work);
    }
}

fn end(core: &Core, ended: &[Ended], configured: &mut Configured) {
    let mut owners: BTreeMap<&str, (usize, &Nlri)> = BTreeMap::new();
    let mut names = Names::default();
    for lease in ended {
        let mut gone = lease.peers.clone();
        for peer in lease.peers.iter() {
            if let Some(attributes) = configured.version(core, peer, &lease.nlri) {
                gone.remove(peer);
                core.routes.apply_quietly(&Change {
                    nlri: lease.nlri.clone(),
                    action: Action::Announce(attributes),
                    peers: std::iter::once(peer).collect(),
                });
            }
        }
        if !gone.is_empty() {
            core.routes.apply_quietly(&Change {
                nlri: lease.nlri.clone(),
                action: Action::Withdraw(None),
                peers: gone,
            });
        }
        core.record_end(&lease.owner, (&lease.nlri, &lease.peers));
        owners.entry(&lease.owner).or_insert((0, &lease.nlri)).0 += 1;
        names.report(core, lease);
    }
    for (owner, (routes, first)) in owners {
        info!(process = %owner, routes, %first, "leases have ended");
        if let Some((set, key)) = set_of(owner) {
            shrink(core, set, key);
        }
    }
    core.journal.flush();
}

/// Notes that routes of a set, or of a key of it, have ended. One that has none left and whose helper does not run is as if it
/// had never been declared.
fn shrink(core: &Core, set: &str, key: Option<&str>) {
    let Some(speaker) = core.sets.speaker(set) else {
        return;
    };
    let is_empty = core.leases.owned_below(&owner_name(set, None)) == 0;
    let helper = core.events.helpers().find(&speaker);
    let runs = helper.is_some_and(|(_, process)| process.pid().is_some());
    if is_empty && !runs {
        core.sets.abandon(set);
        core.journal.revision((set, ""), None);
    } else if is_empty || key.is_none() {
        core.lose_revision(set);
    }
}

/// The names of the neighbors of the last lease, which are usually those of the next one.
#[derive(Default)]
pub(crate) struct Names {
    peers: PeerSet,
    /// The names of some.
    pub(crate) names: Vec<String>,
    /// How many more there are.
    pub(crate) more: usize,
}

impl Names {
    /// Finds the names of these neighbors.
    pub(crate) fn find(&mut self, core: &Core, peers: &PeerSet) {
        if self.peers == *peers {
            return;
        }
        let mut listed = peers.iter().filter_map(|peer| core.neighbors.get(peer));
        let named = listed.by_ref().take(NAMES);
        let names = named.map(|listed| listed.neighbor.config.borrow().peer());
        self.names = names.collect();
        self.more = listed.count();
        self.peers = peers.clone();
    }

    /// Reports the end of a lease to the helper that has announced the route, itself or in a set.
    fn report(&mut self, core: &Core, lease: &Ended) {
        let set = set_of(&lease.owner).and_then(|(set, _)| core.sets.speaker(set));
        let speaker = set.as_deref().unwrap_or(&lease.owner);
        let Some((_, process)) = core.events.helpers().find(speaker) else {
            return;
        };
        self.find(core, &lease.peers);
        let end = LeaseEnd {
            nlri: &lease.nlri,
            neighbors: &self.names,
            more: self.more,
        };
        core.events.report_lease(&process, &end);
    }
}

/// A route without its wire form.
type Key = (Family, Option<u32>, NlriKey);

/// The routes of the configuration by neighbor, looked up only if a neighbor has any.
#[derive(Default)]
struct Configured {
    by_peer: HashMap<PeerId, (Rc<NeighborConfig>, Versions)>,
}

/// The attributes that the configuration has for each route.
type Versions = HashMap<Key, Rc<AttributeSet>>;

impl Configured {
    /// The attributes that the configuration of a neighbor has for a route.
    fn version(&mut self, core: &Core, peer: PeerId, nlri: &Nlri) -> Option<Rc<AttributeSet>> {
        let mut listed = core.neighbors.get(peer)?;
        if let Some(range) = listed.template {
            // The neighbors of a range have its routes, and none in their own configuration.
            listed = core.neighbors.get(range)?;
        }
        let peer = listed.neighbor.id;
        let config = listed.neighbor.config.borrow().clone();
        if config.routes.is_empty() {
            return None;
        }
        let known = self.by_peer.get(&peer);
        if !known.is_some_and(|(known, _)| Rc::ptr_eq(known, &config)) {
            let mut routes = HashMap::new();
            // Groups of a watchdog have a state of their own; what they announce is known below.
            for route in config
                .routes
                .iter()
                .filter(|route| route.watchdog.is_none())
            {
                for nlri in &route.nlri {
                    routes.insert(key(nlri), core.routes.intern(Rc::clone(&route.attributes)));
                }
            }
            core.routes
                .announced_by_groups(peer, &mut |nlri, attributes| {
                    routes.insert(key(nlri), Rc::clone(attributes));
                });
            self.by_peer.insert(peer, (config, routes));
        }
        self.by_peer.get(&peer)?.1.get(&key(nlri)).cloned()
    }

    fn clear(&mut self) {
        self.by_peer.clear();
    }
}

fn key(nlri: &Nlri) -> Key {
    let path = nlri.path_id.filter(|path| *path != 0);
    (nlri.family, path, nlri.as_ref().key())
}
