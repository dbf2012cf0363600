//! Leases compared with a map of deadlines for each route and peer.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use oxabgp::bgp::{Family, Nlri};
use oxabgp::rib::{Leases, Lifetime, PeerId, PeerSet, Terms};
use proptest::prelude::*;

const PEERS: u32 = 3;

#[derive(Clone, Debug)]
enum Op {
    Announce {
        route: u8,
        peers: u8,
        lifetime: Option<u64>,
        owner: bool,
    },
    Withdraw {
        route: u8,
        peers: u8,
    },
    Forget(u32),
    /// The second peer is another one now, which has what the first one has.
    Copy(u32, u32),
    Sweep,
    Doom,
    Pass(u64),
}

fn nlri(route: u8) -> Nlri {
    Nlri::new(Family::IPV4_UNICAST, None, &[16, 10, route])
}

fn set(bits: u8) -> PeerSet {
    let members = (0..PEERS).filter(|peer| bits >> peer & 1 == 1);
    members.map(PeerId).collect()
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let announce = (0..4u8, 1..8u8, prop::option::of(0..6u64), any::<bool>());
    let op = prop_oneof![
        5 => announce.prop_map(|(route, peers, lifetime, owner)| Op::Announce { route, peers, lifetime, owner }),
        2 => (0..4u8, 1..8u8).prop_map(|(route, peers)| Op::Withdraw { route, peers }),
        1 => (0..PEERS).prop_map(Op::Forget),
        1 => (0..PEERS, 1..PEERS).prop_map(|(from, by)| Op::Copy(from, (from + by) % PEERS)),
        1 => Just(Op::Sweep),
        1 => Just(Op::Doom),
        3 => (0..4u64).prop_map(Op::Pass),
    ];
    prop::collection::vec(op, 0..60)
}

/// The routes and peers that are recorded, by each way to look at them.
fn shown(leases: &Leases) -> Vec<(u8, u32)> {
    let (mut all, mut single) = (Vec::new(), Vec::new());
    leases.visit(0, usize::MAX, &mut |leased| {
        let route = leased.nlri.bytes[2];
        all.extend(leased.peers.iter().map(|peer| (route, peer.0)));
    });
    for route in 0..4u8 {
        for peer in 0..PEERS {
            leases.visit_route(nlri(route).as_ref(), &set(1 << peer), &mut |_| {
                single.push((route, peer));
            });
        }
    }
    all.sort_unstable();
    assert_eq!(all, single);
    all
}

/// What is known of a route of one peer: owner, run, length and deadline.
type Known = (bool, u64, Option<u64>, Option<u64>);

