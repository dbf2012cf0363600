//! Listeners that are opened and closed, and unexpected connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use oxabgp::bgp::Notification;
use oxabgp::bgp::message::MessageType;
use oxabgp::fsm::{Cease, State};
use oxabgp::speaker::{Answer, Error, Server};
use tokio::task::spawn_blocking;

use super::{LOOPBACK, active, passive, recorder, serving, skip};
use crate::support::peer::{RawPeer, open};

#[tokio::test(flavor = "local")]
async fn listeners_open_and_close_while_serving() {
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    // An address of its own: no other test takes the port once it is free.
    let own = IpAddr::V4(Ipv4Addr::new(127, 83, 71, 3));
    let first = server.listen(SocketAddr::new(own, 0)).expect("a port");
    server.start();
    let taken = server.listen(first);
    assert!(
        matches!(&taken, Err(Error::Listen { address, .. }) if *address == first),
        "{taken:?}"
    );
    let second = server.listen(SocketAddr::new(LOOPBACK, 0)).expect("a port");
    assert_eq!(server.listening(), [first, second]);
    assert!(server.unlisten(first) && !server.unlisten(first));
    let (plugin, mut watch) = recorder();
    server
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let script = spawn_blocking(move || {
        assert!(std::net::TcpStream::connect(first).is_err());
        let mut peer = RawPeer::connect(second);
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer
    });
    watch.established().await;
    drop(script.await.expect("the script passes"));
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_port_is_free_as_soon_as_its_listener_is_closed() {
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    server.start();
    let own = IpAddr::V4(Ipv4Addr::new(127, 83, 71, 4));
    let address = server.listen(SocketAddr::new(own, 0)).expect("a port");
    // The accepting task runs once, and not again after `unlisten`.
    tokio::task::yield_now().await;
    assert!(server.unlisten(address));
    assert!(std::net::TcpStream::connect(address).is_err());
    assert_eq!(server.listen(address).ok(), Some(address));
    server.shutdown(Cease::Removed).await;
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "local")]
async fn an_unknown_peer_is_refused_or_becomes_a_neighbor_for_one_session() {
    let (server, address) = serving([10, 0, 0, 1]);
    let refused = spawn_blocking(move || RawPeer::connect(address).expect_notification());
    assert_eq!(
        refused.await.expect("the script passes"),
        Notification::cease(Notification::REJECTED)
    );
    let (plugin, mut watch) = recorder();
    let mut plugin = Some(plugin);
    let asked = server.clone();
    server.on_unknown(move |ends| {
        // The server may be used from here.
        assert_eq!(asked.listening(), [ends.local]);
        match plugin.take() {
            Some(plugin) => {
                let mut config = passive(65001, 65002);
                config.name = format!("dynamic {}", ends.remote.ip());
                Answer::Accept(Box::new(config), Box::new(plugin))
            }
            None => Answer::Refuse(Notification::cease(3)),
        }
    });
    let peer = spawn_blocking(move || {
        let mut peer = RawPeer::connect(address);
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer
    });
    watch.established().await;
    assert_eq!(server.peers()[0].name, "dynamic 127.0.0.1");
    drop(peer.await.expect("the script passes"));
    watch.closed().await;
    // The plugin is dropped with the neighbor.
    let gone = async { while watch.seen.recv().await.is_some() {} };
    tokio::time::timeout(super::LIMIT, gone)
        .await
        .expect("an end");
    while !server.peers().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = spawn_blocking(move || RawPeer::connect(address).expect_notification());
    assert_eq!(refused.await.expect("the script passes").subcode, 3);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn defect_12_a_refused_connection_is_never_told_as_connected_and_is_tried_again() {
    let reserved = std::net::TcpListener::bind((LOOPBACK, 0)).expect("a port");
    let address = reserved.local_addr().expect("an address");
    drop(reserved);
    let (server, _) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut config = active(65001, 65002, address);
    config.idle_hold_time = Some(Duration::from_millis(20));
    server.add_peer(config, plugin).expect("a peer");
    // It has failed at least once when it is back in Active.
    watch
        .until(|seen| match seen {
            super::Seen::State(State::Active | State::Idle) => Some(()),
            super::Seen::Connected => panic!("no server listens"),
            _ => None,
        })
        .await;
    let script = spawn_blocking(move || {
        let listener = std::net::TcpListener::bind(address).expect("the same port");
        let mut peer = RawPeer::accept(&listener);
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer
    });
    watch.established().await;
    drop(script.await.expect("the script passes"));
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_passive_neighbor_with_gtsm_ignores_a_distant_peer() {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut config = passive(65001, 65002);
    config.min_ttl = Some(255);
    server.add_peer(config, plugin).expect("a peer");
    let silent = spawn_blocking(move || {
        let mut peer = RawPeer::connect(address);
        // Before it sends anything, the speaker has set up the connection; what we send before that may be accepted.
        peer.expect(MessageType::OPEN);
        let ours = open(65002, [10, 0, 0, 2]).encode().expect("an OPEN");
        peer.send_bytes(&ours);
        peer
    });
    let peer = silent.await.expect("the script passes");
    let early = tokio::time::timeout(Duration::from_millis(300), watch.established());
    assert!(early.await.is_err(), "a TTL of 64 was let in");
    // The same bytes with a TTL of 255: the kernel sends them again by itself.
    peer.stream().set_ttl(255).expect("a ttl");
    watch
        .until(|seen| matches!(seen, super::Seen::Open).then_some(()))
        .await;
    drop(peer);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn ipv6_and_ipv4_listen_on_one_port() {
    let (server, four) = serving([10, 0, 0, 1]);
    let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), four.port());
    let Ok(six) = server.listen(v6) else {
        skip("no IPv6 here, or another process has the port");
        server.shutdown(Cease::Removed).await;
        return;
    };
    let (other, _) = serving([10, 0, 0, 2]);
    let mut watches = Vec::new();
    for (at, address) in [four, six].into_iter().enumerate() {
        let mut config = passive(65001, 65002);
        config.remote_address = address.ip();
        config.name = format!("waiting {at}");
        config.min_ttl = Some(255);
        let (plugin, watch) = recorder();
        server.add_peer(config, plugin).expect("a peer");
        watches.push(watch);
        let mut config = active(65002, 65001, address);
        config.min_ttl = Some(255);
        let (plugin, watch) = recorder();
        other.add_peer(config, plugin).expect("a peer");
        watches.push(watch);
    }
    for watch in &mut watches {
        watch.established().await;
    }
    server.shutdown(Cease::Removed).await;
    other.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn an_md5_key_may_be_that_of_a_whole_network() {
    if !oxabgp::speaker::sockopt::md5_supported() {
        skip("this kernel does not sign TCP segments (CONFIG_TCP_MD5SIG)");
        return;
    }
    let (server, address) = serving([10, 0, 0, 1]);
    let mut template = passive(65001, 65002);
    template.md5_key = Some(b"secret".to_vec());
    server.expect_network(&template, 8).expect("a key");
    let (plugin, mut watch) = recorder();
    let mut dynamic = Some((template.clone(), plugin));
    server.on_unknown(move |_| match dynamic.take() {
        Some((config, plugin)) => Answer::Accept(Box::new(config), Box::new(plugin)),
        None => Answer::Refuse(Notification::cease(3)),
    });
    // A listener that opens later uses the key, too.
    let second = server.listen(SocketAddr::new(LOOPBACK, 0)).expect("a port");
    assert_ne!(second, address);
    let (other, _) = serving([10, 0, 0, 2]);
    let mut config = active(65002, 65001, second);
    config.md5_key = Some(b"secret".to_vec());
    config.local_address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)));
    let (plugin, _seen) = recorder();
    // The created neighbor has the template's address, which does not matter in this test.
    other.add_peer(config, plugin).expect("a peer");
    watch.established().await;
    server.forget_network(&template, 8).expect("it was there");
    server.shutdown(Cease::Removed).await;
    other.shutdown(Cease::Removed).await;
}
