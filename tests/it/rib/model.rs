//! Random changes, sessions, lagging peers and refreshes, compared with a map per peer.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use oxabgp::bgp::attribute::med::Med;
use oxabgp::bgp::negotiated::Refresh;
use oxabgp::bgp::{Attribute, Family, Nlri};
use oxabgp::rib::adj_rib_out::Exported;
use oxabgp::rib::{
    Action, AdjRibOut, Budget, Change, Limits, PeerId, PeerOptions, RouteFilter, Session,
};
use proptest::prelude::*;

use super::view::{Key, View};
use super::{V4, V4_MULTICAST, V6, announce, drain, options, peers, route, session, withdraw};

const PEERS: u32 = 5;

#[derive(Clone, Debug)]
enum Op {
    Announce {
        family: usize,
        number: u16,
        path: u32,
        med: u32,
        to: Vec<u32>,
    },
    Withdraw {
        family: usize,
        number: u16,
        path: u32,
        to: Vec<u32>,
    },
    Many {
        first: u16,
        count: u16,
        to: Vec<u32>,
    },
    Up {
        peer: u32,
        kind: usize,
    },
    Down {
        peer: u32,
    },
    Fill {
        peer: u32,
        bytes: usize,
        messages: usize,
    },
    Again {
        peer: u32,
    },
    Refresh {
        peer: u32,
        family: usize,
    },
    Flush {
        to: Vec<u32>,
    },
    Clear {
        to: Vec<u32>,
    },
    Copy {
        from: u32,
        to: u32,
    },
    Eor {
        to: Vec<u32>,
    },
    Sync {
        peer: u32,
    },
    /// Another process continues with the table and the sessions.
    HandOver,
}

/// One family is not configured for any peer, and the last one is not negotiated by any session.
const FAMILIES: [Family; 5] = [V4, V6, V4_MULTICAST, Family::new(99, 99), Family::new(2, 2)];
const CONFIGURED: [Family; 4] = [V4, V6, Family::new(99, 99), Family::new(2, 2)];
const NEGOTIATED: [Family; 3] = [V4, V6, Family::new(99, 99)];

/// Sessions: two that share a group, one with ADD-PATH, one that packs nothing, one with long messages.
fn session_of(kind: usize) -> Session {
    let mut session = session(&NEGOTIATED);
    match kind {
        1 => session.sender.codec.add_path_send = [V4, V6].into_iter().collect(),
        2 => session.sender.group_updates = false,
        3 => session.sender.codec.extended_message = true,
        4 => session.refresh = Refresh::Enhanced,
        _ => {}
    }
    session
}

fn nlri(family: usize, number: u16, path: u32) -> Nlri {
    Nlri {
        path_id: (path > 0).then_some(path),
        ..route(FAMILIES[family], number)
    }
}

struct Model {
    rib: AdjRibOut,
    limits: Limits,
    wanted: Vec<BTreeMap<Key, u32>>,
    views: Vec<Option<(Session, View)>>,
    /// Peers that were woken and still have work since then.
    awake: BTreeSet<PeerId>,
    /// Every announcement has a distinct MED.
    unique: Option<u32>,
    /// Whether routes are not kept for some of the peers.
    forgetful: bool,
}

impl Model {
    fn new(unique: bool, limits: Limits) -> Self {
        Self {
            rib: empty(limits),
            limits,
            wanted: vec![BTreeMap::new(); PEERS as usize],
            views: (0..PEERS).map(|_| None).collect(),
            awake: BTreeSet::new(),
            unique: unique.then_some(0),
            forgetful: false,
        }
    }

    fn announce(&mut self, nlri: Nlri, med: u32, to: &[u32]) {
        let med = match &mut self.unique {
            Some(count) => {
                *count += 1;
                *count
            }
            None => med,
        };
        let outcome = self.rib.apply(&announce(nlri.clone(), med, to));
        let known = CONFIGURED.contains(&nlri.family);
        assert_eq!(outcome.accepted, if known { peers(to).len() } else { 0 });
        for peer in to.iter().filter(|_| known) {
            let key = (
                nlri.family,
                nlri.path_id.unwrap_or_default(),
                nlri.bytes.to_vec(),
            );
            self.wanted[*peer as usize].insert(key, med);
        }
    }

