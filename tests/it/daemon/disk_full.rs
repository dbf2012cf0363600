//! The journal on a disk that is full: a real one, a small tmpfs in a mount namespace.

use std::path::PathBuf;

use oxabgp::bgp::message::MessageType;

use super::control::Client;
use super::{announced, listener, neighbor, session};
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
