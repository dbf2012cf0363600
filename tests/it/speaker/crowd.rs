//! Crowds of hosts that are no neighbors: they cost neither descriptors nor sessions, and connections without OPEN end.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::message::{MessageType, keepalive};
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, ConnInfo, State};
use oxabgp::speaker::{Answer, Outbox, PeerConfig, Plugin, Server, UpdateWriter};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::spawn_blocking;

use super::{LOOPBACK, passive, recorder, serving};
use crate::support::log;
use crate::support::peer::{RawPeer, open};

/// Connections of the crowd; each address makes four.
const CROWD: u32 = 3_000;

/// Descriptors of this process that are sockets at this local address: the listener, and what it has accepted.
fn held(address: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table of connections");
    let local = format!(":{:04X}", address.port());
    let of_address: HashSet<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 9 && fields[1].ends_with(&local))
        .map(|fields| format!("socket:[{}]", fields[9]))
        .collect();
    let list = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    let target = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        Some(target.to_string_lossy().into_owned())
    };
    list.filter_map(target)
        .filter(|target| of_address.contains(target))
        .count()
}

fn stranger(number: u32) -> IpAddr {
    let [_, b, c, d] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 90 + b, c, d.max(1)))
}

/// Starts to connect from an address, and does not wait.
fn knock(from: IpAddr, to: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("a mode");
    socket
        .bind(&SocketAddr::new(from, 0).into())
        .expect("an address of ours");
    let _ = socket.connect(&to.into());
    socket
}

/// A server with one neighbor, whose session is up.
async fn busy() -> (Server, SocketAddr, RawPeer, super::Watch) {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    server
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let peer = spawn_blocking(move || {
        let mut peer = RawPeer::connect(address);
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer
    });
    let peer = peer.await.expect("the script passes");
    watch.established().await;
    (server, address, peer, watch)
}

#[tokio::test(flavor = "local")]
async fn a_crowd_of_strangers_costs_no_session_and_no_descriptor() {
    let log = log::capture();
    let (server, address, _peer, _watch) = busy().await;
    let most = spawn_blocking(move || {
        let (mut crowd, mut most) = (VecDeque::new(), 0);
        for number in 0..CROWD {
            crowd.push_back(knock(stranger(number / 4), address));
            // The crowd's own descriptors are limited, too: the oldest leave.
            if crowd.len() > 400 {
                crowd.pop_front();
            }
            if number % 50 == 0 {
                most = most.max(held(address));
            }
        }
        most
    });
    let most = most.await.expect("the script passes");
    // The listener, the session, 64 that are being refused, and one that is being looked at.
    assert!((2..80).contains(&most), "{most} descriptors");
    let status = &server.peers()[0];
    assert_eq!(status.state, State::Established);
    assert_eq!((server.peers().len(), status.sessions), (1, 1));
    let text = log.text();
    let lines = text.matches("a connection").count();
    assert!((1..200).contains(&lines), "{lines} lines");
    server.shutdown(Cease::Removed).await;
}

/// A connection from `source` to `server` through a pipe, and our end of it.
fn arrive(server: &Server, source: IpAddr, port: u16) -> DuplexStream {
    let (ours, theirs) = duplex(8192);
    let ends = ConnInfo {
        local: SocketAddr::new(LOOPBACK, 179),
        remote: SocketAddr::new(source, port),
    };
    server.incoming(Box::new(theirs), ends);
    ours
}