    fn fill(&mut self, peer: u32, budget: Budget) {
        if let Some((_, view)) = &mut self.views[peer as usize] {
            let before = (view.sizes.len(), view.sizes.iter().sum::<usize>());
            let filled = self
                .rib
                .fill(PeerId(peer), budget, &mut |bytes| view.receive(&bytes));
            assert_eq!(filled.messages, view.sizes.len() - before.0);
            assert_eq!(filled.bytes, view.sizes.iter().sum::<usize>() - before.1);
            assert!(filled.messages <= budget.messages);
            assert!(filled.bytes <= budget.bytes || filled.messages == 1);
        }
    }

    fn run(&mut self, op: Op) {
        let look = !self.forgetful
            && matches!(
                op,
                Op::Clear { .. } | Op::Copy { .. } | Op::Again { .. } | Op::Withdraw { .. }
            );
        match op {
            Op::Announce {
                family,
                number,
                path,
                med,
                to,
            } => self.announce(nlri(family, number, path), med, &to),
            Op::Many { first, count, to } => {
                (first..first + count).for_each(|number| self.announce(nlri(0, number, 0), 7, &to))
            }
            Op::Withdraw {
                family,
                number,
                path,
                to,
            } => {
                let nlri = nlri(family, number, path);
                self.rib.apply(&withdraw(nlri.clone(), &to));
                for peer in to {
                    self.wanted[peer as usize].remove(&(nlri.family, path, nlri.bytes.to_vec()));
                }
            }
            Op::Up { peer, kind } => {
                let session = session_of(kind);
                self.rib.up(PeerId(peer), session.clone());
                let mut view = View::new(&session);
                view.strict = self.unique.is_some();
                self.views[peer as usize] = Some((session, view));
            }
            Op::Down { peer } => {
                self.rib.down(PeerId(peer));
                self.views[peer as usize] = None;
            }
            Op::Fill {
                peer,
                bytes,
                messages,
            } => self.fill(peer, Budget { bytes, messages }),
            Op::Again { peer } => {
                self.rib.remove_peer(PeerId(peer));
                self.rib.add_peer(PeerId(peer), options(&CONFIGURED));
                self.views[peer as usize] = None;
                self.wanted[peer as usize].clear();
            }
            Op::Refresh { peer, family } => self.rib.refresh(PeerId(peer), FAMILIES[family]),
            Op::Flush { to } => self.rib.flush(&peers(&to)),
            Op::Clear { to } => {
                self.rib.clear(&peers(&to));
                to.iter()
                    .for_each(|peer| self.wanted[*peer as usize].clear());
            }
            Op::Copy { from, to } => {
                self.rib.copy_routes(PeerId(from), PeerId(to));
                let copied = self.wanted[from as usize].clone();
                self.wanted[to as usize].extend(copied);
            }
            Op::Eor { to } => self.rib.eor(&peers(&to), V6),
            Op::Sync { peer } => self.sync(peer),
            Op::HandOver => self.hand_over(),
        }
        if look {
            self.compare_shown();
        }
        let awake = &mut self.awake;
        self.rib.take_wakeups(&mut |peer| {
            awake.insert(peer);
        });
        // A peer with work was woken, and has not been idle since.
        for peer in (0..PEERS).map(PeerId) {
            if !self.rib.has_work(peer) {
                self.awake.remove(&peer);
            }
            assert_eq!(
                self.rib.has_work(peer),
                self.awake.contains(&peer),
                "{peer:?} sleeps"
            );
        }
    }

