//! The caller's sockets: listeners, dialers, interfaces.

use std::cell::Cell;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::rc::Rc;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Negotiated, Notification};
use oxabgp::fsm::CloseReason;
use oxabgp::speaker::connect::{self, Dialing};
use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter, sockopt};

use super::{LOOPBACK, active, passive, recorder, serving, skip};

#[tokio::test(flavor = "local")]
async fn a_listener_of_the_caller_gets_what_its_neighbors_need() {
    let ours = TcpListener::bind(SocketAddr::new(LOOPBACK, 0)).expect("a port");
    let again = ours.try_clone().expect("a descriptor");
    let address = ours.local_addr().expect("an address");
    let server = Server::new([10, 0, 0, 1].into());
    let (plugin, mut left) = recorder();
    let mut config = passive(65001, 65002);
    config.min_ttl = Some(255);
    server.add_peer(config, plugin).expect("a peer");
    let (other, _) = serving([10, 0, 0, 2]);
    let (plugin, mut right) = recorder();
    let mut config = active(65002, 65001, address);
    config.min_ttl = Some(255);
    other.add_peer(config, plugin).expect("a peer");
    let run = async {
        left.established().await;
        right.established().await;
        assert_eq!(sockopt::ttl(again.as_fd(), LOOPBACK).expect("a ttl"), 255);
        assert_eq!(server.listening(), [address]);
        server.shutdown(oxabgp::fsm::Cease::Removed).await;
    };
    let (served, ()) = tokio::join!(server.serve_on([ours]), run);
    served.expect("it has served");
}

#[tokio::test(flavor = "local")]
async fn a_listener_for_both_ip_versions_serves_neighbors_of_both() {
    let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
    let Ok(ours) = TcpListener::bind(any) else {
        return skip("no IPv6 here");
    };
    let port = ours.local_addr().expect("an address").port();
    let (server, _) = serving([10, 0, 0, 1]);
    server.listen_on(ours).expect("a listener");
    let (other, _) = serving([10, 0, 0, 2]);
    for address in [LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let (plugin, mut left) = recorder();
        let mut config = passive(65001, 65002);
        config.name = address.to_string();
        config.remote_address = address;
        config.min_ttl = Some(255);
        let signed = address == LOOPBACK;
        config.md5_key = signed.then(|| b"secret".to_vec());
        server.add_peer(config, plugin).expect("a peer");
        let (plugin, mut right) = recorder();
        let mut config = active(65002, 65001, SocketAddr::new(address, port));
        config.min_ttl = Some(255);
        config.md5_key = signed.then(|| b"secret".to_vec());
        other.add_peer(config, plugin).expect("a peer");
        left.established().await;
        right.established().await;
    }
}

/// Dials by itself, with a large buffer.
struct Dialer {
    dials: Rc<Cell<u32>>,
    up: Rc<tokio::sync::Notify>,
}

impl Plugin for Dialer {
    fn dial(&mut self, peer: &PeerConfig) -> Option<Dialing> {
        self.dials.set(self.dials.get() + 1);
        let prepared = connect::socket(peer).and_then(|socket| {
            socket.set_recv_buffer_size(1 << 16)?;
            Ok((socket, connect::destination(peer)?))
        });
        Some(Box::pin(async move {
            let (socket, destination) = prepared?;
            connect::connected(socket.connect(destination).await?)
        }))
    }

    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {
        self.up.notify_one();
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

#[tokio::test(flavor = "local")]
async fn a_plugin_makes_the_connections_of_its_neighbor() {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut left) = recorder();
    server
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let (other, _) = serving([10, 0, 0, 2]);
    let (dials, up) = (Rc::new(Cell::new(0)), Rc::default());
    let plugin = Dialer {
        dials: Rc::clone(&dials),
        up: Rc::clone(&up),
    };
    other
        .add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    left.established().await;
    up.notified().await;
    assert_eq!(dials.get(), 1);
}

#[tokio::test(flavor = "local")]
async fn a_connection_of_another_interface_is_not_this_neighbors() {
    let server = Server::new([10, 0, 0, 1].into());
    let anywhere = SocketAddr::new(LOOPBACK, 0);
    let error = server
        .listen_in(anywhere, "no-such-link")
        .expect_err("none");
    assert!(error.to_string().contains("cannot listen"), "{error}");
    let address = match server.listen_in(anywhere, "lo") {
        Ok(address) => address,
        Err(error) => return skip(&format!("SO_BINDTODEVICE: {error}")),
    };
    server.start();
    let (plugin, mut elsewhere) = recorder();
    let mut config = passive(65001, 65002);
    config.name = "elsewhere".to_owned();
    config.interface = Some("vrf-red".to_owned());
    server.add_peer(config, plugin).expect("a peer");
    let (plugin, mut here) = recorder();
    let mut config = passive(65001, 65002);
    config.interface = Some("lo".to_owned());
    config.name = "here".to_owned();
    server.add_peer(config, plugin).expect("a peer");
    let (other, _) = serving([10, 0, 0, 2]);
    let (plugin, mut right) = recorder();
    let mut config = active(65002, 65001, address);
    config.interface = Some("lo".to_owned());
    other.add_peer(config, plugin).expect("a peer");
    here.established().await;
    right.established().await;
    while let Ok(seen) = elsewhere.seen.try_recv() {
        assert!(!matches!(seen, super::Seen::Connected), "{seen:?}");
    }
}

#[test]
fn listening_outside_of_a_runtime_is_an_error() {
    let server = Server::new([10, 0, 0, 1].into());
    let error = server.listen(SocketAddr::new(LOOPBACK, 0));
    assert!(error.is_err());
}
