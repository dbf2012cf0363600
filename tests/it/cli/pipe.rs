//! `oxabgp pipe`: one session between the ends of a pipeline.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use oxabgp::bgp::message::MessageType;

use super::{run, start, texts};
use crate::daemon::{announced, listener, session, update};
use crate::support::daemon::{Lab, oxabgp, terminate, wait_for};
use crate::support::peer::{RawPeer, announcement};

fn pipe(port: u16, more: &[&str]) -> Command {
    let port = port.to_string();
    let mut arguments = vec![
        "pipe",
        "--local-as",
        "65000",
        "--peer",
        "127.0.0.1",
        "--peer-as",
        "65001",
        "--port",
        &port,
    ];
    arguments.extend(more);
    oxabgp(&arguments)
}

#[test]
fn all_of_the_input_is_with_the_peer_before_it_leaves() {
    let (listener, port) = listener();
    let count = 3000;
    let peer = std::thread::spawn(move || {
        let mut peer = session(&listener);
        let mut routes = 0;
        while routes < count {
            let body = update(&mut peer);
            let update = oxabgp::bgp::message::update::Update::new(&body).expect("an UPDATE");
            routes += update.nlri.len() / 4;
        }
        peer.expect_notification().code
    });
    // The last line has no newline.
    let lines: Vec<String> = (0..count)
        .map(|number| {
            let (high, low) = (number / 250, number % 250);
            format!("announce route 10.{high}.{low}.0/24 next-hop 192.0.2.1 med {number}")
        })
        .collect();
    let (code, out, err) = run(&mut pipe(port, &["--leave"]), &lines.join("\n"));
    assert_eq!(code, 0, "{err}");
    // One for each MED, and two End-of-RIB markers.
    assert!(err.contains(" updates_sent=3002 "), "{err}");
    assert_eq!(peer.join().expect("a peer that hears all"), 6);
    let events: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let states: Vec<&str> = events
        .iter()
        .filter_map(|event| event["neighbor"]["state"].as_str())
        .collect();
    assert_eq!(states, ["connected", "up", "down"]);
}

#[test]
fn the_session_is_kept_and_reports_what_the_peer_announces() {
    let (listener, port) = listener();
    let mut child = start(&mut pipe(port, &["--family", "ipv4 unicast", "--text"]));
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(
        input,
        "enable-ack\nannounce route 10.8.0.0/16 next-hop self"
    )
    .expect("written");
    drop(input);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 8]);
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    let lines = BufReader::new(child.stdout.as_mut().expect("a pipe")).lines();
    let mut received = Vec::new();
    for line in lines {
        received.push(line.expect("text"));
        if received.iter().any(|line| line.contains("203.0.113.0/24")) {
            break;
        }
    }
    // The first events may arrive before the answers.
    assert_eq!(received.iter().filter(|line| *line == "done").count(), 2);
    assert!(
        received.iter().any(|line| line == "neighbor 127.0.0.1 up"),
        "{received:#?}"
    );
    // Logged within a moment. The pipe stays open until the program has ended.
    let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let kept = "all of the input is on the wire; the session is kept";
    assert!(log.any(|line| line.expect("text").contains(kept)), "{kept}");
    terminate(&child);
    assert_eq!(peer.expect_notification().code, 6);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    drop(log);
}

#[test]
fn a_refused_command_is_reported_and_seen_in_the_exit_code() {
    let (listener, port) = listener();
    let peer = std::thread::spawn(move || {
        let mut peer = session(&listener);
        announced(&mut peer, &[16, 10, 8]);
        peer.expect_notification().code
    });
    let input = "announce route 10.9.0.0/99 next-hop 192.0.2.1\nannounce route 10.8.0.0/16 next-hop 192.0.2.1\n";
    let (code, out, err) = run(&mut pipe(port, &["--leave"]), input);
    assert_eq!(code, 1);
    assert!(
        err.contains("announce route 10.9.0.0/99") && err.contains("refused"),
        "{err}"
    );
    assert!(!out.contains("error"), "{out}");
    assert_eq!(peer.join().expect("a peer"), 6);
}

