//! What programs that embed the library rely on.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Capability, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, State};
use oxabgp::speaker::{
    Error, Handle, PeerConfig, Plugin, Server, TcpAoAlgorithm, TcpAoKey, UpdateWriter,
};

use super::{LIMIT, LOOPBACK, Seen, active, passive, recorder, serving};
use crate::support::peer::announcement;

const TEN: &[u8] = &[8, 10];

/// Counts the calls for capabilities, and refuses the first OPEN.
struct Counting {
    asked: Rc<Cell<u32>>,
    opens: Rc<Cell<u32>>,
}

impl Plugin for Counting {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        self.asked.set(self.asked.get() + 1);
        peer.capabilities()
    }

    fn on_open(
        &mut self,
        _: &PeerConfig,
        _: &oxabgp::bgp::message::open::Open,
    ) -> Result<(), Notification> {
        self.opens.set(self.opens.get() + 1);
        match self.opens.get() {
            1 => Err(Notification::new(2, 2, Vec::new())),
            _ => Ok(()),
        }
    }

    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

#[tokio::test(flavor = "local")]
async fn a_refused_peer_never_sees_the_session_established_and_each_open_has_its_capabilities() {
    let (left, address) = serving([10, 0, 0, 1]);
    let (right, _) = serving([10, 0, 0, 2]);
    let (asked, opens) = (Rc::default(), Rc::default());
    let plugin = Counting {
        asked: Rc::clone(&asked),
        opens: Rc::clone(&opens),
    };
    left.add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    let (plugin, mut b) = recorder();
    right
        .add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    let mut states = Vec::new();
    let reason = b
        .until(|seen| match seen {
            Seen::State(state) => {
                states.push(state);
                None
            }
            Seen::Closed(reason) => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason.to_string(), "notification received (2,2)");
    assert!(!states.contains(&State::Established), "{states:?}");
    b.established().await;
    assert_eq!((asked.get(), opens.get()), (2, 2));
}

#[test]
fn a_configuration_with_which_no_session_can_come_up_is_refused_with_its_field() {
    type Spoil = fn(&mut PeerConfig);
    let spoils: &[(&str, Spoil)] = &[
        ("hold_time", |peer| peer.hold_time = 2),
        ("router_id", |peer| {
            peer.router_id = Some(Ipv4Addr::UNSPECIFIED)
        }),
        ("local_as", |peer| peer.local_as = Some(Asn(0))),
        ("peer_as", |peer| peer.peer_as = Some(Asn(0))),
        ("md5_key", |peer| peer.md5_key = Some(vec![b'x'; 81])),
        ("tcp_ao", |peer| {
            peer.md5_key = Some(b"secret".to_vec());
            peer.tcp_ao = Some(TcpAoKey {
                key_id: 1,
                algorithm: TcpAoAlgorithm::HmacSha1,
                key: b"secret".to_vec(),
            });
        }),
        ("port", |peer| peer.port = 0),
        ("remote_address", |peer| {
            peer.local_address = Some(peer.remote_address)
        }),
        ("remote_address", |peer| {
            peer.remote_address = IpAddr::from([224, 0, 0, 5])
        }),
        ("remote_address", |peer| {
            peer.remote_address = IpAddr::from([0, 0, 0, 0])
        }),
        ("local_address", |peer| {
            peer.local_address = Some(IpAddr::from([0; 16]))
        }),
    ];
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    let other = PeerConfig::new(IpAddr::from([192, 0, 2, 6]), Asn(65001));
    let other_key = server
        .add_peer(other.clone(), recorder().0)
        .expect("a good configuration");
    let address = IpAddr::from([192, 0, 2, 7]);
    for (wanted, spoil) in spoils {
        let mut peer = PeerConfig::new(address, Asn(65001));
        spoil(&mut peer);
        let reset = Notification::cease(Notification::RESET);
        for refused in [
            server.add_peer(peer.clone(), recorder().0).map(drop),
            server.update_peer(other_key, peer.clone()),
            server.replace_peer(other_key, peer, reset),
        ] {
            let error = refused.expect_err(wanted);
            assert!(
                matches!(&error, Error::Invalid { field, .. } if field == wanted),
                "{wanted}: {error}"
            );
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
    assert_eq!(server.peer_config(other_key).as_deref(), Some(&other));
    assert_eq!(server.get_peer(address), None);
    let (plugin, _watch) = recorder();
    let key = server
        .add_peer(PeerConfig::new(address, Asn(65001)), plugin)
        .expect("a good configuration");
    assert_eq!(server.get_peer(address).map(|status| status.key), Some(key));
}

/// A plugin that keeps its server without keeping it alive.
#[test]
fn a_weak_reference_does_not_keep_the_server() {
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    let weak = server.downgrade();
    assert!(weak.upgrade().is_some());
    drop(server);
    assert!(weak.upgrade().is_none());
}

/// Reports over a channel, so that a test in another thread can wait.
struct Reporting {
    up: Sender<()>,
    routes: Sender<Vec<u8>>,
}

impl Plugin for Reporting {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {
        let _ = self.up.send(());
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let _ = self.routes.send(update.nlri.to_vec());
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

fn is_shared<T: Clone + Send + Sync>(_: &T) {}

#[tokio::test]
async fn servers_on_threads_of_their_own_are_driven_by_their_handles() {
    let left: Handle = Server::spawn(Ipv4Addr::new(10, 0, 0, 1)).expect("a thread");
    let right = Server::spawn(Ipv4Addr::new(10, 0, 0, 2)).expect("a thread");
    is_shared(&left);
    let address = left
        .listen(SocketAddr::new(LOOPBACK, 0))
        .await
        .expect("a port on loopback");
    let (up, established) = channel();
    let (routes, received) = channel();
    let plugin = |up: Sender<()>, routes: Sender<Vec<u8>>| move || Reporting { up, routes };
    let key = left
        .add_peer(passive(65001, 65002), plugin(up.clone(), routes.clone()))
        .await
        .expect("a peer");
    let body = announcement(65001, TEN);
    let early = left.write(key, body.clone()).await;
    assert!(matches!(early, Err(Error::Down(_))), "{early:?}");
    right
        .add_peer(active(65002, 65001, address), plugin(up, routes))
        .await
        .expect("a peer");
    let wait: Duration = LIMIT;
    for _ in 0..2 {
        established.recv_timeout(wait).expect("both come up");
    }
    left.write(key, body).await.expect("the session is up");
    let same = left.clone();
    let states = std::thread::spawn(move || same.blocking_call(Server::peers));
    let states = states.join().expect("no panic").expect("it serves");
    assert_eq!(states[0].state, State::Established);
    assert_eq!(received.recv_timeout(wait).expect("an UPDATE"), TEN);
    let status = left.get_peer(LOOPBACK).await.expect("it serves");
    assert_eq!(status.map(|status| status.state), Some(State::Established));
    for server in [left, right] {
        server
            .shutdown(Cease::Shutdown(String::new()))
            .await
            .expect("it serves");
    }
}
