//! Invalid configurations, helpers and peers: none of them may affect anything else.

use oxabgp::bgp::message::MessageType;

use super::{announced, dialed, listener, neighbor, passive_neighbor, process, with_helper};
use crate::support::daemon::{Daemon, Lab, run};
use crate::support::peer::{RawPeer, announcement, encode, open};

#[test]
fn a_broken_configuration_starts_nothing_and_shows_the_place() {
    let lab = Lab::new();
    let started = lab.path("started");
    let script = format!("touch {}", started.display());
    let text = process(&lab, "helper", &script)
        + &neighbor(
            1,
            "hold-tiem 30; static { route 10.0.0.0/33 next-hop 1.2.3.4; }",
        );
    let mut daemon = Daemon::start(&lab, &text);
    assert_eq!(daemon.ended().code(), Some(1));
    let log = daemon.log();
    assert!(
        log.contains("oxabgp.conf:6:") && log.contains("hold-time"),
        "{log}"
    );
    assert!(log.contains("10.0.0.0/33"), "all errors at once: {log}");
    assert!(!started.exists(), "the helper was started");
}

#[test]
fn a_flood_of_refused_commands_has_a_few_lines_of_the_log_and_all_answers() {
    const LINES: usize = 100;
    let lab = Lab::new();
    let begin = std::time::Instant::now();
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\n\
         awk 'BEGIN {{ for (i = 0; i < {LINES}; i++) {{ print \"what is this\"; \
         print \"announce ipv4 multicast 10.0.0.0/8 next-hop 192.0.2.1 med \" i; print \"announce watchdog none\" }} }}'\nwait",
        lab.path("answers").display()
    );
    let (daemon, _peer) = with_helper(&lab, &script, "");
    let is_answer = |line: &&String| matches!(line.as_str(), "done" | "error");
    lab.lines("answers", |lines| {
        lines.iter().filter(is_answer).count() == 3 * LINES
    });
    let log =
        daemon.logged("and more such lines, which the log does not get process=helper lines=");
    let seconds = usize::try_from(begin.elapsed().as_secs()).expect("a few") + 2;
    let lines = [
        "the command is refused",
        "no selected neighbor has this family",
        "the command has no effect",
    ];
    let lines = lines.map(|line| log.matches(line).count());
    assert!(lines.iter().sum::<usize>() <= 20 * seconds, "{lines:?}");
}

#[test]
fn garbage_is_answered_logged_and_forgotten() {
    let lab = Lab::new();
    let received = lab.path("received");
    let script = format!(
        "printf 'what is this\\n\\377\\376\\n\\nannounce route 10.0.0.0/33 next-hop 1.2.3.4\\nannounce route 10.9.0.0/16 next-hop 192.0.2.1\\n'\n\
         cat > {}",
        received.display()
    );
    let (daemon, mut peer) = with_helper(&lab, &script, "");
    announced(&mut peer, &[16, 10, 9]);
    let answers = lab.lines("received", |lines| lines.len() >= 5);
    assert_eq!(answers, ["error", "error", "error", "error", "done"]);
    let log = daemon.logged("10.0.0.0/33");
    assert!(log.contains("what is this"), "{log}");
    // The session is up, and the peer has only the valid route: the invalid one was not mistaken for another.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    let body = super::update(&mut peer);
    assert!(
        body.starts_with(&[0, 0]) && body.ends_with(&[1, 16, 10, 9]),
        "{body:02x?}"
    );
    let length = usize::from(u16::from_be_bytes([body[2], body[3]]));
    assert_eq!(
        body[4 + length..],
        [16, 10, 9],
        "other routes beside the good one"
    );
}

#[test]
fn a_helper_without_newlines_is_started_again_and_its_session_stays() {
    let lab = Lab::new();
    let once = lab.path("once");
    let script = format!(
        "if [ -e {0} ]; then echo announce route 10.9.0.0/16 next-hop 192.0.2.1; exec sleep 600; fi\n\
         touch {0}\nexec awk 'BEGIN {{ while (1) printf \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" }}'",
        once.display()
    );
    let (daemon, mut peer) = with_helper(&lab, &script, "");
    announced(&mut peer, &[16, 10, 9]);
    assert!(daemon.logged("oversized command").contains("1 MiB"));
    assert!(
        daemon.memory() < 100 * 1024,
        "{} KiB in use",
        daemon.memory()
    );
}

#[test]
fn a_helper_that_dies_in_mid_line_loses_only_that_line() {
    let lab = Lab::new();
    let once = lab.path("once");
    let script = format!(
        "if [ -e {0} ]; then exec sleep 600; fi\ntouch {0}\n\
         echo announce route 10.9.0.0/16 next-hop 192.0.2.1\nprintf 'announce route 10.8.0.0/16 next-'",
        once.display()
    );
    let (daemon, mut peer) = with_helper(&lab, &script, "");
    announced(&mut peer, &[16, 10, 9]);
    daemon.logged("in the middle of a line");
    daemon.logged("started again");
    peer.send(MessageType::KEEPALIVE, &[]);
}

