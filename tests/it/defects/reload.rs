//! Defects of reload and restart: 5, 6.

use oxabgp::bgp::message::MessageType;

use super::{LAST, Stage, Table, settled};
use crate::daemon::{listener, neighbor, process, session, update};
use crate::support::daemon::{Lab, wait_for};
use crate::support::peer::RawPeer;

const ONE: &str = "static { route 10.1.0.0/16 next-hop 192.0.2.1; }";

#[test]
fn defect_05_a_mistake_announces_nothing_and_spoils_no_later_reload() {
    let (listener, port) = listener();
    let stage = Stage::start(Lab::new(), &neighbor(port, ONE));
    let mut peer = session(&listener);
    let mut table = Table::default();
    table.read_to(&mut peer, "10.1.0.0/16");
    let body = "static { route 10.7.0.0/16 next-hop 192.0.2.1; } no-such-word;";
    for failures in 1..=2 {
        stage.lab.write("oxabgp.conf", &neighbor(port, body));
        stage.daemon.signal("USR1");
        wait_for("the refusal", || {
            (stage.daemon.log().matches("nothing is changed").count() >= failures).then_some(())
        });
    }
    assert_eq!(settled(&stage, &mut peer, &mut table), ["10.1.0.0/16"]);
    let good = "static { route 10.8.0.0/16 next-hop 192.0.2.1; }";
    stage.reload(&neighbor(port, good));
    table.read_to(&mut peer, "10.8.0.0/16");
    assert_eq!(table.without(LAST), ["10.8.0.0/16"]);
}

#[test]
fn defect_05_no_signal_is_lost_while_routes_wait_for_a_peer() {
    let (listener, port) = listener();
    let stage = Stage::start(Lab::new(), &neighbor(port, ONE));
    // TCP is up, but no OPEN comes: the route waits.
    let mut peer = RawPeer::accept(&listener);
    for number in 2..=4 {
        let body = format!("static {{ route 10.{number}.0.0/16 next-hop 192.0.2.1; }}");
        stage.reload(&neighbor(port, &body));
    }
    peer.establish(&crate::support::peer::open(65001, [10, 0, 0, 2]));
    let reported = settled(&stage, &mut peer, &mut Table::default());
    assert_eq!(reported, ["10.4.0.0/16"]);
}

#[test]
fn defect_05_removed_routes_are_withdrawn_though_the_peer_is_silent() {
    let (listener, port) = listener();
    let two =
        "static { route 10.1.0.0/16 next-hop 192.0.2.1; route 10.2.0.0/16 next-hop 192.0.2.1; }";
    let stage = Stage::start(Lab::new(), &neighbor(port, two));
    let mut peer = session(&listener);
    let mut table = Table::default();
    table
        .read_to(&mut peer, "10.1.0.0/16")
        .read_to(&mut peer, "10.2.0.0/16");
    // Two reloads in a row, while the peer sends nothing.
    for body in [ONE, ""] {
        stage.reload(&neighbor(port, body));
    }
    while !table.0.is_empty() {
        let body = peer.expect(MessageType::UPDATE);
        table.read(&body);
    }
}

#[test]
fn defect_06_a_restart_reads_the_file_and_leaves_everything_working() {
    let lab = Lab::new();
    let starts = lab.path("starts");
    let helper = process(
        &lab,
        "helper",
        &format!("echo started >> {}\nexec sleep 600", starts.display()),
    );
    let (listener, port) = listener();
    let (other, other_port) = crate::daemon::listener();
    let stage = Stage::start(lab, &(helper.clone() + &neighbor(port, ONE)));
    let mut peer = session(&listener);
    update(&mut peer);
    stage.lab.lines("starts", |lines| lines.len() == 1);
    let body = "capability { route-refresh; operational; } static { route 10.2.0.0/16 next-hop 192.0.2.1; }";
    let second = neighbor(other_port, "").replace("10.0.0.1;", "10.0.0.3;");
    stage
        .lab
        .write("oxabgp.conf", &(helper + &neighbor(port, body) + &second));
    stage.daemon.signal("ALRM");
    let reported = peer.expect_notification();
    assert_eq!((reported.code, reported.subcode), (6, 6));
    // The new neighbor exists, helpers have been restarted, the routes are those of the new file.
    let _added = session(&other);
    stage.lab.lines("starts", |lines| lines.len() == 2);
    let offer = super::offering(|offer| {
        offer.families = vec![oxabgp::bgp::Family::IPV4_UNICAST];
        offer.route_refresh = true;
        offer.operational = true;
    });
    let mut peer = super::session_with(&listener, &offer);
    let mut table = Table::default();
    assert_eq!(settled(&stage, &mut peer, &mut table), ["10.2.0.0/16"]);
    // And what ExaBGP acknowledges from here on without doing it is done.
    stage.put("neighbor 127.0.0.1 announce route-refresh ipv4 unicast");
    assert_eq!(peer.expect(MessageType::ROUTE_REFRESH), [0, 1, 0, 1]);
    stage.put("announce operational asm afi ipv4 safi unicast advisory \"hello\"");
    assert!(peer.expect(MessageType::OPERATIONAL).ends_with(b"hello"));
    stage.put("announce eor ipv4 unicast");
    assert_eq!(peer.expect(MessageType::UPDATE), [0, 0, 0, 0]);
}
