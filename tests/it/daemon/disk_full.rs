//! The journal on a disk that is full: a real one, a small tmpfs in a mount namespace. Files that reach the limit of their
//! size.

use std::path::PathBuf;
use std::process::Command;

use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab, oxabgp, wait_for};

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a test that does nothing has to say so"
)]
fn a_full_disk_costs_one_line_in_the_log_and_no_session() {
    const ROUTES: usize = 8_000;
    let lab = Lab::new();
    let (listener, port) = listener();
    let directory = lab.path("small");
    std::fs::create_dir(&directory).expect("a directory");
    let directory = directory.to_str().expect("UTF-8").to_owned();
    let configuration = format!("state {{ directory {directory}; }}\n") + &neighbor(port, "");
    // Room for a tenth of what the routes take.
    let script = format!(
        "mount -t tmpfs -o size=4m,mode=700 tmpfs {directory} && head -c 4100000 /dev/zero > {directory}/ballast"
    );
    let control = lab.path("control.sock");
    let settings = [
        ("exabgp_api_cli", "true"),
        ("oxabgp_api_socketpath", control.to_str().expect("UTF-8")),
    ];
    let started = Daemon::start_in_namespace(&lab, &configuration, (&script, &settings));
    let Some(daemon) = started else {
        eprintln!("SKIPPED: there can be no user namespace, so there is no disk to fill");
        return;
    };
    daemon.logged("is running");
    let mut peer = session(&listener);
    let mut commands = String::new();
    for number in 0..ROUTES {
        let (high, low) = (number / 256, number % 256);
        commands.push_str(&format!(
            "announce route 10.{high}.{low}.0/24 next-hop self med {number}\n"
        ));
    }
    let answer = Client::new(&lab).ask(commands.trim_end());
    assert_eq!(answer.matches("done\n").count(), ROUTES);
    let log = daemon.logged("the journal can't be written");
    assert!(log.contains("No space left on device"), "{log}");
    // Every route is announced, whatever the disk says.
    let mut found = 0;
    while found < ROUTES {
        let body = peer.expect(MessageType::UPDATE);
        found += usize::from(body.len() > 11);
    }
    assert_eq!(
        Client::new(&lab).ask("announce route 11.0.0.0/8 next-hop self"),
        "done\n"
    );
    announced(&mut peer, &[8, 11]);
    let root = PathBuf::from(format!("/proc/{}/root{directory}", daemon.pid()));
    std::fs::remove_file(root.join("ballast")).expect("the disk of the namespace");
    let log = daemon.logged("the journal is complete");
    assert_eq!(
        log.matches("the journal can't be written").count(),
        1,
        "{log}"
    );
    let text = wait_for("all routes in the journal", || {
        let output = oxabgp(&["journal", root.to_str().expect("UTF-8")])
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text.matches("announce route ").count() == ROUTES + 1).then_some(text)
    });
    assert!(text.contains("11.0.0.0/8"));
}

#[test]
fn the_limit_of_file_sizes_ends_neither_the_daemon_nor_sessions() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let signals = lab.path("signals");
    let script = format!(
        // A shell that starts a program blocks signals for a moment: it reads by itself.
        "while read -r line; do case $line in Sig*) echo \"$line\";; esac; done < /proc/$$/status > {}; exec sleep 1000",
        signals.display()
    );
    let configuration = format!("state {{ directory {}; }}\n", lab.path("state").display())
        + &process(&lab, "helper", &script)
        + &neighbor(port, "");
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    upgrade(&lab, &daemon);
    // Its log has more already.
    let limited = Command::new("prlimit")
        .args(["--fsize=1024", "--pid", &daemon.pid().to_string()])
        .status();
    assert!(limited.is_ok_and(|status| status.success()), "prlimit");
    let mut commands = String::new();
    for number in 0..200 {
        commands.push_str(&format!(
            "nonsense\nannounce route 10.0.{number}.0/24 next-hop self med {number}\n"
        ));
    }
    let answer = Client::new(&lab).ask(commands.trim_end());
    assert_eq!(answer.matches("done\n").count(), 200);
    let mut found = 0;
    while found < 200 {
        let body = peer.expect(MessageType::UPDATE);
        found += usize::from(body.len() > 11);
    }
    wait_for("a journal that fails", || {
        let text = Client::new(&lab).ask("system status");
        text.contains("\"complete\": false").then_some(text)
    });
    // Helpers have the signals of any other program.
    let lines = lab.lines("signals", |lines| lines.len() > 4);
    for name in ["SigBlk", "SigIgn"] {
        let mask = lines.iter().find_map(|line| line.strip_prefix(name));
        let mask = mask
            .and_then(|mask| u64::from_str_radix(mask.trim_start_matches([':', '\t']), 16).ok());
        let bit = nix::sys::signal::Signal::SIGXFSZ as u32 - 1;
        assert_eq!(mask.map(|mask| mask >> bit & 1), Some(0), "{lines:?}");
    }
}
