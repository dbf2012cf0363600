//! Helpers as processes: what they inherit, how their exit is reported, their stderr, and their last event.

use super::{announced, listener, neighbor, process, session, with_helper};
use crate::support::daemon::{Daemon, Lab, copy_environment, oxabgp, run, terminate, wait_for};

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
        "exec 7<{} 9<{}; exec 10<&7 251<&7; exec {} server {}",
        secret.display(),
        secret.display(),
        program.display(),
        path.display()
    );
    let mut shell = std::process::Command::new("bash");
    shell
        .args(["-c", &command])
        .stderr(std::process::Stdio::null());
    copy_environment(&oxabgp(&[]), &mut shell);
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

/// Waits until a process is a zombie: it has exited, and its parent has not asked for its status.
const UNTIL_ZOMBIE: &str =
    "until_zombie() { while [ \"$(cut -d' ' -f3 /proc/$1/stat)\" != Z ]; do sleep 0.05; done; }";

#[test]
fn a_script_may_leave_its_worker_in_the_background_which_ends_with_the_daemon() {
    let lab = Lab::new();
    let worker = lab.path("worker");
    let script = format!(
        "{UNTIL_ZOMBIE}\n(until_zombie $$; echo announce route 10.9.0.0/24 next-hop 192.0.2.1; exec sleep 600) &\n\
         echo $! > {0}.new; mv {0}.new {0}",
        worker.display()
    );
    let (daemon, mut peer) = with_helper(&lab, &script, "");
    announced(&mut peer, &[24, 10, 9, 0]);
    let log = daemon.log();
    assert_eq!(log.matches("the helper is started").count(), 1, "{log}");
    assert!(!log.contains("the helper ended"), "{log}");
    let worker = lab.lines("worker", |lines| !lines.is_empty());
    daemon.stop();
    assert!(!is_there(&worker[0]), "{worker:?}");
}

#[test]
fn what_a_helper_that_is_not_restarted_leaves_in_the_background_outlives_it() {
    let lab = Lab::new();
    let left = lab.path("left");
    let script = format!("sleep 600 > /dev/null 2>&1 &\necho $! > {}", left.display());
    let configuration =
        process(&lab, "helper", &script).replace("encoder json;", "encoder json; respawn false;");
    let daemon = Daemon::start(&lab, &configuration);
    daemon.logged("the helper is not started again");
    let left = lab.lines("left", |lines| !lines.is_empty());
    assert!(is_there(&left[0]), "{left:?}");
    let pid: i32 = left[0].parse().expect("a process ID");
    let kill = nix::sys::signal::Signal::SIGKILL;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), kill).expect("it is ours");
}

/// Returns `true` if the process runs.
fn is_there(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
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
fn a_script_that_the_kernel_does_not_execute_is_reported_with_the_reason() {
    let lab = Lab::new();
    for (text, reason) in [
        (
            "#!/no/such/python\n",
            "there is no interpreter `/no/such/python`",
        ),
        ("#!/bin/sh\r\nexec cat\r\n", "carriage return"),
        ("exec cat\n", "its first line is not `#!`"),
    ] {
        let path = lab.script("helper.sh", "");
        lab.write("helper.sh", text);
        let configuration = format!("process helper {{ run {path}; encoder json; }}\n");
        let file = lab.write("oxabgp.conf", &configuration);
        let file = file.to_str().expect("UTF-8");
        let (code, out, err) = run(&["validate", file], "");
        let said = out + &err;
        assert!(code == 0 && said.contains(reason), "{code} {said}");
        let daemon = Daemon::start(&lab, &configuration);
        let log = daemon.logged("the helper could not be started");
        let line = log
            .lines()
            .find(|line| line.contains("could not be started"));
        assert!(line.is_some_and(|line| line.contains(reason)), "{log}");
    }
}

/// Starts a daemon and ends it; its helper must have been notified before the end of its input.
fn a_shutdown_is_reported() {
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

#[test]
fn a_helper_is_notified_of_the_shutdown_before_its_stdin_is_closed() {
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(a_shutdown_is_reported);
        }
    });
}

