//! `oxabgp top` in a terminal, which `script` (util-linux) provides.

use std::io::Write;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::control::{start, start_with};
use super::{listener, neighbor};
use crate::support::daemon::{Lab, oxabgp, wait_for};
use crate::support::terminal::terminal;

/// Leaves the alternate screen; the cursor is shown again.
const RESTORED: &str = "\x1b[?1049l\x1b[?25h";

/// The program in a terminal of 24 lines with 80 columns, and what it has written.
pub(super) struct Terminal {
    script: Child,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn top(lab: &Lab) -> Self {
        Self::open(lab, "top")
    }

    /// Runs a sub-command that is given the control socket of the daemon.
    pub(super) fn open(lab: &Lab, name: &str) -> Self {
        let (pid, socket) = (lab.path("top.pid"), lab.path("control.sock"));
        let command = format!(
            "stty rows 24 cols 80; echo $$ > {}; exec {} {name} --socket {}",
            pid.display(),
            env!("CARGO_BIN_EXE_oxabgp"),
            socket.display()
        );
        let (script, output) = terminal(&command);
        Self { script, output }
    }

    fn text(&self) -> String {
        let output = self.output.lock().expect("no panic");
        String::from_utf8_lossy(&output).into_owned()
    }

    /// Waits until it has written so much of a text.
    pub(super) fn shows(&self, text: &str, times: usize) {
        wait_for(&format!("`{text}` on the screen"), || {
            (self.text().matches(text).count() >= times).then_some(())
        });
    }

    pub(super) fn press(&mut self, keys: &str) {
        let stdin = self.script.stdin.as_mut().expect("a pipe");
        stdin.write_all(keys.as_bytes()).expect("a terminal");
        stdin.flush().expect("a terminal");
    }

    pub(super) fn ended(&mut self) -> ExitStatus {
        wait_for("the end of the view", || {
            self.script.try_wait().expect("a child")
        })
    }
}

fn pid(lab: &Lab) -> Pid {
    let lines = lab.lines("top.pid", |lines| !lines.is_empty());
    Pid::from_raw(lines[0].parse().expect("a number"))
}

#[test]
fn the_terminal_is_restored_however_the_view_ends() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start(&lab, port);
    for keys in ["q", "\x03"] {
        let mut terminal = Terminal::top(&lab);
        terminal.shows("127.0.0.1", 1);
        terminal.press(keys);
        assert!(terminal.ended().success(), "{keys:?}");
        terminal.shows(RESTORED, 1);
    }
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut terminal = Terminal::top(&lab);
        terminal.shows("127.0.0.1", 1);
        kill(pid(&lab), signal).expect("a process");
        let status = terminal.ended();
        terminal.shows(RESTORED, 1);
        // `script` reports the signal that has ended its command.
        assert_eq!(status.code(), Some(128 + signal as i32), "{signal}");
        assert!(terminal.text().ends_with(RESTORED), "{:?}", terminal.text());
        std::fs::remove_file(lab.path("top.pid")).expect("a file");
    }
}

#[test]
fn the_view_waits_for_a_daemon_that_goes_away() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let mut daemon = start(&lab, port);
    let mut terminal = Terminal::top(&lab);
    terminal.shows("127.0.0.1", 1);
    daemon.signal("TERM");
    daemon.ended();
    terminal.shows("the daemon has not answered for", 1);
    // What was there last stays on the screen.
    let seen = terminal.text().matches("127.0.0.1").count();
    terminal.shows("127.0.0.1", seen + 1);
    let body = "description \"other\"; hold-time 60;";
    let other = neighbor(port, body).replace("neighbor 127.0.0.1", "neighbor 127.0.0.77");
    let _daemon = start_with(&lab, &other);
    terminal.shows("127.0.0.77", 1);
    terminal.press("q");
    assert!(terminal.ended().success());
}

#[test]
fn what_is_not_for_a_terminal_is_complete() {
    let lab = Lab::new();
    let configuration: String = (1..=3)
        .map(|last| {
            neighbor(9, "").replace("neighbor 127.0.0.1", &format!("neighbor 127.0.0.{last}"))
        })
        .collect();
    let _daemon = start_with(&lab, &configuration);
    let socket = lab.path("control.sock");
    let output = oxabgp(&["top", "--socket", socket.to_str().expect("UTF-8")])
        .output()
        .expect("the program runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("LAST ERROR"), "{text}");
    assert!(!text.contains(['\u{1b}', '…']), "{text}");
    assert_eq!(text.matches("127.0.0.").count(), 3, "{text}");
}