#[test]
fn a_helper_that_closes_its_stdin_keeps_its_session() {
    let lab = Lab::new();
    let script = "exec 0<&-\necho announce route 10.9.0.0/16 next-hop 192.0.2.1\nexec sleep 600";
    let (_daemon, mut peer) = with_helper(&lab, script, "receive { parsed; update; }");
    announced(&mut peer, &[16, 10, 9]);
    for last in 0..200 {
        peer.send(
            MessageType::UPDATE,
            &announcement(65001, &[24, 203, 0, last]),
        );
    }
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 9]);
}

#[test]
fn a_helper_that_does_not_read_events_pauses_its_peer_and_loses_nothing() {
    let lab = Lab::new();
    let (received, go) = (lab.path("received"), lab.path("go"));
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done\ncat > {}",
        go.display(),
        received.display()
    );
    let (daemon, peer) = with_helper(&lab, &script, "receive { parsed; update; }");
    // The daemon buffers 16 MiB before it pauses: 200,000 events of some 300 bytes are about four times that.
    let many = 200_000u32;
    let writer = std::thread::spawn(move || {
        let mut peer = peer;
        for number in 0..many {
            let [_, b, c, d] = number.to_be_bytes();
            peer.send_bytes(&encode(
                MessageType::UPDATE,
                &announcement(65001, &[32, 10, b, c, d]),
            ));
        }
        peer
    });
    daemon.logged("reading is paused");
    assert!(
        daemon.memory() < 120 * 1024,
        "{} KiB in use",
        daemon.memory()
    );
    std::fs::write(&go, "").expect("a file");
    let peer = writer.join().expect("all was written");
    let lines = lab.lines("received", |lines| lines.len() >= many as usize);
    assert_eq!(lines.len(), many as usize);
    assert!(lines[0].contains("10.0.0.0/32") && lines[many as usize - 1].contains("10.3.13.63/32"));
    drop(peer);
}

#[test]
fn malformed_messages_end_as_the_rfcs_require_and_the_next_session_is_good() {
    let lab = Lab::new();
    let api = "api { processes [ helper ]; receive { parsed; update; } }";
    let (neighbor, address) = passive_neighbor(api);
    let configuration = process(&lab, "helper", "cat > /dev/null") + &neighbor;
    let daemon = Daemon::start(&lab, &configuration);
    daemon.logged("is running");
    let mut bad_marker = encode(MessageType::KEEPALIVE, &[]);
    bad_marker[3] = 0;
    let cases: [(&str, Vec<u8>, (u8, u8)); 5] = [
        ("marker", bad_marker, (1, 1)),
        ("length", [&[0xFF; 16][..], &[0, 18, 4]].concat(), (1, 2)),
        ("type", encode(MessageType(9), &[]), (1, 3)),
        (
            "attribute length",
            encode(MessageType::UPDATE, &[0, 0, 0, 9]),
            (3, 1),
        ),
        (
            "prefix length",
            encode(MessageType::UPDATE, &[0, 2, 33, 1, 0, 0]),
            (3, 10),
        ),
    ];
    for (name, bytes, wanted) in cases {
        let mut peer = dialed(address);
        peer.send_bytes(&bytes);
        let reported = peer.expect_notification();
        assert_eq!((reported.code, reported.subcode), wanted, "{name}");
    }
    let _good = dialed(address);
}

#[test]
fn a_wrong_as_is_refused() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = Daemon::start(&lab, &neighbor(port, ""));
    let mut peer = RawPeer::accept(&listener);
    peer.send_bytes(&open(65009, [10, 0, 0, 2]).encode().expect("an OPEN"));
    let reported = peer.expect_notification();
    assert_eq!((reported.code, reported.subcode), (2, 2));
}

#[test]
fn an_update_with_a_bad_attribute_withdraws_its_routes_and_keeps_the_session() {
    let lab = Lab::new();
    let received = lab.path("received");
    let script = format!("cat > {}", received.display());
    let (_daemon, mut peer) = with_helper(&lab, &script, "receive { parsed; update; }");
    let mut body = announcement(65001, &[24, 203, 0, 113]);
    body[7] = 9;
    peer.send(MessageType::UPDATE, &body);
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 198, 51, 100]),
    );
    let lines = lab.lines("received", |lines| lines.len() >= 2);
    assert!(
        lines[0]
            .contains("\"withdraw\": { \"ipv4 unicast\": [ { \"nlri\": \"203.0.113.0/24\" } ] }"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].contains("\"error\": \"treat-as-withdraw\""),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("\"announce\""), "{}", lines[1]);
}

#[test]
fn validate_and_decode_refuse_with_1_and_say_why() {
    let lab = Lab::new();
    let path = lab.write("bad.conf", "neighbor 127.0.0.1 {\n  local-as 65000;\n");
    let (code, out, err) = run(&["validate", path.to_str().expect("a path in UTF-8")], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("bad.conf:1:") && err.contains("peer-as"),
        "{err}"
    );
    for payload in [
        "zz",
        "FFF",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF001402",
        "00000014400101",
    ] {
        let (code, out, err) = run(&["decode", payload], "");
        assert_eq!((code, out.as_str()), (1, "invalid payload\n"), "{payload}");
        assert!(err.starts_with("error: "), "{err}");
    }
}
