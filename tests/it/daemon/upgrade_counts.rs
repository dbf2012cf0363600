//! What was counted before an upgrade counts in the next process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use oxabgp::bgp::message::MessageType;

use super::checks::{check, create};
use super::control::{Client, start_set, start_with};
use super::scene::{EOR_V4, EOR_V6};
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{Lab, wait_for};

/// Announces two routes with one command, which needs all that `max-rate 1` allows. Returns the answer.
fn announce_two(client: &mut Client, number: u8) -> String {
    client.ask("begin");
    for part in ["0.0/17", "128.0/17"] {
        client.ask(&format!(
            "announce route 10.{number}.{part} next-hop 192.0.2.1"
        ));
    }
    client.ask("commit")
}

#[test]
fn the_rate_of_a_guard_does_not_start_over() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let configuration = process(&lab, "helper", "exec cat > /dev/null").replace(
        "encoder json;",
        "encoder json; guard { max-rate 1; operators; }",
    ) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    let rejections = |lab: &Lab| {
        let status = Client::new(lab).ask("system status");
        status.contains("\"guard-rejections\": { \"max-rate\": 1")
    };
    let begin = Instant::now();
    assert!(announce_two(&mut Client::new(&lab), 1).ends_with("done\n"));
    assert!(announce_two(&mut Client::new(&lab), 2).ends_with("error\n"));
    assert!(rejections(&lab));
    upgrade(&lab, &daemon);
    // What was counted is counted on.
    assert!(rejections(&lab));
    let answer = announce_two(&mut Client::new(&lab), 3);
    // On a machine so slow that the rate is not reached, nothing is refused.
    let is_slow = begin.elapsed() > Duration::from_secs(2);
    assert!(answer.ends_with("error\n") || is_slow, "{answer}");
}

#[test]
fn attempts_to_connect_do_not_start_over() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let accepted = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&accepted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let mut daemon = start_set(&lab, &neighbor(port, ""), &[("oxabgp_tcp_attempts", "5")]);
    wait_for("a wait for the last attempt", || {
        let status = Client::new(&lab).ask("show neighbor json");
        let (_, rest) = status.split_once("\"retry\": ")?;
        rest.split('}')
            .next()?
            .contains("\"failures\": 4")
            .then_some(())
    });
    upgrade(&lab, &daemon);
    daemon.ended();
    assert_eq!(accepted.load(Ordering::SeqCst), 5);
    daemon.logged("every neighbor has used up its connection attempts");
}

#[test]
fn the_command_of_a_check_that_was_removed_is_run_in_the_next_process() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let hook = lab.script(
        "sink",
        &format!("echo $STATE $CHECK >> {}", lab.path("hooks").display()),
    );
    let more =
        format!("route 10.9.8.0/24 next-hop self; down withdraw; drain 4; down-execute {hook};");
    let daemon = start_with(&lab, &(check(&lab, "web", &more) + &neighbor(port, "")));
    let mut peer = session(&listener);
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    lab.write("oxabgp.conf", &neighbor(port, ""));
    assert!(Client::new(&lab).ask("reload").ends_with("done\n"));
    daemon.logged("the check is removed");
    let body = peer.expect(MessageType::UPDATE);
    assert!(body.ends_with(&[24, 10, 9, 8, 0, 0]), "{body:02x?}");
    // A second one while it still waits.
    upgrade(&lab, &daemon);
    upgrade(&lab, &daemon);
    lab.lines("hooks", |lines| !lines.is_empty());
    let hooks = std::fs::read_to_string(lab.path("hooks")).expect("lines");
    assert_eq!(hooks, "DOWN web\n");
}

#[test]
fn each_of_the_two_processes_sends_a_keepalive_first() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    for _ in 0..2 {
        let marker = peer.expect(MessageType::UPDATE);
        assert!(marker == EOR_V4 || marker == EOR_V6, "{marker:02x?}");
    }
    upgrade(&lab, &daemon);
    let command = "announce route 10.0.0.0/8 next-hop self";
    assert_eq!(Client::new(&lab).ask(command), "done\n");
    let mut sent = Vec::new();
    loop {
        let (kind, body) = peer.receive().expect("a message");
        sent.push(kind);
        if body.ends_with(&[8, 10]) {
            break;
        }
    }
    // The hold time is long.
    use MessageType as M;
    assert_eq!(sent, [M::KEEPALIVE, M::KEEPALIVE, M::UPDATE]);
    let status = Client::new(&lab).ask("show neighbor json");
    assert!(status.contains("\"keepalive\": 3"), "{status}");
}