    /// Continues with another table, as [`AdjRibOut::resume`] says.
    fn hand_over(&mut self) {
        let mut next = empty(self.limits);
        let mut pending = Vec::new();
        self.rib.finish_sweeps();
        self.rib.export(&mut |part| match part {
            Exported::Route {
                nlri,
                attributes,
                peers,
                unsent,
            } => {
                let change = |peers| Change {
                    nlri: nlri.clone(),
                    action: Action::Announce(Rc::clone(attributes)),
                    peers,
                };
                let mut sent = peers.clone();
                sent.subtract(&unsent);
                next.apply(&change(sent));
                pending.push(change(unsent));
            }
            Exported::Withdrawal {
                nlri,
                attributes,
                peers,
            } => pending.push(Change {
                nlri,
                action: Action::Withdraw(attributes.cloned()),
                peers,
            }),
        });
        let mut markers = Vec::new();
        for (peer, view) in (0..).map(PeerId).zip(&self.views) {
            if let Some((session, _)) = view {
                let unsent = self.rib.unsent(peer).expect("a session");
                next.resume(peer, session.clone(), &unsent);
                markers.push((peer, unsent.end_of_rib));
            }
        }
        for change in pending.iter().filter(|change| !change.peers.is_empty()) {
            next.apply(change);
        }
        for (peer, families) in markers {
            let peer = std::iter::once(peer).collect();
            families
                .into_iter()
                .for_each(|family| next.eor(&peer, family));
        }
        self.rib = next;
        self.awake.clear();
    }

    /// Fills until a mark is reached: then the view has everything.
    fn sync(&mut self, peer: u32) {
        let mark = self.rib.mark(&peers(&[peer]));
        while !self.rib.is_reached(mark, PeerId(peer)) {
            assert!(
                self.rib.has_work(PeerId(peer)),
                "a mark that is never reached"
            );
            self.fill(
                peer,
                Budget {
                    bytes: 60,
                    messages: 1,
                },
            );
        }
        self.check(peer);
    }

    fn check(&self, peer: u32) {
        let Some((session, view)) = &self.views[peer as usize] else {
            return;
        };
        let mut wanted = BTreeMap::new();
        for ((family, path, bytes), med) in &self.wanted[peer as usize] {
            if session.sender.codec.add_path_send.contains(*family) {
                wanted.insert((*family, *path, bytes.clone()), *med);
            } else if NEGOTIATED.contains(family) {
                // The map is sorted by path, and the lowest wins.
                wanted.entry((*family, 0, bytes.clone())).or_insert(*med);
            }
        }
        let missing: Vec<_> = wanted
            .iter()
            .filter(|(key, med)| view.routes.get(*key) != Some(med))
            .collect();
        let extra: Vec<_> = view
            .routes
            .keys()
            .filter(|key| !wanted.contains_key(*key))
            .collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "peer {peer}: missing {missing:?}, extra {extra:?}"
        );
    }

    /// What is shown is what was applied, however much of it is done.
    fn compare_shown(&mut self) {
        let mut shown: Vec<BTreeMap<Key, u32>> = vec![BTreeMap::new(); PEERS as usize];
        for route in self.rib.routes(RouteFilter::default()) {
            let path = route.nlri.path_id.unwrap_or_default();
            let key = (route.nlri.family, path, route.nlri.bytes.to_vec());
            let med = route
                .attributes
                .list()
                .iter()
                .find_map(|attribute| match attribute {
                    Attribute::Med(Med(med)) => Some(*med),
                    _ => None,
                });
            for peer in route.peers.iter() {
                let before = shown[peer.index()].insert(key.clone(), med.expect("a MED"));
                assert_eq!(before, None, "{key:?} is reported twice");
            }
        }
        assert_eq!(shown, self.wanted);
    }

    fn finish(&mut self) {
        for peer in 0..PEERS {
            if let Some((_, view)) = &mut self.views[peer as usize] {
                drain(&mut self.rib, peer, view);
            }
        }
        (0..PEERS).for_each(|peer| self.check(peer));
        let counters = self.rib.counters();
        if self.views.iter().all(Option::is_some) {
            assert_eq!((counters.pending, counters.log_bytes), (0, 0));
            self.compare_counts();
        }
        self.compare_shown();
        // Nothing is left once all routes are withdrawn and all peers are removed.
        self.rib.clear(&(0..PEERS).map(PeerId).collect());
        (0..PEERS).for_each(|peer| self.rib.remove_peer(PeerId(peer)));
        self.rib.add_peer(PeerId(0), options(&CONFIGURED));
        for _ in 0..20_000 {
            self.rib.fill(PeerId(0), super::ALL, &mut |_| {});
        }
        let counters = self.rib.counters();
        assert_eq!((counters.routes, counters.groups), (0, 0));
        assert_eq!(self.counts(), BTreeMap::new());
    }

    /// The counted routes of each peer and family.
    fn counts(&self) -> BTreeMap<(u32, Family), u64> {
        let (mut counts, mut from) = (BTreeMap::new(), Some(0));
        while let Some(at) = from {
            from = self.rib.count_routes(at, 1, &mut |peer, family, routes| {
                *counts.entry((peer.0, family)).or_default() += routes;
            });
        }
        counts
    }

    /// As many routes are counted as were applied, once all sweeps are done.
    fn compare_counts(&self) {
        let mut wanted = BTreeMap::new();
        for (peer, routes) in (0..).zip(&self.wanted) {
            for (family, _, _) in routes.keys() {
                *wanted.entry((peer, *family)).or_default() += 1;
            }
        }
        assert_eq!(self.counts(), wanted);
    }
}

