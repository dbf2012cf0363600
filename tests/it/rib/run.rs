//! Runs have the effect of their changes one by one.

use std::rc::Rc;

use oxabgp::bgp::attribute::community::{Communities, Community};
use oxabgp::bgp::{Attribute, AttributeSet, Family, Nlri};
use oxabgp::rib::{Action, AdjRibOut, Budget, Change, PeerId, PeerOptions, Run};
use proptest::prelude::*;

use super::{V4, V4_MULTICAST, V6, attributes, options, peers, session};

const FAMILIES: [Family; 4] = [V4, V6, V4_MULTICAST, Family::new(2, 2)];
const PEERS: u32 = 4;

#[derive(Clone, Debug)]
enum Op {
    Run {
        family: usize,
        numbers: Vec<u8>,
        path_id: Option<u32>,
        /// The MED of an announcement.
        med: Option<u32>,
        /// Communities, up to more than a message holds.
        communities: usize,
        to: Vec<u32>,
    },
    Up(u32, bool),
    Down(u32),
    Fill(u32, usize),
    Refresh(u32),
    Clear(Vec<u32>),
    Again(u32, bool),
}

/// A prefix of one of several lengths.
fn prefix(number: u8) -> Vec<u8> {
    match number % 4 {
        0 => vec![0],
        1 => vec![8, number],
        2 => vec![20, 10, number, 0x10],
        _ => vec![32, 10, 0, 0, number],
    }
}

fn action(op_med: Option<u32>, family: Family, communities: usize) -> Action {
    let Some(med) = op_med else {
        return Action::Withdraw((communities > 0).then(|| attributes(family, 0)));
    };
    let mut list = attributes(family, med).list().to_vec();
    let many = (0..communities).map(|number| Community(number.try_into().expect("few")));
    list.push(Attribute::Communities(Communities(many.collect())));
    Action::Announce(Rc::new(AttributeSet::new(list)))
}

/// A RIB and what its peers were sent.
struct Side {
    rib: AdjRibOut,
    sent: Vec<Vec<u8>>,
    woken: Vec<PeerId>,
    in_runs: bool,
    runs: usize,
}

impl Side {
    fn new(in_runs: bool) -> Self {
        let mut rib = AdjRibOut::new();
        (0..PEERS).for_each(|peer| rib.add_peer(PeerId(peer), options(&FAMILIES[..3])));
        Self {
            rib,
            sent: vec![Vec::new(); PEERS as usize],
            woken: Vec::new(),
            in_runs,
            runs: 0,
        }
    }

    fn apply(&mut self, run: &Run<'_>) {
        if self.in_runs && self.rib.apply_run(run) {
            self.runs += 1;
            return;
        }
        for nlri in run.routes() {
            let change = Change {
                nlri,
                action: run.action.clone(),
                peers: run.peers.clone(),
            };
            if self.rib.check(&change).is_ok() {
                self.rib.apply(&change);
            }
        }
    }

    fn fill(&mut self, peer: u32, bytes: usize) {
        let sent = &mut self.sent[peer as usize];
        let budget = Budget {
            bytes,
            messages: usize::MAX,
        };
        self.rib.fill(PeerId(peer), budget, &mut |part| {
            sent.extend_from_slice(&part)
        });
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Run {
                family,
                numbers,
                path_id,
                med,
                communities,
                to,
            } => {
                let prefixes: Vec<u8> = numbers.iter().flat_map(|number| prefix(*number)).collect();
                let family = FAMILIES[*family];
                self.apply(&Run {
                    family,
                    path_id: *path_id,
                    peers: &peers(to),
                    action: &action(*med, family, *communities),
                    prefixes: &prefixes,
                });
            }
            Op::Up(peer, add_path) => {
                let mut session = session(&FAMILIES[..2]);
                if *add_path {
                    session.sender.codec.add_path_send = [V4].into_iter().collect();
                }
                self.rib.up(PeerId(*peer), session);
            }
            Op::Down(peer) => self.rib.down(PeerId(*peer)),
            Op::Fill(peer, bytes) => self.fill(*peer, *bytes),
            Op::Refresh(peer) => self.rib.refresh(PeerId(*peer), V4),
            Op::Clear(to) => self.rib.clear(&peers(to)),
            Op::Again(peer, keep) => {
                self.rib.remove_peer(PeerId(*peer));
                let options = PeerOptions {
                    keep: *keep,
                    ..options(&FAMILIES[..3])
                };
                self.rib.add_peer(PeerId(*peer), options);
            }
        }
        self.woken.clear();
        self.rib.take_wakeups(&mut |peer| self.woken.push(peer));
    }

    fn finish(&mut self) {
        for peer in 0..PEERS {
            while self.rib.has_work(PeerId(peer)) {
                self.fill(peer, usize::MAX);
            }
        }
    }
}

fn some_peers() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0..PEERS, 1..4)
}

fn ops() -> impl Strategy<Value = Op> {
    let run = (
        0..FAMILIES.len(),
        proptest::collection::vec(any::<u8>(), 0..12),
        proptest::option::of(0..3u32),
        proptest::option::weighted(0.75, 0..3u32),
        prop_oneof![8 => 0..3usize, 1 => 900..1_100usize],
        some_peers(),
    );
    let run = run.prop_map(|(family, numbers, path_id, med, communities, to)| Op::Run {
        family,
        numbers,
        path_id,
        med,
        communities,
        to,
    });
    prop_oneof![
        8 => run,
        2 => (0..PEERS, any::<bool>()).prop_map(|(peer, add_path)| Op::Up(peer, add_path)),
        1 => (0..PEERS).prop_map(Op::Down),
        4 => (0..PEERS, 30..500usize).prop_map(|(peer, bytes)| Op::Fill(peer, bytes)),
        1 => (0..PEERS).prop_map(Op::Refresh),
        1 => some_peers().prop_map(Op::Clear),
        1 => (0..PEERS, any::<bool>()).prop_map(|(peer, keep)| Op::Again(peer, keep)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn runs_equal_their_changes(ops in proptest::collection::vec(ops(), 1..40)) {
        let (mut plain, mut fast) = (Side::new(false), Side::new(true));
        for op in &ops {
            plain.run(op);
            fast.run(op);
            prop_assert_eq!(&plain.sent, &fast.sent, "{:?}", op);
            prop_assert_eq!(&plain.woken, &fast.woken, "{:?}", op);
            prop_assert_eq!(plain.rib.counters(), fast.rib.counters(), "{:?}", op);
        }
        plain.finish();
        fast.finish();
        prop_assert_eq!(&plain.sent, &fast.sent);
        let routes = |side: &Side| -> Vec<(Nlri, u64)> {
            let all = side.rib.routes(Default::default());
            all.map(|route| (route.nlri, route.attributes.hash_value())).collect()
        };
        prop_assert_eq!(routes(&plain), routes(&fast));
    }
}

#[test]
fn a_run_of_ordinary_routes_is_applied_at_once() {
    let mut side = Side::new(true);
    side.run(&Op::Up(0, false));
    side.run(&Op::Run {
        family: 0,
        numbers: vec![1, 2, 3],
        path_id: None,
        med: Some(1),
        communities: 20,
        to: vec![0, 1],
    });
    assert_eq!(side.runs, 1);
    assert_eq!(side.rib.counters().routes, 3);
}
