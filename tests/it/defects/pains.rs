//! Problems of ExaBGP's users: pains 2, 3, 8, 9, 11, 12, 14, 20. Pain 1 is `flood`.

use std::time::{Duration, Instant};

use oxabgp::bgp::message::MessageType;

use super::{LAST, Stage, Table, one, recorded, settled};
use crate::daemon::{listener, neighbor, process, session};
use crate::support::daemon::{Lab, run, wait_for};
use crate::support::peer::{RawPeer, announcement, encode};

#[test]
fn pain_02_keepalives_are_on_time_while_routes_pour_in_and_out() {
    // 300,000 commands with distinct attributes, and a peer that announces without pause.
    let flood = "exec awk 'BEGIN { for (i = 0; i < 300000; i++) \
        printf \"announce route 10.%d.%d.%d/32 next-hop 192.0.2.1 med %d\\n\", i / 65536, i / 256 % 256, i % 256, i; \
        fflush(); system(\"sleep 600\") }'";
    let lab = Lab::new();
    let (first, port) = listener();
    let (second, other) = listener();
    let api = "api { processes [ flood ]; receive { parsed; update; } }";
    let configuration = process(&lab, "flood", flood)
        + &neighbor(port, api)
        + &neighbor(other, "hold-time 6;").replace("10.0.0.1;", "10.0.0.3;");
    let stage = Stage::start(lab, &configuration);
    let (mut busy, mut idle) = (session(&first), session(&second));
    let writing = busy.stream().try_clone().expect("a second handle");
    let writer = std::thread::spawn(move || {
        let mut writing = writing;
        for number in 0..200_000u32 {
            let [_, b, c, d] = number.to_be_bytes();
            let body = announcement(65001, &[32, 11, b, c, d]);
            let message = encode(MessageType::UPDATE, &body);
            if std::io::Write::write_all(&mut writing, &message).is_err() {
                return;
            }
        }
    });
    let reader = std::thread::spawn(move || {
        let mut updates = 0;
        while updates < 300_000 {
            match busy.receive() {
                Some((MessageType::UPDATE, _)) => updates += 1,
                Some(_) => {}
                None => panic!("the busy session is lost"),
            }
        }
        busy
    });
    // Time that the daemon worked, which other programs of the machine do not lengthen: while it has work, it never sleeps.
    let (mut last, mut longest, mut received) = (stage.daemon.cpu(), 0, 0);
    while received < 3 || !reader.is_finished() {
        let (kind, _) = idle.receive().expect("the idle session stays");
        if kind == MessageType::KEEPALIVE {
            let now = stage.daemon.cpu();
            longest = longest.max(now - last);
            last = now;
            received += 1;
            idle.send(MessageType::KEEPALIVE, &[]);
        }
    }
    // One is due every two seconds; after six the peer would have given up.
    assert!(longest < 500, "{longest} ticks of work without one");
    let busy = reader.join().expect("all routes came");
    // The flood's events are not read: the peer waits for that, and would wait forever.
    let ended = busy.stream().shutdown(std::net::Shutdown::Both);
    ended.expect("a connection");
    writer.join().expect("it ends");
}

#[test]
fn pain_02_an_idle_daemon_uses_no_cpu() {
    let (stage, mut peer) = one("hold-time 3;");
    settled(&stage, &mut peer, &mut Table::default());
    let before = stage.daemon.cpu();
    for _ in 0..3 {
        peer.expect(MessageType::KEEPALIVE);
        peer.send(MessageType::KEEPALIVE, &[]);
    }
    // At least two seconds: 200 ticks for a program that polls without pause.
    let used = stage.daemon.cpu() - before;
    assert!(used <= 20, "{used} ticks");
}

