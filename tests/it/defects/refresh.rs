//! Defect 16: BoRR and EoRR are markers, and a refresh of an empty table is answered immediately.

use oxabgp::bgp::Family;
use oxabgp::bgp::message::MessageType;

use super::{LAST, Stage, Table, offering, session_with};
use crate::daemon::{listener, neighbor};
use crate::support::daemon::Lab;
use crate::support::peer::RawPeer;

fn start() -> (Stage, RawPeer) {
    let (listener, port) = listener();
    let body = "capability { route-refresh; }";
    let stage = Stage::start(Lab::new(), &neighbor(port, body));
    let offer = offering(|offer| {
        offer.families = vec![Family::IPV4_UNICAST];
        offer.route_refresh = true;
    });
    let peer = session_with(&listener, &offer);
    (stage, peer)
}

#[test]
fn defect_16_marks_of_a_refresh_ask_for_nothing() {
    let (stage, mut peer) = start();
    let route = "10.1.0.0/16";
    stage.put(&format!("announce route {route} next-hop 192.0.2.1"));
    Table::default().read_to(&mut peer, route);
    for subtype in [1, 2] {
        peer.send(MessageType::ROUTE_REFRESH, &[0, 1, subtype, 1]);
    }
    // A route of a later command is the next thing that the peer receives.
    stage.put(&format!("announce route {LAST} next-hop 192.0.2.1"));
    let mut table = Table::default();
    assert_eq!(
        table.read_to(&mut peer, LAST).without(LAST),
        Vec::<String>::new()
    );
    // A request is answered, between its own BoRR and EoRR.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    assert_eq!(peer.expect(MessageType::ROUTE_REFRESH), [0, 1, 1, 1]);
    let mut table = Table::default();
    table.read_to(&mut peer, route).read_to(&mut peer, LAST);
    assert_eq!(peer.expect(MessageType::ROUTE_REFRESH), [0, 1, 2, 1]);
}

#[test]
fn defect_16_a_refresh_of_an_empty_table_is_answered_at_once() {
    let (_stage, mut peer) = start();
    assert_eq!(peer.expect(MessageType::UPDATE), [0, 0, 0, 0]);
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    assert_eq!(peer.expect(MessageType::ROUTE_REFRESH), [0, 1, 1, 1]);
    assert_eq!(peer.expect(MessageType::ROUTE_REFRESH), [0, 1, 2, 1]);
}
