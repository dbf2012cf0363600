//! The fast path as numbers: `cargo bench --bench speed -- [FILTER]`, rates in elements (routes or lines) a second.
//!
//! | file | what |
//! |---|---|
//! | `lines.rs` | helper line → change, and → UPDATE bytes; the memo of tails hit and missed |
//! | `fanout.rs` | change → UPDATE bytes; the same routes to 1, 10 and 100 peers; a session that comes up |
//! | `events.rs` | UPDATE bytes → JSON lines; attributes seen before and new ones |
//! | `stages.rs` | the same for `tests/bench/instructions`, which counts instructions |
//! | `turns.rs` | the longest single turn with 2,000,000 routes (not a rate; `-- turns`) |
//! | `turns.py` | the longest turns of a whole daemon: leases that end at about the same time, sets that are streamed (a program of its own) |

#![expect(
    clippy::print_stdout,
    reason = "a program of its own, whose output is the point"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use criterion::Criterion;
use oxabgp::bgp::attribute::med::Med;
use oxabgp::bgp::attribute::next_hop::NextHopAttribute;
use oxabgp::bgp::negotiated::Refresh;
use oxabgp::bgp::{Asn, Attribute, AttributeSet, Codec, Family, NextHop, Nlri, Sender};
use oxabgp::rib::{AdjRibOut, Budget, PeerId, PeerOptions, PeerSet, Session};

mod events;
mod fanout;
mod lines;
mod stages;
mod turns;

/// Routes in one iteration.
const ROUTES: u32 = 100_000;
/// As much as a socket's outbox takes at a time.
const BUDGET: Budget = Budget {
    bytes: 256 << 10,
    messages: usize::MAX,
};

fn main() {
    if stages::run() {
        return;
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    lines::bench(&mut criterion);
    fanout::bench(&mut criterion);
    events::bench(&mut criterion);
    criterion.final_summary();
    if std::env::args().any(|argument| argument == "turns") {
        turns::run();
    }
}

fn codec() -> Codec {
    Codec {
        asn4: true,
        families: [Family::IPV4_UNICAST].into_iter().collect(),
        ..Codec::default()
    }
}

fn session() -> Session {
    Session {
        sender: Sender {
            codec: codec(),
            local_as: Asn(65_000),
            local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            router_id: Ipv4Addr::new(10, 0, 0, 1),
            group_updates: true,
        },
        families: vec![Family::IPV4_UNICAST],
        refresh: Refresh::Normal,
        manual_eor: false,
        peer_restarts: false,
    }
}

/// A RIB with that many peers, up and idle.
fn established(peers: u32) -> AdjRibOut {
    let mut rib = AdjRibOut::new();
    for peer in 0..peers {
        let families = vec![Family::IPV4_UNICAST];
        rib.add_peer(
            PeerId(peer),
            PeerOptions {
                families,
                keep: true,
            },
        );
        rib.up(PeerId(peer), session());
    }
    drain(&mut rib, peers);
    rib
}

/// Hands everything out to everybody; how many bytes.
fn drain(rib: &mut AdjRibOut, peers: u32) -> usize {
    let mut bytes = 0;
    let mut busy = true;
    while busy {
        busy = false;
        for peer in (0..peers).map(PeerId) {
            if rib.has_work(peer) {
                busy = true;
                rib.fill(peer, BUDGET, &mut |part| bytes += part.len());
            }
        }
        rib.take_wakeups(&mut |_| {});
    }
    bytes
}

fn all(peers: u32) -> PeerSet {
    (0..peers).map(PeerId).collect()
}

fn attributes(med: u32) -> Rc<AttributeSet> {
    let hop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
    Rc::new(AttributeSet::new(vec![
        Attribute::NextHop(NextHopAttribute::new(hop)),
        Attribute::Med(Med(med)),
    ]))
}

/// The `number`th /24 from 10.0.0.0 on.
fn prefix(number: u32) -> Nlri {
    let [_, a, b, c] = number.to_be_bytes();
    Nlri::new(
        Family::IPV4_UNICAST,
        None,
        &[24, 10u8.wrapping_add(a), b, c],
    )
}
