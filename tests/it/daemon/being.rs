//! Running as a daemon: notifications to systemd, files, privileges, logs, and several configurations in one
//! invocation.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use oxabgp::bgp::message::MessageType;

use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{
    Daemon, Lab, PATIENCE, copy_environment, oxabgp, terminate, wait_for,
};
use crate::support::peer::announcement;

/// The daemon's notifications to systemd.
struct Systemd(UnixDatagram);

impl Systemd {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        Self(socket)
    }

    fn next(&self) -> String {
        let mut chunk = [0; 4096];
        let count = self.0.recv(&mut chunk).expect("a message");
        String::from_utf8_lossy(&chunk[..count]).into_owned()
    }

    /// Reads until a notification starts with that text; watchdog messages are skipped.
    fn until(&self, start: &str) -> String {
        loop {
            let recorded = self.next();
            if recorded.starts_with(start) {
                return recorded;
            }
            assert_eq!(recorded.trim(), "WATCHDOG=1", "before {start}");
        }
    }
}

#[test]
fn systemd_is_notified_of_readiness_life_reloads_and_the_end() {
    let lab = Lab::new();
    let socket = lab.path("notify");
    let systemd = Systemd::new(&socket);
    let (_listener, port) = listener();
    let settings = [
        ("NOTIFY_SOCKET", socket.to_str().expect("UTF-8")),
        ("WATCHDOG_USEC", "200000"),
    ];
    let configuration = neighbor(port, "");
    let mut daemon = Daemon::start_with(&lab, &configuration, &settings);
    systemd.until("READY=1");
    for _ in 0..3 {
        assert_eq!(systemd.next().trim(), "WATCHDOG=1");
    }
    for text in [&configuration, "no such thing", &configuration] {
        lab.write("oxabgp.conf", text);
        daemon.signal("USR1");
        let reloading = systemd.until("RELOADING=1");
        let time = reloading
            .lines()
            .find_map(|line| line.strip_prefix("MONOTONIC_USEC="))
            .unwrap_or_else(|| panic!("no time in {reloading:?}"));
        assert!(time.parse::<u64>().expect("microseconds") > 0);
        // Whether or not the file was valid: the daemon is ready again.
        systemd.until("READY=1");
    }
    daemon.signal("TERM");
    systemd.until("STOPPING=1");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn helpers_do_not_inherit_systemd_variables_and_have_the_mask_and_the_root() {
    let lab = Lab::new();
    let (facts, socket) = (lab.path("facts"), lab.path("notify"));
    let systemd = Systemd::new(&socket);
    let script = format!(
        "{{ umask; pwd; echo \"[$NOTIFY_SOCKET]\" \"[$TERM]\"; echo end; }} > {}\nexec sleep 600",
        facts.display()
    );
    let (_listener, port) = listener();
    let pid_file = lab.path("pid");
    let settings = [
        ("NOTIFY_SOCKET", socket.to_str().expect("UTF-8")),
        ("exabgp_daemon_umask", "0027"),
        ("exabgp_daemon_pid", pid_file.to_str().expect("UTF-8")),
    ];
    let configuration = process(&lab, "helper", &script) + &neighbor(port, "");
    let mut daemon = Daemon::start_with(&lab, &configuration, &settings);
    systemd.until("READY=1");
    let facts = lab.lines("facts", |lines| {
        lines.last().is_some_and(|last| last == "end")
    });
    assert_eq!(facts, ["0027", "/", "[] [dumb]", "end"]);
    let text = std::fs::read_to_string(&pid_file).expect("a pid file");
    assert_eq!(text, format!("{}\n", daemon.pid()));
    let mode = std::fs::metadata(&pid_file).expect("facts").permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
    // A second one is refused while the first is running.
    let second = Lab::new();
    let socket = second.path("control.sock");
    let control = [
        ("exabgp_api_cli", "true"),
        ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
        settings[2],
    ];
    let mut other = Daemon::start_with(&second, &neighbor(port, ""), &control);
    assert_eq!(other.ended().code(), Some(1));
    let log = other.log();
    assert!(log.contains("is still running"), "{log}");
    assert!(log.contains("the control socket is open"), "{log}");
    assert!(!socket.exists());
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(!pid_file.exists());
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn root_becomes_another_user_with_its_groups_before_or_after_the_helpers_start() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can become another user");
        return;
    }
    let lab = Lab::new();
    // A file that any user may write to.
    let directory = lab.path("open");
    std::fs::create_dir(&directory).expect("a directory");
    for path in [lab.path(""), directory.clone()] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("a mode");
    }
    for (drop, wanted) in [("true", "nobody"), ("false", "root")] {
        let facts = directory.join(drop);
        let script = format!(
            "id -un > {0}; id -Gn >> {0}; echo end >> {0}\nexec cat > /dev/null",
            facts.display()
        );
        let (_listener, port) = listener();
        let configuration = process(&lab, "helper", &script) + &neighbor(port, "");
        let settings = [
            ("exabgp_daemon_user", "nobody"),
            ("exabgp_daemon_drop", drop),
            ("oxabgp_daemon_no-new-privileges", drop),
        ];
        let daemon = Daemon::start_with(&lab, &configuration, &settings);
        daemon.logged("is running");
        let name = format!("open/{drop}");
        let facts = lab.lines(&name, |lines| {
            lines.last().is_some_and(|last| last == "end")
        });
        assert_eq!(facts[0], wanted, "drop {drop}");
        // The user is `nobody` in either case, and has none of root's groups.
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
        let status = status.expect("it runs");
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.expect("a line").trim().to_owned()
        };
        let nobody = nix::unistd::User::from_name("nobody")
            .expect("users")
            .expect("nobody");
        assert_eq!(
            line("Uid:").split('\t').next(),
            Some(nobody.uid.to_string().as_str())
        );
        assert_eq!(line("Groups:"), nobody.gid.to_string());
        assert_eq!(line("NoNewPrivs:") == "1", drop == "true");
        assert_eq!(line("CapEff:"), "0000000000000000");
    }
}