#[test]
fn a_helper_that_a_reload_restarts_or_removes_is_told_of_the_signal() {
    let lab = Lab::new();
    let script = format!("cat > {}/events.$1", lab.path("").display());
    let path = lab.script("helper.sh", &script);
    let configuration = |argument: &str| {
        let run = format!("process helper {{ run {path} {argument}; encoder json; }}\n");
        run + &neighbor(1, "api { processes [ helper ]; signal; }")
    };
    let daemon = Daemon::start(&lab, &configuration("one"));
    daemon.logged("is running");
    lab.write("oxabgp.conf", &configuration("two"));
    daemon.signal("USR1");
    lab.lines("events.two", |_| true);
    lab.write("oxabgp.conf", &neighbor(1, ""));
    daemon.signal("USR1");
    wait_for("the reload", || {
        (daemon
            .log()
            .matches("the configuration is reloaded")
            .count()
            == 2)
            .then_some(())
    });
    for name in ["events.one", "events.two"] {
        lab.lines(name, |lines| {
            lines
                .iter()
                .any(|line| line.contains("\"name\": \"SIGUSR1\""))
        });
    }
}

/// The words of `/proc/self/NAME` in a line that begins with `head`.
fn facts(lines: &[String], head: &str) -> Vec<String> {
    let line = lines.iter().find_map(|line| line.strip_prefix(head));
    let line = line.unwrap_or_else(|| panic!("no `{head}` in {lines:?}"));
    line.split_whitespace().map(str::to_owned).collect()
}

/// A script that writes what the kernel knows of it.
fn census(lab: &Lab) -> String {
    format!(
        "cat /proc/self/status /proc/self/limits > {0}.new; ls -l /proc/self/fd >> {0}.new; env >> {0}.new\n\
         echo group $(cut -d' ' -f1,5 /proc/self/stat) shell $$ >> {0}.new; mv {0}.new {0}\nexec sleep 600",
        lab.path("open/facts").display()
    )
}

fn open_directory(lab: &Lab) {
    std::fs::create_dir(lab.path("open")).expect("a directory");
    for name in ["", "open"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(lab.path(name), mode).expect("a mode");
    }
}

#[test]
fn a_helper_has_no_socket_and_none_of_the_service_managers_variables() {
    let lab = Lab::new();
    open_directory(&lab);
    let (listener, port) = listener();
    let once = lab.path("once");
    // The second run starts while there are a session, a control socket and pipes of another helper.
    let script = format!(
        "if ! [ -e {0} ]; then touch {0}; read line; exit; fi\n{1}",
        once.display(),
        census(&lab)
    );
    let configuration = process(&lab, "helper", &script)
        + &process(&lab, "other", "exec sleep 600")
        + &neighbor(port, "api { processes [ helper ]; neighbor-changes; }");
    let socket = lab.path("control.sock");
    let daemon = Daemon::start_with(
        &lab,
        &configuration,
        &[
            ("LISTEN_FDS", "0"),
            ("LISTEN_PID", "1"),
            ("WATCHDOG_USEC", "60000000"),
            ("FOR_HELPERS", "yes"),
            ("exabgp_api_cli", "true"),
            ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
        ],
    );
    let _peer = session(&listener);
    let lines = lab.lines("open/facts", |lines| !lines.is_empty());
    daemon.stop();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(!has("socket:") && !has("anon_inode:"), "{lines:?}");
    for name in ["LISTEN_", "WATCHDOG_", "NOTIFY_SOCKET"] {
        assert!(!has(name), "{name}");
    }
    // All other variables are passed on, as in ExaBGP.
    assert!(has("FOR_HELPERS=yes") && has("TERM=dumb"));
    // Its process group is its own, so that Ctrl-C in a terminal reaches the daemon only, which ends it.
    let group = facts(&lines, "group ");
    assert_eq!(group[1], group[3], "{group:?}");
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_helper_has_the_user_and_the_limits_of_its_section() {
    let lab = Lab::new();
    open_directory(&lab);
    let root = nix::unistd::geteuid().is_root();
    let user = if root {
        "user nobody;"
    } else {
        eprintln!("SKIP: only root can start helpers as another user");
        ""
    };
    let path = lab.script("helper.sh", &census(&lab));
    let configuration = format!(
        "process helper {{ run {path} one \"two words\"; encoder json; {user} no-new-privileges true; \
         limit {{ memory 512M; files 64; cpu-time 10m; }} }}\n"
    );
    let daemon = Daemon::start(&lab, &configuration);
    let lines = lab.lines("open/facts", |lines| !lines.is_empty());
    assert_eq!(facts(&lines, "NoNewPrivs:"), ["1"]);
    assert_eq!(facts(&lines, "Max open files")[..2], ["64", "64"]);
    assert_eq!(
        facts(&lines, "Max address space")[0],
        (512 << 20).to_string()
    );
    assert_eq!(facts(&lines, "Max cpu time")[0], "600");
    let group = facts(&lines, "group ");
    assert_eq!(group[1], group[3], "{group:?}");
    if root {
        let nobody = nix::unistd::User::from_name("nobody");
        let nobody = nobody.expect("users").expect("nobody");
        let (uid, gid) = (nobody.uid.to_string(), nobody.gid.to_string());
        assert_eq!(facts(&lines, "Uid:"), vec![uid; 4]);
        assert_eq!(facts(&lines, "Gid:"), vec![gid.clone(); 4]);
        assert_eq!(facts(&lines, "Groups:"), [gid]);
    }
    // The daemon itself is not affected.
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
    let status: Vec<String> = status
        .expect("it runs")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(facts(&status, "NoNewPrivs:"), ["0"]);
}

#[test]
fn a_helper_that_exceeds_its_cpu_time_is_killed_and_restarted() {
    let lab = Lab::new();
    let path = lab.script("helper.sh", "while :; do :; done");
    let configuration =
        format!("process helper {{ run {path}; encoder json; limit {{ cpu-time 1; }} }}\n");
    let daemon = Daemon::start(&lab, &configuration);
    daemon.logged("signal: 9 (SIGKILL)");
    daemon.logged("started again");
}

#[test]
fn a_user_that_the_daemon_cannot_become_is_an_error_of_that_helper_only() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let lab = Lab::new();
    open_directory(&lab);
    let path = lab.script("helper.sh", "exec sleep 600");
    let configuration = format!("process helper {{ run {path}; encoder json; user daemon; }}\n");
    let settings = [("exabgp_daemon_user", "nobody")];
    let mut daemon = Daemon::start_with(&lab, &configuration, &settings);
    let log = daemon.logged("the helper could not be started");
    assert!(log.contains("only root can become another user"), "{log}");
    assert!(
        log.contains("it cannot start the program as `daemon`"),
        "{log}"
    );
    assert!(daemon.is_running());
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_helper_with_another_user_writes_no_file_with_the_rights_of_the_daemon() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can start helpers as another user");
        return;
    }
    let lab = Lab::new();
    open_directory(&lab);
    let file = lab.write("precious", "precious");
    let script = format!(
        "echo mrt dump {0}; read -r answer; echo \"$answer\" > {1}/open/answers; exec cat",
        file.display(),
        lab.path("").display()
    );
    let path = lab.script("helper.sh", &script);
    let configuration = format!("process helper {{ run {path}; encoder text; user nobody; }}\n");
    let daemon = Daemon::start(&lab, &configuration);
    let answers = lab.lines("open/answers", |lines| !lines.is_empty());
    assert_eq!(answers, ["error"], "{}", daemon.log());
    assert_eq!(std::fs::read(&file).expect("a file"), b"precious");
}

