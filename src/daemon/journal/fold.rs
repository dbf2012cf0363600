//! The outcome of the records of a journal, for the neighbors as it names them.
//!
//! Records are applied to the neighbors that they were made for, whether these are configured now or not: a withdrawal takes a
//! route from those that had it. Which neighbors there are now of what is left is looked up afterwards. Looking that up for each
//! record, as selectors allow for announcements, would announce again what was withdrawn from neighbors that have other names by
//! now, or by helpers that are no longer there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::UNCLAIMED;
use crate::bgp::{AttributeSet, Nlri};
use crate::daemon::core::Core;
use crate::daemon::lease_table;
use crate::daemon::sets::set_of;
use crate::daemon::watchdog::Switch;
use crate::journal::{AttributeMemo, Record, Records, Routes, Selection};
use crate::rib::{Leased, Leases, Lifetime, PeerId, PeerSet, Terms};

/// Routes in one turn.
const STEP: usize = 4_096;

/// What the records up to now come to.
pub(super) struct Fold<'a> {
    core: &'a Core,
    /// The wall clock.
    now: u64,
    /// The names of the neighbors; each has the number of its place.
    names: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, PeerId>,
    all: PeerSet,
    /// The selector and the neighbors of each selection.
    selections: HashMap<u32, (Option<Rc<str>>, PeerSet)>,
    owners: HashSet<Rc<str>>,
    attributes: AttributeMemo,
    leases: Leases,
    /// The watchdog groups that commands have switched, by the number of the neighbor and their names.
    pub(super) switches: BTreeMap<(PeerId, String), Switch>,
    /// Records that are not understood.
    pub(super) unreadable: u64,
}

impl<'a> Fold<'a> {
    /// Before the first record. `now` is the wall clock, in seconds since 1970.
    pub(super) fn new(core: &'a Core, now: u64) -> Self {
        Self {
            core,
            now,
            names: Vec::new(),
            numbers: HashMap::new(),
            all: PeerSet::new(),
            selections: HashMap::new(),
            owners: HashSet::new(),
            attributes: AttributeMemo::default(),
            leases: Leases::default(),
            switches: BTreeMap::new(),
            unreadable: 0,
        }
    }

    /// Applies the records of a frame.
    pub(super) async fn frame(&mut self, payload: &[u8]) {
        let mut turn = 0;
        for record in Records::new(payload) {
            turn += match record {
                Ok(record) => self.record(record),
                Err(_) => {
                    self.unreadable += 1;
                    1
                }
            };
            // One after the other, however many a long journal has.
            while self.leases.is_sweeping() {
                self.leases.sweep(STEP);
                tokio::task::yield_now().await;
            }
            if turn >= STEP {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Calls `visit` with some of the routes, from a position on. Returns where to continue, or `None` at the end.
    pub(super) fn visit(&self, from: u32, visit: &mut dyn FnMut(Leased<'_>)) -> Option<u32> {
        self.leases.visit(from, STEP, visit)
    }

    /// The neighbors that have another version of a route, or the same one on other terms.
    pub(super) fn others(&self, leased: &Leased<'_>) -> PeerSet {
        let mut others = PeerSet::new();
        let nlri = leased.nlri.as_ref();
        self.leases.visit_route(nlri, &self.all, &mut |other| {
            if other.peers != leased.peers {
                others.union(other.peers);
            }
        });
        others
    }

    /// The name of a neighbor.
    pub(super) fn name(&self, peer: PeerId) -> &str {
        self.names.get(peer.index()).map_or("", |name| name)
    }

    /// Returns how many routes the record has.
    fn record(&mut self, record: Record<'_>) -> usize {
        match record {
            Record::Select { id, selection } => self.select(id, &selection),
            Record::Announce {
                owner,
                selection,
                lease,
                attributes,
                routes,
            } => {
                let left = lease.map(|lease| lease.left_at(self.now));
                let Some((selector, peers)) = self.selections.get(&selection).cloned() else {
                    return 1;
                };
                let Some(attributes) = self.attributes(attributes) else {
                    return 1;
                };
                if left.is_some_and(|left| left.is_zero()) {
                    return self.each(routes, |leases, nlri| {
                        leases.withdraw(nlri.as_ref(), &peers)
                    });
                }
                let terms = Terms {
                    indexed: set_of(owner).is_some_and(|(_, key)| key.is_some()),
                    owner: self.owner(owner),
                    run: UNCLAIMED,
                    tracked: true,
                    lifetime: lease.map_or(Lifetime::Forever, |lease| Lifetime::For(lease.length)),
                    default: None,
                    longest: None,
                    left,
                    selector,
                };
                let at = lease_table::now();
                return self.each(routes, |leases, nlri| {
                    leases.announce((nlri, Some(&attributes)), &peers, &terms, at);
                });
            }
            Record::Withdraw {
                selection, routes, ..
            } => {
                let peers = self.peers(selection);
                return self.each(routes, |leases, nlri| {
                    leases.withdraw(nlri.as_ref(), &peers)
                });
            }
            Record::Forget { selection } => {
                let peers = self.peers(selection);
                self.leases.forget(&peers);
            }
            Record::Revision {
                set,
                speaker,
                revision,
            } => self.core.sets.restore(set, speaker, revision),
            Record::Switch {
                owner,
                selection,
                announced,
                name,
            } => {
                let switch = Switch {
                    announced,
                    owner: self.owner(owner),
                    is_claimed: false,
                };
                for peer in self.peers(selection).iter() {
                    let group = (peer, name.to_owned());
                    self.switches.insert(group, switch.clone());
                }
            }
            Record::Unknown(_) => self.unreadable += 1,
        }
        1
    }

    fn select(&mut self, id: u32, selection: &Selection<'_>) {
        let peers = selection.names.iter().map(|name| self.number(name));
        let peers = peers.collect();
        let selector = selection.selector.map(Rc::from);
        self.selections.insert(id, (selector, peers));
    }

    /// The number of a neighbor.
    fn number(&mut self, name: &str) -> PeerId {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        let number = PeerId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let name: Rc<str> = name.into();
        self.names.push(Rc::clone(&name));
        self.all.insert(number);
        self.numbers.insert(name, number);
        number
    }

    fn peers(&self, selection: u32) -> PeerSet {
        let selected = self.selections.get(&selection);
        selected.map(|(_, peers)| peers.clone()).unwrap_or_default()
    }

    fn owner(&mut self, name: &str) -> Rc<str> {
        if let Some(known) = self.owners.get(name) {
            return Rc::clone(known);
        }
        let name: Rc<str> = name.into();
        self.owners.insert(Rc::clone(&name));
        name
    }

    fn attributes(&mut self, bytes: &[u8]) -> Option<Rc<AttributeSet>> {
        let share = |set| self.core.routes.intern(set);
        let set = self.attributes.decode(bytes, share);
        self.unreadable += u64::from(set.is_err());
        set.ok()
    }

    fn each(&mut self, routes: Routes<'_>, mut act: impl FnMut(&mut Leases, &Nlri)) -> usize {
        let mut count = 1;
        for route in routes {
            match route {
                Ok(nlri) => act(&mut self.leases, &nlri.to_nlri()),
                Err(_) => self.unreadable += 1,
            }
            count += 1;
        }
        count
    }
}