/// A daemon that is to go to the background, and whose log is `log` in the user's home.
fn in_the_background(lab: &Lab, mut command: Command) -> Command {
    lab.write("oxabgp.conf", &neighbor(1, ""));
    let server = oxabgp(&["server", "oxabgp.conf"]);
    command.arg(server.get_program()).args(server.get_args());
    copy_environment(&server, &mut command);
    command
        .env("HOME", lab.path(""))
        .env("exabgp_log_destination", "~/log")
        .env("exabgp_daemon_daemonize", "true")
        .current_dir(lab.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_daemon_with_a_supervisor_stays_in_the_foreground() {
    let lab = Lab::new();
    let (_ours, theirs) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let mut command = in_the_background(&lab, Command::new("env"));
    let mut child = command
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .spawn()
        .expect("the program");
    lab.lines("log", |lines| {
        lines.iter().any(|line| line.contains("is running"))
    });
    assert_eq!(child.try_wait().expect("a status"), None);
    terminate(&child);
    assert_eq!(child.wait().expect("a status").code(), Some(0));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn the_first_process_of_a_container_is_a_supervisor() {
    let lab = Lab::new();
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--pid", "--kill-child"]);
    // The shell is process 1; it ends, and all with it, when the daemon has left it.
    unshare.args(["sh", "-c", "\"$0\" \"$@\" & wait $!; exit 7"]);
    unshare.arg("env");
    let mut child = in_the_background(&lab, unshare)
        .env("exabgp_daemon_user", "root")
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare");
    let found = wait_for("the log, or the end", || {
        let text = std::fs::read_to_string(lab.path("log")).unwrap_or_default();
        let ended = child.try_wait().expect("a status");
        (ended.is_some() || text.contains("is running")).then_some((ended, text))
    });
    if let (Some(status), "") = (found.0, &*found.1)
        && status.code() == Some(1)
    {
        eprintln!("SKIP: no namespaces here");
        return;
    }
    assert!(found.1.contains("not going to the background"), "{found:?}");
    child.kill().expect("it runs");
    child.wait().expect("a status");
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn groups_that_the_daemon_was_given_stay() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can become another user");
        return;
    }
    let lab = Lab::new();
    let path = lab.write("oxabgp.conf", &neighbor(1, ""));
    let server = oxabgp(&["server", path.to_str().expect("UTF-8")]);
    let mut command = Command::new("setpriv");
    command
        .args(["--groups", "0,54321,54322"])
        .arg(server.get_program())
        .args(server.get_args());
    copy_environment(&server, &mut command);
    let log = std::fs::File::create(lab.path("log")).expect("a file");
    let mut child = command
        .env("exabgp_daemon_user", "nobody")
        .stderr(log)
        .spawn()
        .expect("setpriv");
    lab.lines("log", |lines| {
        lines.iter().any(|line| line.contains("is running"))
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("it runs");
    let groups = status.lines().find_map(|line| line.strip_prefix("Groups:"));
    let groups: Vec<&str> = groups.expect("a line").split_whitespace().collect();
    let nobody = nix::unistd::User::from_name("nobody");
    let own = nobody.expect("users").expect("nobody").gid.to_string();
    assert!(groups.contains(&&*own), "{groups:?}");
    assert!(
        groups.contains(&"54321") && groups.contains(&"54322"),
        "{groups:?}"
    );
    assert!(!groups.contains(&"0"), "{groups:?}");
    terminate(&child);
    child.wait().expect("a status");
}

#[test]
fn a_user_that_does_not_exist_ends_the_start_of_root() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let lab = Lab::new();
    let settings = [("exabgp_daemon_user", "no-such-user")];
    let mut daemon = Daemon::start_with(&lab, &neighbor(1, ""), &settings);
    assert_eq!(daemon.ended().code(), Some(1));
    let log = daemon.log();
    assert!(
        log.contains("could not drop privileges to `no-such-user`"),
        "{log}"
    );
}

#[test]
fn a_start_may_wait_for_the_full_minute() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let settings = [("exabgp_tcp_delay", "1440")];
    let mut daemon = Daemon::start_with(&lab, &neighbor(port, ""), &settings);
    daemon.logged("no peer is contacted before");
    daemon.logged("is running");
    listener.set_nonblocking(true).expect("a mode");
    assert!(listener.accept().is_err(), "it came at once");
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_log_on_a_full_disk_loses_lines_and_nothing_else() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "i=0; while [ $i -lt 300 ]; do echo nonsense; i=$((i + 1)); done\n\
        echo announce route 10.9.0.0/16 next-hop 192.0.2.1\nexec sleep 600";
    let configuration =
        process(&lab, "helper", script) + &neighbor(port, "api { processes [ helper ]; }");
    let settings = [("exabgp_log_destination", "/dev/full")];
    let mut daemon = Daemon::start_with(&lab, &configuration, &settings);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 9]);
    assert!(daemon.is_running());
    daemon.signal("TERM");
    assert_eq!(peer.expect_notification().code, 6);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(Path::new("/dev/full").exists());
}

