//! The journal: what helpers and operators have announced is there again after a crash.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::{listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab, oxabgp, wait_for};
use crate::support::peer::{RawPeer, open};

/// A `state` section with more settings.
pub(super) fn state(lab: &Lab, more: &str) -> String {
    let directory = lab.path("state");
    format!("state {{ directory {}; {more} }}\n", directory.display())
}

/// The prefixes in the bodies of UPDATEs up to End-of-RIB: `10.N.0.0/16` as N, in order of arrival.
pub(super) fn table(peer: &mut RawPeer) -> Vec<u8> {
    let mut found = Vec::new();
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body == [0; 4] {
            found.sort_unstable();
            return found;
        }
        found.extend(numbers(&body));
    }
}

/// The announced `10.N.0.0/16` of a body.
fn numbers(body: &[u8]) -> Vec<u8> {
    let withdrawn = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let rest = &body[2 + withdrawn..];
    let attributes = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let nlri = rest[2 + attributes..].chunks_exact(3);
    nlri.filter(|nlri| nlri.starts_with(&[16, 10]))
        .map(|nlri| nlri[2])
        .collect()
}

/// Kills the daemon, so that it can write nothing more.
pub(super) fn kill(mut daemon: Daemon) {
    daemon.signal("KILL");
    daemon.ended();
}

/// Waits until the journal has a text in its commands.
pub(super) fn recorded(lab: &Lab, text: &str) -> String {
    wait_for(&format!("`{text}` in the journal"), || {
        let commands = commands(lab);
        commands.contains(text).then_some(commands)
    })
}

pub(super) fn commands(lab: &Lab) -> String {
    let path = lab.path("state");
    let output = oxabgp(&["journal", path.to_str().expect("a path in UTF-8")])
        .output()
        .expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

/// A daemon with a journal and a control socket.
pub(super) fn operated(lab: &Lab, port: u16, more: &str) -> Daemon {
    start_with(lab, &(state(lab, more) + &neighbor(port, "")))
}

#[test]
fn after_a_crash_all_routes_are_announced_and_unclaimed_ones_are_withdrawn_later() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let claimed = lab.path("claimed");
    let script = format!(
        "echo 'announce route 10.1.0.0/16 next-hop self med 7'\n\
         if [ ! -e {claimed} ]; then\n\
         echo 'announce route 10.2.0.0/16 next-hop self'\n\
         echo 'announce route 10.9.0.0/16 next-hop self'\n\
         echo 'withdraw route 10.9.0.0/16'\n\
         fi\n\
         while read -r line; do :; done",
        claimed = claimed.display()
    );
    let configuration = state(&lab, "claim-time 2;")
        + &process(&lab, "helper", &script)
        + &process(
            &lab,
            "other",
            &format!("[ -e {} ] || echo 'announce route 10.3.0.0/16 next-hop self'\nwhile read -r line; do :; done", claimed.display()),
        )
        .replace("encoder json;", "encoder json; unclaimed keep;")
        + &neighbor(
            port,
            "api { processes [ helper, other ]; } static { route 10.4.0.0/16 next-hop self; }",
        );
    let daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    table(&mut peer);
    recorded(&lab, "10.2.0.0/16");
    recorded(&lab, "10.3.0.0/16");
    let mode = std::fs::metadata(lab.path("state/journal")).expect("a file");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    kill(daemon);
    lab.write("claimed", "");

    let daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    // All before the first End-of-RIB, those of helpers as well.
    assert_eq!(table(&mut peer), [1, 2, 3, 4]);
    daemon.logged("routes of the journal are announced routes=3");
    // What is announced again is not sent again; what is not is withdrawn.
    wait_for("the withdrawal", || {
        let body = peer.expect(MessageType::UPDATE);
        assert!(numbers(&body).is_empty(), "{body:02x?}");
        (body == [0, 3, 16, 10, 2, 0, 0]).then_some(())
    });
    daemon.logged(
        "routes of the journal were not announced again, and are withdrawn process=helper routes=1",
    );
    daemon
        .logged("routes of the journal were not announced again, and stay process=other routes=1");
    let left = recorded(&lab, "10.1.0.0/16");
    assert!(!left.contains("10.2.0.0/16"), "{left}");
}