#[test]
fn a_confined_helper_that_can_not_be_executed_is_reported_once_and_ends_nothing() {
    let mut cases = vec![("no-new-privileges;", "helper.sh` can't be executed: ")];
    if nix::unistd::geteuid().is_root() {
        let reason = "helper.sh` can't be executed by the user `nobody`: ";
        cases.push(("user nobody;", reason));
    }
    for (confinement, reason) in cases {
        let lab = Lab::new();
        let (listener, port) = listener();
        let path = lab.script("helper.sh", "");
        lab.write("helper.sh", "#!/no/such/interpreter\n");
        let configuration = format!(
            "process helper {{ run {path}; encoder json; {confinement} }}\n{}",
            neighbor(port, "api { processes [ helper ]; }")
        );
        let mut daemon = Daemon::start(&lab, &configuration);
        let mut peer = session(&listener);
        let log = daemon.logged("the helper is not started again; sessions and routes stay");
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        let [error] = errors[..] else {
            panic!("{log}");
        };
        for text in ["the helper could not be started", &path, reason] {
            assert!(error.contains(text), "{error}");
        }
        assert!(!log.contains("the helper is started"), "{log}");
        peer.send(oxabgp::bgp::message::MessageType::KEEPALIVE, &[]);
        assert!(daemon.is_running());
    }
}

#[test]
fn texts_of_helpers_forge_no_lines_of_the_log() {
    let lab = Lab::new();
    let script = "printf '\\033[31mred\\rforged\\n' >&2\n\
                  printf 'announce route \\033[2Jcommand\\r2026 ERROR forged\\n'\nexec sleep 600";
    let daemon = Daemon::start(&lab, &process(&lab, "helper", script));
    daemon.logged("\\x1b[31mred\\x0dforged");
    daemon.logged("command=announce route \\x1b[2Jcommand\\x0d2026 ERROR forged");
    let log = daemon.log();
    assert!(!log.contains(['\x1b', '\r']), "{log}");
}
