//! Operators who look on: `watch`, `system status`, `oxabgp top`, log lines as JSON.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use oxabgp::bgp::message::MessageType;
use serde_json::Value;

use super::control::{Client, start_with};
use super::top::Terminal;
use super::{listener, neighbor, process, session};
use crate::support::daemon::{Lab, oxabgp, wait_for};
use crate::support::peer::announcement;

#[test]
fn events_are_streamed_to_those_who_watch() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, ""));
    let socket = lab.path("control.sock");
    let socket = socket.to_str().expect("UTF-8");
    let mut child = oxabgp(&[
        "cli",
        "--socket",
        socket,
        "--json",
        "watch",
        "neighbor",
        "127.0.0.1",
        "updates",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    watchers(&lab, 1);
    let mut text = Client::new(&lab);
    assert_eq!(text.ask("watch neighbor 127.0.0.9 updates"), "done\n");
    // The first line shows the command with its form.
    let mut peer = session(&listener);
    let mut next = |kind: &str| -> Value {
        loop {
            let line = lines.next().expect("an event").expect("readable");
            if let Ok(event) = serde_json::from_str::<Value>(&line)
                && event["type"] == kind
            {
                return event;
            }
        }
    };
    // It may have been connected before.
    while next("state")["neighbor"]["state"] != "up" {}
    peer.send(MessageType::UPDATE, &announcement(65001, &[24, 10, 9, 8]));
    loop {
        let update = next("update").to_string();
        if update.contains("10.9.8.0/24") {
            break;
        }
    }
    drop(peer);
    assert_eq!(next("state")["neighbor"]["state"], "down");
    // Whoever leaves costs nothing more, and the other neighbor has no events.
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    drop(session(&listener));
    daemon.stop();
    assert_eq!(text.line(), "");
}

/// Waits until so many clients watch events.
fn watchers(lab: &Lab, count: usize) {
    wait_for(&format!("{count} watchers"), || {
        let status = Client::new(lab).ask("system status");
        let wanted = format!("\"watchers\": {count}");
        status.contains(&wanted).then_some(())
    });
}

#[test]
fn the_end_of_the_daemon_and_an_upgrade_end_a_watch_with_an_error() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, ""));
    let socket = lab.path("control.sock");
    let socket = socket.to_str().expect("UTF-8");
    let watch = |command: &str| {
        oxabgp(&[command, "--socket", socket, "watch"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    };
    let check = |child: std::process::Child, code: i32| {
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert_eq!(
            text,
            "error: the daemon has closed the connection: it has stopped, or was upgraded\n"
        );
    };
    let both = [watch("cli"), watch("run")];
    watchers(&lab, 2);
    super::upgrade::upgrade(&lab, &daemon);
    both.into_iter()
        .zip([1, 3])
        .for_each(|(child, code)| check(child, code));
    let both = [watch("cli"), watch("run")];
    watchers(&lab, 2);
    daemon.stop();
    both.into_iter()
        .zip([1, 3])
        .for_each(|(child, code)| check(child, code));
}

#[test]
fn an_interrupt_in_the_shell_ends_the_watch_only() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut terminal = Terminal::open(&lab, "cli");
    terminal.shows("oxabgp> ", 1);
    terminal.press("watch\r");
    watchers(&lab, 1);
    let _peer = session(&listener);
    terminal.shows("neighbor 127.0.0.1 up", 1);
    terminal.press("\x03");
    watchers(&lab, 0);
    terminal.shows("^C", 1);
    // The shell goes on, with a connection that has no events.
    terminal.press("show neighbor summary\r");
    terminal.shows("established", 1);
    terminal.press("exit\r");
    assert!(terminal.ended().success());
}

#[test]
fn text_is_streamed_as_well() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    assert!(client.ask("watch nonsense").ends_with("error\n"));
    assert_eq!(client.ask("watch"), "done\n");
    let _peer = session(&listener);
    wait_for("the session", || {
        Some(client.line()).filter(|line| line == "neighbor 127.0.0.1 up\n")
    });
}