/// Returns `true` if the server sends a NOTIFICATION before it closes.
async fn notified(mut stream: DuplexStream) -> bool {
    let mut all = Vec::new();
    stream.shutdown().await.expect("a pipe");
    stream.read_to_end(&mut all).await.expect("a pipe");
    all.get(18).copied() == Some(MessageType::NOTIFICATION.0)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn one_address_that_connects_again_and_again_is_reset() {
    let log = log::capture();
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    server.start();
    for port in 1..=10 {
        assert!(notified(arrive(&server, stranger(1), port)).await);
    }
    for port in 11..=20 {
        assert!(!notified(arrive(&server, stranger(1), port)).await);
    }
    // Another one is not affected, and this one is heard again later.
    assert!(notified(arrive(&server, stranger(2), 1)).await);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(notified(arrive(&server, stranger(1), 21)).await);
    let line = log.line("too many connections from this address");
    assert!(line.contains("127.90.0.1"), "{line}");
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_configured_neighbor_that_connects_again_and_again_has_two_connections() {
    let (server, address, _peer, _watch) = busy().await;
    let before = held(address);
    let crowd = spawn_blocking(move || -> Vec<TcpStream> {
        (0..200)
            .map(|_| TcpStream::connect(address).expect("a connection"))
            .collect()
    });
    let crowd = crowd.await.expect("the script passes");
    let limit = std::time::Instant::now() + super::LIMIT;
    while held(address) > before + 1 {
        let held = held(address);
        assert!(std::time::Instant::now() < limit, "{held} descriptors");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(crowd);
    assert_eq!(server.peers()[0].state, State::Established);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn dynamic_neighbors_without_a_session_are_limited() {
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    server.start();
    server.on_unknown(move |ends| {
        let mut config = PeerConfig::new(ends.remote.ip(), Asn(65001));
        config.name = ends.remote.to_string();
        config.passive = true;
        Answer::Accept(Box::new(config), Box::new(recorder().0))
    });
    let crowd: Vec<DuplexStream> = (1..=400)
        .map(|number| arrive(&server, stranger(number), 1))
        .collect();
    tokio::task::yield_now().await;
    assert!(server.peers().len() <= 256, "{}", server.peers().len());
    assert!(!notified(arrive(&server, stranger(20_000), 1)).await);
    // They have 15 seconds for their OPEN; then there is room again.
    tokio::time::sleep(Duration::from_secs(17)).await;
    assert_eq!(server.peers().len(), 0);
    let _late = arrive(&server, stranger(20_000), 2);
    tokio::task::yield_now().await;
    assert_eq!(server.peers().len(), 1);
    drop(crowd);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_dynamic_neighbor_with_gtsm_ignores_a_distant_peer() {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut plugin = Some(plugin);
    server.on_unknown(move |_| {
        let mut config = passive(65001, 65002);
        config.min_ttl = Some(255);
        match plugin.take() {
            Some(plugin) => Answer::Accept(Box::new(config), Box::new(plugin)),
            None => Answer::Refuse(Notification::cease(3)),
        }
    });
    let script = spawn_blocking(move || {
        // Loopback packets have the system's default TTL, 64.
        let mut peer = RawPeer::connect(address);
        peer.expect(MessageType::OPEN);
        peer.send_bytes(&open(65002, [10, 0, 0, 2]).encode().expect("an OPEN"));
        peer
    });
    let peer = script.await.expect("the script passes");
    let early = tokio::time::timeout(Duration::from_millis(300), watch.established());
    assert!(early.await.is_err(), "its OPEN was accepted");
    peer.stream().set_ttl(255).expect("a ttl");
    // What was lost is sent again, with the new TTL, and the session comes up.
    let script = spawn_blocking(move || {
        let mut peer = peer;
        peer.send(MessageType::KEEPALIVE, &[]);
        peer.expect(MessageType::KEEPALIVE);
        peer
    });
    watch.established().await;
    drop(script.await.expect("the script passes"));
    server.shutdown(Cease::Removed).await;
}

/// The calls of several plugins, in their order.
#[derive(Clone, Default)]
struct Calls(Rc<RefCell<Vec<&'static str>>>);

impl Plugin for Calls {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {
        self.0.borrow_mut().push("up");
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}

    fn fill(&mut self, _: &PeerConfig, _: &mut Outbox) {
        self.0.borrow_mut().push("fill");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn neighbors_that_come_up_at_once_are_all_up_before_one_is_asked_for_messages() {
    const COUNT: u32 = 50;
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    server.start();
    let calls = Calls::default();
    let mut hello = open(65002, [10, 0, 0, 2]).encode().expect("an OPEN");
    hello.extend(keepalive());
    let mut streams = Vec::new();
    for number in 1..=COUNT {
        let mut config = passive(65001, 65002);
        config.remote_address = stranger(number);
        config.name = stranger(number).to_string();
        server.add_peer(config, calls.clone()).expect("a peer");
        let mut stream = arrive(&server, stranger(number), 1);
        stream.write_all(&hello).await.expect("a pipe");
        streams.push(stream);
    }
    let count = |what| {
        calls
            .0
            .borrow()
            .iter()
            .filter(|call| **call == what)
            .count()
    };
    while count("fill") < streams.len() {
        tokio::task::yield_now().await;
    }
    {
        let calls = calls.0.borrow();
        assert!(
            calls[..streams.len()].iter().all(|call| *call == "up"),
            "{calls:?}"
        );
    }
    server.shutdown(Cease::Removed).await;
}
