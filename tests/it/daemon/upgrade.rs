//! `upgrade`: the daemon executes its program again; peers, helpers and operators notice nothing.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::scene::{EOR_V4, EOR_V6, Scene, offering};
use super::{announced, listener, neighbor, process, session, update, withdrawn};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, announcement, open};

/// Upgrades the daemon.
pub(super) fn upgrade(lab: &Lab, daemon: &Daemon) {
    let before = daemon.log().matches("is running").count();
    let answer = Client::new(lab).ask("upgrade");
    assert_eq!(answer, "done\n", "{}", daemon.log());
    // The answer is that of the next process.
    assert_eq!(daemon.log().matches("is running").count(), before + 1);
}

/// How long the session has been established, in seconds, as `show neighbor` has it.
fn uptime(lab: &Lab) -> u64 {
    let status = Client::new(lab).ask("show neighbor json");
    let duration = status.split("\"duration\": ").nth(1);
    let number = duration.and_then(|text| text.split(',').next()?.trim().parse().ok());
    number.unwrap_or_else(|| panic!("{status}"))
}

/// The two End-of-RIB markers, and nothing before them.
fn end_of_ribs(peer: &mut RawPeer) {
    let mut both = [
        peer.expect(MessageType::UPDATE),
        peer.expect(MessageType::UPDATE),
    ];
    both.sort();
    assert_eq!(both, [EOR_V4, EOR_V6]);
}

#[test]
fn the_peer_notices_nothing() {
    let scene = Scene::new("", "adj-rib-in true;");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    scene.holds(&["10.1.0.0/16"]);
    assert_eq!(
        scene.ask("announce route 10.0.0.0/8 next-hop self med 7"),
        "done\n"
    );
    announced(&mut peer, &[8, 10]);
    assert_eq!(
        scene.ask("announce route 11.0.0.0/8 next-hop self lifetime 1h"),
        "done\n"
    );
    announced(&mut peer, &[8, 11]);
    let pid = scene.daemon.pid();
    wait_for("a measurable uptime", || {
        (uptime(&scene.lab) >= 1).then_some(())
    });
    for round in 0..3u8 {
        upgrade(&scene.lab, &scene.daemon);
        assert!(uptime(&scene.lab) >= 1);
        let shown = scene.ask("show adj-rib out extensive");
        assert!(
            shown.contains("10.0.0.0/8") && shown.contains("med 7"),
            "{shown}"
        );
        scene.holds(&["10.1.0.0/16"]);
        // The next message is this route: nothing was sent again.
        let command = format!("announce route 20.{round}.0.0/16 next-hop self");
        assert_eq!(scene.ask(&command), "done\n");
        announced(&mut peer, &[16, 20, round]);
    }
    assert_eq!(scene.ask("withdraw route 10.0.0.0/8"), "done\n");
    withdrawn(&mut peer, &[8, 10]);
    // Announcing the same again sends nothing.
    assert_eq!(
        scene.ask("announce route 20.0.0.0/16 next-hop self"),
        "done\n"
    );
    assert_eq!(scene.ask("withdraw route 11.0.0.0/8"), "done\n");
    withdrawn(&mut peer, &[8, 11]);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, 2]));
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16"]);
    assert_eq!(scene.daemon.pid(), pid);
    let status = scene.ask("system status");
    assert!(status.contains(&format!("{pid}")), "{status}");
}

#[test]
fn a_message_of_which_the_peer_has_sent_half_is_read_to_its_end() {
    let scene = Scene::new("", "adj-rib-in true;");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    let message =
        crate::support::peer::encode(MessageType::UPDATE, &announcement(65001, &[16, 10, 1]));
    let (first, second) = message.split_at(30);
    peer.send_bytes(first);
    upgrade(&scene.lab, &scene.daemon);
    peer.send_bytes(second);
    scene.holds(&["10.1.0.0/16"]);
}