#[test]
fn input_that_ends_inside_of_a_batch_or_a_set_is_reported() {
    for begins in [
        "begin\nannounce route 10.9.0.0/16 next-hop 192.0.2.1\n",
        "set z replace revision 1\nroute 10.9.0.0/16 next-hop 192.0.2.1\n",
    ] {
        let (listener, port) = listener();
        let peer = std::thread::spawn(move || session(&listener).expect_notification().code);
        let (code, _, err) = run(&mut pipe(port, &["--leave"]), begins);
        assert_eq!(code, 1, "{begins}: {err}");
        assert!(err.contains("the input ended before `commit`"), "{err}");
        assert_eq!(peer.join().expect("a peer"), 6);
    }
}

#[test]
fn input_that_cannot_be_read_to_its_end_is_no_success() {
    let (listener, port) = listener();
    let lab = Lab::new();
    let folder = std::fs::File::open(lab.path("")).expect("a directory");
    let peer = std::thread::spawn(move || session(&listener).expect_notification().code);
    let output = pipe(port, &["--leave"]).stdin(folder).output();
    let (code, _, err) = texts(output.expect("it runs"));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("the standard input cannot be read"), "{err}");
    assert!(!err.contains("all of the input is on the wire"), "{err}");
    assert_eq!(peer.join().expect("a peer"), 6);
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let (listener, port) = listener();
    let full = std::fs::File::create("/dev/full").expect("a device");
    let output = pipe(port, &["--leave"]).stdout(full).output();
    let (code, _, err) = texts(output.expect("it runs"));
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("the standard output cannot be written"),
        "{err}"
    );
    drop(listener);
}

#[test]
fn who_closes_the_output_ends_it() {
    let (listener, port) = listener();
    let mut child = start(&mut pipe(port, &[]));
    let input = child.stdin.take();
    drop(child.stdout.take());
    // The first event is that of the connection.
    let mut peer = RawPeer::accept(&listener);
    peer.expect_close();
    let status = wait_for("its end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
    drop(input);
}

#[test]
fn options_that_make_no_neighbour_are_refused() {
    let (code, _, err) = run(&mut pipe(1, &["--family", "ipv4 unicorn"]), "");
    assert_eq!(code, 1);
    assert!(err.contains("unicorn"), "{err}");
    let (code, _, _) = run(&mut oxabgp(&["pipe", "--peer", "192.0.2.1"]), "");
    assert_eq!(code, 2);
}

#[test]
fn a_session_that_does_not_come_up_ends_with_a_code_of_its_own() {
    let (free, port) = listener();
    drop(free);
    for more in [&["--leave", "--timeout", "0.5"][..], &["--timeout", "0.5"]] {
        let (code, _, err) = run(&mut pipe(port, more), "");
        assert_eq!(code, 4, "{more:?}: {err}");
        assert!(err.contains("`--timeout`"), "{err}");
    }
}

#[test]
fn a_peer_with_another_as_is_given_up() {
    let (listener, port) = listener();
    let child = start(&mut pipe(port, &["--leave", "--timeout", "1"]));
    let mut peer = RawPeer::accept(&listener);
    peer.expect(MessageType::OPEN);
    peer.send(MessageType::OPEN, &open_body(64999));
    let notification = peer.expect_notification();
    assert_eq!((notification.code, notification.subcode), (2, 2));
    drop((peer, listener));
    let (code, _, err) = texts(child.wait_with_output().expect("it ends"));
    assert_eq!(code, 4, "{err}");
}

#[test]
fn a_timeout_of_zero_is_none_and_nonsense_is_a_usage_error() {
    let (code, _, err) = run(&mut pipe(1, &["--timeout=-1"]), "");
    assert_eq!(code, 2, "{err}");
    let (listener, port) = listener();
    let mut child = start(&mut pipe(port, &["--leave", "--timeout", "0"]));
    drop(session(&listener));
    assert!(child.try_wait().expect("a status").is_none());
    terminate(&child);
    let status = wait_for("its end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
}

/// The body of a plain OPEN of that AS.
fn open_body(asn: u16) -> Vec<u8> {
    let [high, low] = asn.to_be_bytes();
    vec![4, high, low, 0, 90, 10, 0, 0, 2, 0]
}
