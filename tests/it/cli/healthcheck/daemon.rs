//! The health check as a helper of the daemon, and what a peer receives.

use std::os::unix::fs::symlink;

use crate::daemon::{listener, neighbor, session, update};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::RawPeer;

/// 192.0.2.1/32.
const ROUTE: [u8; 5] = [32, 192, 0, 2, 1];

/// A daemon whose helper is that command line, and its session.
fn with_check(lab: &Lab, run: &str) -> (Daemon, RawPeer) {
    let (listener, port) = listener();
    let configuration = format!("process health {{ run {run}; encoder text; }}\n")
        + &neighbor(port, "api { processes [ health ]; }");
    let daemon = Daemon::start(lab, &configuration);
    let peer = session(&listener);
    (daemon, peer)
}

/// The MED of the next UPDATE, which announces our route.
fn metric(peer: &mut RawPeer) -> u32 {
    let body = update(peer);
    assert!(body.ends_with(&ROUTE), "{body:02x?}");
    let med = [0x80, 4, 4];
    let at = body
        .windows(med.len())
        .position(|found| found == med)
        .expect("a MED");
    let value = body[at + 3..at + 7].try_into().expect("four octets");
    u32::from_be_bytes(value)
}

fn withdrawn(peer: &mut RawPeer) {
    crate::daemon::withdrawn(peer, &ROUTE);
}

#[test]
fn a_peer_sees_the_route_come_change_and_go() {
    let lab = Lab::new();
    let service = lab.write("service", "");
    let disabled = lab.path("disabled");
    let run = format!(
        "{} healthcheck --cmd \"test -e {}\" --ip 192.0.2.1/32 --no-ip-setup --no-syslog --rise 2 --fall 2 --interval 0.01 \
         --fast-interval 0.01 --disable {} --neighbor 127.0.0.1",
        env!("CARGO_BIN_EXE_oxabgp"),
        service.display(),
        disabled.display()
    );
    let (daemon, mut peer) = with_check(&lab, &run);
    assert_eq!(metric(&mut peer), 100);
    std::fs::remove_file(&service).expect("it is there");
    assert_eq!(metric(&mut peer), 1000);
    lab.write("disabled", "");
    assert_eq!(metric(&mut peer), 500);
    std::fs::remove_file(&disabled).expect("it is there");
    assert_eq!(metric(&mut peer), 1000);
    lab.write("service", "");
    assert_eq!(metric(&mut peer), 100);
    // The health check is terminated, the daemon is not: SIGTERM withdraws.
    let pid = helper(&daemon);
    let kill = std::process::Command::new("kill").arg(&pid).status();
    assert!(kill.expect("kill runs").success());
    withdrawn(&mut peer);
    // The daemon starts it again.
    assert_eq!(metric(&mut peer), 100);
}

#[test]
fn the_route_is_withdrawn_when_the_service_is_down_and_back_when_it_is_up() {
    let lab = Lab::new();
    let service = lab.write("service", "");
    let file = lab.write(
        "health",
        &format!(
            "command = test -e {}\nip = 192.0.2.1\nno-ip-setup\nno-syslog\nrise = 1\nfall = 2\ninterval = 0.01\n\
             fast-interval = 0.01\nwithdraw-on-down\ndebounce\n",
            service.display()
        ),
    );
    let run = format!(
        "{} healthcheck --config {}",
        env!("CARGO_BIN_EXE_oxabgp"),
        file.display()
    );
    let (_daemon, mut peer) = with_check(&lab, &run);
    for _ in 0..3 {
        assert_eq!(metric(&mut peer), 100);
        std::fs::remove_file(&service).expect("it is there");
        withdrawn(&mut peer);
        lab.write("service", "");
    }
}

#[test]
fn a_daemon_that_dies_takes_its_health_check_with_it() {
    let lab = Lab::new();
    let run = format!(
        "{} healthcheck --ip 192.0.2.1 --no-ip-setup --no-syslog --rise 1 --interval 100000 --debounce",
        env!("CARGO_BIN_EXE_oxabgp")
    );
    let (mut daemon, mut peer) = with_check(&lab, &run);
    assert_eq!(metric(&mut peer), 100);
    let pid = helper(&daemon);
    assert!(super::runs(&pid));
    daemon.signal("KILL");
    daemon.ended();
    wait_for("the end of the health check", || {
        (!super::runs(&pid)).then_some(())
    });
}