#[test]
fn watchdogs_are_after_a_crash_what_commands_have_made_of_them() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let text = |more: &str| {
        let routes = "static { route 10.1.0.0/16 next-hop self watchdog dns withdraw; \
                      route 10.2.0.0/16 next-hop self watchdog web; \
                      route 10.3.0.0/16 next-hop self watchdog web; \
                      route 10.4.0.0/16 next-hop self watchdog mail withdraw; }";
        state(&lab, more) + &neighbor(port, routes)
    };
    let daemon = start_with(&lab, &text("unclaimed keep;"));
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer), [2, 3]);
    for command in ["announce watchdog dns", "withdraw watchdog web"] {
        assert_eq!(Client::new(&lab).ask(command), "done\n");
    }
    recorded(&lab, "withdraw watchdog web");
    kill(daemon);

    let daemon = start_with(&lab, &text("claim-time 1;"));
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer), [1]);
    // Nobody announces it again.
    daemon.logged("a watchdog of the journal was not announced again, and is withdrawn");
    wait_for("the withdrawal", || {
        (peer.expect(MessageType::UPDATE) == [0, 3, 16, 10, 1, 0, 0]).then_some(())
    });
    recorded(&lab, "withdraw watchdog dns");
    kill(daemon);

    let _daemon = start_with(&lab, &text(""));
    let mut peer = session(&listener);
    assert_eq!(Client::new(&lab).ask("announce watchdog web"), "done\n");
    wait_for("both routes of the group", || {
        let shown = Client::new(&lab).ask("show adj-rib out");
        let has = |number: u8| shown.contains(&format!("10.{number}.0.0/16"));
        assert!(!has(1) && !has(4), "{shown}");
        (has(2) && has(3)).then_some(())
    });
    table(&mut peer);
}

#[test]
fn neighbors_of_a_range_get_the_routes_of_the_journal() {
    let lab = Lab::new();
    let (free, port) = listener();
    drop(free);
    let range = format!(
        "neighbor 127.0.0.0/8 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive; \
         listen {port}; family {{ ipv4 unicast; }} \
         static {{ route 10.4.0.0/16 next-hop self watchdog dns withdraw; }} }}\n"
    );
    let text = state(&lab, "") + &range;
    let join = |last: u8| {
        let address = ([127, 0, 0, 1], port).into();
        let mut peer = RawPeer::connect_from(&format!("127.0.9.{last}"), address);
        peer.establish(&open(65001, [10, 0, 9, last]));
        peer
    };
    let daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    // Before there is a peer, and with one.
    assert_eq!(
        client.ask("announce route 10.1.0.0/16 next-hop self"),
        "done\n"
    );
    let mut peer = join(1);
    assert_eq!(table(&mut peer), [1]);
    for command in [
        "neighbor * announce route 10.2.0.0/16 next-hop self",
        "neighbor 127.0.9.1 announce route 10.3.0.0/16 next-hop self",
        "announce watchdog dns",
    ] {
        assert_eq!(client.ask(command), "done\n", "{command}");
    }
    let mut sent = Vec::new();
    wait_for("what is announced to the peer of the range", || {
        sent.extend(numbers(&peer.expect(MessageType::UPDATE)));
        sent.sort_unstable();
        (sent == [2, 3, 4]).then_some(())
    });
    recorded(&lab, "announce watchdog dns");
    kill(daemon);

    let _daemon = start_with(&lab, &text);
    // What was for one peer only has ended with its session.
    assert_eq!(table(&mut join(1)), [1, 2, 4]);
    assert_eq!(table(&mut join(2)), [1, 2, 4]);
}