/// A table with all peers and no session.
fn empty(limits: Limits) -> AdjRibOut {
    let mut rib = AdjRibOut::with_limits(limits);
    (0..PEERS).for_each(|peer| rib.add_peer(PeerId(peer), options(&CONFIGURED)));
    rib
}

fn some_peers() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        3 => Just((0..PEERS).collect::<Vec<_>>()),
        2 => (0..PEERS).prop_map(|peer| vec![peer]),
        2 => prop::collection::btree_set(0..PEERS, 1..4).prop_map(|set| set.into_iter().collect()),
    ]
}

/// So small that everything takes several steps.
fn limits() -> impl Strategy<Value = Limits> {
    (50..1_000usize, 1..20usize, 1..20u32).prop_map(|(lag, turn, scan)| Limits { lag, turn, scan })
}

/// Mostly sessions of one group that come up, and changes meanwhile.
fn joins() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..60u16, some_peers()).prop_map(|(number, to)| Op::Announce { family: 0, number, path: 0, med: 1, to }),
        4 => (0..60u16, some_peers()).prop_map(|(number, to)| Op::Withdraw { family: 0, number, path: 0, to }),
        1 => (0..60u16, 1..40u16, some_peers()).prop_map(|(first, count, to)| Op::Many { first, count, to }),
        6 => (0..PEERS).prop_map(|peer| Op::Up { peer, kind: 0 }),
        1 => (0..PEERS).prop_map(|peer| Op::Down { peer }),
        16 => (0..PEERS, 1..300usize, 0..6usize).prop_map(|(peer, bytes, messages)| Op::Fill { peer, bytes, messages }),
        1 => some_peers().prop_map(|to| Op::Eor { to }),
        1 => (0..PEERS).prop_map(|peer| Op::Sync { peer }),
    ];
    prop::collection::vec(op, 1..150)
}

