//! Leases compared with a map of deadlines for each route and peer.

use std::collections::BTreeMap;
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
        1 => Just(Op::Doom),
        3 => (0..4u64).prop_map(Op::Pass),
    ];
    prop::collection::vec(op, 0..60)
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
                    let before = model.get(&key).and_then(|known| known.2);
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
            Op::Doom => {
                let mut from = Some(0);
                while let Some(at) = from {
                    from = leases.doom(("tracked", run), Duration::from_secs(now + 2), at, 1);
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
                    let some = leases.expired(Duration::from_secs(now), 2);
                    assert!(some.len() <= 2);
                    if some.is_empty() {
                        break;
                    }
                    for lease in some {
                        let route = lease.nlri.bytes[2];
                        ended.extend(lease.peers.iter().map(|peer| (route, peer.0)));
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
        assert_eq!(leases.is_empty(), model.is_empty());
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
        let limited = leases.len();
        assert_eq!(limited == 0, next.is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn leases_end_when_a_map_of_deadlines_says_so(ops in ops()) {
        check(&ops);
    }
}

#[test]
fn many_leases_of_one_moment_end_in_steps() {
    let mut leases = Leases::default();
    let peers: PeerSet = [PeerId(1)].into_iter().collect();
    let terms = Terms {
        owner: "helper".into(),
        run: 1,
        tracked: false,
        lifetime: Lifetime::For(Duration::from_secs(5)),
        default: None,
        left: None,
        selector: None,
        indexed: false,
    };
    for number in 0..30_000u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let nlri = Nlri::new(Family::IPV4_UNICAST, None, &[32, 10, a, b, c]);
        leases.announce((&nlri, None), &peers, &terms, Duration::ZERO);
        // Renewed, without another entry of the heap.
        leases.announce((&nlri, None), &peers, &terms, Duration::from_secs(1));
    }
    assert_eq!(leases.len(), 30_000);
    assert!(leases.expired(Duration::from_secs(5), 1_000).is_empty());
    let mut total = 0;
    loop {
        let some = leases.expired(Duration::from_secs(6), 1_000);
        if some.is_empty() {
            break;
        }
        assert!(some.len() <= 1_000);
        total += some.len();
    }
    assert_eq!((total, leases.len()), (30_000, 0));
}
