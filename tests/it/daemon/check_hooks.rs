//! The commands of checks, when a check ends while one of them is owed.

use serde_json::Value;

use super::checks::{carried_out, check, create, remove, shown};
use super::control::{Client, start_with};
use super::{announced, listener, neighbor, session, withdrawn};
use crate::support::daemon::{Lab, wait_for};

/// A check whose commands write to a file, and which drains for longer than a test takes to stop or remove it.
fn with_hooks(lab: &Lab, (drain, up): (&str, &str)) -> String {
    let hooks = lab.path("hooks").display().to_string();
    let up = format!("echo up >> {hooks}; {up}");
    let more = format!(
        "route 10.9.8.0/24 next-hop self; down withdraw; drain {drain}; up-execute \"{up}\"; \
         down-execute \"echo down $STATE >> {hooks}\";"
    );
    check(lab, "web", &more)
}

fn has_line(lab: &Lab, line: &str) {
    lab.lines("hooks", |lines| lines.iter().any(|other| other == line));
}

#[test]
fn the_command_of_a_service_that_went_down_is_owed_while_its_routes_drain() {
    for stops in [true, false] {
        let lab = Lab::new();
        let (listener, port) = listener();
        create(&lab, "web");
        let text = with_hooks(&lab, ("3", "true")) + &neighbor(port, "");
        let mut daemon = start_with(&lab, &text);
        let mut peer = session(&listener);
        announced(&mut peer, &[24, 10, 9, 8]);
        has_line(&lab, "up");
        remove(&lab, "web");
        withdrawn(&mut peer, &[24, 10, 9, 8]);
        if !stops {
            // Removed, and then the daemon stops as well.
            lab.write("oxabgp.conf", &neighbor(port, ""));
            Client::new(&lab).ask("reload");
            wait_for("its removal", || {
                (shown(&lab, "web") == Value::Null).then_some(())
            });
        }
        daemon.signal("TERM");
        daemon.ended();
        has_line(&lab, "down DOWN");
    }
}

#[test]
fn the_command_of_a_service_that_went_down_follows_one_that_was_interrupted() {
    for stops in [true, false] {
        let lab = Lab::new();
        let (listener, port) = listener();
        create(&lab, "web");
        let text = with_hooks(&lab, ("0.1", "sleep 50")) + &neighbor(port, "");
        let mut daemon = start_with(&lab, &text);
        let _peer = session(&listener);
        has_line(&lab, "up");
        if stops {
            daemon.signal("TERM");
            daemon.ended();
        } else {
            lab.write("oxabgp.conf", &neighbor(port, ""));
            Client::new(&lab).ask("reload");
        }
        has_line(&lab, "down DOWN");
    }
}

#[test]
fn a_service_that_comes_up_while_its_routes_drain_is_not_taken_down() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "web");
    let again = lab.path("again").display().to_string();
    // The second time it comes up, its command takes longer than the rest of the drain.
    let slow = format!("test ! -e {again} || sleep 2");
    let text = with_hooks(&lab, ("1", &slow)) + &neighbor(port, "");
    let _daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    announced(&mut peer, &[24, 10, 9, 8]);
    create(&lab, "again");
    remove(&lab, "web");
    withdrawn(&mut peer, &[24, 10, 9, 8]);
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    carried_out(&lab, "web", 3);
    let text = std::fs::read_to_string(lab.path("hooks")).expect("lines");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.last(), Some(&"up"), "{lines:?}");
}