#[test]
fn pain_03_a_reload_touches_nothing_that_did_not_change() {
    let lab = Lab::new();
    let starts = lab.path("starts");
    let script = format!(
        "echo $$ >> {}\necho announce route 10.9.0.0/16 next-hop 192.0.2.1\nexec sleep 600",
        starts.display()
    );
    let helper = process(&lab, "helper", &script);
    let (listener, port) = listener();
    let body = "api { processes [ helper ]; } static { route 10.1.0.0/16 next-hop 192.0.2.1; route 10.2.0.0/16 next-hop 192.0.2.1; }";
    let configuration = helper + &neighbor(port, body);
    let stage = Stage::start(lab, &configuration);
    let mut peer = session(&listener);
    let mut table = Table::default();
    table
        .read_to(&mut peer, "10.1.0.0/16")
        .read_to(&mut peer, "10.2.0.0/16")
        .read_to(&mut peer, "10.9.0.0/16");
    for _ in 0..3 {
        stage.reload(&configuration);
    }
    // The next UPDATE with routes is that of a new command: nothing was sent again.
    stage.put(&format!("announce route {LAST} next-hop 192.0.2.1"));
    let body = crate::daemon::update(&mut peer);
    assert!(body.ends_with(&[16, 10, 255]), "{body:02x?}");
    let pids = stage.lab.lines("starts", |_| true);
    assert_eq!(pids.len(), 1, "the helper was started again");
    // A description and a route: the session stays up, and the helper's route is kept as well.
    let changed = configuration
        .replace("route 10.1.0.0/16 next-hop 192.0.2.1;", "")
        .replace(
            "router-id 10.0.0.1;",
            "router-id 10.0.0.1; description \"new\";",
        );
    let old = stage.lab.write("old.conf", &configuration);
    stage.reload(&changed);
    while table.0.contains_key("10.1.0.0/16") {
        let body = peer.expect(MessageType::UPDATE);
        table.read(&body);
    }
    assert_eq!(table.without(LAST), ["10.2.0.0/16", "10.9.0.0/16"]);
    // The effects of a reload are reported in advance.
    let new = stage.lab.path("oxabgp.conf");
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let (code, out, err) = run(&["validate", "--against", &text(&old), &text(&new)], "");
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("10.1.0.0/16") && !out.contains("10.2.0.0/16"),
        "{out}"
    );
}

#[test]
fn pain_08_memory_does_not_grow_with_attributes_that_are_gone() {
    let (stage, mut peer) = one("");
    // Each round replaces the attributes of the same 10,000 routes; each is sent, and as many come from the peer. The
    // caches of texts and attributes are bounded at 65,536 entries each, so that memory use has stopped growing after
    // seven rounds.
    let mut settled_at = 0;
    for round in 0..16u32 {
        let mut commands = String::new();
        let mut messages = Vec::new();
        for number in 0..10_000u32 {
            let med = round * 10_000 + number;
            let [_, _, high, low] = number.to_be_bytes();
            commands +=
                &format!("announce route 10.1.{high}.{low}/32 next-hop 192.0.2.1 med {med}\n");
            let mut body = announcement(65001, &[]);
            body.extend([0x80, 4, 4]);
            body.extend(med.to_be_bytes());
            body[3] += 7;
            body.extend([32, 11, 0, high, low]);
            messages.extend(encode(MessageType::UPDATE, &body));
        }
        let mut client = stage.client();
        client.submit(&commands);
        for _ in 0..10_000 {
            assert_eq!(client.line(), "done\n");
        }
        settled(&stage, &mut peer, &mut Table::default());
        stage.put(&format!("withdraw route {LAST}"));
        peer.send_bytes(&messages);
        // The table is large: it is shown once all of it has been received.
        let count = format!("\"update\": {}, ", (round + 1) * 10_000);
        wait_for("the last route", || {
            let shown = stage.ask("show neighbor json");
            shown.contains(&count).then_some(())
        });
        let last = format!("med {}", round * 10_000 + 9_999);
        let shown = stage.ask("show adj-rib in extensive");
        assert!(shown.contains(&last), "{last} is not in the table");
        if round == 7 {
            settled_at = stage.daemon.memory();
        }
    }
    let last = stage.daemon.memory();
    // Without a bound, 80,000 more sets and texts would be some 80 MB; the allocator's gaps are some 25.
    assert!(
        last < settled_at + 48 * 1024,
        "from {settled_at} to {last} KiB"
    );
}

#[test]
fn pain_08_routes_that_nobody_asks_for_are_not_stored() {
    let (stage, mut peer) = one("adj-rib-in false;");
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    settled(&stage, &mut peer, &mut Table::default());
    assert_eq!(stage.ask("show adj-rib in"), "done\n");
}

#[test]
fn pain_09_a_new_helper_hears_nothing_that_was_meant_for_its_predecessor() {
    let lab = Lab::new();
    let (once, received) = (lab.path("once"), lab.path("received"));
    // The first one writes a lot, reads nothing and exits; the second one reads.
    let script = format!(
        "if [ -e {0} ]; then echo '# second'; while read -r line; do echo \"$line\" >> {1}; done; fi\ntouch {0}\n\
         i=0; while [ $i -lt 200 ]; do echo version; i=$((i + 1)); done\nexit 1",
        once.display(),
        received.display()
    );
    let (listener, port) = listener();
    let configuration = process(&lab, "helper", &script)
        + &neighbor(
            port,
            "api { processes [ helper ]; receive { parsed; update; } }",
        );
    let stage = Stage::start(lab, &configuration);
    let mut peer = session(&listener);
    wait_for("the second", || received.exists().then_some(()));
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    let lines = stage.lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("203.0.113.0/24"))
    });
    assert!(
        !lines.iter().any(|line| line.starts_with("exabgp")),
        "{lines:#?}"
    );
    assert_eq!(lines.iter().filter(|line| *line == "done").count(), 1);
}

