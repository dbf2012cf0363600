//! Known problems of ExaBGP 5.0, solved: a test for each of its known defects, and for each pain of its users.
//!
//! The name of each test has the number in the list of defects (or of pains), followed by the behavior here. The
//! tests run the real program against scripted peers; operators' commands use the control socket, whose answers
//! confirm that a command was carried out.

mod commands;
mod events;
mod flood;
mod helpers;
mod pains;
mod refresh;
mod reload;
mod rib;
mod session;
mod wire;

use std::collections::BTreeMap;
use std::net::TcpListener;

use oxabgp::bgp::Family;
use oxabgp::bgp::capability::{Capability, Offer};
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::nlri::Routes;

use crate::daemon::control::Client;
use crate::daemon::{listener, neighbor, process};
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::{RawPeer, open};

/// A running daemon with its control socket.
struct Stage {
    daemon: Daemon,
    lab: Lab,
}

impl Stage {
    fn start(lab: Lab, configuration: &str) -> Self {
        Self::start_with(lab, configuration, &[])
    }

    fn start_with(lab: Lab, configuration: &str, settings: &[(&str, &str)]) -> Self {
        let socket = lab.path("control.sock");
        let mut all = vec![
            ("exabgp_api_cli", "true"),
            ("exabgp_api_pipename", "oxabgp-test"),
            ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
        ];
        all.extend(settings);
        let daemon = Daemon::start_with(&lab, configuration, &all);
        daemon.logged("is running");
        Self { daemon, lab }
    }

    fn client(&self) -> Client {
        Client::new(&self.lab)
    }

    /// The answer to one command.
    fn ask(&self, command: &str) -> String {
        self.client().ask(command)
    }

    /// Runs a command that must succeed.
    fn put(&self, command: &str) {
        assert_eq!(self.ask(command), "done\n", "{command}");
    }

    /// Reloads another configuration, and waits until that is done.
    fn reload(&self, configuration: &str) {
        self.lab.write("oxabgp.conf", configuration);
        let done = "the configuration is reloaded";
        let before = self.daemon.log().matches(done).count();
        self.daemon.signal("USR1");
        crate::support::daemon::wait_for("the reload", || {
            (self.daemon.log().matches(done).count() > before).then_some(())
        });
    }
}

/// A daemon with one neighbor with that body, and the session to it.
fn one(body: &str) -> (Stage, RawPeer) {
    let (listener, port) = listener();
    let stage = Stage::start(Lab::new(), &neighbor(port, body));
    let peer = crate::daemon::session(&listener);
    (stage, peer)
}

/// A daemon whose helper stores in the file `received` what one neighbor's `api` block subscribes to.
fn recorded(api: &str, body: &str) -> (Stage, TcpListener) {
    recorded_as(api, body, |text| text)
}

/// The same, with the configuration modified by `change`.
fn recorded_as(
    api: &str,
    body: &str,
    change: impl FnOnce(String) -> String,
) -> (Stage, TcpListener) {
    let (listener, port) = listener();
    let lab = Lab::new();
    let received = lab.path("received");
    let helper = process(&lab, "recorder", &format!("cat > {}", received.display()));
    let api = format!("api {{ processes [ recorder ]; {api} }} {body}");
    let stage = Stage::start(lab, &change(helper + &neighbor(port, &api)));
    (stage, listener)
}

/// The OPEN of AS 65001 with the offer modified by `change`.
fn offering(change: impl FnOnce(&mut Offer)) -> Open {
    let mut offer = Offer {
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        asn4: Some(oxabgp::bgp::Asn(65001)),
        ..Offer::default()
    };
    change(&mut offer);
    Open {
        capabilities: offer.capabilities(),
        ..open(65001, [10, 0, 0, 2])
    }
}

/// The session that a daemon establishes to `listener`, with that OPEN.
fn session_with(listener: &TcpListener, open: &Open) -> RawPeer {
    let mut peer = RawPeer::accept(listener);
    peer.establish(open);
    peer
}

/// An OPEN without any capability.
fn bare() -> Open {
    Open {
        capabilities: Vec::<Capability>::new(),
        ..open(65001, [10, 0, 0, 2])
    }
}

/// The IPv4 unicast routes that were announced to a peer, with their MED.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table(BTreeMap<String, Option<u32>>);

impl Table {
    /// Reads until `last` was announced to the peer.
    pub(crate) fn read_to(&mut self, peer: &mut RawPeer, last: &str) -> &mut Self {
        while !self.0.contains_key(last) {
            let body = peer.expect(MessageType::UPDATE);
            self.read(&body);
        }
        self
    }

    /// Reads the first table of a session, to its End-of-RIB. A route that is announced before the peer's KEEPALIVE has
    /// arrived belongs to it, in any order.
    pub(crate) fn read_first(&mut self, peer: &mut RawPeer) {
        loop {
            match peer.expect(MessageType::UPDATE)[..] {
                [0, 0, 0, 0] => return,
                ref body => self.read(body),
            }
        }
    }

    fn read(&mut self, body: &[u8]) {
        let update = Update::new(body).expect("a good UPDATE");
        let prefixes = |bytes| {
            Routes::new(Family::IPV4_UNICAST, false, bytes)
                .map(|nlri| nlri.expect("a good prefix").to_string())
                .collect::<Vec<_>>()
        };
        for prefix in prefixes(update.withdrawn) {
            self.0.remove(&prefix);
        }
        for prefix in prefixes(update.nlri) {
            self.0.insert(prefix, med(update.attributes));
        }
    }

    /// The routes without `last`, as `prefix` or `prefix med N`.
    pub(crate) fn without(&self, last: &str) -> Vec<String> {
        let others = self.0.iter().filter(|(prefix, _)| *prefix != last);
        others
            .map(|(prefix, med)| match med {
                Some(med) => format!("{prefix} med {med}"),
                None => prefix.clone(),
            })
            .collect()
    }
}

/// The MED among attributes.
fn med(attributes: &[u8]) -> Option<u32> {
    let at = attributes
        .windows(3)
        .position(|window| window == [0x80, 4, 4])?;
    let value = attributes.get(at + 3..at + 7)?;
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// The last route of each test: everything before it has been received.
const LAST: &str = "10.255.0.0/16";

/// Announces [`LAST`], and returns the other routes that the peer has by then.
fn settled(stage: &Stage, peer: &mut RawPeer, table: &mut Table) -> Vec<String> {
    stage.put(&format!("announce route {LAST} next-hop 192.0.2.1"));
    table.read_to(peer, LAST).without(LAST)
}