fn check(ops: &[Op]) {
    let names: [Rc<str>; 2] = ["plain".into(), "tracked".into()];
    let (mut leases, mut model) = (Leases::default(), BTreeMap::<(u8, u32), Known>::new());
    let (mut now, mut run) = (100u64, 1u64);
    for op in ops {
        match op {
            Op::Announce {
                route,
                peers,
                lifetime,
                owner,
            } => {
                let lifetime = match lifetime {
                    None => Lifetime::Unchanged,
                    Some(0) => Lifetime::Forever,
                    Some(seconds) => Lifetime::For(Duration::from_secs(*seconds)),
                };
                let terms = Terms {
                    owner: Rc::clone(&names[usize::from(*owner)]),
                    run,
                    tracked: *owner,
                    lifetime,
                    default: None,
                    longest: None,
                    left: None,
                    selector: None,
                    indexed: *owner,
                };
                leases.announce(
                    (&nlri(*route), None),
                    &set(*peers),
                    &terms,
                    Duration::from_secs(now),
                );
                for peer in set(*peers).iter() {
                    let key = (*route, peer.0);
                    let before = model.get(&key).filter(|known| known.0 == *owner);
                    let before = before.and_then(|known| known.2);
                    let length = match lifetime {
                        Lifetime::Unchanged => before,
                        Lifetime::Forever => None,
                        Lifetime::For(length) => Some(length.as_secs()),
                    };
                    if length.is_some() || *owner {
                        let deadline = length.map(|length| now + length);
                        model.insert(key, (*owner, run, length, deadline));
                    } else {
                        model.remove(&key);
                    }
                }
            }
            Op::Withdraw { route, peers } => {
                leases.withdraw(nlri(*route).as_ref(), &set(*peers));
                set(*peers).iter().for_each(|peer| {
                    model.remove(&(*route, peer.0));
                });
            }
            Op::Forget(peer) => {
                leases.forget_one(PeerId(*peer));
                model.retain(|(_, other), _| other != peer);
            }
            Op::Copy(from, to) => {
                leases.forget_one(PeerId(*to));
                leases.copy(PeerId(*from), PeerId(*to));
                model.retain(|(_, other), _| other != to);
                let copied = model.iter().filter(|((_, peer), _)| peer == from);
                let copied: Vec<_> = copied
                    .map(|((route, _), known)| ((*route, *to), *known))
                    .collect();
                model.extend(copied);
            }
            // In no more than a step: what is left of it must make no difference.
            Op::Sweep => {
                leases.sweep(1);
            }
            Op::Doom => {
                let mut from = Some(0);
                while let Some(at) = from {
                    from = leases.doom(
                        (&|owner| owner == "tracked", run),
                        Duration::from_secs(now + 2),
                        at,
                        1,
                    );
                }
                for known in model.values_mut().filter(|known| known.0 && known.1 <= run) {
                    known.3 = Some(known.3.map_or(now + 2, |own| own.min(now + 2)));
                }
                run += 1;
            }
            Op::Pass(seconds) => {
                now += seconds;
                let mut ended = Vec::new();
                loop {
                    let mut some = Vec::new();
                    let more = leases.expired(Duration::from_secs(now), 2, &mut some);
                    assert!(some.len() <= 2);
                    for lease in some {
                        let route = lease.nlri.bytes[2];
                        ended.extend(lease.peers.iter().map(|peer| (route, peer.0)));
                    }
                    if !more {
                        break;
                    }
                }
                ended.sort_unstable();
                let due = |known: &Known| known.3.is_some_and(|deadline| deadline <= now);
                let wanted: Vec<(u8, u32)> = model
                    .iter()
                    .filter(|(_, known)| due(known))
                    .map(|(key, _)| *key)
                    .collect();
                assert_eq!(ended, wanted);
                model.retain(|_, known| !due(known));
            }
        }
        let next = model.values().filter_map(|known| known.3).min();
        if let Some(next) = next {
            assert!(
                leases
                    .next()
                    .is_some_and(|at| at <= Duration::from_secs(next))
            );
        }
        let wanted: Vec<(u8, u32)> = model.keys().copied().collect();
        assert_eq!(shown(&leases), wanted);
        for (route, owner) in (0..4u8).flat_map(|route| [(route, false), (route, true)]) {
            let mut known = model.iter();
            let is_held = known.any(|(key, known)| key.0 == route && known.0 == owner);
            let name = &names[usize::from(owner)];
            assert_eq!(leases.holds(name, nlri(route).as_ref()), is_held);
        }
        if !leases.is_sweeping() {
            assert_eq!(leases.is_empty(), model.is_empty());
            for (owner, name) in [(false, &names[0]), (true, &names[1])] {
                let own = model.iter().filter(|(_, known)| known.0 == owner);
                let routes: BTreeSet<u8> = own.map(|(key, _)| key.0).collect();
                assert_eq!(leases.owned(name), routes.len());
            }
        }
        let (mut found, mut wanted) = (Vec::new(), Vec::new());
        leases.visit_owner("tracked", &mut |leased| {
            let route = leased.nlri.bytes[2];
            found.extend(leased.peers.iter().map(|peer| (route, peer.0)));
        });
        wanted.extend(
            model
                .iter()
                .filter(|(_, known)| known.0)
                .map(|(key, _)| *key),
        );
        found.sort_unstable();
        assert_eq!(found, wanted);
        if !leases.is_sweeping() {
            let limited = leases.len();
            assert_eq!(limited == 0, next.is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn leases_end_when_a_map_of_deadlines_says_so(ops in ops()) {
        check(&ops);
    }
}

fn terms(lifetime: Lifetime) -> Terms {
    Terms {
        owner: "helper".into(),
        run: 1,
        tracked: true,
        lifetime,
        default: None,
        longest: None,
        left: None,
        selector: None,
        indexed: false,
    }
}

/// Leases of so many routes of one peer, announced at second `at`.
fn fill(leases: &mut Leases, count: u32, (lifetime, peer, at): (Lifetime, u32, u64)) {
    let (peers, terms) = (std::iter::once(PeerId(peer)).collect(), terms(lifetime));
    for number in 0..count {
        let [_, a, b, c] = number.to_be_bytes();
        let nlri = Nlri::new(Family::IPV4_UNICAST, None, &[32, 10, a, b, c]);
        leases.announce((&nlri, None), &peers, &terms, Duration::from_secs(at));
    }
}

#[test]
fn many_leases_of_one_moment_end_in_steps() {
    let mut leases = Leases::default();
    let lifetime = Lifetime::For(Duration::from_secs(5));
    fill(&mut leases, 30_000, (lifetime, 1, 0));
    // Renewed, without another entry of the heap.
    fill(&mut leases, 30_000, (lifetime, 1, 1));
    assert_eq!(leases.len(), 30_000);
    // First those that were renewed, then those that have ended: each step looks at a thousand.
    for (second, ends) in [(5, 0), (6, 1_000)] {
        let mut steps = 0;
        loop {
            let mut some = Vec::new();
            let more = leases.expired(Duration::from_secs(second), 1_000, &mut some);
            steps += 1;
            if !more {
                assert!(some.is_empty());
                break;
            }
            assert_eq!(some.len(), ends, "step {steps} of second {second}");
        }
        assert_eq!(steps, 31);
    }
    assert!(leases.is_empty());
}

#[test]
fn the_routes_of_a_neighbor_are_forgotten_in_steps() {
    const COUNT: usize = 200_000;
    let mut leases = Leases::default();
    fill(&mut leases, 200_000, (Lifetime::Forever, 1, 0));
    leases.forget_one(PeerId(1));
    // Several neighbors that go at once cost one walk.
    leases.forget_one(PeerId(2));
    assert_eq!(leases.recorded(), COUNT, "nothing is visited yet");
    leases.visit(0, usize::MAX, &mut |leased| {
        panic!("{} is still there", leased.nlri);
    });
    // The same number for another neighbor, in the middle of the walk.
    for left in (0..COUNT).step_by(4_000).rev() {
        leases.sweep(4_000);
        assert_eq!(leases.recorded(), left + usize::from(left < 100_000));
        if left == 100_000 {
            fill(&mut leases, 1, (Lifetime::Forever, 1, 0));
        }
    }
    assert!(!leases.is_sweeping());
    assert_eq!(leases.recorded(), 1, "the new one stays");
}

#[test]
fn the_routes_of_a_helper_that_has_died_end_in_steps() {
    let mut leases = Leases::default();
    fill(&mut leases, 20_000, (Lifetime::Forever, 1, 0));
    let (mut from, mut before) = (Some(0), 0);
    while let Some(at) = from {
        from = leases.doom(
            (&|owner| owner == "helper", 1),
            Duration::from_secs(9),
            at,
            1_000,
        );
        assert_eq!(leases.len(), before + 1_000);
        before = leases.len();
    }
    assert_eq!(before, 20_000);
}

#[test]
fn leases_of_a_route_are_joined_and_those_of_others_are_not_inherited() {
    let all = |peers: &[u32]| -> PeerSet { peers.iter().copied().map(PeerId).collect() };
    let route = nlri(1);
    let mut leases = Leases::default();
    let forever = terms(Lifetime::Forever);
    let announce = |leases: &mut Leases, peers: &[u32], terms: &Terms| {
        leases.announce((&route, None), &all(peers), terms, Duration::from_secs(1));
    };
    announce(&mut leases, &[1], &forever);
    announce(&mut leases, &[2], &forever);
    assert_eq!((leases.recorded(), leases.owned("helper")), (2, 1));
    // A third peer, and all of them again: one route, one lease.
    announce(&mut leases, &[1, 2, 3], &forever);
    assert_eq!((leases.recorded(), leases.owned("helper")), (1, 1));
    announce(
        &mut leases,
        &[2],
        &terms(Lifetime::For(Duration::from_secs(9))),
    );
    assert_eq!((leases.recorded(), leases.owned("helper")), (2, 1));
    // What another owner says of a lifetime does not concern this one.
    let other = Terms {
        owner: "other".into(),
        longest: Some(Duration::from_secs(5)),
        ..terms(Lifetime::Unchanged)
    };
    announce(&mut leases, &[2], &other);
    assert_eq!(leases.len(), 0);
    assert_eq!((leases.owned("helper"), leases.owned("other")), (1, 1));
    // A renewal is not longer than what is allowed now.
    announce(
        &mut leases,
        &[2],
        &Terms {
            lifetime: Lifetime::For(Duration::from_secs(9)),
            ..other.clone()
        },
    );
    announce(&mut leases, &[2], &other);
    assert_eq!(leases.next(), Some(Duration::from_secs(6)));
    leases.withdraw(route.as_ref(), &all(&[1, 2, 3]));
    assert_eq!((leases.owned("helper"), leases.owned("other")), (0, 0));
    for (owner, count) in [
        ("set a", 2),
        ("set a key", 3),
        ("set a-b", 1),
        ("set ab", 1),
    ] {
        let terms = Terms {
            owner: owner.into(),
            ..forever.clone()
        };
        for number in 0..count {
            let nlri = Nlri::new(
                Family::IPV4_UNICAST,
                None,
                &[24, 10, u8::try_from(owner.len()).expect("short"), number],
            );
            leases.announce((&nlri, None), &all(&[1]), &terms, Duration::from_secs(1));
        }
    }
    assert_eq!(
        (leases.owned_below("set a"), leases.owned_below("set b")),
        (5, 0)
    );
}
