//! Two servers on loopback.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, State};
use oxabgp::speaker::{
    Error, Outbox, PeerConfig, Plugin, Server, TcpAoAlgorithm, TcpAoKey, UpdateWriter,
};

use super::{Seen, active, passive, recorder, serving, skip};
use crate::support::log;
use crate::support::peer::{announcement, encode};

const TEN: &[u8] = &[8, 10];
const ELEVEN: &[u8] = &[8, 11];

#[tokio::test(flavor = "local")]
async fn two_servers_establish_and_routes_go_both_ways() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (plugin, mut a) = recorder();
    let key = left
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let (plugin, mut b) = recorder();
    right
        .add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    let (session, writer) = a.established().await;
    assert_eq!(session.peer_as, Asn(65002));
    assert!(session.codec.asn4 && session.codec.extended_message);
    b.established().await;
    let status = left.peer(key).expect("a status");
    assert_eq!((status.state, status.sessions), (State::Established, 1));
    assert_eq!(status.hold_time, Some(90));
    assert_eq!(status.ends.map(|ends| ends.local), Some(address));

    // One side pushes, the other is pulled from.
    let body = announcement(65001, TEN);
    writer.write(&body).await.expect("the session is up");
    assert_eq!(b.nlri().await, TEN);
    let update = encode(MessageType::UPDATE, &announcement(65002, ELEVEN));
    b.script.queue.borrow_mut().push_back(update.into());
    b.script.wake.notify_waiters();
    assert_eq!(a.nlri().await, ELEVEN);
    writer.flush().await.expect("the session is up");
    let status = left.peer(key).expect("a status");
    assert_eq!(status.sent.of(MessageType::UPDATE), 1);
    assert_eq!(status.received.of(MessageType::UPDATE), 1);
    assert_eq!(status.received.of(MessageType::OPEN), 1);

    left.shutdown(Cease::Shutdown("bye".to_owned())).await;
    let reason = b.closed().await.to_string();
    assert_eq!(reason, "notification received (6,2)");
    assert!(writer.is_closed() && writer.write(&body).await.is_err());
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_wrong_as_is_refused_with_2_2_and_both_sides_know() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (plugin, mut a) = recorder();
    left.add_peer(passive(65001, 65009), plugin)
        .expect("a peer");
    let (plugin, mut b) = recorder();
    right
        .add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    assert_eq!(a.closed().await.to_string(), "notification sent (2,2)");
    assert_eq!(b.closed().await.to_string(), "notification received (2,2)");
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn a_plugin_may_refuse_an_open_and_an_update() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (plugin, mut a) = recorder();
    let refusal = || Some(Notification::new(2, 7, Vec::new()));
    a.script.refuse_open.replace(refusal());
    left.add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let (plugin, mut b) = recorder();
    right
        .add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    assert_eq!(a.closed().await.to_string(), "notification sent (2,7)");
    assert_eq!(b.closed().await.to_string(), "notification received (2,7)");
    // The second attempt is accepted; its UPDATE is not.
    let (_, writer) = b.established().await;
    a.script
        .refuse_update
        .replace(Some(Notification::new(3, 1, Vec::new())));
    writer
        .write(&announcement(65002, TEN))
        .await
        .expect("the session is up");
    assert_eq!(a.closed().await.to_string(), "notification sent (3,1)");
    assert_eq!(b.closed().await.to_string(), "notification received (3,1)");
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn peers_come_and_go_while_another_thread_asks() {
    let (left, address) = serving([10, 0, 0, 1]);
    let right = Server::new([10, 0, 0, 2].into());
    let handle = right.handle();
    let serving = tokio::task::spawn_local({
        let right = right.clone();
        async move { right.serve().await }
    });
    let (plugin, mut a) = recorder();
    left.add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    // A handle may be used by any thread; the plugin is created in the server's thread.
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let config = active(65002, 65001, address);
            let key = handle.add_peer(config.clone(), || recorder().0).await;
            let key = key.expect("a peer");
            let again = handle.add_peer(config, || recorder().0).await;
            assert!(matches!(again, Err(Error::Duplicate(_))), "{again:?}");
            while handle.peer(key).await.expect("a status").state != State::Established {
                std::thread::yield_now();
            }
            assert_eq!(handle.peers().await.expect("a list").len(), 1);
            let gone = handle.remove_peer(key, Cease::Removed).await;
            gone.expect("it was there");
            let unknown = handle.peer(key).await;
            assert!(matches!(unknown, Err(Error::Unknown(_))), "{unknown:?}");
            handle
                .shutdown(Cease::Removed)
                .await
                .expect("it still serves");
        });
        handle
    });
    a.established().await;
    assert_eq!(a.closed().await.to_string(), "notification received (6,3)");
    serving.await.expect("no panic").expect("served once");
    let handle = asking.join().expect("no panic");
    assert!(matches!(handle.peers().await, Err(Error::Stopped)));
    left.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn commands_stop_start_reset_and_replace_a_running_peer() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (plugin, mut a) = recorder();
    left.add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let (plugin, mut b) = recorder();
    let config = active(65002, 65001, address);
    let key = right.add_peer(config.clone(), plugin).expect("a peer");
    a.established().await;
    right
        .reset_peer(key, Notification::cease(Notification::RESET))
        .expect("it is there");
    assert_eq!(a.closed().await.to_string(), "notification received (6,4)");
    a.established().await;
    right
        .stop_peer(key, Cease::Shutdown("maintenance".to_owned()))
        .expect("it is there");
    assert_eq!(a.closed().await.to_string(), "notification received (6,2)");
    b.until(|seen| matches!(seen, Seen::State(State::Idle)).then_some(()))
        .await;
    right.start_peer(key).expect("it is there");
    a.established().await;
    let mut changed = config;
    changed.hold_time = 30;
    right
        .replace_peer(key, changed, Notification::cease(6))
        .expect("it is there");
    assert_eq!(a.closed().await.to_string(), "notification received (6,6)");
    let (session, _) = a.established().await;
    assert_eq!(session.hold_time, 30);
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn equal_md5_keys_connect_and_different_ones_never_do() {
    if !super::signs() {
        return;
    }
    let log = log::capture();
    for (key, wanted) in [("secret", true), ("other", false)] {
        let (left, address) = serving([10, 0, 0, 1]);
        let (right, _) = serving([10, 0, 0, 2]);
        let (plugin, mut a) = recorder();
        let mut config = passive(65001, 65002);
        config.md5_key = Some(b"secret".to_vec());
        left.add_peer(config, plugin).expect("a peer");
        let (plugin, mut b) = recorder();
        let mut config = active(65002, 65001, address);
        config.name = "the-other-side".to_owned();
        config.md5_key = Some(key.as_bytes().to_vec());
        right.add_peer(config, plugin).expect("a peer");
        if wanted {
            a.established().await;
            b.established().await;
            assert!(!log.text().contains("md5"), "{}", log.text());
        } else {
            log.until("md5").await;
            let line = log.line("md5");
            assert!(line.contains("the-other-side"), "{line}");
            assert!(a.seen.is_empty() || !log.text().contains("Tcp_CR_Acked"));
            assert_eq!(right.peers()[0].sessions, 0);
        }
        left.shutdown(Cease::Removed).await;
        right.shutdown(Cease::Removed).await;
        log.clear();
    }
}