#[test]
fn the_intent_survives_not_what_a_session_made_of_it() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = operated(&lab, port, "unclaimed keep;");
    let mut client = Client::new(&lab);
    for line in [
        "neighbor * announce route 10.1.0.0/16 next-hop self community [ 65000:1 ]",
        "neighbor 127.0.0.1 announce route 10.2.0.0/16 next-hop self lifetime 1h",
        "announce ipv6 unicast 2001:db8::/32 next-hop 2001:db8::1 fe80::1",
        "announce flow route destination 192.0.2.0/24 discard",
        "begin",
        "announce route 10.3.0.0/16 next-hop self path-information 1.2.3.4",
        "neighbor 127.0.0.1 announce route 10.4.0.0/16 next-hop self",
        "commit",
    ] {
        client.ask(line);
    }
    let text = recorded(&lab, "10.4.0.0/16");
    let wanted = [
        "neighbor * announce route 10.1.0.0/16 next-hop self community 65000:1",
        "neighbor 127.0.0.1 announce route 10.2.0.0/16 next-hop self lifetime 3600s",
        "announce route 2001:db8::/32 next-hop 2001:db8::1 fe80::1",
        "announce ipv4 flow destination 192.0.2.0/24 extended-community rate-limit:0",
        "announce route 10.3.0.0/16 path-information 1.2.3.4 next-hop self",
        "neighbor 127.0.0.1 announce route 10.4.0.0/16 next-hop self",
    ];
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), wanted.len(), "{text}");
    for wanted in wanted.iter().filter(|line| !line.contains("flow")) {
        let lifetime = wanted.contains("lifetime");
        let found = lines.iter().any(|line| match lifetime {
            true => line.starts_with(&wanted[..wanted.len() - 5]),
            false => line == wanted,
        });
        assert!(found, "{wanted} in\n{text}");
    }
    kill(daemon);
    // The neighbor has another AS now, and there is a second one, which `neighbor *` selects as well.
    let second = neighbor(port, "").replace("127.0.0.1 {", "127.0.0.2 {");
    let first = neighbor(port, "").replace("local-as 65000", "local-as 65009");
    let daemon = start_with(&lab, &(state(&lab, "unclaimed keep;") + &first + &second));
    daemon.logged("routes of the journal are announced");
    let mut client = Client::new(&lab);
    let one = client.ask("show adj-rib out 127.0.0.1");
    let two = client.ask("show adj-rib out 127.0.0.2");
    for number in 1..=4 {
        let route = format!("10.{number}.0.0/16");
        assert!(one.contains(&route), "{route} in\n{one}");
        assert_eq!(two.contains(&route), number % 2 == 1, "{route} in\n{two}");
    }
    drop(listener);
}

#[test]
fn a_lease_goes_on_over_a_restart() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = operated(&lab, port, "unclaimed keep;");
    let mut client = Client::new(&lab);
    let _first = session(&listener);
    client.ask("announce route 10.1.0.0/16 next-hop self lifetime 1s");
    client.ask("announce route 10.2.0.0/16 next-hop self lifetime 1h");
    recorded(&lab, "10.2.0.0/16");
    kill(daemon);
    wait_for("the end of the first lease", || {
        (!commands(&lab).contains("10.1.0.0/16")).then_some(())
    });
    let daemon = operated(&lab, port, "unclaimed keep;");
    daemon.logged("routes of the journal are announced routes=1");
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer), [2]);
}

#[test]
fn guards_apply_to_what_is_restored() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "echo 'announce route 10.1.0.0/16 next-hop self'\n\
                  echo 'announce route 10.2.0.0/16 next-hop self'\n\
                  echo 'set edge put key route 10.3.0.0/16 next-hop self'\nwhile read -r line; do :; done";
    let parts = |guard: &str, script: &str| {
        state(&lab, "")
            + &process(&lab, "helper", script)
                .replace("encoder json;", &format!("encoder json; {guard}"))
            + &neighbor(port, "api { processes [ helper ]; }")
    };
    let daemon = Daemon::start(&lab, &parts("", script));
    let _first = session(&listener);
    recorded(&lab, "10.3.0.0/16");
    kill(daemon);
    let guarded = parts(
        "guard { prefixes [ 10.1.0.0/16 ]; lifetime max 1h; }",
        "while read -r line; do :; done",
    );
    let daemon = Daemon::start(&lab, &guarded);
    daemon.logged("routes of the journal are not allowed: `10.2.0.0/16` is not inside an allowed prefix process=helper");
    daemon.logged("refused=2");
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer), [1]);
    recorded(&lab, "10.1.0.0/16 next-hop self lifetime 3600s");
}