/// What each log switch shows while a session is established, used and closed.
fn shown(settings: &[(&str, &str)]) -> String {
    let lab = Lab::new();
    let (listener, port) = listener();
    let body = "static { route 10.1.0.0/16 next-hop 192.0.2.1; } api { processes [ helper ]; }";
    let script = "echo nonsense\nexec cat > /dev/null";
    let configuration = process(&lab, "helper", script) + &neighbor(port, body);
    let log = lab.path("all.log");
    let mut all = vec![("exabgp_log_destination", log.to_str().expect("UTF-8"))];
    all.extend(settings);
    let mut daemon = Daemon::start_with(&lab, &configuration, &all);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 203, 0, 113]),
    );
    // An answer means that it was read.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 1]);
    lab.write("oxabgp.conf", "nonsense");
    daemon.signal("USR1");
    // Logged regardless of the settings.
    lab.lines("all.log", |lines| {
        lines.iter().any(|line| line.contains("nothing is changed"))
    });
    daemon.signal("TERM");
    peer.expect_notification();
    // The daemon waits a second for peers that do not close.
    drop(peer);
    assert_eq!(daemon.ended().code(), Some(0));
    std::fs::read_to_string(log).unwrap_or_default()
}

#[test]
fn each_switch_of_the_log_has_its_effect() {
    let normal = shown(&[]);
    let everything = shown(&[("exabgp_log_all", "true")]);
    // The level applies to them, too.
    let strict = shown(&[("exabgp_log_all", "true"), ("exabgp_log_level", "ERROR")]);
    // What each of these enables, which is disabled by default.
    for (switch, line) in [
        ("packets", "receive update FFFFFFFFFFFFFFFF"),
        ("packets", "send update FFFFFFFFFFFFFFFF"),
        ("message", "receive update neighbor="),
        ("timers", "keepalive"),
        ("routes", "announced 203.0.113.0/24"),
        ("parser", "origin igp"),
        ("rib", "announce 10.1.0.0/16"),
    ] {
        let target = format!("oxabgp::{switch}: ");
        assert!(!normal.contains(&target), "{switch} is on: {normal}");
        let name = format!("exabgp_log_{switch}");
        for log in [&shown(&[(&name, "true")]), &everything] {
            let found = log
                .lines()
                .any(|text| text.contains(&target) && text.contains(line));
            assert!(found, "{switch} does not show `{line}`: {log}");
        }
        assert!(!strict.contains(&target), "{switch}: {strict}");
    }
    // And what each of these disables. Errors are always logged.
    for (switch, line) in [
        (
            "configuration",
            "INFO oxabgp::daemon::reload: reading the configuration",
        ),
        ("reactor", "WARN oxabgp::daemon: received a signal"),
        (
            "processes",
            "INFO oxabgp::daemon::process: the helper is started",
        ),
        ("network", "INFO oxabgp::fsm: state"),
        (
            "statistics",
            "INFO oxabgp::statistics: statistics of the session",
        ),
    ] {
        assert!(normal.contains(line), "no `{line}` in {normal}");
        let quiet = shown(&[(&format!("exabgp_log_{switch}"), "false")]);
        assert!(!quiet.contains(line), "{switch}: {quiet}");
        let error = "ERROR oxabgp::daemon::reload: the configuration has errors";
        assert!(quiet.contains(error), "{switch}: {quiet}");
    }
    let silent = shown(&[("exabgp_log_enable", "false")]);
    assert!(
        silent.lines().all(|line| line.contains("ERROR")),
        "{silent}"
    );
}

