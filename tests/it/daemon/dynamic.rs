//! Neighbors of a range: how many there may be, and who is refused.

use oxabgp::bgp::Notification;

use super::listener;
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, open};

/// A daemon with a range at 127.0.0.0/8 on a port of its own.
fn ranged(lab: &Lab, body: &str) -> (Daemon, u16) {
    let (free, port) = listener();
    drop(free);
    let configuration = format!(
        "neighbor 127.0.0.0/8 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive; \
         listen {port}; family {{ ipv4 unicast; }} {body} }}"
    );
    let daemon = Daemon::start(lab, &configuration);
    daemon.logged("is running");
    (daemon, port)
}

/// A session of a neighbor of the range.
pub(crate) fn join(port: u16, last: u8) -> RawPeer {
    let mut peer = RawPeer::connect_from(&format!("127.0.7.{last}"), ([127, 0, 0, 1], port).into());
    peer.establish(&open(65001, [10, 0, 7, last]));
    peer
}

#[test]
fn a_range_has_a_limited_number_of_neighbors() {
    let lab = Lab::new();
    let (daemon, port) = ranged(&lab, "dynamic-limit 3;");
    let mut peers: Vec<RawPeer> = (1..=3).map(|last| join(port, last)).collect();
    let mut fourth = RawPeer::connect_from("127.0.7.4", ([127, 0, 0, 1], port).into());
    let refused = fourth.expect_notification();
    assert_eq!(
        (refused.code, refused.subcode),
        (Notification::CEASE, Notification::REJECTED)
    );
    let log = daemon.logged("the range has its 3 neighbors (`dynamic-limit`)");
    assert!(log.contains("127.0.7.4"), "{log}");
    // The others stay, and one that leaves makes room.
    drop(peers.remove(0));
    wait_for("the session to end", || {
        daemon.log().contains("session closed").then_some(())
    });
    peers.push(join(port, 4));
    for peer in &mut peers {
        peer.send(oxabgp::bgp::message::MessageType::KEEPALIVE, &[]);
    }
    assert_eq!(
        daemon.log().matches("a dynamic neighbor connects").count(),
        4
    );
}

#[test]
fn a_range_is_limited_unless_told_otherwise() {
    assert_eq!(oxabgp::config::DYNAMIC_LIMIT, 1000);
}

#[test]
fn a_range_with_an_md5_key_is_reached_with_that_key_only() {
    if !crate::speaker::signs() {
        return;
    }
    let lab = Lab::new();
    let (_daemon, port) = ranged(&lab, "md5-password secret;");
    assert!(reaches(port, Some(b"secret")));
    assert!(!reaches(port, None) && !reaches(port, Some(b"another")));
}

/// Returns `true` if a connection with that MD5 key is accepted.
pub(crate) fn reaches(port: u16, key: Option<&[u8]>) -> bool {
    crate::speaker::reaches(([127, 0, 0, 1], port).into(), key)
}
