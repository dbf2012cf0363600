//! Peers that fail repeatedly: the attempts are limited, and so is the log.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::message::{self, MessageType};
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, ConnInfo};
use oxabgp::speaker::connect::Dialing;
use oxabgp::speaker::{
    Outbox, PeerConfig, Plugin, Server, SessionEvent, Stream, Transport, UpdateWriter,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{LOOPBACK, active, recorder};
use crate::support::log;
use crate::support::peer::{encode, open};

/// A network in which all connections are refused.
#[derive(Default)]
struct Refusing {
    dials: Cell<usize>,
}

impl Transport for Refusing {
    fn dial(&self, _: &PeerConfig) -> Dialing {
        self.dials.set(self.dials.get() + 1);
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
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

/// Attempts in the first `time` seconds of the schedule 0, 1, 2, 3, 4, 5, 7, …, 60.
fn attempts(time: u64) -> usize {
    let (mut at, mut wait, mut count) = (0, 0, 1);
    while at + wait <= time {
        at += wait;
        wait = (1 + wait * 6 / 5).min(60);
        count += 1;
    }
    count
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_thousand_neighbors_that_all_refuse_stay_bounded() {
    let log = log::capture();
    let transport = Rc::new(Refusing::default());
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::clone(&transport) as _);
    let mut keys = Vec::new();
    for number in 0..1000 {
        let mut peer = PeerConfig::new(LOOPBACK, Asn(65001));
        peer.name = format!("neighbor {number}");
        keys.push(server.add_peer(peer, Nothing).expect("a new name"));
    }
    server.start();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let dials = transport.dials.get();
    // Jitter makes it somewhat fewer.
    let most = 1000 * attempts(3600);
    assert!((most * 9 / 10..=most).contains(&dials), "{dials} of {most}");
    let status = server.peer(keys[7]).expect("a status");
    assert!(
        status.retry_at.is_some() && status.failures > 60,
        "{status:?}"
    );
    let text = log.text();
    let of_one = |line: &&str| line.contains("neighbor 7 ") || line.ends_with("neighbor 7");
    let lines: Vec<&str> = text.lines().filter(of_one).collect();
    // The first attempt step by step, and the count when it is 8, 16, 32, 64.
    assert!(lines.len() <= 12, "{lines:#?}");
    let counted = lines
        .iter()
        .filter(|line| line.contains("times=64"))
        .count();
    assert_eq!(counted, 1, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("next=")),
        "{lines:#?}"
    );
    // Not all of them at the same time.
    let before = transport.dials.get();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let burst = transport.dials.get() - before;
    assert!(burst < 300, "{burst} dials in one second");
    server.shutdown(Cease::Removed).await;
}

/// A network whose one peer repeatedly establishes the session and closes it.
#[derive(Default)]
struct Fickle {
    sessions: Rc<Cell<usize>>,
    /// How long its sessions last.
    lasts: Rc<Cell<Duration>>,
}

/// One session of the other side.
async fn fickle(
    mut stream: DuplexStream,
    lasts: Duration,
    sessions: Rc<Cell<usize>>,
) -> io::Result<()> {
    let mut ours = open(65002, [10, 0, 0, 2]);
    ours.hold_time = 0;
    stream.write_all(&ours.encode().expect("an OPEN")).await?;
    stream.write_all(&message::keepalive()).await?;
    let mut input = BytesMut::new();
    let mut up = false;
    while !up && stream.read_buf(&mut input).await? > 0 {
        while let Ok(Some(message)) = message::frame(&mut input, message::MAX) {
            up |= message.kind == MessageType::KEEPALIVE;
        }
    }
    sessions.set(sessions.get() + 1);
    tokio::time::sleep(lasts).await;
    stream
        .write_all(&encode(MessageType::NOTIFICATION, &[3, 10]))
        .await?;
    stream.shutdown().await
}

impl Transport for Fickle {
    fn dial(&self, peer: &PeerConfig) -> Dialing {
        let ends = ConnInfo {
            local: SocketAddr::new(LOOPBACK, 1024),
            remote: SocketAddr::new(peer.remote_address, peer.port),
        };
        let (lasts, sessions) = (self.lasts.get(), Rc::clone(&self.sessions));
        Box::pin(async move {
            let (near, far) = duplex(64 * 1024);
            tokio::task::spawn_local(fickle(far, lasts, sessions));
            Ok((Box::new(near) as Box<dyn Stream>, ends))
        })
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn sessions_that_end_at_once_are_not_dialled_at_once() {
    let log = log::capture();
    let transport = Rc::new(Fickle::default());
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::clone(&transport) as _);
    server.start();
    let (plugin, mut watch) = recorder();
    let config = active(65001, 65002, SocketAddr::new(LOOPBACK, 179));
    let key = server.add_peer(config, plugin).expect("a peer");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let (sessions, most) = (transport.sessions.get(), attempts(3600));
    assert!(
        (most * 9 / 10..=most).contains(&sessions),
        "{sessions} of {most}"
    );
    let lines = log.text().lines().count();
    assert!(lines < 40, "{lines} lines:\n{}", log.text());
    assert!(log.text().contains("times=64"), "{}", log.text());
    // The operator need not wait.
    while watch.seen.try_recv().is_ok() {}
    server.start_peer(key).expect("a peer");
    watch.limit = Duration::from_secs(1);
    watch.established().await;
    // Sessions that last do not count as failures.
    transport.lasts.set(Duration::from_secs(100));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let status = server.peer(key).expect("a status");
    assert_eq!((status.failures, status.retry_at), (0, None));
    server.shutdown(Cease::Removed).await;
}

/// Requests everything from the server in each callback.
struct Curious {
    server: Server,
    inner: super::Recorder,
    asked: Rc<RefCell<Vec<&'static str>>>,
}

impl Curious {
    fn ask(&self, from: &'static str) {
        let status = self.server.peers();
        assert_eq!(status.len(), 1);
        let key = status[0].key;
        assert!(self.server.peer(key).is_some() && self.server.peer_config(key).is_some());
        let _ = (self.server.session(key), self.server.listening());
        self.asked.borrow_mut().push(from);
    }
}

impl Plugin for Curious {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<oxabgp::bgp::Capability> {
        self.ask("capabilities");
        peer.capabilities()
    }

    fn on_open(&mut self, _: &PeerConfig, _: &message::open::Open) -> Result<(), Notification> {
        self.ask("open");
        Ok(())
    }

    fn on_established(
        &mut self,
        peer: &PeerConfig,
        session: &Rc<Negotiated>,
        writer: UpdateWriter,
    ) {
        self.ask("established");
        self.inner.on_established(peer, session, writer);
    }

    fn on_update(&mut self, peer: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        self.ask("update");
        self.inner.on_update(peer, update)
    }

    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
        self.ask("close");
        self.inner.on_close(peer, reason);
    }

    fn on_event(&mut self, _: &PeerConfig, event: &SessionEvent<'_>) {
        self.ask(match event {
            SessionEvent::Message {
                direction: message::Direction::Send,
                message,
            } if message.kind == MessageType::UPDATE => "update sent",
            _ => "event",
        });
    }

    fn observes_updates_sent(&self) -> bool {
        self.ask("observes");
        true
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        if !self.asked.borrow().contains(&"fill") {
            // An End-of-RIB.
            outbox.push(encode(MessageType::UPDATE, &[0; 4]).into());
        }
        self.ask("fill");
    }

    fn ready(&self) -> bool {
        self.ask("ready");
        true
    }

    fn waker(&self) -> Option<std::sync::Arc<tokio::sync::Notify>> {
        self.ask("waker");
        None
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_plugin_may_ask_the_server_from_every_callback() {
    let log = log::capture();
    let transport = Rc::new(Fickle::default());
    transport.lasts.set(Duration::from_secs(5));
    let server = Server::with_transport(Ipv4Addr::new(10, 0, 0, 1), Rc::clone(&transport) as _);
    server.start();
    let (inner, mut watch) = recorder();
    let asked = Rc::default();
    let plugin = Curious {
        server: server.clone(),
        inner,
        asked: Rc::clone(&asked),
    };
    let config = active(65001, 65002, SocketAddr::new(LOOPBACK, 179));
    server.add_peer(config, plugin).expect("a peer");
    watch.established().await;
    watch.closed().await;
    assert!(!log.text().contains("panicked"), "{}", log.text());
    for wanted in [
        "capabilities",
        "open",
        "established",
        "close",
        "event",
        "update sent",
        "observes",
        "fill",
        "ready",
        "waker",
    ] {
        assert!(asked.borrow().contains(&wanted), "{wanted}");
    }
    // The plugin holds the server: it is dropped with the neighbor.
    let key = server.peers()[0].key;
    server.stop_peer(key, Cease::Removed).expect("a peer");
}