#[tokio::test(flavor = "local")]
async fn equal_tcp_ao_keys_connect_or_the_kernel_does_not_support_them() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let key = TcpAoKey {
        key_id: 7,
        algorithm: TcpAoAlgorithm::HmacSha1,
        key: b"secret".to_vec(),
    };
    let (plugin, mut a) = recorder();
    let mut config = passive(65001, 65002);
    config.tcp_ao = Some(key.clone());
    config.tcp_ao_next = vec![TcpAoKey {
        key_id: 8,
        ..key.clone()
    }];
    let added = left.add_peer(config, plugin);
    if !oxabgp::speaker::connect::ao_supported() {
        let Err(Error::Guard { source, .. }) = added else {
            panic!("{added:?}");
        };
        assert_eq!(source.kind(), std::io::ErrorKind::Unsupported);
        assert!(source.to_string().contains("CONFIG_TCP_AO"), "{source}");
        assert!(left.peers().is_empty());
        skip("this kernel has no TCP authentication option (CONFIG_TCP_AO)");
        return;
    }
    added.expect("a peer");
    let (plugin, mut b) = recorder();
    let mut config = active(65002, 65001, address);
    config.tcp_ao = Some(key);
    right.add_peer(config, plugin).expect("a peer");
    a.established().await;
    b.established().await;
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn gtsm_connects_neighbors_on_the_same_link() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (plugin, mut a) = recorder();
    let mut config = passive(65001, 65002);
    config.min_ttl = Some(255);
    left.add_peer(config, plugin).expect("a peer");
    let (plugin, mut b) = recorder();
    let mut config = active(65002, 65001, address);
    config.min_ttl = Some(255);
    right.add_peer(config, plugin).expect("a peer");
    a.established().await;
    b.established().await;
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

#[tokio::test(flavor = "local")]
async fn every_transition_is_one_log_line() {
    let log = log::capture();
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (plugin, mut a) = recorder();
    left.add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let (plugin, _b) = recorder();
    let mut config = active(65002, 65001, address);
    config.name = "upstream".to_owned();
    right.add_peer(config, plugin).expect("a peer");
    a.established().await;
    log.until("neighbor=upstream event=KeepAliveMsg from=OpenConfirm to=Established")
        .await;
    let line = log.line("neighbor=upstream event=BGPOpen from=OpenSent to=OpenConfirm");
    assert!(line.contains("INFO"), "{line}");
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}

/// Sends the same UPDATE forever, and ignores what it receives.
struct Flood(Bytes);

impl Plugin for Flood {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        while outbox.has_room() {
            outbox.push(self.0.clone());
        }
    }
}

#[tokio::test(flavor = "local")]
async fn pain_2_keepalives_are_on_time_beside_a_flood() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let mut quiet = Vec::new();
    for last in 2..=40_u8 {
        let near = IpAddr::from([127, 0, 0, last]);
        let mut config = passive(65001, 65002);
        config.remote_address = near;
        config.name = near.to_string();
        let mut other = active(65002, 65001, address);
        other.local_address = Some(near);
        other.name = near.to_string();
        // A KEEPALIVE each second.
        other.hold_time = 3;
        if last == 2 {
            let update = encode(MessageType::UPDATE, &announcement(65001, TEN));
            let chunk = Bytes::from(update.repeat(100));
            left.add_peer(config, Flood(chunk.clone())).expect("a peer");
            right.add_peer(other, Flood(chunk)).expect("a peer");
        } else {
            let key = left.add_peer(config, recorder().0).expect("a peer");
            right.add_peer(other, recorder().0).expect("a peer");
            quiet.push(key);
        }
    }
    let recorded = |key| {
        let status = left.peer(key).expect("a status");
        assert_eq!(status.last_close, None, "{status:?}");
        status.received.of(MessageType::KEEPALIVE)
    };
    // Longer than the hold time.
    while quiet.iter().any(|key| recorded(*key) < 5) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let flooded = left.peers()[0].received.of(MessageType::UPDATE);
    assert!(flooded > 10_000, "{flooded}");
    left.shutdown(Cease::Removed).await;
    right.shutdown(Cease::Removed).await;
}
