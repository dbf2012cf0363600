//! A speaker that reports what happens to its one session: where to begin.
//!
//! `cargo run --example simple -- ROUTER-ID LOCAL-AS PEER-AS PEER [LISTEN]`, such as
//! `simple 192.0.2.1 65001 65010 198.51.100.10 192.0.2.1:179`. Without an address to listen on it only connects. Ends with
//! Ctrl-C.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;

use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Family, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter};

/// Where the lines go.
pub(crate) type Log = Rc<dyn Fn(&str)>;

struct Reporter(Log);

impl Plugin for Reporter {
    fn on_open(&mut self, _: &PeerConfig, open: &Open) -> Result<(), Notification> {
        (self.0)(&format!("OPEN received from {}", open.router_id));
        Ok(())
    }

    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, writer: UpdateWriter) {
        (self.0)("established");
        if let Err(error) = writer.end_of_rib(Family::IPV4_UNICAST) {
            (self.0)(&format!("no End-of-RIB: {error}"));
        }
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        (self.0)(&format!("UPDATE of {} octets", update.body.len()));
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        (self.0)(&format!("closed: {reason}"));
    }
}

/// Serves one neighbor until `stop`.
pub(crate) async fn run(
    router_id: Ipv4Addr,
    peer: PeerConfig,
    listener: Option<TcpListener>,
    log: Log,
    stop: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    let server = Server::new(router_id);
    server.add_peer(peer, Reporter(log))?;
    let stopping = async {
        stop.await;
        let reason = Cease::Shutdown("that was all".to_owned());
        server.shutdown(reason).await;
    };
    let (served, ()) = tokio::join!(server.serve_on(listener), stopping);
    Ok(served?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [router_id, local_as, peer_as, address, listen @ ..] = &arguments[..] else {
        return Err("usage: simple ROUTER-ID LOCAL-AS PEER-AS PEER [LISTEN]".into());
    };
    let mut peer = PeerConfig::zoned(address.parse()?, Asn(local_as.parse()?));
    peer.peer_as = Some(Asn(peer_as.parse()?));
    let listener = listen.first().map(TcpListener::bind).transpose()?;
    let interrupted = async {
        // If the signal cannot be waited for, it ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    let log = Rc::new(|line: &str| println!("{line}"));
    run(router_id.parse()?, peer, listener, log, interrupted).await
}
