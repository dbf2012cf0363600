//! `upgrade` with neighbors of one name: each keeps its session and its routes.

use std::net::SocketAddr;

use oxabgp::bgp::message::MessageType;

use super::announced;
use super::control::{Client, start_with};
use super::scene::EOR_V4;
use super::upgrade::{free_port, upgrade};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, open};

/// A passive neighbor with a static route.
fn block(neighbor: &str, port: u16, route: &str) -> String {
    format!(
        "neighbor {neighbor} {{\n router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive true; listen {port};\n \
         family {{ ipv4 unicast; }}\n static {{ route {route} next-hop self; }}\n}}\n"
    )
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A session from 127.0.2.5, whose first route is this one.
fn joined(port: u16, nlri: &[u8]) -> RawPeer {
    let mut peer = RawPeer::connect_from("127.0.2.5", address(port));
    peer.establish(&open(65001, [10, 0, 2, 5]));
    announced(&mut peer, nlri);
    assert_eq!(peer.expect(MessageType::UPDATE), EOR_V4);
    peer
}

fn reload(lab: &Lab, daemon: &Daemon, configuration: &str) {
    lab.write("oxabgp.conf", configuration);
    let answer = Client::new(lab).ask("reload");
    assert!(answer.ends_with("done\n"), "{answer}{}", daemon.log());
}

/// Waits until that many neighbors are shown.
fn neighbors(lab: &Lab, count: usize) {
    wait_for("the neighbors", || {
        let shown = Client::new(lab).ask("show neighbor summary");
        (shown.matches("127.0.2.").count() == count).then_some(())
    });
}

#[test]
fn neighbors_that_differ_only_in_their_port_keep_their_sessions_and_routes() {
    let lab = Lab::new();
    let ports = [free_port(), free_port(), free_port()];
    let configuration: String = (1..)
        .zip(ports)
        .map(|(number, port)| block("127.0.2.5", port, &format!("10.{number}.0.0/16")))
        .collect();
    let daemon = start_with(&lab, &configuration);
    let mut peers: Vec<RawPeer> = (1..)
        .zip(ports)
        .map(|(number, port)| joined(port, &[16, 10, number]))
        .collect();
    upgrade(&lab, &daemon);
    let command = "announce route 11.0.0.0/8 next-hop self med 7";
    assert_eq!(Client::new(&lab).ask(command), "done\n");
    for peer in &mut peers {
        announced(peer, &[8, 11]);
    }
    // The routes of each are in its own table: the first neighbor without session gets the first connection.
    drop(peers);
    wait_for("the ends of the sessions", || {
        (daemon.log().matches("session closed").count() == 3).then_some(())
    });
    let mut again = Vec::new();
    for (number, port) in (1..).zip(ports) {
        let mut peer = RawPeer::connect_from("127.0.2.5", address(port));
        peer.establish(&open(65001, [10, 0, 2, 5]));
        let mut routes = [(), ()].map(|()| super::update(&mut peer));
        routes.sort_by_key(|body| body.ends_with(&[8, 11]));
        assert!(routes[0].ends_with(&[16, 10, number]), "{routes:02x?}");
        assert_eq!(peer.expect(MessageType::UPDATE), EOR_V4);
        again.push(peer);
    }
}

#[test]
fn a_neighbor_that_was_one_of_a_range_keeps_its_own_routes() {
    let lab = Lab::new();
    let port = free_port();
    let range = block("127.0.2.0/24", port, "10.1.0.0/16");
    let daemon = start_with(&lab, &range);
    let mut peer = joined(port, &[16, 10, 1]);
    let own = block("127.0.2.5", port, "10.2.0.0/16");
    reload(&lab, &daemon, &(range + &own));
    upgrade(&lab, &daemon);
    let command = "announce route 11.0.0.0/8 next-hop self med 7";
    assert_eq!(Client::new(&lab).ask(command), "done\n");
    announced(&mut peer, &[8, 11]);
    neighbors(&lab, 3);
    drop(peer);
    neighbors(&lab, 2);
    let mut peer = RawPeer::connect_from("127.0.2.5", address(port));
    peer.establish(&open(65001, [10, 0, 2, 5]));
    let mut routes = [(), ()].map(|()| super::update(&mut peer));
    routes.sort_by_key(|body| body.ends_with(&[8, 11]));
    assert!(routes[0].ends_with(&[16, 10, 2]), "{routes:02x?}");
    assert_eq!(peer.expect(MessageType::UPDATE), EOR_V4);
}
