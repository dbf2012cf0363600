//! The server in a runtime that was not created for it.

use std::net::Ipv4Addr;
use std::rc::Rc;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter};

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