#[test]
fn a_helper_goes_on_with_its_process_and_loses_neither_commands_nor_events() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (events, pids) = (lab.path("events"), lab.path("pids"));
    let fifo = lab.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a named pipe");
    let script = format!(
        "echo $$ >> {}\nexec 3<&0\ncat <&3 > {} &\nexec cat {}",
        pids.display(),
        events.display(),
        fifo.display()
    );
    let configuration = process(&lab, "helper", &script)
        + &neighbor(
            port,
            "api { processes [ helper ]; neighbor-changes; receive { parsed; update; } }",
        );
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    end_of_ribs(&mut peer);
    let mut helper = std::fs::File::options()
        .write(true)
        .open(&fifo)
        .expect("a helper that reads");
    let mut say = |text: &str| {
        helper
            .write_all(text.as_bytes())
            .expect("a helper that reads")
    };
    say("announce route 10.0.0.0/8 next-hop self\n");
    announced(&mut peer, &[8, 10]);
    // Half of a command travels, too.
    say("announce route 10.1.0.0/16 nex");
    upgrade(&lab, &daemon);
    say("t-hop self\n");
    announced(&mut peer, &[16, 10, 1]);
    peer.send(MessageType::UPDATE, &announcement(65001, &[16, 99, 1]));
    let lines = lab.lines("events", |lines| {
        lines.iter().any(|line| line.contains("99.1.0.0/16"))
    });
    let ups = lines
        .iter()
        .filter(|line| line.contains("\"state\": \"up\""))
        .count();
    let downs = lines
        .iter()
        .filter(|line| line.contains("\"state\": \"down\""))
        .count();
    assert_eq!((ups, downs), (1, 0), "{lines:?}");
    let counters: Vec<u64> = lines
        .iter()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?["counter"].as_u64()
        })
        .collect();
    assert!(counters.is_sorted_by(|a, b| a < b), "{counters:?}");
    assert_eq!(
        lab.lines("pids", |lines| !lines.is_empty()).len(),
        1,
        "it was started once"
    );
    // It is still a child: its end is noticed, and it is started again.
    drop(helper);
    lab.lines("pids", |lines| lines.len() == 2);
    daemon.logged("the helper ended: exit status: 0");
}

#[test]
fn commands_that_arrive_while_the_daemon_is_upgraded_are_all_carried_out() {
    const ROUTES: u32 = 10_000;
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = format!(
        "i=0\nwhile [ $i -lt {ROUTES} ]; do\n\
         echo \"announce route 10.$((i / 256)).$((i % 256)).0/24 next-hop self\"; read answer; i=$((i+1)); done\n\
         echo done > {}\nexec sleep 1000",
        lab.path("all").display()
    );
    let configuration = process(
        &lab,
        "helper",
        &script.replace("10.$((i / 256))", "$((10 + i / 65536)).$((i / 256 % 256))"),
    ) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    let mut found = std::collections::BTreeSet::new();
    let mut upgrades = 0;
    while found.len() < ROUTES as usize {
        let body = peer.expect(MessageType::UPDATE);
        if body.len() <= 11 {
            continue;
        }
        let attributes = usize::from(u16::from_be_bytes([body[2], body[3]]));
        for prefix in body[4 + attributes..].chunks_exact(4) {
            assert!(found.insert(prefix.to_vec()), "{prefix:?} was sent twice");
        }
        if found.len() / 2_000 > upgrades && upgrades < 4 {
            upgrades += 1;
            upgrade(&lab, &daemon);
        }
    }
    assert_eq!(upgrades, 4);
    lab.lines("all", |lines| lines.len() == 1);
}

#[test]
fn leases_end_at_their_time_in_the_next_process() {
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    assert_eq!(
        scene.ask("announce route 10.0.0.0/8 next-hop self lifetime 3s"),
        "done\n"
    );
    announced(&mut peer, &[8, 10]);
    upgrade(&scene.lab, &scene.daemon);
    withdrawn(&mut peer, &[8, 10]);
    scene
        .daemon
        .logged("leases have ended process=operator routes=1 first=10.0.0.0/8");
}

#[test]
fn a_program_that_can_not_continue_changes_nothing() {
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    let plain = scene.lab.write("plain", "#!/bin/sh\n");
    let other = scene.lab.script("other", "echo oxabgp-handover 999");
    let foreign = scene.lab.script("foreign", "echo hello");
    let liar = scene.lab.script("liar", "echo oxabgp-handover 2; exit 3");
    for (program, reason) in [
        (
            scene.lab.path("missing").display().to_string(),
            "No such file",
        ),
        (plain.display().to_string(), "Permission denied"),
        (other, "reads format 999, and this daemon writes format 2"),
        (foreign, "no format that this one knows"),
        (liar, "does not accept the configuration"),
        ("relative".to_owned(), "is not the absolute path"),
    ] {
        let mut client = Client::new(&scene.lab);
        client.ask("session reasons enable");
        let answer = client.ask(&format!("upgrade {program}"));
        assert!(
            answer.contains(reason) && answer.ends_with("error\n"),
            "{program}: {answer}"
        );
    }
    // One that passes every check and can't be executed in the end: an error of execve itself.
    let fickle = scene.lab.path("fickle");
    let script = format!(
        "#!/bin/sh\necho oxabgp-handover 2\n[ \"$OXABGP_HANDOVER\" = check ] && chmod 644 {}\nexit 0\n",
        fickle.display()
    );
    scene.lab.write("fickle", &script);
    std::fs::set_permissions(&fickle, PermissionsExt::from_mode(0o755)).expect("a mode");
    let mut client = Client::new(&scene.lab);
    client.ask("session reasons enable");
    let answer = client.ask(&format!("upgrade {}", fickle.display()));
    assert!(
        answer.contains("Permission denied") && answer.ends_with("error\n"),
        "{answer}"
    );
    assert_eq!(
        client.ask("announce route 10.0.0.0/8 next-hop self"),
        "done\n"
    );
    announced(&mut peer, &[8, 10]);
    upgrade(&scene.lab, &scene.daemon);
    assert_eq!(scene.ask("withdraw route 10.0.0.0/8"), "done\n");
    withdrawn(&mut peer, &[8, 10]);
}

