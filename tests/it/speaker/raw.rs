//! A server against a scripted peer.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, Direction, State};
use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter};
use tokio::task::spawn_blocking;

use super::{Seen, passive, recorder, serving};
use crate::support::log;
use crate::support::peer::{RawPeer, announcement, encode, open};

/// A server with one passive neighbor, AS 65001 to AS 65002.
fn one_peer() -> (Server, SocketAddr, super::Watch) {
    let (server, address) = serving([10, 0, 0, 1]);
    let (plugin, watch) = recorder();
    server
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    (server, address, watch)
}

/// Runs a script against `address` without blocking the server.
async fn script<T: Send + 'static>(
    address: SocketAddr,
    run: impl FnOnce(RawPeer) -> T + Send + 'static,
) -> T {
    let done = spawn_blocking(move || run(RawPeer::connect(address))).await;
    done.expect("the script passes")
}

#[tokio::test(flavor = "local")]
async fn shutdown_sends_cease_and_closes() {
    let (server, address, mut watch) = one_peer();
    let peer = script(address, |mut peer| {
        let theirs = peer.establish(&open(65002, [10, 0, 0, 2]));
        assert_eq!((theirs.asn, theirs.hold_time), (65001, 90));
        peer
    });
    let mut peer = peer.await;
    watch.established().await;
    let last_words = spawn_blocking(move || peer.expect_notification());
    server
        .shutdown(Cease::Shutdown("good night".to_owned()))
        .await;
    let output = last_words.await.expect("the script passes");
    assert_eq!(output, Notification::shutdown(2, "good night"));
    assert_eq!(
        watch.closed().await.to_string(),
        "stop, message [shutting down]"
    );
    assert!(server.peers().is_empty() && server.listening().is_empty());
}

