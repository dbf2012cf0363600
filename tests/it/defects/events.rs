//! Defects of events: 20, 22.

use std::collections::HashSet;

use oxabgp::bgp::message::MessageType;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Stage, recorded};
use crate::daemon::{listener, neighbor, process, session};
use crate::support::daemon::{Lab, run, wait_for};
use crate::support::peer::announcement;

/// Any JSON without duplicate keys in one object.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let _: Strict = map.next_value()?;
            if !seen.insert(key.clone()) {
                return Err(serde::de::Error::custom(format!(
                    "`{key}` stands there twice"
                )));
            }
        }
        Ok(Strict)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strict, A::Error> {
        while list.next_element::<Strict>()?.is_some() {}
        Ok(Strict)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict)
    }
}

fn check(what: &str, line: &str) {
    let read: Result<Strict, _> = serde_json::from_str(line);
    if let Err(cause) = read {
        panic!("{what}: {cause}: {line}");
    }
}

#[test]
fn defect_20_events_of_a_neighbour_whose_as_is_not_known_yet_are_json() {
    let (listener, port) = listener();
    let lab = Lab::new();
    let received = lab.path("received");
    let helper = process(&lab, "recorder", &format!("cat > {}", received.display()));
    let api = "api { processes [ recorder ]; neighbor-changes; fsm; negotiated; signal; \
        receive { parsed; packets; open; update; keepalive; notification; } send { parsed; packets; open; update; } }";
    let configuration = neighbor(port, api).replace(
        "local-as 65000; peer-as 65001",
        "local-as auto; peer-as auto",
    );
    let stage = Stage::start(lab, &(helper + &configuration));
    let silent = crate::support::peer::RawPeer::accept(&listener);
    let shown = stage.ask("show neighbor json");
    check(
        "show neighbor",
        shown.strip_suffix("done\n").expect("an answer"),
    );
    assert!(stage.ask("show neighbor summary").ends_with("done\n"));
    drop(silent);
    let lines = stage.lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("\"down\""))
    });
    // With a configured AS of the peer it works: ours is the same then.
    let mut peer = crate::support::peer::RawPeer::accept(&listener);
    peer.send_bytes(
        &crate::support::peer::open(65001, [10, 0, 0, 2])
            .encode()
            .expect("an OPEN"),
    );
    peer.send(MessageType::KEEPALIVE, &[]);
    let mut more = stage.lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("\"up\""))
    });
    more.extend(lines);
    for line in more {
        check("an event", &line);
        assert!(!line.contains("None"), "{line}");
    }
}

#[test]
fn defect_20_what_is_decoded_is_json_without_repeated_keys() {
    let directory = format!("{}/tests/data/wire", env!("CARGO_MANIFEST_DIR"));
    let mut lines = 0;
    for file in [
        "prefix-sid",
        "mup",
        "bgp-ls",
        "bgp-ls-attribute",
        "evpn",
        "attribute",
        "flow",
    ] {
        let text = std::fs::read_to_string(format!("{directory}/{file}.txt")).expect("recorded");
        // As many as there are, in one call.
        let messages: String = text
            .lines()
            .filter_map(|line| line.strip_prefix("hex: "))
            .collect();
        let (_, out, _) = run(&["decode"], &messages);
        for line in out.lines().filter(|line| line.starts_with('{')) {
            check(file, line);
            lines += 1;
        }
    }
    assert!(lines > 100, "{lines} lines of JSON");
}

#[test]
fn defect_22_routes_of_a_lost_session_are_not_shown() {
    let (stage, listener) = recorded("neighbor-changes; receive { parsed; update; }", "");
    let mut peer = session(&listener);
    let body = announcement(65001, &[24, 203, 0, 113]);
    peer.send(MessageType::UPDATE, &body);
    wait_for("the route", || {
        stage
            .ask("show adj-rib in")
            .contains("203.0.113.0/24")
            .then_some(())
    });
    drop(peer);
    stage.lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("\"down\""))
    });
    assert_eq!(stage.ask("show adj-rib in"), "done\n");
}