#[test]
fn what_could_not_be_handed_over_is_refused_with_its_name() {
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    let mut client = Client::new(&scene.lab);
    client.ask("session reasons enable");
    let path = scene.lab.path("oxabgp.conf");
    let configuration = std::fs::read_to_string(&path).expect("a file");
    scene.lab.write(
        "oxabgp.conf",
        &configuration.replace("capability {", "hold-time 60; capability {"),
    );
    let answer = client.ask("upgrade");
    assert!(
        answer.contains("the configuration has changed, reload it first"),
        "{answer}"
    );
    scene.lab.write("oxabgp.conf", "neighbor {");
    let answer = client.ask("upgrade");
    assert!(answer.contains("the configuration has errors"), "{answer}");
    scene.lab.write("oxabgp.conf", &configuration);
    client.ask("begin");
    let answer = Client::new(&scene.lab);
    let mut other = answer;
    other.ask("session reasons enable");
    let answer = other.ask("upgrade");
    assert!(
        answer.contains("an operator has an open batch or set"),
        "{answer}"
    );
    client.ask("abort");
    upgrade(&scene.lab, &scene.daemon);
}

#[test]
fn peers_that_are_not_established_connect_to_the_next_process() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, ""));
    let first = RawPeer::accept(&listener);
    upgrade(&lab, &daemon);
    drop(first);
    let mut peer = session(&listener);
    end_of_ribs(&mut peer);
}

#[test]
fn a_peer_that_reads_slowly_gets_every_byte_once() {
    const ROUTES: usize = 60_000;
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    let mut commands = String::from("begin\n");
    for number in 0..ROUTES {
        let [_, a, b, c] = u32::try_from(number).expect("few").to_be_bytes();
        // Attributes of their own, so that the routes fill many messages.
        commands.push_str(&format!(
            "announce route {}.{b}.{c}.0/24 next-hop self med {number}\n",
            10 + a
        ));
    }
    commands.push_str("commit\n");
    let mut client = Client::new(&scene.lab);
    let answer = client.ask(commands.trim_end());
    assert!(answer.ends_with("done\n"));
    upgrade(&scene.lab, &scene.daemon);
    let mut found = std::collections::BTreeSet::new();
    while found.len() < ROUTES {
        let body = update(&mut peer);
        let attributes = usize::from(u16::from_be_bytes([body[2], body[3]]));
        assert!(found.insert(body[4 + attributes..].to_vec()), "sent twice");
    }
    assert_eq!(scene.ask("withdraw route 10.0.0.0/24"), "done\n");
    withdrawn(&mut peer, &[24, 10, 0, 0]);
}

/// Neighbors from 127.0.1.1 on that connect to `port`.
fn passive(count: u8, port: u16) -> String {
    let neighbors = (1..=count).map(|number| {
        format!(
            "neighbor 127.0.1.{number} {{\n router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001;\n \
             passive true; listen {port};\n family {{ ipv4 unicast; }}\n}}\n"
        )
    });
    neighbors.collect()
}

/// A port that is free now.
pub(super) fn free_port() -> u16 {
    listener().1
}

