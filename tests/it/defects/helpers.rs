//! Defect 1: a helper that does not read only blocks the neighbors whose events it receives.

use oxabgp::bgp::message::MessageType;

use super::{Stage, Table};
use crate::daemon::{listener, neighbor, session};
use crate::support::daemon::{Lab, wait_for};
use crate::support::peer::{announcement, encode};

#[test]
fn defect_01_a_helper_that_does_not_read_stops_nobody_else() {
    let lab = Lab::new();
    let script = lab.script("deaf.sh", "exec sleep 600");
    let process = format!("process deaf {{ run {script}; encoder json; queue-size 65536; }}\n");
    let (first, port) = listener();
    let (second, other) = listener();
    let api = "hold-time 6; api { processes [ deaf ]; receive { parsed; update; } }";
    let configuration = process
        + &neighbor(port, api)
        + &neighbor(other, "hold-time 6;").replace("neighbor 127.0.0.1 ", "neighbor 127.0.0.2 ");
    let second_address = format!("127.0.0.2:{other}");
    drop(second);
    let second = std::net::TcpListener::bind(second_address).expect("an address of ours");
    let stage = Stage::start(lab, &configuration);
    let (mut feeding, mut other) = (session(&first), session(&second));
    // More events than the pipe and the queue hold: the daemon stops reading from this peer, and from no other.
    for number in 0..8_000u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let body = announcement(65001, &[32, 10, b, c, d]);
        feeding.send_bytes(&encode(MessageType::UPDATE, &body));
    }
    stage.daemon.logged("reading is paused");
    let mut table = Table::default();
    for number in 0..3 {
        stage.put(&format!(
            "announce route 10.{number}.0.0/16 next-hop 192.0.2.1"
        ));
        table.read_to(&mut other, &format!("10.{number}.0.0/16"));
        // Both sessions are up: their KEEPALIVEs arrive every two seconds.
        other.expect(MessageType::KEEPALIVE);
        other.send(MessageType::KEEPALIVE, &[]);
        feeding.send(MessageType::KEEPALIVE, &[]);
        loop {
            match feeding.receive() {
                Some((MessageType::KEEPALIVE, _)) => break,
                Some((MessageType::UPDATE, _)) => {}
                other => panic!("the session is lost: {other:?}"),
            }
        }
    }
    wait_for("both to be up", || {
        let shown = stage.ask("show neighbor summary");
        (shown.matches("established").count() == 2).then_some(())
    });
}
