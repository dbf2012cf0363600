//! SIGINT stays ignored where the program was started so, as a shell starts what runs in the background.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use crate::daemon::{listener, neighbor};
use crate::support::daemon::{Lab, copy_environment, is_ignored, oxabgp, terminate};

/// Starts the program with SIGINT ignored.
fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' INT; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_oxabgp"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    copy_environment(&oxabgp(&[]), &mut command);
    command.spawn().expect("the program starts")
}

/// Reads up to a line with this text, and checks that SIGINT is ignored then.
fn check(mut child: Child, mut output: impl BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(output.read_line(&mut line).expect("text") > 0, "{text}");
    }
    assert!(is_ignored(child.id(), Signal::SIGINT), "{text}");
    assert!(!is_ignored(child.id(), Signal::SIGTERM), "{text}");
    terminate(&child);
    // It may write more.
    std::io::copy(&mut output, &mut std::io::sink()).expect("text");
    child.wait().expect("it ends");
}

#[test]
fn the_daemon_keeps_it() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let path = lab.write("a.conf", &neighbor(port, ""));
    let mut child = start(&["server", path.to_str().expect("UTF-8")]);
    let log = BufReader::new(child.stderr.take().expect("a pipe"));
    check(child, log, "is running");
}

#[test]
fn a_health_check_keeps_it() {
    let options = ["--no-syslog", "--no-ip-setup", "--ip", "192.0.2.1"];
    let mut child = start(&[&["healthcheck", "--rise", "1"], &options[..]].concat());
    let commands = BufReader::new(child.stdout.take().expect("a pipe"));
    check(child, commands, "announce route 192.0.2.1/32");
}

#[cfg(feature = "stream")]
#[test]
fn a_feed_that_is_counted_keeps_it() {
    let mut child = start(&["stream", "--count-only", "--bmp", "127.0.0.1:0"]);
    let notes = BufReader::new(child.stderr.take().expect("a pipe"));
    check(child, notes, "listening for BMP");
}