/// With `paths` there are path identifiers; with `again` also events that make routes be sent again.
fn ops(paths: u32, again: bool) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        12 => (0..5usize, 0..12u16, 0..=paths, 0..4u32, some_peers()).prop_map(|(family, number, path, med, to)| Op::Announce { family, number, path, med, to }),
        8 => (0..5usize, 0..12u16, 0..=paths, some_peers()).prop_map(|(family, number, path, to)| Op::Withdraw { family, number, path, to }),
        2 => (0..30u16, 1..40u16, some_peers()).prop_map(|(first, count, to)| Op::Many { first, count, to }),
        4 => (0..PEERS, 0..5usize).prop_map(|(peer, kind)| Op::Up { peer, kind }),
        1 => (0..PEERS).prop_map(|peer| Op::Down { peer }),
        12 => (0..PEERS, 1..300usize, 0..6usize).prop_map(|(peer, bytes, messages)| Op::Fill { peer, bytes, messages }),
        1 => (0..PEERS).prop_map(|peer| Op::Again { peer }),
        1 => (0..PEERS, 0..5usize).prop_map(move |(peer, family)| if again { Op::Refresh { peer, family } } else { Op::Sync { peer } }),
        1 => (0..PEERS, 0..PEERS).prop_map(move |(from, to)| if again { Op::Copy { from, to } } else { Op::Sync { peer: to } }),
        1 => some_peers().prop_map(move |to| if again { Op::Flush { to } } else { Op::Eor { to } }),
        1 => some_peers().prop_map(move |to| if again && to.len() == 1 { Op::HandOver } else { Op::Clear { to } }),
        1 => some_peers().prop_map(|to| Op::Eor { to }),
        2 => (0..PEERS).prop_map(|peer| Op::Sync { peer }),
    ];
    prop::collection::vec(op, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_view_ends_as_the_model_does(ops in ops(3, true), limits in limits()) {
        let mut model = Model::new(false, limits);
        ops.into_iter().for_each(|op| model.run(op));
        model.finish();
    }

    /// Stronger: without path identifiers and refreshes, nothing is sent twice, and nothing older after something
    /// newer.
    #[test]
    fn every_version_is_sent_once_and_in_order(ops in ops(0, false), limits in limits()) {
        let mut model = Model::new(true, limits);
        ops.into_iter().for_each(|op| model.run(op));
        model.finish();
    }

    /// Peers of one group that join all the time share what is encoded for their walks.
    #[test]
    fn every_joining_peer_ends_as_the_model_does(ops in joins(), limits in limits()) {
        let mut model = Model::new(true, limits);
        model.run(Op::Many { first: 0, count: 60, to: (0..PEERS).collect() });
        ops.into_iter().for_each(|op| model.run(op));
        model.finish();
    }

    /// The same with paths, of which such sessions are sent the best, and with refreshes.
    #[test]
    fn every_refreshing_peer_ends_as_the_model_does(ops in prop::collection::vec(prop_oneof![joins(), ops(3, true)], 1..4), limits in limits()) {
        let mut model = Model::new(false, limits);
        ops.into_iter().flatten().for_each(|op| model.run(match op {
            Op::Up { peer, .. } => Op::Up { peer, kind: 0 },
            op => op,
        }));
        model.finish();
    }

    /// A peer without `adj-rib-out` is sent everything that it would be sent with it, and nothing is kept for it.
    #[test]
    fn nothing_is_lost_or_kept_without_adj_rib_out(changes in prop::collection::vec((any::<bool>(), 0..3usize, 0..12u16, 0..4u32), 1..100), fills in prop::collection::vec((0..2u32, 1..300usize), 0..60), limits in limits()) {
        let mut model = Model::new(false, limits);
        model.forgetful = true;
        model.rib.add_peer(PeerId(1), PeerOptions { keep: false, ..options(&CONFIGURED) });
        let (first, rest) = changes.split_at(changes.len() / 3);
        let op = |(announce, family, number, med): &(bool, usize, u16, u32)| {
            let (family, number, med, to) = (*family, *number, *med, vec![0, 1]);
            if *announce { Op::Announce { family, number, path: 0, med, to } } else { Op::Withdraw { family, number, path: 0, to } }
        };
        first.iter().for_each(|change| model.run(op(change)));
        (0..2).for_each(|peer| model.run(Op::Up { peer, kind: 0 }));
        let mut fills = fills.into_iter();
        for change in rest {
            model.run(op(change));
            if let Some((peer, bytes)) = fills.next() {
                model.run(Op::Fill { peer, bytes, messages: 3 });
            }
        }
        (0..2).for_each(|peer| model.sync(peer));
        let kept = model.rib.routes(RouteFilter { peers: Some(peers(&[1])), family: None });
        // Multicast is configured, but not negotiated: kept until it is.
        prop_assert!(kept.into_iter().all(|route| !NEGOTIATED.contains(&route.nlri.family)));
    }
}

/// A table that one step does not sweep as a whole, for all peers.
fn swept_slowly() -> Model {
    let limits = Limits {
        scan: 1,
        ..Limits::default()
    };
    let mut model = Model::new(false, limits);
    let to = (0..PEERS).collect();
    model.run(Op::Many {
        first: 0,
        count: 20,
        to,
    });
    model
}

#[test]
fn what_was_cleared_is_not_copied_from_a_peer_that_is_deleted_meanwhile() {
    let mut model = swept_slowly();
    let to = (0..PEERS).collect();
    model.run(Op::Clear { to });
    model.run(Op::Copy { from: 3, to: 0 });
    model.run(Op::Again { peer: 3 });
    model.finish();
}