#[tokio::test(flavor = "local")]
async fn broken_messages_end_the_session_with_their_notification() {
    let (server, address, mut watch) = one_peer();
    let mut marker = oxabgp::bgp::message::keepalive();
    marker[3] = 0;
    let cases: [(&'static str, Vec<u8>, (u8, u8)); 4] = [
        ("marker", marker, (1, 1)),
        ("length", [&[0xFF; 16][..], &[0, 18, 4]].concat(), (1, 2)),
        ("type", [&[0xFF; 16][..], &[0, 19, 9]].concat(), (1, 3)),
        (
            "attribute length",
            [&[0xFF; 16][..], &[0, 23, 2, 0, 0, 0, 9]].concat(),
            (3, 1),
        ),
    ];
    for (name, bytes, wanted) in cases {
        let got = script(address, move |mut peer| {
            peer.establish(&open(65002, [10, 0, 0, 2]));
            peer.send_bytes(&bytes);
            peer.expect_notification()
        })
        .await;
        assert_eq!((got.code, got.subcode), wanted, "{name}");
        let reason = watch.closed().await.to_string();
        let (code, subcode) = wanted;
        assert_eq!(reason, format!("notification sent ({code},{subcode})"));
    }
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn messages_are_seen_in_their_order_and_a_refresh_is_reported() {
    let (server, address, mut watch) = one_peer();
    script(address, |mut peer| {
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer.send(MessageType::UPDATE, &announcement(65002, &[8, 10]));
        peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
        peer.send(MessageType::NOTIFICATION, &[6, 4]);
        peer.expect_close();
    })
    .await;
    let mut seen = Vec::new();
    watch
        .until(|next| {
            match &next {
                Seen::Message(direction, kind) => seen.push(format!("{direction} {kind}")),
                Seen::Update(..) => seen.push("update".to_owned()),
                Seen::Refresh(refresh) => seen.push(format!("refresh {}", refresh.family)),
                Seen::Closed(reason) => seen.push(reason.to_string()),
                _ => {}
            }
            matches!(next, Seen::Closed(_)).then_some(())
        })
        .await;
    let received: Vec<&str> = seen
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("send"))
        .collect();
    assert_eq!(
        received,
        [
            "receive open",
            "receive keepalive",
            "receive update",
            "update",
            "receive route-refresh",
            "refresh ipv4 unicast",
            "receive notification",
            "notification received (6,4)",
        ]
    );
    let sent = |name: &str| seen.iter().any(|line| line == name);
    assert!(sent("send open") && sent("send keepalive"), "{seen:?}");
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_panic_costs_one_session_and_the_neighbor_comes_back() {
    let log = log::capture();
    let (server, address, mut watch) = one_peer();
    watch.script.panic.set(true);
    script(address, |mut peer| {
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer.send(MessageType::UPDATE, &announcement(65002, &[8, 10]));
        peer.expect_close();
    })
    .await;
    log.until("panicked").await;
    // The neighbor runs again after a second; until then its connections wait.
    let (update, _) = tokio::join!(
        watch.nlri(),
        script(address, |mut peer| {
            peer.establish(&open(65002, [10, 0, 0, 2]));
            peer.send(MessageType::UPDATE, &announcement(65002, &[8, 11]));
            peer.stream()
                .shutdown(std::net::Shutdown::Write)
                .expect("a connection");
            peer.expect_close();
        })
    );
    assert_eq!(update, [8, 11]);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_thousand_connections_leave_no_descriptor_behind() {
    let (server, address, mut watch) = one_peer();
    script(address, move |first| {
        drop(first);
        for round in 0..1_000 {
            let mut peer = RawPeer::connect(address);
            if round % 10 == 0 {
                peer.establish(&open(65002, [10, 0, 0, 2]));
                peer.send(MessageType::NOTIFICATION, &[6, 4]);
                peer.expect_close();
            }
        }
    })
    .await;
    watch
        .until(|seen| {
            matches!(seen, Seen::Message(Direction::Receive, MessageType::OPEN)).then_some(())
        })
        .await;
    // The last ones may not have arrived yet.
    let limit = Instant::now() + super::LIMIT;
    while open_connections(address) > 0 {
        assert!(
            Instant::now() < limit,
            "{} connections of {address} are open",
            open_connections(address)
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_ne!(server.peers()[0].state, State::Established);
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn garbage_in_any_state_neither_panics_nor_stays() {
    let log = log::capture();
    let (server, address, mut watch) = one_peer();
    for seed in 0..60_u64 {
        script(address, move |mut peer| {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut byte = move || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random.to_le_bytes()[3]
            };
            // Up to OpenSent, OpenConfirm or Established.
            let ours = open(65002, [10, 0, 0, 2]).encode().expect("an OPEN");
            match seed % 3 {
                0 => {}
                1 => peer.send_bytes(&ours),
                _ => drop(peer.establish(&open(65002, [10, 0, 0, 2]))),
            }
            // Valid headers with random bodies, then random bytes alone.
            let mut bytes = Vec::new();
            for _ in 0..20 {
                let body: Vec<u8> = (0..byte() % 60).map(|_| byte()).collect();
                bytes.extend(encode(MessageType(2 + byte() % 5), &body));
            }
            bytes.extend((0..200).map(|_| byte()));
            // The speaker may have closed while it was being written.
            let _ = std::io::Write::write_all(&mut peer.stream(), &bytes);
            let _ = peer.stream().shutdown(std::net::Shutdown::Write);
            while peer.receive().is_some() {}
        })
        .await;
        watch.closed().await;
    }
    assert!(!log.text().contains("panicked"), "{}", log.text());
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn defect_12_an_immediate_error_is_tried_again_with_back_off() {
    let (server, _) = serving([10, 0, 0, 1]);
    let (plugin, mut watch) = recorder();
    let mut config = passive(65001, 65002);
    config.passive = false;
    config.local_address = Some([192, 0, 2, 77].into());
    config.connect_attempts = Some(3);
    let start = Instant::now();
    server.add_peer(config, plugin).expect("a peer");
    let mut dials = 0;
    watch
        .until(|seen| match seen {
            Seen::State(State::Connect) => {
                dials += 1;
                None
            }
            Seen::Connected => panic!("there is no server"),
            Seen::GaveUp => Some(()),
            _ => None,
        })
        .await;
    assert_eq!(dials, 3);
    // Immediately, once more without a delay, and then after a second.
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(1), "three dials in {took:?}");
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn after_a_panic_the_newest_configuration_runs() {
    let log = log::capture();
    let (server, address, mut watch) = one_peer();
    let key = server.peers()[0].key;
    let mut config = passive(65010, 65002);
    config.hold_time = 33;
    let replaced = server.replace_peer(key, config, Notification::cease(6));
    replaced.expect("a peer");
    watch.script.panic.set(true);
    script(address, |mut peer| {
        let theirs = peer.establish(&open(65002, [10, 0, 0, 2]));
        assert_eq!((theirs.asn, theirs.hold_time), (65010, 33));
        peer.send(MessageType::UPDATE, &announcement(65002, &[8, 10]));
        peer.expect_close();
    })
    .await;
    log.until("panicked").await;
    script(address, |mut peer| {
        let theirs = peer.establish(&open(65002, [10, 0, 0, 2]));
        assert_eq!(
            (theirs.asn, theirs.hold_time),
            (65010, 33),
            "the old one runs"
        );
    })
    .await;
    watch.established().await;
    server.shutdown(Cease::Removed).await;
}

/// Panics when its session is closed, `panics` times.
struct Fragile {
    inner: super::Recorder,
    panics: Rc<Cell<usize>>,
}

impl Plugin for Fragile {
    fn on_established(
        &mut self,
        peer: &PeerConfig,
        session: &Rc<Negotiated>,
        writer: UpdateWriter,
    ) {
        self.inner.on_established(peer, session, writer);
    }

    fn on_update(&mut self, peer: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        self.inner.on_update(peer, update)
    }

    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
        let left = self.panics.get();
        self.panics.set(left.saturating_sub(1));
        assert_eq!(left, 0, "as the test asked for");
        self.inner.on_close(peer, reason);
    }
}

/// A server whose neighbor's plugin panics `panics` times when its session is closed; the session is up.
async fn fragile(panics: usize) -> (Server, SocketAddr, RawPeer, super::Watch) {
    let (server, address) = serving([10, 0, 0, 1]);
    let (inner, mut watch) = recorder();
    let panics = Rc::new(Cell::new(panics));
    let plugin = Fragile { inner, panics };
    server
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let peer = script(address, |mut peer| {
        peer.establish(&open(65002, [10, 0, 0, 2]));
        peer
    })
    .await;
    watch.established().await;
    (server, address, peer, watch)
}

#[tokio::test(flavor = "local")]
async fn a_stopped_neighbor_stays_down_after_a_panic() {
    let log = log::capture();
    let (server, address, peer, mut watch) = fragile(1).await;
    let key = server.peers()[0].key;
    let stopped = server.stop_peer(key, Cease::Removed);
    stopped.expect("a peer");
    log.until("panicked").await;
    drop(peer);
    // The connection waits until the task runs again.
    let refused = spawn_blocking(move || RawPeer::connect(address).expect_notification());
    let refused = refused.await.expect("the script passes");
    assert_eq!(refused, Notification::cease(Notification::REJECTED));
    server.start_peer(key).expect("a peer");
    script(address, |mut peer| {
        peer.establish(&open(65002, [10, 0, 0, 2]));
    })
    .await;
    watch.established().await;
    server.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_removed_neighbor_is_gone_after_a_panic() {
    let log = log::capture();
    let (server, _, peer, mut watch) = fragile(usize::MAX).await;
    let key = server.peers()[0].key;
    let removed = server.remove_peer(key, Cease::Removed);
    removed.expect("a peer");
    log.until("panicked").await;
    drop(peer);
    // The plugin is dropped with the task.
    let gone = async { while watch.seen.recv().await.is_some() {} };
    let gone = tokio::time::timeout(super::LIMIT, gone);
    gone.await.expect("an end");
    assert!(!log.text().contains("starts again"), "{}", log.text());
}

/// Connections of this port that a process still holds: established, or closed by one side only.
fn open_connections(address: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table of connections");
    let local = format!(":{:04X}", address.port());
    let held = ["01", "02", "03", "08", "09"];
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 3 && fields[1].ends_with(&local))
        .filter(|fields| held.contains(&fields[3]))
        .count()
}
