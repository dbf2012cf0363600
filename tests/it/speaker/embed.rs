//! The server in a runtime that was not created for it.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, ConnInfo};
use oxabgp::speaker::{Error, PeerConfig, Plugin, Server, SessionEvent, UpdateWriter};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{LIMIT, LOOPBACK, passive};

struct Silent;

impl Plugin for Silent {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

#[test]
fn serve_works_where_nothing_can_be_spawned_locally() {
    // What `#[tokio::main(flavor = "current_thread")]` makes.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let server = Server::new(Ipv4Addr::new(192, 0, 2, 2));
        let address = "127.0.0.1".parse().expect("an address");
        let mut peer = PeerConfig::new(address, Asn(65001));
        peer.peer_as = Some(Asn(65000));
        peer.passive = true;
        server.add_peer(peer, Silent).expect("a neighbor");
        let end = async {
            // Let the neighbor's task run first.
            tokio::task::yield_now().await;
            server.shutdown(Cease::Shutdown(String::new())).await;
        };
        let (served, ()) = tokio::join!(server.serve(), end);
        served.expect("it has served");
        assert!(server.peers().is_empty());
    });
}

/// Reports a connection, and that it closes; what follows waits for the test.
struct Slow {
    progress: UnboundedSender<&'static str>,
    gate: Receiver<()>,
    closed: Arc<AtomicBool>,
}

impl Plugin for Slow {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_event(&mut self, _: &PeerConfig, event: &SessionEvent<'_>) {
        if let SessionEvent::Connected(..) = event {
            let _ = self.progress.send("connected");
        }
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {
        let _ = self.progress.send("closing");
        let opened = self.gate.recv_timeout(LIMIT);
        self.closed.store(opened.is_ok(), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_program_may_end_once_its_handle_has_shut_the_server_down() {
    let server = Server::spawn(Ipv4Addr::new(192, 0, 2, 2)).expect("a thread");
    let address = server.listen(SocketAddr::new(LOOPBACK, 0)).await;
    let (progress, mut seen) = unbounded_channel();
    let (open, gate) = channel();
    let closed = Arc::new(AtomicBool::new(false));
    let plugin = Slow {
        progress,
        gate,
        closed: Arc::clone(&closed),
    };
    let added = server.add_peer(passive(65001, 65002), move || plugin);
    added.await.expect("a neighbor");
    let _peer = TcpStream::connect(address.expect("a port")).expect("a connection");
    assert_eq!(seen.recv().await, Some("connected"));
    // The second one waits as well.
    let shutdown = || async {
        let result = server.shutdown(Cease::Removed).await;
        result.expect("it serves");
        closed.load(Ordering::SeqCst)
    };
    let let_it_close = async {
        assert_eq!(seen.recv().await, Some("closing"));
        open.send(()).expect("the plugin waits");
    };
    // In this order: a shutdown that does not wait has ended before the plugin can go on.
    let (had_closed, again, ()) = tokio::join!(biased; shutdown(), shutdown(), let_it_close);
    assert!(had_closed && again);
    server.stopped().await;
    assert!(server.peers().await.is_err());
}

#[tokio::test]
async fn a_call_that_panics_ends_nothing_but_itself() {
    let server = Server::new(Ipv4Addr::new(192, 0, 2, 2));
    let handle = server.handle();
    let calls = async {
        let panicked: Result<(), Error> = handle.call(|_| panic!("as the test asked for")).await;
        assert!(matches!(panicked, Err(Error::Panicked)), "{panicked:?}");
        let make = || -> Silent { panic!("as the test asked for") };
        let added = handle.add_peer(passive(65001, 65002), make).await;
        assert!(matches!(added, Err(Error::Panicked)), "{added:?}");
        assert!(handle.peers().await.expect("it serves").is_empty());
        handle.shutdown(Cease::Removed).await.expect("it serves");
    };
    let (served, ()) = tokio::join!(server.serve(), calls);
    served.expect("it has served");
}

#[tokio::test]
async fn a_server_whose_future_was_dropped_has_stopped() {
    let server = Server::new(Ipv4Addr::new(192, 0, 2, 2));
    server
        .add_peer(passive(65001, 65002), Silent)
        .expect("a neighbor");
    let address = server.listen(SocketAddr::new(LOOPBACK, 0)).expect("a port");
    let handle = server.handle();
    let serving = tokio::time::timeout(Duration::ZERO, server.serve());
    assert!(serving.await.is_err(), "it would serve for ever");
    let mut other = passive(65001, 65002);
    other.name = "other".to_owned();
    let added = server.add_peer(other, Silent);
    assert!(matches!(added, Err(Error::Stopped)), "{added:?}");
    // A connection that nobody expects would be refused in a task.
    let (stream, mut far) = tokio::io::duplex(64);
    let ends = ConnInfo {
        local: address,
        remote: SocketAddr::from(([192, 0, 2, 9], 179)),
    };
    server.incoming(Box::new(stream), ends);
    assert_eq!(far.read(&mut [0; 64]).await.expect("a pipe"), 0);
    assert!(TcpStream::connect(address).is_err(), "it listens no more");
    handle.stopped().await;
    server.stopped().await;
    server.shutdown(Cease::Removed).await;
    assert!(server.peers().is_empty());
}
