//! Sessions over pipes, with a clock that jumps: hours of timers in milliseconds.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use oxabgp::bgp::message::{self, MessageType, RawMessage};
use oxabgp::bgp::{Asn, Notification};
use oxabgp::fsm::{Cease, CloseReason, ConnInfo, State};
use oxabgp::speaker::connect::Dialing;
use oxabgp::speaker::{Answer, PeerConfig, Server, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::{LOOPBACK, Seen, Watch, active, passive, recorder};
use crate::support::peer::{announcement, encode, open};

/// Capacity of a pipe: small, so that back-pressure occurs immediately.
const PIPE: usize = 8 * 1024;

/// Connects from one server to another through a pipe.
#[derive(Default)]
struct Pipes {
    to: RefCell<Option<Server>>,
}

impl Transport for Pipes {
    fn dial(&self, peer: &PeerConfig) -> Dialing {
        let to = self.to.borrow().clone();
        let far = ConnInfo {
            local: SocketAddr::new(peer.remote_address, peer.port),
            remote: SocketAddr::new(LOOPBACK, 1024),
        };
        Box::pin(async move {
            // The time that a packet takes.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let to = to.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, theirs) = duplex(PIPE);
            to.incoming(Box::new(theirs), far);
            let ends = ConnInfo {
                local: far.remote,
                remote: far.local,
            };
            Ok((Box::new(near) as Box<dyn oxabgp::speaker::Stream>, ends))
        })
    }
}

/// Two servers, each of which can dial the other.
fn servers() -> (Server, Server) {
    let (left, right) = (Rc::new(Pipes::default()), Rc::new(Pipes::default()));
    let a = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::clone(&left) as _);
    let b = Server::with_transport(Ipv4Addr::new(10, 0, 0, 2), Rc::clone(&right) as _);
    left.to.replace(Some(b.clone()));
    right.to.replace(Some(a.clone()));
    a.start();
    b.start();
    (a, b)
}

fn patient(watch: &mut Watch) {
    watch.limit = Duration::from_secs(24 * 3600);
}

/// A scripted peer at the end of a pipe.
struct Piped {
    stream: DuplexStream,
    input: BytesMut,
}

impl Piped {
    /// Connects to `server` and brings up a session as AS 65002 with this hold time in seconds.
    async fn establish(server: &Server, hold_time: u16) -> Self {
        let (stream, theirs) = duplex(PIPE);
        let ends = ConnInfo {
            local: SocketAddr::new(LOOPBACK, 179),
            remote: SocketAddr::new(LOOPBACK, 1024),
        };
        server.incoming(Box::new(theirs), ends);
        let mut peer = Self {
            stream,
            input: BytesMut::new(),
        };
        let mut ours = open(65002, [10, 0, 0, 2]);
        ours.hold_time = hold_time;
        peer.send(&ours.encode().expect("an OPEN")).await;
        peer.expect(MessageType::OPEN).await;
        peer.keepalive().await;
        peer.expect(MessageType::KEEPALIVE).await;
        peer
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("an open pipe");
    }

    async fn keepalive(&mut self) {
        self.send(&message::keepalive()).await;
    }

    async fn receive(&mut self) -> Option<RawMessage> {
        loop {
            let framed = message::frame(&mut self.input, message::MAX_EXTENDED);
            if let Some(message) = framed.expect("a good header") {
                return Some(message);
            }
            if self.stream.read_buf(&mut self.input).await.expect("a pipe") == 0 {
                return None;
            }
        }
    }

    async fn expect(&mut self, kind: MessageType) -> RawMessage {
        let message = self.receive().await.expect("an open pipe");
        assert_eq!(message.kind, kind);
        message
    }
}