#[test]
fn a_damaged_journal_gives_what_is_before_the_damage() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = operated(&lab, port, "unclaimed keep;");
    let _first = session(&listener);
    let mut client = Client::new(&lab);
    client.ask("announce route 10.1.0.0/16 next-hop self");
    recorded(&lab, "10.1.0.0/16");
    let path = lab.path("state/journal");
    let before = std::fs::metadata(&path).expect("a file").len();
    client.ask("announce route 10.2.0.0/16 next-hop self");
    recorded(&lab, "10.2.0.0/16");
    kill(daemon);
    let mut bytes = std::fs::read(&path).expect("readable");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let daemon = operated(&lab, port, "unclaimed keep;");
    daemon.logged(&format!("offset={before}"));
    daemon.logged("the damaged journal is kept there");
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer), [1]);
    assert!(lab.path("state/journal.damaged").exists());
    recorded(&lab, "10.1.0.0/16");
}

#[test]
fn a_cut_tail_of_a_file_that_was_written_anew_is_the_last_route() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = operated(&lab, port, "unclaimed keep;");
    let _first = session(&listener);
    let mut client = Client::new(&lab);
    for number in 1..=5 {
        client.ask(&format!("announce route 10.{number}.0.0/16 next-hop self"));
    }
    recorded(&lab, "10.5.0.0/16");
    kill(daemon);
    // The next run writes the file anew.
    let daemon = operated(&lab, port, "unclaimed keep;");
    let _second = session(&listener);
    let mut client = Client::new(&lab);
    wait_for("the file to be written anew", || {
        let status = client.ask("system status");
        let compactions = status.split("\"compactions\": ").nth(1)?;
        (!compactions.starts_with('0')).then_some(())
    });
    kill(daemon);
    let path = lab.path("state/journal");
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    let file = file.expect("a file");
    let length = file.metadata().expect("its length").len();
    file.set_len(length - 1).expect("it can be cut");
    let shown = commands(&lab);
    assert_eq!(shown.lines().count(), 4, "{shown}");
    let daemon = operated(&lab, port, "unclaimed keep;");
    daemon.logged("the file ends inside of a record");
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer).len(), 4);
    daemon.logged("the damaged journal is kept there");
    kill(daemon);
    // One without any bytes is not one that a daemon has left behind, and is reported as well.
    let kept = std::fs::read(lab.path("state/journal.damaged")).expect("kept");
    std::fs::write(&path, "").expect("written");
    let directory = lab.path("state");
    let mut journal = oxabgp(&["journal", directory.to_str().expect("UTF-8")]);
    let output = journal.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the file is empty"));
    let daemon = operated(&lab, port, "unclaimed keep;");
    daemon.logged("the journal is damaged, and what follows is lost: the file is empty");
    let mut peer = session(&listener);
    assert!(table(&mut peer).is_empty());
    let still = std::fs::read(lab.path("state/journal.damaged")).expect("kept");
    assert_eq!(kept, still);
    Client::new(&lab).ask("announce route 10.6.0.0/16 next-hop self");
    recorded(&lab, "10.6.0.0/16");
}

#[test]
fn two_daemons_do_not_share_a_journal() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let configuration = state(&lab, "") + &neighbor(port, "");
    let first = Daemon::start(&lab, &configuration);
    first.logged("is running");
    let path = lab.path("oxabgp.conf");
    let output = oxabgp(&["server", path.to_str().expect("a path in UTF-8")])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("another daemon keeps its journal there"),
        "{text}"
    );
}