#[test]
fn twenty_peers_get_twenty_thousand_routes_once_each() {
    const PEERS: u8 = 20;
    const ROUTES: usize = 20_000;
    let lab = Lab::new();
    let port = free_port();
    let daemon = start_with(&lab, &passive(PEERS, port));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let readers: Vec<_> = (1..=PEERS)
        .map(|number| {
            let mut peer = RawPeer::connect_from(&format!("127.0.1.{number}"), address);
            peer.establish(&open(65001, [10, 0, 1, number]));
            std::thread::spawn(move || {
                let mut found = std::collections::BTreeSet::new();
                while found.len() < ROUTES {
                    let body = peer.expect(MessageType::UPDATE);
                    let attributes = usize::from(u16::from_be_bytes([body[2], body[3]]));
                    for prefix in body[4 + attributes..].chunks_exact(4) {
                        assert!(found.insert(prefix.to_vec()), "{prefix:?} was sent twice");
                    }
                }
                peer
            })
        })
        .collect();
    for round in 0..4u8 {
        let mut commands = String::new();
        for number in 0..ROUTES / 4 {
            let (high, low) = (number / 256, number % 256);
            commands.push_str(&format!(
                "announce route {}.{high}.{low}.0/24 next-hop self med {high}\n",
                10 + round
            ));
        }
        let answer = Client::new(&lab).ask(commands.trim_end());
        assert_eq!(answer.matches("done\n").count(), ROUTES / 4);
        upgrade(&lab, &daemon);
    }
    let mut peers: Vec<RawPeer> = readers
        .into_iter()
        .map(|reader| reader.join().expect("every route, once"))
        .collect();
    upgrade(&lab, &daemon);
    assert_eq!(
        Client::new(&lab).ask("withdraw route 10.0.0.0/24"),
        "done\n"
    );
    for peer in &mut peers {
        withdrawn(peer, &[24, 10, 0, 0]);
    }
    // The listening socket is the same: a peer that comes back is accepted.
    drop(peers.pop());
    daemon.logged("session closed");
    let mut peer = RawPeer::connect_from(&format!("127.0.1.{PEERS}"), address);
    peer.establish(&open(65001, [10, 0, 1, PEERS]));
    update(&mut peer);
}

#[test]
fn neighbors_of_a_range_keep_their_sessions() {
    let lab = Lab::new();
    let port = free_port();
    let configuration = format!(
        "neighbor 127.0.2.0/24 {{\n router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive true; listen {port};\n \
         family {{ ipv4 unicast; }}\n}}\n"
    );
    let daemon = start_with(&lab, &configuration);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut peer = RawPeer::connect_from("127.0.2.7", address);
    peer.establish(&open(65001, [10, 0, 2, 7]));
    assert_eq!(peer.expect(MessageType::UPDATE), EOR_V4);
    assert_eq!(
        Client::new(&lab).ask("announce route 10.0.0.0/8 next-hop self"),
        "done\n"
    );
    announced(&mut peer, &[8, 10]);
    upgrade(&lab, &daemon);
    assert_eq!(
        Client::new(&lab).ask("announce route 11.0.0.0/8 next-hop self"),
        "done\n"
    );
    announced(&mut peer, &[8, 11]);
    assert_eq!(Client::new(&lab).ask("withdraw route 10.0.0.0/8"), "done\n");
    withdrawn(&mut peer, &[8, 10]);
    // Its end is the end of the neighbor, and the next one gets the routes of the range.
    drop(peer);
    let mut peer = RawPeer::connect_from("127.0.2.8", address);
    peer.establish(&open(65001, [10, 0, 2, 8]));
    announced(&mut peer, &[8, 11]);
}

#[test]
fn a_journal_is_kept_on_and_watchdogs_keep_their_state() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let state = format!("state {{ directory {}; }}\n", lab.path("state").display());
    let body = "static { route 30.0.0.0/8 next-hop 192.0.2.1 watchdog dns withdraw; \
                route 31.0.0.0/8 next-hop 192.0.2.1; }";
    let configuration = state + &neighbor(port, body);
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    announced(&mut peer, &[8, 31]);
    end_of_ribs(&mut peer);
    let ask = |command: &str| Client::new(&lab).ask(command);
    assert_eq!(ask("announce watchdog dns"), "done\n");
    announced(&mut peer, &[8, 30]);
    assert_eq!(ask("announce route 10.0.0.0/8 next-hop self"), "done\n");
    announced(&mut peer, &[8, 10]);
    upgrade(&lab, &daemon);
    // It is announced already.
    assert_eq!(ask("announce watchdog dns"), "done\n");
    assert_eq!(ask("withdraw watchdog dns"), "done\n");
    withdrawn(&mut peer, &[8, 30]);
    assert_eq!(ask("announce route 11.0.0.0/8 next-hop self"), "done\n");
    announced(&mut peer, &[8, 11]);
    let journal = lab.path("state");
    wait_for("both routes in the journal", || {
        let output = crate::support::daemon::oxabgp(&["journal", journal.to_str().expect("UTF-8")])
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let parts = ["10.0.0.0/8", "11.0.0.0/8", "withdraw watchdog dns"];
        parts.iter().all(|part| text.contains(part)).then_some(())
    });
}
