//! A neighbor whose IPv6 address the next file writes in another notation is still the same neighbor.

use std::net::TcpListener;

use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::journal::{kill, state, table};
use super::upgrade::upgrade;
use super::{announced, process, session, withdrawn};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::announcement;

/// `::1` in three notations.
const SHORT: &str = "::1";
const LONG: &str = "0:0:0:0:0:0:0:1";
const MIXED: &str = "::0001";

/// Its port, a helper that writes its events to a file, and the configuration with the address in a notation.
struct Setup {
    lab: Lab,
    listener: TcpListener,
    helper: String,
}

impl Setup {
    fn new() -> Self {
        let lab = Lab::new();
        let events = lab.path("events");
        let helper = process(
            &lab,
            "helper",
            &format!("exec cat 3>&1 >> {}", events.display()),
        );
        let listener = TcpListener::bind("[::1]:0").expect("a port");
        Self {
            lab,
            listener,
            helper,
        }
    }

    fn configuration(&self, address: &str) -> String {
        let port = self.listener.local_addr().expect("an address").port();
        let api = "api { processes [ helper ]; receive { parsed; update; } }";
        let neighbor = format!(
            "neighbor {address} {{ router-id 10.0.0.1; local-address ::1; local-as 65000; peer-as 65001; connect {port}; \
             family {{ ipv4 unicast; }} {api} }}\n"
        );
        state(&self.lab, "") + &self.helper + &neighbor
    }

    fn reload(&self, daemon: &Daemon, address: &str) {
        self.lab.write("oxabgp.conf", &self.configuration(address));
        let answer = self.ask("reload");
        assert!(answer.ends_with("done\n"), "{answer}{}", daemon.log());
    }

    fn ask(&self, command: &str) -> String {
        Client::new(&self.lab).ask(command)
    }

    /// Waits for an event about a prefix, from the neighbor with its address in this notation.
    fn told(&self, prefix: &str, address: &str) {
        let line = wait_for("an event", || {
            let events = std::fs::read_to_string(self.lab.path("events")).ok()?;
            let line = events.lines().find(|line| line.contains(prefix))?;
            line.ends_with('}').then(|| line.to_owned())
        });
        let peer = format!("\"peer\": \"{address}\"");
        assert!(line.contains(&peer), "{line}");
    }
}

#[test]
fn the_session_stays_over_a_reload_and_events_have_the_new_notation() {
    let setup = Setup::new();
    let daemon = start_with(&setup.lab, &setup.configuration(SHORT));
    let mut peer = session(&setup.listener);
    assert!(table(&mut peer).is_empty());
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 20, 1]));
    setup.told("20.1.0.0/16", SHORT);
    for (number, address) in [(2, LONG), (3, MIXED), (4, SHORT), (5, LONG)] {
        setup.reload(&daemon, address);
        peer.send(MessageType::UPDATE, &announcement(65001, &[16, 20, number]));
        setup.told(&format!("20.{number}.0.0/16"), address);
        let summary = setup.ask("show neighbor summary");
        let first = summary.lines().nth(1).unwrap_or_default();
        assert!(first.starts_with(&format!("{address} ")), "{summary}");
        let command =
            format!("neighbor {address} announce route 10.{number}.0.0/16 next-hop 192.0.2.1");
        assert_eq!(setup.ask(&command), "done\n");
        announced(&mut peer, &[16, 10, number]);
    }
    let log = daemon.log();
    assert!(
        !log.contains("the neighbor is new") && !log.contains("session closed"),
        "{log}"
    );
}

#[test]
fn the_journal_finds_it() {
    let setup = Setup::new();
    let daemon = start_with(&setup.lab, &setup.configuration(SHORT));
    let mut peer = session(&setup.listener);
    assert!(table(&mut peer).is_empty());
    let announce = |number: u8| {
        let command = format!("announce route 10.{number}.0.0/16 next-hop 192.0.2.1");
        assert_eq!(setup.ask(&command), "done\n");
    };
    announce(1);
    announce(2);
    announced(&mut peer, &[16, 10, 1]);
    announced(&mut peer, &[16, 10, 2]);
    setup.reload(&daemon, LONG);
    // What was recorded before is withdrawn.
    assert_eq!(setup.ask("withdraw route 10.1.0.0/16"), "done\n");
    withdrawn(&mut peer, &[16, 10, 1]);
    announce(3);
    kill(daemon);
    let daemon = start_with(&setup.lab, &setup.configuration(LONG));
    let mut peer = session(&setup.listener);
    assert_eq!(table(&mut peer), [2, 3]);
    assert_eq!(setup.ask("withdraw route 10.2.0.0/16"), "done\n");
    kill(daemon);
    // The file was changed in the meantime.
    let _daemon = start_with(&setup.lab, &setup.configuration(MIXED));
    let mut peer = session(&setup.listener);
    assert_eq!(table(&mut peer), [3]);
}

#[test]
fn the_journal_finds_it_after_an_upgrade() {
    let setup = Setup::new();
    let daemon = start_with(&setup.lab, &setup.configuration(SHORT));
    let mut peer = session(&setup.listener);
    assert!(table(&mut peer).is_empty());
    for number in [1, 2] {
        let command = format!("announce route 10.{number}.0.0/16 next-hop 192.0.2.1");
        assert_eq!(setup.ask(&command), "done\n");
        announced(&mut peer, &[16, 10, number]);
    }
    setup.reload(&daemon, LONG);
    upgrade(&setup.lab, &daemon);
    assert_eq!(setup.ask("withdraw route 10.1.0.0/16"), "done\n");
    withdrawn(&mut peer, &[16, 10, 1]);
    let log = daemon.log();
    assert!(!log.contains("session closed"), "{log}");
    kill(daemon);
    let _daemon = start_with(&setup.lab, &setup.configuration(LONG));
    let mut peer = session(&setup.listener);
    assert_eq!(table(&mut peer), [2]);
}
