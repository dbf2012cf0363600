//! Helpers as processes: what they inherit, how their exit is reported, their stderr, and their last event.

use super::{listener, neighbor, process, session, with_helper};
use crate::support::daemon::{Daemon, Lab, oxabgp, terminate, wait_for};

#[test]
fn a_helper_inherits_no_descriptor_but_the_first_three() {
    let lab = Lab::new();
    let received = lab.path("received");
    // The shell that checks this has one itself, for the directory.
    let script = format!(
        "for fd in /proc/self/fd/*; do readlink $fd; done > {0}.new; mv {0}.new {0}\nexec sleep 600",
        received.display()
    );
    let configuration = process(&lab, "helper", &script);
    let path = lab.write("oxabgp.conf", &configuration);
    let secret = lab.write("secret", "");
    let program = oxabgp(&[]).get_program().to_owned();
    let command = format!(
        "exec 7<{} 9<{}; exec {} server {}",
        secret.display(),
        secret.display(),
        program.display(),
        path.display()
    );
    let template = oxabgp(&[]);
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", &command])
        .stderr(std::process::Stdio::null());
    for (name, value) in template.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut child = shell.spawn().expect("a shell");
    let open = lab.lines("received", |lines| !lines.is_empty());
    terminate(&child);
    wait_for("the end", || child.try_wait().expect("a status"));
    assert!(open.iter().all(|path| !path.contains("secret")), "{open:?}");
}

#[test]
fn the_end_of_a_helper_names_its_status_or_signal_and_its_stderr_has_its_name() {
    for (end, wanted) in [
        ("exit 7", "the helper ended: exit status: 7"),
        ("kill -KILL $$", "the helper ended: signal: 9 (SIGKILL)"),
    ] {
        let lab = Lab::new();
        let once = lab.path("once");
        let script = format!(
            "if [ -e {0} ]; then exec sleep 600; fi\ntouch {0}\n\
             echo something is wrong >&2; printf 'and unfinished' >&2\n{end}",
            once.display()
        );
        let (daemon, _peer) = with_helper(&lab, &script, "");
        daemon.logged("started again");
        let log = daemon.log();
        for text in [wanted, "something is wrong", "and unfinished"] {
            let line = log.lines().find(|line| line.contains(text));
            let line = line.unwrap_or_else(|| panic!("no `{text}` in {log}"));
            assert!(line.contains("process=helper"), "{line}");
        }
    }
}

#[test]
fn the_stderr_of_helpers_is_shown_whatever_the_level_of_the_log() {
    let lab = Lab::new();
    let script = "echo something is wrong >&2\nexec sleep 600";
    let configuration = process(&lab, "helper", script);
    let settings = [("exabgp_log_enable", "false")];
    let daemon = Daemon::start_with(&lab, &configuration, &settings);
    daemon.logged("something is wrong");
}

#[test]
fn a_helper_is_notified_of_the_shutdown_before_its_stdin_is_closed() {
    for _ in 0..10 {
        let lab = Lab::new();
        let received = lab.path("received");
        let (listener, port) = listener();
        // It exits only at the end of its input, not on SIGTERM.
        let script = format!("trap '' TERM\ncat > {}\n", received.display());
        let api = "api { processes [ helper ]; neighbor-changes; }";
        let configuration = process(&lab, "helper", &script) + &neighbor(port, api);
        let mut daemon = Daemon::start(&lab, &configuration);
        let mut peer = session(&listener);
        daemon.signal("TERM");
        peer.expect_notification();
        assert_eq!(daemon.ended().code(), Some(0));
        let text = std::fs::read_to_string(&received).expect("it was started");
        let last = text.lines().last().unwrap_or_default();
        assert!(
            last.contains("\"type\": \"notification\"") || last.contains("shutdown"),
            "{text}"
        );
        assert!(text.contains("\"shutdown\""), "{text}");
    }
}
