//! The health check as run by the daemon: connected to two pipes, with scripted checks.

mod daemon;
mod dns;
mod ini;
mod machine;
mod probe;
#[cfg(feature = "tls")]
mod tls;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::support::daemon::{Lab, PATIENCE, oxabgp, wait_for};

/// Options of every test: short intervals, no changes to the machine.
const QUIET: &str = "--no-syslog --no-ip-setup --interval 0.01 --fast-interval 0.01";

/// A health check between our pipes.
pub(crate) struct Health {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Health {
    /// Starts it with options separated by spaces, and some that contain spaces.
    pub(crate) fn start(options: &str, more: &[&str]) -> Self {
        let mut command = oxabgp(&["healthcheck"]);
        command.args(QUIET.split(' ').filter(|_| !options.contains("--interval")));
        if options.contains("--interval") {
            command.arg("--no-syslog");
        }
        command.args(options.split_ascii_whitespace()).args(more);
        Self::spawn(&mut command)
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            input,
            lines,
        }
    }

    /// The next command; empty at the end.
    pub(crate) fn command(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Disconnected) => String::new(),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no command and no end"),
        }
    }

    /// Returns `true` if it sends nothing for a while. On a slow machine the test is weaker, but does not fail.
    fn is_silent(&self) -> bool {
        self.lines.recv_timeout(Duration::from_millis(200)).is_err()
    }

    pub(crate) fn submit(&mut self, line: &str) {
        let input = self.input.as_mut().expect("an open pipe");
        writeln!(input, "{line}").expect("it listens");
    }

    /// Takes the next command and answers it.
    pub(crate) fn obey(&mut self) -> String {
        let command = self.command();
        self.submit("done");
        command
    }

    /// Answers commands until one contains that text.
    pub(crate) fn obey_until(&mut self, wanted: &str) -> String {
        loop {
            let command = self.obey();
            assert!(!command.is_empty(), "it ended before `{wanted}`");
            if command.contains(wanted) {
                return command;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args([format!("-{name}"), id]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Its remaining output, its log, and its exit code.
    pub(crate) fn end(mut self) -> (Vec<String>, String, Option<i32>) {
        let mut lines = Vec::new();
        loop {
            match self.command() {
                line if line.is_empty() => break,
                line => lines.push(line),
            }
        }
        drop(self.input.take());
        let output = self.child.wait_with_output().expect("an end");
        let log = String::from_utf8(output.stderr).expect("text");
        (lines, log, output.status.code())
    }
}

/// Checks that options are refused, and why.
pub(crate) fn refused(options: &[&str], wanted: &str) {
    let output = oxabgp(&["healthcheck", "--no-syslog", "--no-ip-setup"])
        .args(options)
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains(wanted),
        "{options:?}: {text}"
    );
}

/// A check whose results are letters in a file: `g`ood, `b`ad. The last one is repeated.
pub(crate) fn scripted(lab: &Lab, letters: &str) -> String {
    lab.write("letters", letters);
    let directory = lab.path("").display().to_string();
    lab.script(
        "check.sh",
        &format!(
            "cd {directory}; letter=$(head -c 1 letters); rest=$(tail -c +2 letters)\n\
             [ -z \"$rest\" ] || printf %s \"$rest\" > letters\n[ $letter = g ]"
        ),
    )
}

fn runs(pid: &str) -> bool {
    let stat = format!("/proc/{}/stat", pid.trim());
    std::fs::read_to_string(stat).is_ok_and(|text| !text.contains(") Z "))
}

#[test]
fn the_metric_follows_the_service_and_hooks_are_run() {
    let lab = Lab::new();
    let check = scripted(&lab, "gggbbbggg");
    let hooks = lab.path("hooks").display().to_string();
    let mut health = Health::start(
        "--ip 192.0.2.1 --ip 2001:db8::1 --debounce",
        &[
            "--cmd",
            &check,
            "--execute",
            &format!("echo all $STATE >> {hooks}"),
            "--down-execute",
            &format!("echo down >> {hooks}"),
        ],
    );
    for wanted in [
        "neighbor * announce route 192.0.2.1/32 next-hop self med 100",
        "neighbor * announce route 2001:db8::1/128 next-hop self med 101",
        "neighbor * announce route 192.0.2.1/32 next-hop self med 1000",
        "neighbor * announce route 2001:db8::1/128 next-hop self med 1001",
        "neighbor * announce route 192.0.2.1/32 next-hop self med 100",
        "neighbor * announce route 2001:db8::1/128 next-hop self med 101",
    ] {
        assert_eq!(health.obey(), wanted);
    }
    health.signal("TERM");
    assert_eq!(
        health.obey(),
        "neighbor * withdraw route 192.0.2.1/32 next-hop self"
    );
    assert_eq!(
        health.obey(),
        "neighbor * withdraw route 2001:db8::1/128 next-hop self"
    );
    let (rest, log, code) = health.end();
    assert_eq!((rest.len(), code), (0, Some(0)), "{log}");
    let reported = std::fs::read_to_string(lab.path("hooks")).expect("hooks ran");
    let reported: Vec<&str> = reported.lines().collect();
    assert_eq!(
        reported.join(" "),
        "all RISING all UP all FALLING down all DOWN all RISING all UP"
    );
}

#[test]
fn a_service_that_went_down_stays_down_for_the_flap_hold() {
    let lab = Lab::new();
    let check = scripted(&lab, "gbgggg");
    let mut health = Health::start(
        "--ip 192.0.2.1 --debounce --rise 1 --fall 1 --flap-hold 3600 --jitter 0.01",
        &["--cmd", &check],
    );
    let route = "neighbor * announce route 192.0.2.1/32 next-hop self";
    assert_eq!(health.obey(), format!("{route} med 100"));
    assert_eq!(health.obey(), format!("{route} med 1000"));
    wait_for("good checks", || {
        let left = std::fs::read_to_string(lab.path("letters"));
        left.ok().filter(|left| left == "g")
    });
    health.signal("TERM");
    let withdrawn = "neighbor * withdraw route 192.0.2.1/32 next-hop self";
    assert_eq!(health.obey(), withdrawn);
    let (rest, log, code) = health.end();
    assert_eq!((rest.len(), code), (0, Some(0)), "{log}");
    assert_eq!(log.matches("held back: `--flap-hold`").count(), 1, "{log}");
}

#[test]
fn without_debounce_every_round_is_announced() {
    let mut health = Health::start("--ip 192.0.2.1 --rise 1", &[]);
    for _ in 0..20 {
        assert_eq!(
            health.obey(),
            "neighbor * announce route 192.0.2.1/32 next-hop self med 100"
        );
    }
    // ^C has the same effect as SIGTERM, at any time.
    health.signal("INT");
    health.obey_until("withdraw");
    assert_eq!(health.end().2, Some(0));
}

#[test]
fn the_file_disables_while_it_is_there() {
    let lab = Lab::new();
    let file = lab.path("disabled").display().to_string();
    let options = format!(
        "--ip 192.0.2.1 --rise 1 --debounce --disable {file} --withdraw-on-down --path-id 4"
    );
    let mut health = Health::start(&options, &[]);
    let up = "neighbor * announce route 192.0.2.1/32 next-hop self med 100 path-information 4";
    assert_eq!(health.obey(), up);
    lab.write("disabled", "");
    assert_eq!(
        health.obey(),
        "neighbor * withdraw route 192.0.2.1/32 next-hop self path-information 4"
    );
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(health.obey(), up);
}

#[test]
fn one_command_waits_for_the_answer_to_the_one_before_and_events_are_none() {
    let mut health = Health::start("--ip 192.0.2.1 --ip 192.0.2.2 --rise 1", &[]);
    assert!(health.command().contains("192.0.2.1/32"));
    health
        .submit("{ \"exabgp\": \"5.0.0\", \"time\": 1.0, \"type\": \"state\", \"neighbor\": { } }");
    health.submit("neighbor 192.0.2.9 up");
    assert!(health.is_silent(), "an event is no answer");
    health.submit("error");
    assert!(health.command().contains("192.0.2.2/32"));
    health.submit("done");
    health.signal("TERM");
    health.obey_until("withdraw");
    health.obey_until("withdraw");
    let (_, log, _) = health.end();
    assert!(
        log.contains(
            "WARNING[healthcheck] the daemon refused: neighbor * announce route 192.0.2.1/32"
        ),
        "{log}"
    );
}

#[test]
fn a_daemon_that_does_not_answer_does_not_delay_the_end() {
    let mut health = Health::start("--ip 192.0.2.1 --rise 1", &[]);
    assert!(health.command().contains("announce"));
    assert!(health.is_silent(), "it waits for an answer");
    health.signal("TERM");
    let (rest, log, code) = health.end();
    assert_eq!(
        rest,
        ["neighbor * withdraw route 192.0.2.1/32 next-hop self"]
    );
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn answers_are_not_waited_for_without_ack_or_without_input() {
    let mut health = Health::start("--ip 192.0.2.1 --ip 192.0.2.2 --rise 1 --no-ack", &[]);
    for _ in 0..10 {
        assert!(health.command().contains("announce"));
    }
    drop(health);
    let mut health = Health::start("--ip 192.0.2.1 --rise 1", &[]);
    drop(health.input.take());
    for _ in 0..10 {
        assert!(health.command().contains("announce"));
    }
    health.signal("TERM");
    assert_eq!(health.end().2, Some(0));
}

#[test]
fn a_daemon_that_is_gone_ends_it() {
    // With --debounce it would not write anything for a long time, and so not notice by itself.
    let mut child = oxabgp(&["healthcheck", "--no-syslog", "--no-ip-setup", "--debounce"])
        .args(["--ip", "192.0.2.1", "--rise", "1", "--interval", "100000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert!(line.contains("announce"));
    drop(output);
    let status = wait_for("its end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_check_that_hangs_fails_and_its_children_end_with_it() {
    let lab = Lab::new();
    let directory = lab.path("").display().to_string();
    let check = lab.script(
        "check.sh",
        &format!("cd {directory}; sleep 1000 & echo $! >> pids; echo $$ >> pids; wait"),
    );
    let pids = |count: usize| lab.lines("pids", |lines| lines.len() >= count);
    let mut health = Health::start(
        "--ip 192.0.2.1 --fall 1 --timeout 0.3 --debounce",
        &["--cmd", &check],
    );
    assert!(health.obey().ends_with("med 1000"));
    let first = pids(2);
    wait_for("the end of the first check", || {
        (!first[..2].iter().any(|pid| runs(pid))).then_some(())
    });
    // And one that is running when the health check is terminated.
    let last = pids(4);
    health.signal("TERM");
    health.obey_until("withdraw");
    let (_, log, _) = health.end();
    assert!(log.contains("took longer than 0.3 s"), "{log}");
    let all = pids(last.len());
    wait_for("the end of all checks", || {
        (!all.iter().any(|pid| runs(pid))).then_some(())
    });
}

#[test]
fn options_come_from_a_file_and_errors_are_shown_in_their_place() {
    let lab = Lab::new();
    let good = lab.write(
        "good",
        "# a check\nip = 192.0.2.1\n\nup-metric=7\nno-ip-setup\nrise = 1\ncommunity = 65000:1 no-export\n",
    );
    let good = good.to_str().expect("UTF-8");
    let mut health = Health::start("--up-metric 8 --ip 192.0.2.2", &["--config", good]);
    for wanted in [
        "neighbor * announce route 192.0.2.1/32 next-hop self med 8 community [ 65000:1 no-export ]",
        "neighbor * announce route 192.0.2.2/32 next-hop self med 9 community [ 65000:1 no-export ]",
    ] {
        assert_eq!(health.obey(), wanted);
    }
    drop(health);
    for (text, place) in [
        (
            "ip = 192.0.2.1\n\nrise = much\n",
            ":3: invalid value 'much'",
        ),
        ("# x\nwhat = 1\n", ":2: unexpected argument '--what'"),
        ("debug = yes\n", ":1: unexpected"),
        ("--ip = 192.0.2.1\n", ":1: unexpected argument"),
        ("interval =\n", ":1: invalid value ''"),
    ] {
        let path = lab.write("bad", text);
        let path = path.to_str().expect("UTF-8");
        let (code, out, err) = super::run(&mut oxabgp(&["healthcheck", "-F", path]), "");
        assert_eq!((code, out.as_str()), (2, ""), "{text}");
        assert!(err.starts_with(&format!("error: {path}{place}")), "{err}");
    }
    let (code, _, err) = super::run(&mut oxabgp(&["healthcheck", "-F", "/nowhere"]), "");
    assert_eq!(code, 1);
    assert!(err.starts_with("error: /nowhere: "), "{err}");
}

#[test]
fn an_interval_of_zero_announces_once() {
    let lab = Lab::new();
    let pid = lab.path("pid").display().to_string();
    let (code, out, err) = super::run(
        oxabgp(&[
            "healthcheck",
            "--ip",
            "192.0.2.0/30",
            "--deaggregate-networks",
        ])
        .args(["--start-ip", "2", "--interval", "0", "--fast-interval", "0"])
        .args(["--no-ip-setup", "--no-syslog", "--pid", &pid]),
        "",
    );
    assert_eq!(code, 0, "{err}");
    let wanted: String = [(2, 100), (3, 101), (0, 102), (1, 103)]
        .map(|(host, metric)| {
            format!("neighbor * announce route 192.0.2.{host}/32 next-hop self med {metric}\n")
        })
        .concat();
    assert_eq!(out, wanted);
    let written = std::fs::read_to_string(&pid).expect("a pid file");
    assert!(written.trim().parse::<u32>().is_ok());
    assert!(err.contains("INFO[healthcheck] the service is UP"), "{err}");
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for (options, wanted, help) in [
        ("--ip 192.0.2.1/24", 2, "the network is `192.0.2.0/24`"),
        (
            "--ip 192.0.2.1 --silent --no-syslog",
            2,
            "cannot be used with",
        ),
        ("--ip 192.0.2.1 --interval=-1", 2, "out of range"),
        ("--ip 192.0.2.1 --neighbor all", 2, "an IP address or `*`"),
        ("--ip 192.0.2.1 --pid /nowhere/pid", 2, "/nowhere/pid"),
        (
            "--ip 192.0.2.1 --no-ip-setup --no-syslog --user not-a-user",
            1,
            "unknown user `not-a-user`",
        ),
        (
            "--ip 192.0.2.1 --ip-ifname 192.0.2.2%eth0",
            1,
            "needs `--ip 192.0.2.2`",
        ),
        (
            "--ip 192.0.2.1 --syslog-facility local9",
            1,
            "unknown syslog facility `local9`",
        ),
        (
            "--ip 2001:db8::/64 --no-syslog --deaggregate-networks --no-ip-setup",
            1,
            "more than 65536 addresses",
        ),
    ] {
        let mut command = oxabgp(&["healthcheck"]);
        command.args(options.split(' '));
        let (code, out, err) = super::run(&mut command, "");
        assert_eq!((code, out.as_str()), (wanted, ""), "{options}: {err}");
        assert!(err.contains(help), "{options}: {err}");
    }
    let newline = "65000:1\nwithdraw route 0.0.0.0/0";
    let mut command = oxabgp(&["healthcheck", "--ip", "192.0.2.1", "--community", newline]);
    let (code, out, err) = super::run(&mut command, "");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("control character"), "{err}");
}

#[test]
fn the_help_shows_how_it_is_used() {
    let (code, out, _) = super::run(&mut oxabgp(&["healthcheck", "--help"]), "");
    assert_eq!(code, 0);
    for wanted in [
        "run oxabgp healthcheck --ip 198.51.100.53 --dns 198.51.100.53 --dns-query",
        "withdraw-on-down\n",
        "oxabgp healthcheck --cmd true --rise 1 --interval 0",
        "--dynamic-ip-setup",
    ] {
        assert!(out.contains(wanted), "{wanted} in\n{out}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn who_is_the_user_already_keeps_its_group() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can start a process as another user");
        return;
    }
    let as_nobody = ["--reuid", "nobody", "--regid", "daemon", "--clear-groups"];
    let options = "healthcheck --no-syslog --no-ip-setup --no-ack --user nobody --ip 192.0.2.1 --rise 1 --interval 0";
    let output = Command::new("setpriv")
        .args(as_nobody)
        .arg(env!("CARGO_BIN_EXE_oxabgp"))
        .args(options.split(' '))
        .stdin(Stdio::null())
        .output()
        .expect("setpriv runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(
        output.stdout.starts_with(b"neighbor * announce "),
        "{error}"
    );
}
