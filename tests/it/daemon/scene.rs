//! A daemon with one neighbor, an operator on its control socket, and a scripted peer with IPv4 and IPv6 unicast.

use std::net::{SocketAddr, TcpListener};

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::{Asn, Family};

use super::control::{Client, start_with};
use super::{listener, neighbor};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, open};

pub(crate) const V4: Family = Family::IPV4_UNICAST;
pub(crate) const V6: Family = Family::IPV6_UNICAST;
/// Its End-of-RIB marker, and that of IPv6 unicast.
pub(crate) const EOR_V4: &[u8] = &[0; 4];
pub(crate) const EOR_V6: &[u8] = &[0, 0, 0, 7, 0x90, 0x0F, 0, 3, 0, 2, 1];

/// An OPEN of the peer: what it offers beyond families and AS numbers.
pub(crate) fn offering(offer: Offer) -> Open {
    let offer = Offer {
        families: vec![V4, V6],
        asn4: Some(Asn(65001)),
        ..offer
    };
    Open {
        capabilities: offer.capabilities(),
        ..open(65001, [10, 0, 0, 2])
    }
}

/// A daemon whose neighbor has these capabilities, the peer's listening socket, and an operator.
pub(crate) struct Scene {
    pub(crate) lab: Lab,
    pub(crate) listener: TcpListener,
    pub(crate) daemon: Daemon,
}

impl Scene {
    pub(crate) fn new(capabilities: &str, more: &str) -> Self {
        let lab = Lab::new();
        let (listener, port) = listener();
        let body = format!("capability {{ {capabilities} }} {more}");
        let daemon = start_with(&lab, &neighbor(port, &body));
        Self {
            lab,
            listener,
            daemon,
        }
    }

    /// The same with a neighbor that waits for the peer to connect, and the address to connect to.
    pub(crate) fn passive(capabilities: &str, more: &str) -> (Self, SocketAddr) {
        let lab = Lab::new();
        let (listener, _) = listener();
        let port = {
            let (free, port) = super::listener();
            drop(free);
            port
        };
        let body = format!("passive true; listen {port}; capability {{ {capabilities} }} {more}");
        let daemon = start_with(&lab, &neighbor(port, &body));
        let scene = Self {
            lab,
            listener,
            daemon,
        };
        (scene, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The next session, on which the peer sends `open`. Returns our OPEN.
    pub(crate) fn session(&self, open: &Open) -> (RawPeer, Open) {
        let mut peer = RawPeer::accept(&self.listener);
        let ours = peer.establish(open);
        (peer, ours)
    }

    /// Reloads, with this block of the neighbor.
    pub(crate) fn reload(&self, body: &str) {
        let port = self.listener.local_addr().expect("an address").port();
        self.lab.write("oxabgp.conf", &neighbor(port, body));
        let done = "the configuration is reloaded";
        let before = self.daemon.log().matches(done).count();
        self.daemon.signal("USR1");
        wait_for("the reload", || {
            (self.daemon.log().matches(done).count() > before).then_some(())
        });
    }

    pub(crate) fn ask(&self, command: &str) -> String {
        Client::new(&self.lab).ask(command)
    }

    /// Waits until these prefixes are in the Adj-RIB-In, those with a `*` stale.
    pub(crate) fn holds(&self, wanted: &[&str]) {
        wait_for(&format!("{wanted:?} in the Adj-RIB-In"), || {
            let text = self.ask("show adj-rib in json");
            let mut found: Vec<String> = text
                .lines()
                .filter(|line| *line != "done")
                .map(|line| {
                    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
                    let route = &value["127.0.0.1"]["routes"][0];
                    let stale = if route["stale"] == true { "*" } else { "" };
                    format!("{}{stale}", route["prefix"].as_str().expect("a prefix"))
                })
                .collect();
            found.sort();
            (found == wanted).then_some(())
        });
    }
}
