//! The daemon from its users' point of view: the real program, real helper processes, a peer on loopback.

mod announce_limit;
mod bad_input;
mod being;
mod bmp;
mod check_hooks;
mod checks;
mod confirm;
pub(crate) mod control;
mod disk_full;
mod dynamic;
mod full_queue;
mod guard;
mod helpers;
mod journal;
mod journal_changes;
mod journal_faults;
mod journal_sets;
mod leases;
mod life;
mod metrics;
mod metrics_places;
#[cfg(feature = "stream")]
mod mrt;
#[cfg(feature = "stream")]
mod mrt_table;
mod notation;
mod operational;
mod previews;
mod range_reload;
mod range_routes;
#[cfg(feature = "stream")]
mod records;
mod reload;
mod restart;
mod results;
mod returns;
mod rundir;
mod runtime_peers;
mod scene;
mod scripts;
mod semantics;
mod set_owners;
mod sets;
mod soak;
mod states;
mod stderr;
mod sync;
mod tightened;
mod top;
mod upgrade;
mod upgrade_counts;
mod upgrade_deadlines;
mod upgrade_failures;
mod upgrade_leftovers;
mod upgrade_names;
mod upgrade_roles;
mod verdicts;
mod watch;

use std::net::{SocketAddr, TcpListener};

use oxabgp::bgp::message::MessageType;

use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::{LIMIT, RawPeer, open};

/// A listening socket for the peer, and its port.
pub(crate) fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// A neighbor at 127.0.0.1, port `port`, AS 65001, with our AS 65000; `body` is the rest of its block.
pub(crate) fn neighbor(port: u16, body: &str) -> String {
    format!(
        "neighbor 127.0.0.1 {{\n router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001;\n \
         connect {port};\n family {{ ipv4 unicast; ipv6 unicast; }}\n {body}\n}}\n"
    )
}

/// The same neighbor, but it waits for the peer to connect to the returned address: then no back-off delays the session
/// that follows a failure.
pub(crate) fn passive_neighbor(body: &str) -> (String, SocketAddr) {
    let (free, port) = listener();
    drop(free);
    let text = neighbor(port, &format!("passive true; listen {port}; {body}"));
    (text, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A helper that runs `script`.
pub(crate) fn process(lab: &Lab, name: &str, script: &str) -> String {
    let path = lab.script(&format!("{name}.sh"), script);
    format!("process {name} {{ run {path}; encoder json; }}\n")
}

/// The session that a daemon establishes to `listener`.
pub(crate) fn session(listener: &TcpListener) -> RawPeer {
    let mut peer = RawPeer::accept(listener);
    peer.establish(&open(65001, [10, 0, 0, 2]));
    peer
}

/// A session that the peer establishes to `address`.
pub(crate) fn dialed(address: SocketAddr) -> RawPeer {
    let mut peer = RawPeer::connect(address);
    peer.establish(&open(65001, [10, 0, 0, 2]));
    peer
}

/// The next UPDATE that is not an End-of-RIB: its body.
pub(crate) fn update(peer: &mut RawPeer) -> Vec<u8> {
    let start = std::time::Instant::now();
    while start.elapsed() < LIMIT {
        let body = peer.expect(MessageType::UPDATE);
        if body.len() > 11 {
            return body;
        }
    }
    panic!("no UPDATE with routes");
}

/// The NLRI of the next UPDATE that announces IPv4 unicast routes: the last bytes of its body.
pub(crate) fn announced(peer: &mut RawPeer, nlri: &[u8]) {
    let body = update(peer);
    assert!(
        body.ends_with(nlri),
        "{body:02x?} does not announce {nlri:02x?}"
    );
}

/// Waits for the UPDATE that withdraws this NLRI, and nothing else.
pub(crate) fn withdrawn(peer: &mut RawPeer, nlri: &[u8]) {
    let body = peer.expect(MessageType::UPDATE);
    let length = u16::try_from(nlri.len()).expect("short").to_be_bytes();
    assert_eq!(body, [&length[..], nlri, &[0, 0]].concat());
}

/// A daemon with one helper and one neighbor, and its session.
pub(crate) fn with_helper(lab: &Lab, script: &str, body: &str) -> (Daemon, RawPeer) {
    let (listener, port) = listener();
    let configuration = process(lab, "helper", script)
        + &neighbor(port, &format!("api {{ processes [ helper ]; {body} }}"));
    let daemon = Daemon::start(lab, &configuration);
    let peer = session(&listener);
    (daemon, peer)
}
