//! The log on a stderr that cannot be written: sessions continue.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::control::Client;
use super::{announced, listener, neighbor, session};
use crate::support::daemon::{Lab, oxabgp, terminate, wait_for};
use crate::support::peer::RawPeer;

const ROUTE: &str = "static { route 10.9.0.0/16 next-hop 192.0.2.1; }";

/// A daemon with one neighbor that logs everything on `stderr`, its lab, and the peer's listening socket.
fn start(stderr: impl Into<Stdio>) -> (Lab, Child, TcpListener) {
    let lab = Lab::new();
    let (listener, port) = listener();
    let path = lab.write("oxabgp.conf", &neighbor(port, ROUTE));
    let mut command: Command = oxabgp(&["server", path.to_str().expect("UTF-8")]);
    let child = command
        .env("exabgp_log_level", "DEBUG")
        .env("exabgp_log_all", "true")
        .env("exabgp_api_cli", "true")
        .env("exabgp_api_pipename", "oxabgp-test")
        .env("oxabgp_api_socketpath", lab.path("control.sock"))
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn();
    (lab, child.expect("the program starts"), listener)
}

/// Reloads, announces a route, and stops: each logs many lines.
fn continues(lab: &Lab, child: &mut Child, peer: &mut RawPeer) {
    announced(peer, &[16, 10, 9]);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process number"));
    kill(pid, Signal::SIGUSR1).expect("it runs");
    let said = Client::new(lab).ask("announce route 10.8.0.0/16 next-hop 192.0.2.1");
    assert_eq!(said, "done\n");
    announced(peer, &[16, 10, 8]);
    terminate(child);
    assert_eq!(peer.expect_notification().code, 6);
    let status = wait_for("the daemon to end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_full_disk_under_stderr_ends_no_session() {
    let full = File::options().write(true).open("/dev/full");
    let (lab, mut child, listener) = start(full.expect("a device"));
    let mut peer = session(&listener);
    continues(&lab, &mut child, &mut peer);
}

#[test]
fn a_reader_of_stderr_that_exits_ends_no_session() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (lab, mut child, listener) = start(writer);
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    while !line.contains("is running") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).expect("text"), 0, "no log");
    }
    drop(reader);
    let mut peer = session(&listener);
    continues(&lab, &mut child, &mut peer);
}

#[test]
fn a_reader_of_stderr_that_stops_reading_holds_no_session_up() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (lab, mut child, listener) = start(writer);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 9]);
    let mut client = Client::new(&lab);
    // More than the pipe holds.
    for number in 0..1000 {
        let command = format!(
            "announce route 10.{}.{}.0/24 next-hop 192.0.2.1",
            number / 250,
            number % 250
        );
        assert_eq!(client.ask(&command), "done\n");
    }
    terminate(&child);
    assert_eq!(peer.expect_notification().code, 6);
    let status = wait_for("the daemon to end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
    drop(reader);
}