#[test]
fn copies_of_a_copy_are_whole_though_the_first_one_is_deleted_meanwhile() {
    let mut model = swept_slowly();
    let to = vec![1, 2];
    model.run(Op::Clear { to });
    model.run(Op::Copy { from: 0, to: 1 });
    model.run(Op::Copy { from: 1, to: 2 });
    model.run(Op::Again { peer: 1 });
    model.finish();
}

#[test]
fn a_copy_of_a_copy_is_whole_though_the_first_one_is_deleted_at_once() {
    let limits = Limits {
        lag: 50,
        turn: 1,
        scan: 3,
    };
    play(
        limits,
        [
            Op::Many {
                first: 0,
                count: 24,
                to: all(),
            },
            announced(1, 0, 0, vec![2]),
            Op::Copy { from: 2, to: 3 },
            Op::Copy { from: 3, to: 0 },
            Op::Again { peer: 3 },
        ],
    );
}

/// Does these things, and checks what everybody has at the end.
fn play<const COUNT: usize>(limits: Limits, ops: [Op; COUNT]) {
    let mut model = Model::new(false, limits);
    ops.into_iter().for_each(|op| model.run(op));
    model.finish();
}

/// All peers.
fn all() -> Vec<u32> {
    (0..PEERS).collect()
}

const fn fill(peer: u32, bytes: usize, messages: usize) -> Op {
    Op::Fill {
        peer,
        bytes,
        messages,
    }
}

fn announced(family: usize, number: u16, path: u32, to: Vec<u32>) -> Op {
    Op::Announce {
        family,
        number,
        path,
        med: 0,
        to,
    }
}

fn withdrawn(family: usize, number: u16, path: u32) -> Op {
    let to = all();
    Op::Withdraw {
        family,
        number,
        path,
        to,
    }
}

#[test]
fn a_path_that_was_sent_before_its_peer_fell_behind_is_withdrawn_by_a_clear() {
    let limits = Limits {
        lag: 50,
        turn: 4,
        scan: 1,
    };
    play(
        limits,
        [
            Op::Up { peer: 3, kind: 2 },
            fill(3, 1, 1),
            announced(3, 0, 1, all()),
            announced(0, 0, 0, all()),
            announced(1, 0, 0, all()),
            withdrawn(1, 3, 0),
            Op::Again { peer: 0 },
            announced(0, 0, 1, all()),
            announced(3, 0, 2, all()),
            announced(0, 0, 2, all()),
            Op::Up { peer: 0, kind: 2 },
            announced(0, 1, 0, all()),
            Op::Many {
                first: 2,
                count: 2,
                to: all(),
            },
            announced(1, 3, 1, all()),
            fill(3, 61, 3),
            Op::Clear { to: all() },
        ],
    );
}

#[test]
fn a_path_that_was_sent_because_another_one_is_gone_is_withdrawn_before_its_walk_comes_there() {
    let limits = Limits {
        lag: 50,
        turn: 1,
        scan: 1,
    };
    play(
        limits,
        [
            Op::Up { peer: 1, kind: 0 },
            withdrawn(0, 0, 0),
            Op::Up { peer: 0, kind: 0 },
            Op::Many {
                first: 0,
                count: 15,
                to: all(),
            },
            announced(1, 0, 0, vec![0]),
            withdrawn(1, 0, 1),
            Op::Sync { peer: 1 },
            fill(0, 111, 2),
            Op::Clear { to: all() },
        ],
    );
}

#[test]
fn a_route_that_replaces_a_withdrawn_one_before_the_walk_comes_there_is_handed_over() {
    let mut model = Model::new(
        false,
        Limits {
            scan: 1,
            ..Limits::default()
        },
    );
    for op in [
        Op::Up { peer: 0, kind: 0 },
        Op::Up { peer: 1, kind: 0 },
        Op::Many {
            first: 0,
            count: 30,
            to: all(),
        },
        Op::Sync { peer: 0 },
        Op::Sync { peer: 1 },
        Op::Refresh { peer: 0, family: 0 },
        fill(0, 1, 1),
        withdrawn(0, 29, 0),
        Op::Sync { peer: 1 },
        announced(0, 29, 0, all()),
        Op::Sync { peer: 1 },
        Op::HandOver,
    ] {
        model.run(op);
    }
    model.compare_shown();
    model.finish();
}
