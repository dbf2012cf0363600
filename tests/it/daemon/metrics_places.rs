//! Where metrics are served, over reloads and upgrades.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;

use super::control::{Client, start_with};
use super::metrics::{scrape, section};
use super::upgrade::upgrade;
use super::{listener, neighbor};
use crate::support::daemon::{Lab, wait_for};

#[test]
fn a_place_that_includes_the_former_one_is_served_at_once() {
    let lab = Lab::new();
    let (free, place) = listener();
    drop(free);
    let (_listener, port) = listener();
    let at =
        |address| format!("metrics {{ listen {address} port {place}; }}\n") + &neighbor(port, "");
    let daemon = start_with(&lab, &at("127.0.0.1"));
    for address in ["0.0.0.0", "127.0.0.1"] {
        let before = daemon.log().matches("serving metrics").count();
        lab.write("oxabgp.conf", &at(address));
        assert!(Client::new(&lab).ask("reload").ends_with("done\n"));
        wait_for("the new place", || {
            (daemon.log().matches("serving metrics").count() > before).then_some(())
        });
        let mut stream = TcpStream::connect(("127.0.0.1", place)).expect("a connection");
        stream
            .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
            .expect("a daemon that reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        assert!(answer.contains("oxabgp_session_up"), "{answer}");
    }
    let log = daemon.log();
    assert!(!log.contains("metrics can't be served"), "{log}");
}

#[test]
fn an_upgrade_goes_on_with_sockets_and_counters() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let state = format!("state {{ directory {}; }}\n", lab.path("state").display());
    let daemon = start_with(&lab, &(state + &section(&lab, "") + &neighbor(port, "")));
    let file = || {
        let facts = std::fs::metadata(lab.path("metrics.sock")).expect("a socket");
        (facts.ino(), facts.ctime_nsec())
    };
    let mut client = Client::new(&lab);
    client.ask("nonsense");
    client.ask("announce route 10.0.0.0/8 next-hop self lifetime 1s");
    assert!(client.ask("reload").ends_with("done\n"));
    let counts = [
        "oxabgp_operator_commands_total{result=\"refused\"}",
        "oxabgp_reloads_total{result=\"done\"}",
        "oxabgp_leases_expired_total",
        "oxabgp_http_requests_total",
        "oxabgp_turn_seconds_count",
        "oxabgp_keepalive_late_seconds_count",
        "oxabgp_journal_records_total",
    ];
    let seen = || {
        let samples = scrape(&lab);
        counts.map(|name| samples.get(name).copied().unwrap_or(f64::NAN))
    };
    wait_for("the end of the lease", || (seen()[2] > 0.0).then_some(()));
    let place = file();
    for _ in 0..2 {
        let before = seen();
        upgrade(&lab, &daemon);
        assert_eq!(file(), place);
        let after = seen();
        for ((name, before), after) in counts.iter().zip(before).zip(after) {
            assert!(after >= before, "{name}: {before}, then {after}");
        }
        assert_eq!(after[1..3], [1.0, 1.0]);
        assert!(after[6] >= 2.0, "{after:?}");
    }
    daemon.stop();
    assert!(!lab.path("metrics.sock").exists());
}
