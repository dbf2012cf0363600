//! Listeners that are opened and closed, and unexpected connections.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use oxabgp::bgp::Notification;
use oxabgp::bgp::message::MessageType;
use oxabgp::fsm::{Cease, ConnInfo, State};
use oxabgp::speaker::{Answer, Error, Server};
use socket2::{Domain, Socket, Type};
use tokio::task::spawn_blocking;

use super::{LOOPBACK, active, passive, recorder, serving, signs, skip};
use crate::support::log::capture;
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
async fn an_unknown_peer_is_refused_if_what_it_is_accepted_with_is_wrong() {
    let log = capture();
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut plugin = Some(plugin);
    server.on_unknown(move |_| {
        let plugin = plugin.take().expect("it is asked once");
        let mut config = passive(65001, 65002);
        config.hold_time = 2;
        Answer::Accept(Box::new(config), Box::new(plugin))
    });
    let refused = spawn_blocking(move || RawPeer::connect(address).expect_notification());
    assert_eq!(
        refused.await.expect("the script passes"),
        Notification::cease(Notification::REJECTED)
    );
    let line = log.line("a connection is refused");
    assert!(line.contains("hold_time must be 0 or at least"), "{line}");
    // There was no neighbor, and its plugin is gone.
    assert!(watch.seen.recv().await.is_none());
    assert!(server.peers().is_empty());
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

/// A connection of a host at such a distance; `None` if there is none soon.
fn connect(address: SocketAddr, ttl: u32) -> Option<std::net::TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_ttl_v4(ttl).expect("a ttl");
    let connected = socket.connect_timeout(&address.into(), Duration::from_millis(500));
    connected.is_ok().then(|| socket.into())
}

#[tokio::test(flavor = "local")]
async fn a_passive_neighbor_with_gtsm_ignores_a_distant_peer() {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut config = passive(65001, 65002);
    config.min_ttl = Some(255);
    server.add_peer(config, plugin).expect("a peer");
    let silent = spawn_blocking(move || {
        let mut peer = RawPeer::new(connect(address, 255).expect("a connection"));
        peer.stream().set_ttl(64).expect("a ttl");
        // Before it sends anything, the speaker has set up the connection.
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

/// RFC 5082 section 3: also what comes before the kernel checks the connection is not from a distant host.
#[tokio::test(flavor = "local")]
async fn a_distant_peer_with_gtsm_can_not_send_before_the_ttl_is_checked() {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut config = passive(65001, 65002);
    config.min_ttl = Some(255);
    server.add_peer(config, plugin).expect("a peer");
    let closed = spawn_blocking(move || {
        // The kernel accepts it, and what it sends, before the speaker has its turn.
        let mut stream = connect(address, 64).expect("a connection");
        let ours = open(65002, [10, 0, 0, 2]).encode().expect("an OPEN");
        let _ = stream.write_all(&ours);
        stream
            .set_read_timeout(Some(super::LIMIT))
            .expect("a limit");
        // Reset or closed, without an OPEN.
        matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_))
    });
    assert!(closed.await.expect("the script passes"));
    // A near one is let in.
    let near = spawn_blocking(move || {
        let mut peer = RawPeer::new(connect(address, 255).expect("a connection"));
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer
    });
    watch.established().await;
    drop(near.await.expect("the script passes"));
    server.shutdown(Cease::Removed).await;
}

/// Whether a connection with that MD5 key comes about.
async fn reaches(address: SocketAddr, key: Option<&'static [u8]>) -> bool {
    let attempt = spawn_blocking(move || super::reaches(address, key));
    attempt.await.expect("no panic")
}

#[tokio::test(flavor = "local")]
async fn two_neighbors_of_one_peer_have_a_key_each_at_their_own_addresses() {
    if !signs() {
        return;
    }
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    server.start();
    let ours = [5, 6, 7].map(|last| IpAddr::V4(Ipv4Addr::new(127, 83, 71, last)));
    let listening = ours.map(|own| server.listen(SocketAddr::new(own, 0)).expect("a port"));
    for (at, key) in [Some(&b"first"[..]), Some(b"second"), None]
        .into_iter()
        .enumerate()
    {
        let mut config = passive(65001, 65002);
        config.name = format!("at {}", ours[at]);
        config.local_address = Some(ours[at]);
        config.md5_key = key.map(<[u8]>::to_vec);
        server.add_peer(config, recorder().0).expect("a peer");
    }
    assert!(reaches(listening[0], Some(b"first")).await);
    assert!(!reaches(listening[0], Some(b"second")).await);
    assert!(reaches(listening[1], Some(b"second")).await);
    assert!(!reaches(listening[1], None).await);
    assert!(reaches(listening[2], None).await);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_key_that_is_refused_changes_nothing() {
    if !signs() {
        return;
    }
    let (server, address) = serving([10, 0, 0, 1]);
    let mut config = passive(65001, 65002);
    config.md5_key = Some(b"secret".to_vec());
    let key = server
        .add_peer(config.clone(), recorder().0)
        .expect("a peer");
    // The kernel takes 80 octets at most.
    config.md5_key = Some(vec![b'x'; 81]);
    for _ in 0..2 {
        let refused = server.update_peer(key, config.clone());
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        let kept = server.peer_config(key).expect("a peer");
        assert_eq!(kept.md5_key.as_deref(), Some(&b"secret"[..]));
        assert!(!reaches(address, None).await);
        assert!(reaches(address, Some(b"secret")).await);
    }
    config.md5_key = Some(b"other".to_vec());
    server.update_peer(key, config.clone()).expect("a key");
    assert!(reaches(address, Some(b"other")).await);
    assert!(!reaches(address, Some(b"secret")).await);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn hosts_of_an_expected_ipv6_network_are_neighbors_and_no_crowd() {
    const HOSTS: u16 = 40;
    let (server, local) = serving([10, 0, 0, 1]);
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    server.on_unknown(move |_| {
        count.set(count.get() + 1);
        Answer::Refuse(Notification::cease(3))
    });
    let arrive = |host| {
        let remote = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, host);
        let ends = ConnInfo {
            local: SocketAddr::new(Ipv6Addr::LOCALHOST.into(), local.port()),
            remote: SocketAddr::new(remote.into(), 40_000),
        };
        server.incoming(Box::new(tokio::io::duplex(64).0), ends);
    };
    let mut template = passive(65001, 65002);
    template.remote_address = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0).into();
    server.expect_network(&template, 64).expect("a range");
    (1..=HOSTS).for_each(arrive);
    assert_eq!(asked.take(), HOSTS);
    server.forget_network(&template, 64).expect("it was there");
    (1..=HOSTS).for_each(arrive);
    assert_eq!(
        asked.take(),
        10,
        "whoever has one of these addresses has them all"
    );
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
    if !signs() {
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
