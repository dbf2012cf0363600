//! Differences from ExaBGP 5.0.15 that the differential run of helper scripts (`tests/differential/scripts.py`) has
//! found.

use std::fmt::Write as _;

use oxabgp::bgp::message::MessageType;

use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab};

/// A helper that prints `lines` once the file `go` exists, and stores its input in `reported`.
fn speaker(lab: &Lab, lines: &[&str]) -> String {
    let (reported, go) = (lab.path("reported"), lab.path("go"));
    let mut script = format!(
        "exec 3<&0\ncat <&3 > {} &\nwhile [ ! -e {} ]; do sleep 0.05; done\n",
        reported.display(),
        go.display()
    );
    for line in lines {
        writeln!(script, "echo '{line}'").expect("a string takes everything");
    }
    script + "wait"
}

#[test]
fn a_standing_advisory_is_sent_again_and_reported_without_updates() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = speaker(
        &lab,
        &["announce operational asm afi ipv4 safi unicast advisory hello"],
    );
    let body =
        "api { processes [ helper ]; send { parsed; operational; } } capability { operational; }";
    let configuration = process(&lab, "helper", &script) + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let mut wanted = vec![0, 2, 0, 3 + 5, 0, 1, 1];
    wanted.extend_from_slice(b"hello");
    let mut peer = session(&listener);
    lab.write("go", "");
    for round in 1..=2 {
        let body = loop {
            let (kind, body) = peer.receive().expect("the session stays");
            if kind == MessageType::OPERATIONAL {
                break body;
            }
        };
        assert_eq!(body, wanted);
        // The event of the message, with no other option.
        let reported =
            |lines: &[String]| lines.iter().filter(|l| l.contains("ASM")).count() == round;
        lab.lines("reported", reported);
        drop(peer);
        peer = session(&listener);
    }
}

#[test]
fn show_adj_rib_in_has_the_next_hop_of_every_family() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = speaker(&lab, &["show adj-rib in", "show adj-rib in extensive"]);
    let body = "adj-rib-in true; api { processes [ helper ]; receive { parsed; update; } }";
    let configuration = process(&lab, "helper", &script) + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    // ORIGIN, AS_PATH [65001], MP_REACH_NLRI 2/1 with 2001:db8::2 and 2001:db8:1::/48.
    let mut reach = vec![0, 2, 1, 16];
    reach.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    reach.extend([0, 48, 0x20, 1, 0x0d, 0xb8, 0, 1]);
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x80, 14];
    attributes.push(u8::try_from(reach.len()).expect("short"));
    attributes.extend(reach);
    let length = u16::try_from(attributes.len()).expect("short");
    peer.send(
        MessageType::UPDATE,
        &[&[0, 0], &length.to_be_bytes()[..], &attributes].concat(),
    );
    lab.lines("reported", |lines| !lines.is_empty());
    lab.write("go", "");
    let lines = lab.lines("reported", |lines| lines.len() >= 5);
    let route = "ipv6 unicast 2001:db8:1::/48 next-hop 2001:db8::2";
    assert_eq!(lines[1], format!("127.0.0.1 {route}"));
    assert!(
        lines[3].ends_with(&format!("{route} origin igp as-path ( 65001 )")),
        "{}",
        lines[3]
    );
}

#[test]
fn a_list_of_neighbors_may_end_in_a_comma() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = speaker(
        &lab,
        &["neighbor 127.0.0.1, announce route 10.0.0.0/24 next-hop 1.1.1.1"],
    );
    let configuration =
        process(&lab, "helper", &script) + &neighbor(port, "api { processes [ helper ]; }");
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    lab.write("go", "");
    announced(&mut peer, &[24, 10, 0, 0]);
    assert_eq!(lab.lines("reported", |lines| !lines.is_empty()), ["done"]);
}