#[test]
fn a_disk_fault_is_logged_once_and_touches_nothing_else() {
    let lab = Lab::new();
    let (listener, port) = listener();
    // Nothing can be created in a directory whose parent is a file.
    let directory = lab.path("blocked/state");
    lab.write("blocked", "");
    let text = format!(
        "state {{ directory {}; unclaimed keep; }}\nmetrics {{ listen unix {}; }}\n{}",
        directory.display(),
        lab.path("http").display(),
        neighbor(port, "")
    );
    let daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    daemon.logged("the journal can't be written");
    let mut client = Client::new(&lab);
    for number in 1..=5 {
        let line = format!("announce route 10.{number}.0.0/16 next-hop self");
        assert_eq!(client.ask(&line), "done\n");
    }
    let mut found = Vec::new();
    while found.len() < 5 {
        found.extend(numbers(&peer.expect(MessageType::UPDATE)));
    }
    let status = client.ask("system status");
    let status: serde_json::Value =
        serde_json::from_str(status.trim_end().trim_end_matches("done")).expect("JSON");
    assert_eq!(status["journal"]["complete"], false, "{status}");
    assert!(status["journal"]["errors"].as_u64() >= Some(1), "{status}");
    std::fs::remove_file(lab.path("blocked")).expect("removed");
    daemon.logged("the journal is complete");
    assert_eq!(
        daemon.log().matches("the journal can't be written").count(),
        1
    );
    kill(daemon);
    let _daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    assert_eq!(table(&mut peer), [1, 2, 3, 4, 5]);
}

#[test]
fn a_journal_does_not_grow_with_its_past() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = operated(&lab, port, "");
    let mut client = Client::new(&lab);
    client.ask("announce route 10.200.0.0/16 next-hop self");
    let path = lab.path("state/journal");
    let mut largest = 0;
    for round in 0..20 {
        let lines: String = (0..1_000)
            .map(|number| {
                let verb = if round % 2 == 0 {
                    "announce"
                } else {
                    "withdraw"
                };
                let tail = if round % 2 == 0 { "next-hop self" } else { "" };
                format!(
                    "{verb} route 10.{}.{}.0/24 {tail}\n",
                    number / 250,
                    number % 250
                )
            })
            .collect();
        client.submit(&lines);
        (0..1_000).for_each(|_| assert_eq!(client.line(), "done\n"));
        largest = largest.max(std::fs::metadata(&path).expect("a file").len());
    }
    wait_for("the journal to be short", || {
        let text = commands(&lab);
        (text == "announce route 10.200.0.0/16 next-hop self\n").then_some(())
    });
    wait_for("the file to be written anew", || {
        client.ask("announce route 10.200.0.0/16 next-hop self");
        let status = client.ask("system status");
        let compactions = status.split("\"compactions\": ").nth(1)?;
        (!compactions.starts_with('0') && !compactions.starts_with("1,")).then_some(())
    });
    kill(daemon);
    assert!(largest < 400_000, "{largest}");
}

#[test]
fn a_journal_can_be_announced_by_another_daemon() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = operated(&lab, port, "");
    let mut client = Client::new(&lab);
    client.ask("announce route 10.1.0.0/16 next-hop self med 5");
    let _first = session(&listener);
    client.ask("announce attributes next-hop self nlri 10.2.0.0/16 10.3.0.0/16");
    let text = recorded(&lab, "10.3.0.0/16");
    daemon.stop();
    let other = Lab::new();
    let _daemon = start_with(&other, &neighbor(port, ""));
    let mut peer = session(&listener);
    assert!(table(&mut peer).is_empty());
    let file = other.write("commands", &text);
    let socket = socket_of(&other);
    let done = oxabgp(&["run", "--socket", &socket, "--batch"])
        .arg(&file)
        .status()
        .expect("it runs");
    assert!(done.success());
    let mut found = Vec::new();
    while found.len() < 3 {
        found.extend(numbers(&peer.expect(MessageType::UPDATE)));
    }
}

#[test]
fn without_a_journal_nothing_is_written() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    Client::new(&lab).ask("announce route 10.1.0.0/16 next-hop self");
    table(&mut peer);
    assert!(!lab.path("state").exists());
    let missing = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["journal", "/nowhere"])
        .output()
        .expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
}

fn socket_of(lab: &Lab) -> String {
    lab.path("control.sock").to_string_lossy().into_owned()
}

/// Peers listen.
const _: fn(&TcpListener) -> RawPeer = session;
