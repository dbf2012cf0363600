//! Thousands of neighbors: none of them waits for all others.

use std::cell::Cell;
use std::future::pending;
use std::net::Ipv4Addr;
use std::rc::Rc;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::speaker::connect::Dialing;
use oxabgp::speaker::{PeerConfig, PeerKey, Plugin, Server, Transport, UpdateWriter};

use super::LOOPBACK;

/// Counts connection attempts, none of which completes.
#[derive(Default)]
struct Counted {
    dials: Cell<usize>,
}

impl Transport for Counted {
    fn dial(&self, _: &PeerConfig) -> Dialing {
        self.dials.set(self.dials.get() + 1);
        Box::pin(pending())
    }
}

struct Nothing;

impl Plugin for Nothing {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}
    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }
    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

const NEIGHBOURS: usize = 5_000;

/// A server with all of them, not started yet.
fn server(transport: &Rc<Counted>) -> (Server, Vec<PeerKey>) {
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::clone(transport) as _);
    let keys = (0..NEIGHBOURS).map(|number| {
        let mut peer = PeerConfig::new(LOOPBACK, Asn(65001));
        peer.name = format!("neighbor {number}");
        server.add_peer(peer, Nothing).expect("a new name")
    });
    let keys = keys.collect();
    (server, keys)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn others_have_their_turns_while_thousands_of_neighbors_start() {
    let transport = Rc::new(Counted::default());
    let (server, _) = server(&transport);
    server.start();
    let (mut before, mut turns) = (0, 0);
    while transport.dials.get() < NEIGHBOURS {
        tokio::task::yield_now().await;
        let started = transport.dials.get() - before;
        assert!(started <= 130, "{started} starts in one turn");
        (before, turns) = (transport.dials.get(), turns + 1);
        assert!(turns < NEIGHBOURS, "the last is never started");
    }
    assert!(turns > NEIGHBOURS / 130, "{turns} turns");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_neighbor_that_is_removed_before_its_turn_is_never_started() {
    let transport = Rc::new(Counted::default());
    let (server, keys) = server(&transport);
    server.start();
    for key in &keys[NEIGHBOURS - 10..] {
        let removed = server.remove_peer(*key, Cease::Removed);
        removed.expect("it is there");
    }
    for _ in 0..NEIGHBOURS {
        tokio::task::yield_now().await;
    }
    assert_eq!(transport.dials.get(), NEIGHBOURS - 10);
}