#[test]
fn the_status_is_shown_on_the_control_socket() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "echo 'announce route 10.0.0.0/8 next-hop self'\ncat > /dev/null";
    let configuration =
        process(&lab, "helper", script) + &neighbor(port, "api { processes [ helper ]; }");
    let _daemon = start_with(&lab, &configuration);
    let _peer = session(&listener);
    let status = wait_for("the route", || {
        let text = Client::new(&lab).ask("system status");
        let text = text.strip_suffix("done\n").expect("its end");
        let status: Value = serde_json::from_str(text).expect("JSON");
        let neighbor = &status["neighbors"][0];
        let there = neighbor["up"] == true && neighbor["routes"]["out"]["ipv4 unicast"] == 1;
        there.then_some(status)
    });
    assert_eq!(status["processes"][0]["name"], "helper");
    assert_eq!(status["processes"][0]["up"], true);
    let socket = lab.path("control.sock");
    let output = oxabgp(&["top", "--socket", socket.to_str().expect("UTF-8")])
        .output()
        .expect("runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success() && text.contains("1 of 1 established"),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|line| line.starts_with("127.0.0.1") && line.contains("established")),
        "{text}"
    );
}

#[test]
fn log_lines_may_be_json_with_names_of_events() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let path = lab.write("a.conf", &neighbor(port, ""));
    let mut child = oxabgp(&[
        "server",
        "--log-format",
        "json",
        path.to_str().expect("UTF-8"),
    ])
    .stderr(Stdio::piped())
    .spawn()
    .expect("the program starts");
    let _peer = session(&listener);
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut names = Vec::new();
    for line in lines {
        let line = line.expect("readable");
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("JSON: {line}"));
        assert!(
            value["time"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z')),
            "{line}"
        );
        assert!(
            value["level"] == "info" || value["level"] == "warn",
            "{line}"
        );
        assert!(
            value["target"].is_string() && value["message"].is_string(),
            "{line}"
        );
        names.extend(value["event"].as_str().map(str::to_owned));
        if value["event"] == "session.state" && value["fields"]["to"] == "Established" {
            assert_eq!(value["fields"]["neighbor"], "127.0.0.1");
            break;
        }
    }
    assert!(names.contains(&"daemon.started".to_owned()), "{names:?}");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn errors_at_the_start_are_json_as_well() {
    let lab = Lab::new();
    let good = lab.write("good.conf", &neighbor(1790, ""));
    let bad = lab.write(
        "bad.conf",
        "neighbor 127.0.0.1 {\n hold-time 1;\n nonsense;\n}\n",
    );
    let (good, bad) = (good.to_string_lossy(), bad.to_string_lossy());
    let missing = lab.path("missing.conf");
    let missing = missing.to_string_lossy();
    let none: (&str, &str) = ("unused", "");
    for (arguments, variable, wanted, code) in [
        (vec![&*bad], none, "bad.conf:3:", 1),
        (vec![&*missing], none, "missing.conf", 1),
        (vec![&*missing, &*good], none, "there is no file `", 1),
        (vec![&*good], ("oxabgp_tcp_port", "x"), "expected a port", 1),
        (
            vec!["--env-file=/nowhere/file", &*good],
            none,
            "/nowhere/file",
            1,
        ),
        (
            vec!["--no-such-option", &*good],
            none,
            "--no-such-option",
            2,
        ),
        (
            vec!["--pdb", "--memory", &*bad],
            none,
            "`--pdb` has no effect",
            1,
        ),
    ] {
        let output = oxabgp(&["server", "--log-format", "json"])
            .args(&arguments)
            .env(variable.0, variable.1)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        for line in text.lines() {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("{arguments:?}: {line}"));
            let level = value["level"].as_str().unwrap_or_default();
            assert!(["error", "warn", "info"].contains(&level), "{line}");
            assert!(value["time"].is_string() && value["message"].is_string());
        }
        assert!(text.contains(wanted), "{wanted}: {text}");
        assert!(text.contains("\"level\":\"error\""), "{text}");
    }
}