/// The process ID of the helper that was started last.
fn helper(daemon: &Daemon) -> String {
    let log = daemon.logged("the helper is started");
    let line = log
        .lines()
        .rfind(|line| line.contains("the helper is started"))
        .expect("such a line");
    let (_, rest) = line.split_once("pid=").expect("its number");
    rest.chars().filter(char::is_ascii_digit).collect()
}

/// Command lines of public configurations and how-tos, with documentation addresses; `EXABGP` is replaced by the
/// directory of links.
const FIELD: &[&str] = &[
    "EXABGP/exabgp-healthcheck --cmd \"true\" --ip 192.0.2.1/32 --no-syslog --no-ip-setup",
    "EXABGP/exabgp healthcheck --cmd \"true\" --no-syslog --ip 192.0.2.1/32 --next-hop 192.0.2.254 --no-ip-setup",
    "EXABGP/exabgp-healthcheck --silent --name dns --cmd \"exit 0\" --ip 192.0.2.1/32 --withdraw-on-down --interval 2 --fast-interval 1 --rise 2 --fall 2 --no-ip-setup",
    "EXABGP/exabgp healthcheck -s --cmd \"test -d /\" --label service --ip 192.0.2.1/32 --community 65000:100 --increase 0 --no-ip-setup --timeout 3",
    "EXABGP/exabgp-healthcheck --config FILE",
    "EXABGP/exabgp healthcheck -F FILE --up-metric 10 --disabled-metric 500 --disable /nowhere/disabled --debounce",
    "EXABGP/exabgp-healthcheck -sF local3 -n web -i 1 -f 1 -t 2 -c \"/bin/true\" -N 192.0.2.254 --ip 192.0.2.1 --start-ip 0 --local-preference 200 --no-ip-setup",
    "python -m exabgp healthcheck --cmd \"test -d /\" --ip 192.0.2.1 --no-ip-setup --no-syslog --label haproxy",
    "/usr/bin/env python3 -m exabgp healthcheck -s --cmd true --ip 192.0.2.1 --no-ip-setup",
    "/nowhere/bin/exabgp-healthcheck --cmd true --ip 192.0.2.1 --no-ip-setup --no-syslog",
    "/usr/bin/env oxabgp healthcheck --cmd true --ip 192.0.2.1/32 --up-execute \"true\" --down-execute \"true\" --no-ip-setup --no-syslog",
];

#[test]
fn command_lines_of_the_field_run() {
    let lab = Lab::new();
    for name in ["exabgp", "exabgp-healthcheck", "oxabgp"] {
        symlink(env!("CARGO_BIN_EXE_oxabgp"), lab.path(name)).expect("a link");
    }
    let file = lab.write(
        "file",
        "debug\nname = haproxy\nip = 192.0.2.1/32\nno-ip-setup\ncommand = exec true\n",
    );
    let (root_directory, path) = (
        lab.path("").display().to_string(),
        std::env::var("PATH").unwrap_or_default(),
    );
    for line in FIELD {
        let (listener, port) = listener();
        let run = line
            .replace("EXABGP/", &root_directory)
            .replace("FILE", file.to_str().expect("UTF-8"));
        let configuration = format!("process health {{ run {run} --rise 1; encoder text; }}\n")
            + &neighbor(port, "api { processes [ health ]; }");
        let settings = [("PATH", format!("{root_directory}:{path}"))];
        let settings = settings
            .each_ref()
            .map(|(key, value)| (*key, value.as_str()));
        let _daemon = Daemon::start_with(&lab, &configuration, &settings);
        let mut peer = session(&listener);
        let wanted = if line.contains("--up-metric 10") {
            10
        } else {
            100
        };
        assert_eq!(metric(&mut peer), wanted, "{line}");
    }
}