#[test]
fn pain_09_nothing_of_a_helper_that_is_restarted_outlives_it() {
    let lab = Lab::new();
    let (started, children) = (lab.path("started"), lab.path("children"));
    // It leaves a child process behind each time it is started. One that had its stdout would be its worker, and keep it alive.
    let script = format!(
        "sleep 600 > /dev/null &\necho $! >> {1}\nif [ -e {0} ]; then exec sleep 600; fi\ntouch {0}\nexit 0",
        started.display(),
        children.display()
    );
    let (listener, port) = listener();
    let configuration = process(&lab, "helper", &script) + &neighbor(port, "");
    let mut stage = Stage::start(lab, &configuration);
    let _peer = session(&listener);
    let pids = stage.lab.lines("children", |lines| lines.len() == 2);
    let gone = |pid: &str| {
        // A zombie that has not been reaped yet has no memory any more.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        status.map_or(true, |status| !status.contains("VmRSS"))
    };
    wait_for("the first child to be gone", || {
        gone(&pids[0]).then_some(())
    });
    assert!(!gone(&pids[1]));
    stage.daemon.signal("TERM");
    assert_eq!(stage.daemon.ended().code(), Some(0));
    wait_for("the second child to be gone", || {
        gone(&pids[1]).then_some(())
    });
}

