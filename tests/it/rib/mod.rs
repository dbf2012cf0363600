//! The Adj-RIB-Out from outside: what peers end up with, as decoded by an independent decoder.

mod adj_rib_out;
mod families;
mod first_batch;
mod interner;
mod joining;
mod leases;
mod model;
mod packing;
mod run;
mod sweeps;
mod view;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use oxabgp::bgp::attribute::med::Med;
use oxabgp::bgp::attribute::next_hop::NextHopAttribute;
use oxabgp::bgp::negotiated::Refresh;
use oxabgp::bgp::{Afi, Asn, Attribute, AttributeSet, Codec, Family, NextHop, Nlri, Sender};
use oxabgp::rib::{Action, AdjRibOut, Budget, Change, PeerId, PeerOptions, PeerSet, Session};
use view::View;

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;
const V4_MULTICAST: Family = Family::IPV4_MULTICAST;
const ALL: Budget = Budget {
    bytes: usize::MAX,
    messages: usize::MAX,
};

/// A session without ADD-PATH.
fn session(families: &[Family]) -> Session {
    Session {
        sender: Sender {
            codec: Codec {
                asn4: true,
                families: families.iter().copied().collect(),
                ..Codec::default()
            },
            local_as: Asn(65_000),
            local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            router_id: Ipv4Addr::new(10, 0, 0, 1),
            group_updates: true,
        },
        families: families.to_vec(),
        refresh: Refresh::Normal,
        manual_eor: false,
        peer_restarts: false,
    }
}

fn options(families: &[Family]) -> PeerOptions {
    PeerOptions {
        families: families.to_vec(),
        keep: true,
    }
}

/// Attributes that the view distinguishes by their MED.
fn attributes(family: Family, med: u32) -> Rc<AttributeSet> {
    let hop = if family.afi == Afi::IPV6 {
        NextHop::V6(Ipv6Addr::LOCALHOST)
    } else {
        NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))
    };
    Rc::new(AttributeSet::new(vec![
        Attribute::NextHop(NextHopAttribute::new(hop)),
        Attribute::Med(Med(med)),
    ]))
}

/// `10.HIGH.LOW.0/24`, or the same number in the family's own form.
fn route(family: Family, number: u16) -> Nlri {
    let [high, low] = number.to_be_bytes();
    Nlri::new(family, None, &[24, 10, high, low])
}

fn peers(list: &[u32]) -> PeerSet {
    list.iter().copied().map(PeerId).collect()
}

fn announce(nlri: Nlri, med: u32, to: &[u32]) -> Change {
    Change {
        action: Action::Announce(attributes(nlri.family, med)),
        nlri,
        peers: peers(to),
    }
}

fn withdraw(nlri: Nlri, to: &[u32]) -> Change {
    Change {
        nlri,
        action: Action::Withdraw(None),
        peers: peers(to),
    }
}

/// Passes everything that `peer` is sent to `view`.
fn drain(rib: &mut AdjRibOut, peer: u32, view: &mut View) {
    while rib.has_work(PeerId(peer)) {
        rib.fill(PeerId(peer), ALL, &mut |bytes| view.receive(&bytes));
    }
}

/// A RIB with peers 0 to `count - 1` that are up and have been sent everything.
fn established(count: u32, families: &[Family]) -> (AdjRibOut, Vec<View>) {
    let mut rib = AdjRibOut::new();
    let mut views = Vec::new();
    for peer in 0..count {
        rib.add_peer(PeerId(peer), options(families));
        rib.up(PeerId(peer), session(families));
        let mut view = View::new(&session(families));
        drain(&mut rib, peer, &mut view);
        assert_eq!(
            view.take_log(),
            families
                .iter()
                .map(|family| format!("eor {family}"))
                .collect::<Vec<_>>()
        );
        views.push(view);
    }
    rib.take_wakeups(&mut |_| {});
    (rib, views)
}
