//! What an upgrade hands over besides sessions and tables: the open log.

use super::control::Client;
use super::{listener, neighbor};
use crate::support::daemon::{Daemon, Lab, wait_for};

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
}