/// A server that waits for AS 65002, hold time 9 s.
fn waiting(change: impl FnOnce(&mut PeerConfig)) -> (Server, Watch) {
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::new(Pipes::default()));
    server.start();
    let (plugin, mut watch) = recorder();
    patient(&mut watch);
    let mut config = passive(65001, 65002);
    config.hold_time = 9;
    change(&mut config);
    server.add_peer(config, plugin).expect("a peer");
    (server, watch)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_hour_of_silence_but_for_keepalives() {
    let (left, right) = servers();
    let (plugin, mut a) = recorder();
    let (other, mut b) = recorder();
    patient(&mut a);
    patient(&mut b);
    let mut config = passive(65001, 65002);
    config.hold_time = 9;
    let key = left.add_peer(config, plugin).expect("a peer");
    let config = active(65002, 65001, SocketAddr::new(LOOPBACK, 179));
    right.add_peer(config, other).expect("a peer");
    a.established().await;
    b.established().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let status = left.peer(key).expect("a status");
    assert_eq!((status.state, status.sessions), (State::Established, 1));
    let keepalives = status.sent.of(MessageType::KEEPALIVE);
    assert!((1_100..=1_700).contains(&keepalives), "{keepalives}");
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_active_servers_end_with_one_session() {
    let (left, right) = servers();
    let (plugin, mut a) = recorder();
    let (other, mut b) = recorder();
    patient(&mut a);
    patient(&mut b);
    let address = SocketAddr::new(LOOPBACK, 179);
    let left_key = left
        .add_peer(active(65001, 65002, address), plugin)
        .expect("a peer");
    let right_key = right
        .add_peer(active(65002, 65001, address), other)
        .expect("a peer");
    a.established().await;
    b.established().await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    for (server, key) in [(&left, left_key), (&right, right_key)] {
        let status = server.peer(key).expect("a status");
        assert_eq!((status.state, status.sessions), (State::Established, 1));
    }
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_silent_peer_is_sent_hold_timer_expired() {
    let (server, mut watch) = waiting(|_| {});
    let mut peer = Piped::establish(&server, 90).await;
    watch.established().await;
    let begin = Instant::now();
    loop {
        let message = peer.receive().await.expect("a NOTIFICATION first");
        if message.kind == MessageType::NOTIFICATION {
            assert_eq!(message.body(), [4, 0]);
            break;
        }
        assert_eq!(message.kind, MessageType::KEEPALIVE);
    }
    let silence = begin.elapsed().as_secs();
    assert!((8..=10).contains(&silence), "{silence} s");
    assert_eq!(watch.closed().await.to_string(), "notification sent (4,0)");
    assert!(peer.receive().await.is_none());
    server.shutdown(Cease::Removed).await;
}

/// A connection to `server` that sends nothing, and how many seconds it takes until it is closed with (4, 0).
async fn silent_seconds(server: &Server) -> u64 {
    let (stream, theirs) = duplex(PIPE);
    let ends = ConnInfo {
        local: SocketAddr::new(LOOPBACK, 179),
        remote: SocketAddr::new(LOOPBACK, 1024),
    };
    let begin = Instant::now();
    server.incoming(Box::new(theirs), ends);
    let mut peer = Piped {
        stream,
        input: BytesMut::new(),
    };
    peer.expect(MessageType::OPEN).await;
    let last = peer.expect(MessageType::NOTIFICATION).await;
    assert_eq!(last.body(), [4, 0]);
    assert!(peer.receive().await.is_none());
    begin.elapsed().as_secs()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_connection_without_open_is_closed_sooner_if_no_neighbor_is_configured() {
    let (server, _watch) = waiting(|_| {});
    // RFC 4271 8.2.2 suggests "a large value" for configured neighbors; ours is that of `bgp.openwait`.
    assert_eq!(silent_seconds(&server).await, 60);
    server.shutdown(Cease::Removed).await;
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::new(Pipes::default()));
    server.start();
    server.on_unknown(|_| Answer::Accept(Box::new(passive(65001, 65002)), Box::new(recorder().0)));
    assert_eq!(silent_seconds(&server).await, 15);
    while !server.peers().is_empty() {
        tokio::task::yield_now().await;
    }
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let (server, mut watch) = waiting(|config| {
        config.send_hold_time = Some(Duration::from_secs(30));
    });
    let mut peer = Piped::establish(&server, 90).await;
    watch.established().await;
    let update = encode(MessageType::UPDATE, &announcement(65001, &[8, 10]));
    watch.script.queue.borrow_mut().push_back(update.into());
    watch.script.endless.set(true);
    watch.script.wake.notify_waiters();
    let begin = Instant::now();
    // It sends, and never reads.
    let reason = loop {
        tokio::select! {
            reason = watch.closed() => break reason,
            () = tokio::time::sleep(Duration::from_secs(3)) => {
                if peer.stream.write_all(&message::keepalive()).await.is_err() {
                    break watch.closed().await;
                }
            }
        }
    };
    // RFC 9687 section 4: code 8, Send Hold Timer Expired.
    let sent = CloseReason::NotificationSent(Notification::new(8, 0, Vec::new()));
    assert_eq!(reason, sent);
    let elapsed = begin.elapsed().as_secs();
    assert!((29..=40).contains(&elapsed), "{elapsed} s");
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_busy_plugin_stops_the_peer_without_losing_the_session() {
    let (server, mut watch) = waiting(|_| {});
    let peer = Piped::establish(&server, 90).await;
    watch.established().await;
    watch.script.busy.set(true);
    const COUNT: u32 = 2_000;
    let (mut reader, mut writer) = tokio::io::split(peer.stream);
    // The peer floods until the pipe is full, and sends nothing else.
    let flood = tokio::task::spawn_local(async move {
        for at in 0..COUNT {
            let [_, a, b, c] = at.to_be_bytes();
            let update = encode(
                MessageType::UPDATE,
                &announcement(65002, &[32, 10, a, b, c]),
            );
            writer.write_all(&update).await.expect("an open pipe");
        }
        writer
    });
    let begin = Instant::now();
    let mut keepalives = 0;
    let mut input = BytesMut::new();
    while begin.elapsed() < Duration::from_secs(90) {
        reader.read_buf(&mut input).await.expect("an open pipe");
        while let Some(message) = message::frame(&mut input, 4096).expect("a good header") {
            assert_eq!(message.kind, MessageType::KEEPALIVE);
            keepalives += 1;
        }
    }
    // Ten hold times later the session is up, though not a single UPDATE was processed.
    assert!(keepalives >= 25, "{keepalives}");
    assert!(!flood.is_finished());
    while let Ok(seen) = watch.seen.try_recv() {
        assert!(
            !matches!(seen, Seen::Update(_) | Seen::Closed(_)),
            "{seen:?}"
        );
    }
    watch.script.busy.set(false);
    watch.script.wake.notify_waiters();
    for at in 0..COUNT {
        let [_, a, b, c] = at.to_be_bytes();
        assert_eq!(watch.nlri().await, [32, 10, a, b, c]);
    }
    drop(flood.await.expect("the flood ends"));
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn keepalives_overtake_a_flood_of_routes() {
    let (server, mut watch) = waiting(|_| {});
    let mut peer = Piped::establish(&server, 90).await;
    watch.established().await;
    let update = encode(MessageType::UPDATE, &announcement(65001, &[8, 10]));
    let chunk = update.repeat(1_000);
    watch.script.queue.borrow_mut().push_back(chunk.into());
    watch.script.endless.set(true);
    watch.script.wake.notify_waiters();
    // A slow reader: a kilobyte each 100 ms, which is never more than a second of keepalive interval late.
    let mut keepalives = 0;
    let mut updates = 0;
    let begin = Instant::now();
    let mut kilobyte = [0; 1024];
    while begin.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let count = peer.stream.read(&mut kilobyte).await.expect("a pipe");
        peer.input.extend_from_slice(&kilobyte[..count]);
        while let Some(message) = message::frame(&mut peer.input, 4096).expect("a good header") {
            match message.kind {
                MessageType::KEEPALIVE => keepalives += 1,
                MessageType::UPDATE => updates += 1,
                kind => panic!("{kind}"),
            }
        }
        if begin.elapsed().as_secs().is_multiple_of(3) {
            peer.keepalive().await;
        }
    }
    assert!(
        keepalives >= 17 && updates > 5_000,
        "{keepalives} {updates}"
    );
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn shutdown_waits_a_second_for_a_peer_that_does_not_listen() {
    let (server, mut watch) = waiting(|_| {});
    let peer = Piped::establish(&server, 90).await;
    watch.established().await;
    let update = encode(MessageType::UPDATE, &announcement(65001, &[8, 10]));
    watch.script.queue.borrow_mut().push_back(update.into());
    watch.script.endless.set(true);
    watch.script.wake.notify_waiters();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begin = Instant::now();
    server.shutdown(Cease::Removed).await;
    let elapsed = begin.elapsed();
    assert!(
        (Duration::from_millis(990)..Duration::from_millis(1_300)).contains(&elapsed),
        "{elapsed:?}"
    );
    drop(peer);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_limited_neighbor_gives_up_and_can_be_started_again() {
    let pipes = Rc::new(Pipes::default());
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::clone(&pipes) as _);
    server.start();
    let (plugin, mut watch) = recorder();
    patient(&mut watch);
    let mut config = PeerConfig::new(LOOPBACK, Asn(65001));
    config.connect_attempts = Some(3);
    let key = server.add_peer(config, plugin).expect("a peer");
    let mut attempts = 0;
    watch
        .until(|seen| {
            attempts += usize::from(matches!(seen, Seen::State(State::Connect)));
            matches!(seen, Seen::GaveUp).then_some(())
        })
        .await;
    assert_eq!(attempts, 3);
    server.start_peer(key).expect("it is there");
    watch
        .until(|seen| matches!(seen, Seen::State(State::Connect)).then_some(()))
        .await;
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn nothing_is_left_of_a_server_that_was_dropped() {
    let (server, mut watch) = waiting(|_| {});
    let mut peer = Piped::establish(&server, 90).await;
    let (_, writer) = watch.established().await;
    drop(server);
    // Tasks and plugins are dropped, connections closed.
    while peer.receive().await.is_some() {}
    while watch.seen.recv().await.is_some() {}
    assert_eq!(Rc::strong_count(&watch.script), 1);
    drop(writer);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn tiny_messages_are_not_read_faster_than_they_are_acted_on() {
    let (server, mut watch) = waiting(|_| {});
    let mut peer = Piped::establish(&server, 90).await;
    watch.established().await;
    // 340,000 KEEPALIVEs are 6 MB; the pipe holds 8 KiB of them, the input 64 KiB.
    let many = message::keepalive().repeat(34_000);
    for _ in 0..10 {
        peer.send(&many).await;
    }
    peer.send(&encode(MessageType::NOTIFICATION, &[6, 4])).await;
    let reason = watch.closed().await.to_string();
    assert_eq!(reason, "notification received (6,4)");
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_updated_configuration_survives_a_panic_of_the_plugin() {
    let (server, mut watch) = waiting(|_| {});
    let mut peer = Piped::establish(&server, 60).await;
    let (session, _) = watch.established().await;
    assert_eq!(session.hold_time, 9);
    let key = server.get_peer(LOOPBACK).expect("a peer").key;
    let config = server.peer_config(key).expect("a peer");
    let mut config = PeerConfig::clone(&config);
    config.hold_time = 30;
    server.update_peer(key, config).expect("a neighbor");
    watch.script.panic.set(true);
    peer.send(&encode(MessageType::UPDATE, &announcement(65002, &[8, 10])))
        .await;
    while peer.receive().await.is_some() {}
    let _again = Piped::establish(&server, 60).await;
    let (session, _) = watch.established().await;
    assert_eq!(session.hold_time, 30);
    server.shutdown(Cease::Removed).await;
}
