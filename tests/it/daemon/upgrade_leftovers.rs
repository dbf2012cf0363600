//! What an upgrade hands over besides sessions and tables: the open log, and commands of checks that run.

use super::checks::{check, wait_state};
use super::control::{Client, start_with};
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, session};
use crate::support::daemon::{Daemon, Lab, wait_for};

/// What a check announces.
const ROUTE: &str = "route 10.9.8.0/24 next-hop self;";

#[test]
fn the_log_goes_on_in_the_open_file() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let (folder, moved) = (lab.path("logs"), lab.path("moved"));
    std::fs::create_dir(&folder).expect("a directory");
    let log = folder.join("daemon.log");
    let log = log.to_str().expect("a path in UTF-8");
    let socket = lab.path("control.sock");
    let settings = [
        ("oxabgp_log_destination", log),
        ("exabgp_api_cli", "true"),
        (
            "oxabgp_api_socketpath",
            socket.to_str().expect("a path in UTF-8"),
        ),
        ("NOTIFY_SOCKET", "/nowhere"),
    ];
    let daemon = Daemon::start_with(&lab, &neighbor(port, ""), &settings);
    wait_for("the start", || {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.contains("is running").then_some(())
    });
    // Nobody can open it again.
    std::fs::rename(&folder, &moved).expect("movable");
    for _ in 0..2 {
        assert_eq!(Client::new(&lab).ask("upgrade"), "done\n");
    }
    let text = std::fs::read_to_string(moved.join("daemon.log")).expect("the log");
    assert_eq!(text.matches("is running").count(), 3, "{text}");
    assert!(text.contains("can't be rotated or opened again"), "{text}");
    assert!(!daemon.log().contains("is running"), "{}", daemon.log());
    // The file that is handed over is not one that helpers or checks get.
    let configuration = check(&lab, "web", ROUTE) + &neighbor(port, "");
    let configuration = configuration.replace(
        "test -e",
        "ls -l /proc/self/fd > $CHECK_OUT; env >> $CHECK_OUT; test ! -e",
    );
    let out = lab.path("seen");
    let configuration = configuration.replace("$CHECK_OUT", &out.display().to_string());
    lab.write("oxabgp.conf", &configuration);
    assert!(Client::new(&lab).ask("reload").ends_with("done\n"));
    wait_state(&lab, "web", "UP");
    let seen = std::fs::read_to_string(&out).expect("what the check saw");
    assert!(seen.contains("PATH="), "{seen}");
    for own in [
        "moved/daemon.log",
        "OXABGP_HANDOVER",
        "OXABGP_LOG",
        "NOTIFY_SOCKET",
    ] {
        assert!(!seen.contains(own), "{seen}");
    }
}

#[test]
fn a_command_of_a_check_that_runs_meanwhile_is_ended_properly() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let [pid, go, said] = ["pid", "go", "said"].map(|name| lab.path(name));
    let script = lab.script(
        "slow",
        &format!(
            "[ -e {go} ] && exit\ncut -d' ' -f5 /proc/$$/stat > {pid}.new\nmv {pid}.new {pid}\n\
             while [ ! -e {go} ]; do sleep 0.05; done\necho it is read\ntouch {said}",
            go = go.display(),
            pid = pid.display(),
            said = said.display()
        ),
    );
    let configuration = check(&lab, "web", &format!("{ROUTE} timeout 60;"));
    let begin = configuration.find('"').expect("a command");
    let end = configuration.rfind('"').expect("a command");
    let configuration = format!(
        "{}\"{script}\"{}{}",
        &configuration[..begin],
        &configuration[end + 1..],
        neighbor(port, "")
    );
    let daemon = start_with(&lab, &configuration);
    // The leader of the process group, which the daemon has started.
    let number = lab.lines("pid", |lines| !lines.is_empty()).remove(0);
    for _ in 0..2 {
        upgrade(&lab, &daemon);
    }
    std::fs::write(&go, "").expect("a file");
    wait_for("the end of the command", || said.exists().then_some(()));
    // A zombie has an entry, too.
    let entry = std::path::PathBuf::from(format!("/proc/{number}"));
    wait_for("its status to be taken", || (!entry.exists()).then_some(()));
    // Nor has any later one been left.
    let children = format!("/proc/{0}/task/{0}/children", daemon.pid());
    wait_for("the ends of all", || {
        let children = std::fs::read_to_string(&children).unwrap_or_default();
        let mut states = children.split_whitespace().map(|child| {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
            stat.unwrap_or_default()
        });
        (!states.any(|stat| stat.contains(") Z "))).then_some(())
    });
    wait_state(&lab, "web", "UP");
}

#[test]
fn a_command_of_a_service_that_came_up_does_not_keep_its_routes_back_for_ever() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let [begun, go] = ["begun", "go"].map(|name| lab.path(name));
    let hook = lab.script(
        "hook",
        &format!(
            "touch {}\nwhile [ ! -e {} ]; do sleep 0.05; done",
            begun.display(),
            go.display()
        ),
    );
    let more = format!("{ROUTE} down withdraw; up-execute {hook};");
    let daemon = start_with(&lab, &(check(&lab, "web", &more) + &neighbor(port, "")));
    let mut peer = session(&listener);
    lab.write("web", "");
    wait_for("the command", || begun.exists().then_some(()));
    upgrade(&lab, &daemon);
    std::fs::write(&go, "").expect("a file");
    announced(&mut peer, &[24, 10, 9, 8]);
}