#[test]
fn a_command_that_acts_like_a_signal_is_reported_like_one() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = speaker(&lab, &["reload"]);
    let body = "api { processes [ helper ]; signal; }";
    let configuration = process(&lab, "helper", &script) + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let _peer = session(&listener);
    lab.write("go", "");
    let lines = lab.lines("reported", |lines| lines.len() >= 3);
    assert_eq!(lines[..2], ["reload in progress", "done"]);
    assert!(lines[2].contains(r#""type": "signal""#), "{}", lines[2]);
    assert!(
        lines[2].ends_with(r#""code": "0", "name": "none" } }"#),
        "{}",
        lines[2]
    );
}

#[test]
fn a_helper_may_no_longer_speak_to_a_neighbor_that_a_reload_took_from_it() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (one, two) = (lab.path("one"), lab.path("two"));
    // The same command before and after the reload, so that the selected peers could have been cached.
    let script = format!(
        "wait_for() {{ while [ ! -e \"$1\" ]; do sleep 0.05; done; }}\nexec 3<&0\ncat <&3 > {} &\n\
         wait_for {}\necho 'announce route 10.0.0.0/24 next-hop 1.1.1.1'\n\
         wait_for {}\necho 'announce route 10.0.1.0/24 next-hop 1.1.1.1'\necho version\nwait",
        lab.path("reported").display(),
        one.display(),
        two.display()
    );
    let helpers = process(&lab, "helper", &script) + &process(&lab, "other", "cat > /dev/null");
    let conf =
        |name: &str| helpers.clone() + &neighbor(port, &format!("api {{ processes [ {name} ]; }}"));
    let daemon = Daemon::start(&lab, &conf("helper"));
    let mut peer = session(&listener);
    lab.write("one", "");
    announced(&mut peer, &[24, 10, 0, 0]);
    lab.write("oxabgp.conf", &conf("other"));
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    lab.write("two", "");
    let lines = lab.lines("reported", |lines| {
        lines.iter().any(|line| line.starts_with("exabgp "))
    });
    assert_eq!(lines[..2], ["done", "error"]);
}

#[test]
fn a_range_is_shown_as_one() {
    let lab = Lab::new();
    let script = speaker(&lab, &["show neighbor summary"]);
    let configuration = process(&lab, "helper", &script)
        + "neighbor 127.0.0.0/29 { passive true; router-id 10.0.0.1; local-address 127.0.0.1; \
           local-as 65000; peer-as 65001; api { processes [ helper ]; } }\n";
    let _daemon = Daemon::start(&lab, &configuration);
    lab.write("go", "");
    let lines = lab.lines("reported", |lines| lines.len() >= 3);
    assert!(
        lines[1].starts_with("127.0.0.0/29    65001"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "done");
}

#[test]
fn addresses_are_shown_as_written_and_selected_in_any_notation() {
    let lab = Lab::new();
    let route = "next-hop 2001:db8::1";
    let script = speaker(
        &lab,
        &[
            &format!("neighbor 2a02:b80::1 announce route 2001:db8:a::/48 {route}"),
            &format!(
                "neighbor 2A02:B80:0:0:0:0:0:1 local-ip 2a02:b80::3 announce route 2001:db8:b::/48 {route}"
            ),
            "show adj-rib out 2a02:b80::1",
            "show neighbor summary",
        ],
    );
    let configuration = process(&lab, "helper", &script)
        + "neighbor 2A02:B80:0:0:0:0:0:1 { passive true; router-id 10.0.0.1; local-address 2A02:0B80::0003; \
           local-as 65000; peer-as 65001; family { ipv6 unicast; } api { processes [ helper ]; } }\n";
    let _daemon = Daemon::start(&lab, &configuration);
    lab.write("go", "");
    let lines = lab.lines("reported", |lines| {
        lines.iter().filter(|line| *line == "done").count() == 4
    });
    assert_eq!(lines[..2], ["done", "done"], "{lines:?}");
    for (at, route) in [(2, "2001:db8:a::/48"), (3, "2001:db8:b::/48")] {
        let start = format!("2A02:B80:0:0:0:0:0:1 ipv6 unicast {route} ");
        assert!(lines[at].contains(&start), "{lines:?}");
    }
    let summary = lines
        .iter()
        .any(|line| line.starts_with("2A02:B80:0:0:0:0:0:1 65001"));
    assert!(summary, "{lines:?}");
}