#[test]
fn several_configurations_are_several_daemons() {
    let lab = Lab::new();
    let (first, port) = listener();
    let (second, other) = listener();
    let one = lab.write("one.conf", &neighbor(port, ""));
    let two = lab.write(
        "two.conf",
        &neighbor(other, "static { route 10.2.0.0/16 next-hop 192.0.2.1; }"),
    );
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (one, two) = (text(&one), text(&two));
    // A log file for both is refused, as in ExaBGP.
    let mut refused = oxabgp(&["server", &one, &two]);
    refused.env("exabgp_log_destination", lab.path("x.log"));
    let output = refused.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let reported = String::from_utf8_lossy(&output.stderr).into_owned();
    let wanted = "can not log to files when running multiple configuration (as we fork)";
    assert!(reported.contains(wanted), "{reported}");

    let (notify, pid_file) = (lab.path("notify"), lab.path("pid"));
    let systemd = Systemd::new(&notify);
    let mut command = oxabgp(&[&one, &two]);
    command
        .env("NOTIFY_SOCKET", &notify)
        .env("exabgp_daemon_pid", &pid_file)
        .stderr(std::fs::File::create(lab.path("log")).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    systemd.until("READY=1");
    let text = std::fs::read_to_string(&pid_file).expect("a pid file");
    assert_eq!(text, format!("{}\n", child.id()));
    let (mut a, mut b) = (session(&first), session(&second));
    announced(&mut b, &[16, 10, 2]);
    // A reload affects the daemon whose file has changed.
    lab.write(
        "one.conf",
        &neighbor(port, "static { route 10.1.0.0/16 next-hop 192.0.2.1; }"),
    );
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGUSR1).expect("it runs");
    announced(&mut a, &[16, 10, 1]);
    // And so does a shutdown: no daemon is left, and each of them closes its session.
    terminate(&child);
    for peer in [&mut a, &mut b] {
        assert_eq!(
            peer.expect_notification().code,
            6,
            "{:?}",
            std::fs::read_to_string(lab.path("log"))
        );
    }
    let status = wait_for("the end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
    assert!(!pid_file.exists());
}

#[test]
fn one_bad_configuration_of_several_leaves_the_others_running() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let good = lab.write("good.conf", &neighbor(port, ""));
    let bad = lab.write("bad.conf", "nonsense");
    let mut command = oxabgp(&[]);
    command
        .args([&bad, &good])
        .stderr(std::fs::File::create(lab.path("log")).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    lab.lines("log", |lines| {
        lines.iter().any(|line| line.contains("a daemon has ended"))
    });
    let mut peer = session(&listener);
    assert!(child.try_wait().expect("a status").is_none());
    // The valid one is still running when it is terminated.
    terminate(&child);
    let notification = peer.expect_notification();
    assert_eq!((notification.code, notification.subcode), (6, 2));
    let status = wait_for("the end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(1), "the worst of both");
    let log = std::fs::read_to_string(lab.path("log")).expect("a log");
    assert!(log.contains("bad.conf:1:"), "{log}");
    assert_eq!(log.matches("is running").count(), 1, "{log}");
}

#[test]
fn each_of_several_configurations_has_a_control_socket_of_its_own() {
    let lab = Lab::new();
    let (first, port) = listener();
    let (second, other) = listener();
    let one = lab.write("one.conf", &neighbor(port, ""));
    let two = lab.write("two.conf", &neighbor(other, ""));
    let set = |command: &mut Command| {
        command
            .env("exabgp_api_cli", "true")
            .env("EXABGP_ROOT", lab.path("root"))
            .env("oxabgp_api_socketpath", lab.path("control.sock"));
    };
    let mut command = oxabgp(&[]);
    set(command
        .args([&one, &two])
        .stderr(std::fs::File::create(lab.path("log")).expect("a file")));
    let mut child = command.spawn().expect("the program starts");
    let (_a, _b) = (session(&first), session(&second));
    let socket = |name: &str| lab.path(&format!("control-{name}.sock"));
    let ask = |arguments: &[&str]| {
        let mut command = oxabgp(arguments);
        set(&mut command);
        let output = command.output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    wait_for("both sockets", || {
        (socket("one").exists() && socket("two").exists()).then_some(())
    });
    // It is ambiguous which one is meant.
    let (code, _, reported) = ask(&["run", "version"]);
    assert_eq!(code, Some(1), "{reported}");
    for name in ["one", "two"] {
        let path = socket(name);
        let option = format!("--socket {}", path.display());
        assert!(reported.contains(&option), "{reported}");
        let (code, out, reported) =
            ask(&["run", "--socket", path.to_str().expect("UTF-8"), "version"]);
        assert_eq!((code, reported.as_str()), (Some(0), ""), "{out}");
    }
    // With a single remaining one it is not.
    let path = socket("two");
    ask(&["run", "--socket", path.to_str().expect("UTF-8"), "shutdown"]);
    wait_for("one to be left", || (!path.exists()).then_some(()));
    let (code, out, reported) = ask(&["run", "version"]);
    assert_eq!(code, Some(0), "{out} {reported}");
    terminate(&child);
    wait_for("the end", || child.try_wait().expect("a status"));
}

#[test]
fn the_control_socket_of_root_belongs_to_the_user_that_it_becomes() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let lab = Lab::new();
    // Only root may create a file here.
    std::fs::set_permissions(lab.path(""), PermissionsExt::from_mode(0o755)).expect("a mode");
    let socket = lab.path("control.sock");
    let settings = [
        ("exabgp_daemon_user", "nobody"),
        ("exabgp_api_cli", "true"),
        ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
    ];
    let (_listener, port) = listener();
    let daemon = Daemon::start_with(&lab, &neighbor(port, ""), &settings);
    daemon.logged("is running");
    let nobody = nix::unistd::User::from_name("nobody")
        .expect("users")
        .expect("nobody");
    let facts = std::fs::metadata(&socket).expect("a socket");
    let owner = std::os::unix::fs::MetadataExt::uid(&facts);
    assert_eq!(
        (owner, facts.permissions().mode() & 0o777),
        (nobody.uid.as_raw(), 0o600)
    );
    assert_eq!(
        super::control::Client::new(&lab).ask("version"),
        "exabgp 5.0.15\ndone\n"
    );
}

#[test]
fn lines_on_stderr_have_a_time_unless_the_journal_has_it() {
    use std::os::unix::fs::MetadataExt;
    let lab = Lab::new();
    let (_listener, port) = listener();
    let path = lab.write("oxabgp.conf", &neighbor(port, ""));
    for journal in [false, true] {
        let file = std::fs::File::create(lab.path("log")).expect("a file");
        let facts = file.metadata().expect("facts");
        let mut command = oxabgp(&["server", path.to_str().expect("UTF-8")]);
        command.env_remove("JOURNAL_STREAM").stderr(file);
        if journal {
            command.env("JOURNAL_STREAM", format!("{}:{}", facts.dev(), facts.ino()));
        }
        let mut child = command.spawn().expect("the program starts");
        let lines = lab.lines("log", |lines| {
            lines.iter().any(|line| line.contains("is running"))
        });
        terminate(&child);
        wait_for("the end", || child.try_wait().expect("a status"));
        for line in lines {
            let timed = line.starts_with(|first: char| first.is_ascii_digit());
            assert_eq!(timed, !journal, "{line}");
        }
    }
}