#[test]
fn pain_12_operators_need_no_pipes_and_are_never_mixed_up() {
    // No mkfifo, and no other setting than the path of the socket; two daemons can be distinguished.
    let (first, _peer) = one("static { route 10.1.0.0/16 next-hop 192.0.2.1; }");
    let (second, _other) = one("static { route 10.2.0.0/16 next-hop 192.0.2.1; }");
    let talks: Vec<_> = (0..8)
        .map(|number| {
            let (stage, prefix) = match number % 2 {
                0 => (&first, "10.1.0.0/16"),
                _ => (&second, "10.2.0.0/16"),
            };
            let mut client = stage.client();
            std::thread::spawn(move || {
                for _ in 0..50 {
                    let answer = client.ask("show adj-rib out");
                    let wanted =
                        format!("127.0.0.1 ipv4 unicast {prefix} next-hop 192.0.2.1\ndone\n");
                    assert_eq!(answer, wanted);
                    assert_eq!(client.ask("nonsense"), "error\n");
                }
            })
        })
        .collect();
    for talk in talks {
        talk.join().expect("each hears its own daemon");
    }
    // A client does not hang if the daemon is gone.
    let Stage { daemon, lab } = first;
    daemon.stop();
    let start = Instant::now();
    let mut command = crate::support::daemon::oxabgp(&["run", "version"]);
    command.env("oxabgp_api_socketpath", lab.path("control.sock"));
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn pain_14_the_state_can_be_asked_for_as_json_line_by_line() {
    let (stage, listener) = recorded(
        "neighbor-changes; receive { parsed; update; }",
        "static { route 10.1.0.0/16 next-hop 192.0.2.1 med 5; }",
    );
    let mut peer = session(&listener);
    for last in 0..50 {
        let body = announcement(65001, &[24, 203, 0, last]);
        peer.send(MessageType::UPDATE, &body);
    }
    stage.lab.lines("received", |lines| {
        lines.iter().any(|line| line.contains("203.0.49.0/24"))
    });
    let json = |command: &str| -> Vec<serde_json::Value> {
        let answer = stage.ask(command);
        let lines = answer.strip_suffix("done\n").expect("done");
        let read = |line| serde_json::from_str(line).expect("JSON");
        lines.lines().map(read).collect()
    };
    let routes = json("show adj-rib in json");
    let prefixes: std::collections::BTreeSet<String> = routes
        .iter()
        .flat_map(|line| line["127.0.0.1"]["routes"].as_array().expect("a list"))
        .map(|route| route["prefix"].as_str().expect("a prefix").to_owned())
        .collect();
    assert_eq!(prefixes.len(), 50);
    assert!(prefixes.contains("203.0.7.0/24"));
    let out = json("show adj-rib out json");
    assert_eq!(out[0]["127.0.0.1"]["routes"][0]["prefix"], "10.1.0.0/16");
    let neighbors = json("show neighbor json");
    assert_eq!(neighbors[0][0]["fsm"], "ESTABLISHED");
    assert_eq!(neighbors[0][0]["messages"]["received"]["update"], 50);
    let text = stage.ask("show adj-rib out extensive");
    assert!(text.contains("med 5"), "{text}");
}

#[test]
fn pain_20_a_command_reaches_whom_it_selects_and_says_when_that_is_nobody() {
    let mut configuration = String::new();
    let mut listeners = Vec::new();
    for (number, asn) in [(2, 65001), (3, 65001), (4, 65009)] {
        let address = format!("127.0.0.{number}");
        let listener = std::net::TcpListener::bind((address.as_str(), 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        configuration += &neighbor(port, "")
            .replace("neighbor 127.0.0.1 ", &format!("neighbor {address} "))
            .replace("peer-as 65001", &format!("peer-as {asn}"));
        listeners.push((listener, asn));
    }
    let stage = Stage::start(Lab::new(), &configuration);
    let mut peers: Vec<RawPeer> = listeners
        .iter()
        .map(|(listener, asn)| {
            let mut peer = RawPeer::accept(listener);
            peer.establish(&crate::support::peer::open(*asn, [10, 0, 0, 2]));
            peer
        })
        .collect();
    for (selector, wanted) in [
        ("neighbor 127.0.0.2", [true, false, false]),
        (
            "neighbor 127.0.0.2, neighbor 127.0.0.4",
            [true, false, true],
        ),
        ("neighbor *", [true, true, true]),
        ("neighbor 127.0.0.3 peer-as 65001", [false, true, false]),
        (
            "neighbor 127.0.0.4 router-id 10.0.0.1 local-as 65000",
            [false, false, true],
        ),
        ("", [true, true, true]),
    ] {
        stage.put(format!("{selector} announce route 10.1.0.0/16 next-hop 192.0.2.1").trim());
        stage.put(&format!("announce route {LAST} next-hop 192.0.2.1"));
        for (peer, wanted) in peers.iter_mut().zip(wanted) {
            let mut table = Table::default();
            let shown_now = !table.read_to(peer, LAST).without(LAST).is_empty();
            assert_eq!(shown_now, wanted, "{selector}");
        }
        stage.put("withdraw route 10.1.0.0/16");
        stage.put(&format!("withdraw route {LAST}"));
    }
    for unmatched in [
        "neighbor 127.0.0.9",
        "neighbor 127.0.0.2 peer-as 65009",
        "neighbor 127.0.0.2 local-as 1",
    ] {
        let mut client = stage.client();
        client.submit("session reasons enable\n");
        assert_eq!(client.line(), "done\n");
        let answer = client.ask(&format!(
            "{unmatched} announce route 10.1.0.0/16 next-hop 192.0.2.1"
        ));
        assert!(
            answer.starts_with("error: ") && answer.ends_with("\nerror\n"),
            "{answer}"
        );
    }
}

#[test]
fn pain_11_a_health_check_speaks_when_something_changed_and_withdraws_on_failure() {
    let lab = Lab::new();
    let service = lab.write("service", "");
    let program = env!("CARGO_BIN_EXE_oxabgp");
    let run = format!(
        "{program} healthcheck --cmd \"test -e {}\" --ip 192.0.2.1/32 --no-ip-setup --no-syslog --rise 1 --fall 1 \
         --interval 0.01 --fast-interval 0.01 --withdraw-on-down --debounce",
        service.display()
    );
    let (listener, port) = listener();
    let configuration = format!("process health {{ run {run}; encoder text; }}\n")
        + &neighbor(port, "api { processes [ health ]; }");
    let stage = Stage::start(lab, &configuration);
    let mut peer = session(&listener);
    let mut table = Table::default();
    for _ in 0..3 {
        table.read_to(&mut peer, "192.0.2.1/32");
        // Many rounds later nothing has been sent again: the next message is for our command.
        std::thread::sleep(Duration::from_millis(100));
        stage.put(&format!("announce route {LAST} next-hop 192.0.2.1"));
        let body = crate::daemon::update(&mut peer);
        assert!(body.ends_with(&[16, 10, 255]), "{body:02x?}");
        table.read(&body);
        stage.put(&format!("withdraw route {LAST}"));
        std::fs::remove_file(&service).expect("it is there");
        while !table.0.is_empty() {
            let body = peer.expect(MessageType::UPDATE);
            table.read(&body);
        }
        std::fs::write(&service, "").expect("a file");
    }
}
