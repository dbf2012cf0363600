//! What helpers and operators say to a range is said to its connected neighbors, and to those that connect later.

use oxabgp::bgp::Notification;

use super::range_reload::{Member, Stage, routes};
use crate::support::daemon::wait_for;

const RANGE: &str = "neighbor 127.0.0.0/8";

fn announce(route: &str) -> String {
    let (prefix, rest) = route.split_once(' ').unwrap_or((route, ""));
    format!("{RANGE} announce route {prefix} next-hop 192.0.2.1 {rest}")
}

fn wait_for_end(stage: &Stage, times: usize) {
    wait_for("the lease to end", || {
        let log = stage.daemon.log();
        (log.matches("leases have ended").count() >= times).then_some(())
    });
}

fn tables<const N: usize>(stage: &mut Stage, mut members: [&mut Member; N]) -> Vec<Vec<String>> {
    stage.tables(&mut members)
}

#[test]
fn routes_for_a_range_reach_its_connected_peers() {
    let mut stage = Stage::new("");
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    stage.put(&announce("10.1.0.0/16"));
    stage.put(&announce("10.2.0.0/16 med 5"));
    let both = ["10.1.0.0/16", "10.2.0.0/16 med 5"];
    let mut c = stage.join(3);
    assert_eq!(tables(&mut stage, [&mut a, &mut b, &mut c]), [both; 3]);
    let shown = stage.client.ask("show adj-rib out");
    for last in 1..=3 {
        let has =
            |line: &str| line.contains(&format!("127.0.7.{last} ")) && line.contains("10.1.0.0/16");
        assert!(shown.lines().any(has), "{shown}");
    }
    // A session that comes back has them again.
    drop(a);
    wait_for("the session to end", || {
        stage.daemon.log().contains("session closed").then_some(())
    });
    let mut a = stage.join(1);
    assert_eq!(tables(&mut stage, [&mut a]), [both]);
    stage.put(&format!("{RANGE} withdraw route 10.1.0.0/16"));
    let mut d = stage.join(4);
    let rest = ["10.2.0.0/16 med 5"];
    let all = tables(&mut stage, [&mut a, &mut b, &mut c, &mut d]);
    assert_eq!(all, [rest; 4]);
}

#[test]
fn what_is_announced_to_one_peer_of_a_range_stays_its_own() {
    let mut stage = Stage::new("");
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    stage.put(&announce("10.1.0.0/16 lifetime 1s"));
    stage.put(
        "neighbor 127.0.7.1 announce route 10.1.0.0/16 next-hop 192.0.2.1 med 7 lifetime forever",
    );
    let mut c = stage.join(3);
    wait_for_end(&stage, 1);
    let all = tables(&mut stage, [&mut a, &mut b, &mut c]);
    assert_eq!(all, [vec!["10.1.0.0/16 med 7"], vec![], vec![]]);
}

#[test]
fn leases_of_a_range_end_for_peers_that_connected_later() {
    let mut stage = Stage::new(&routes(&["10.2.0.0/16 med 2"]));
    let mut a = stage.join(1);
    stage.put(&announce("10.1.0.0/16 lifetime 1s"));
    // What the configuration has comes back, also to them.
    stage.put(&announce("10.2.0.0/16 med 9 lifetime 2s"));
    stage.put("announce route 10.3.0.0/16 next-hop 192.0.2.1 lifetime 2s");
    let mut b = stage.join(2);
    wait_for("the leases to end", || {
        let shown = stage.client.ask("show adj-rib out extensive");
        let left = ["10.1.0.0/16", "10.3.0.0/16", "med 9"];
        let gone = left.iter().all(|text| !shown.contains(text));
        gone.then_some(())
    });
    let rest = ["10.2.0.0/16 med 2"];
    assert_eq!(tables(&mut stage, [&mut a, &mut b]), [rest; 2]);
}

#[test]
fn sets_of_a_range_are_for_peers_that_connected_later() {
    let mut stage = Stage::new("");
    let mut a = stage.join(1);
    let declare = |stage: &mut Stage, revision: u32, lines: &[&str]| {
        let lines: String = lines
            .iter()
            .map(|prefix| format!("{RANGE} route {prefix} next-hop 192.0.2.1\n"))
            .collect();
        let text = format!("set edge replace revision {revision}\n{lines}set edge end");
        stage.client.ask(&text)
    };
    let answer = declare(&mut stage, 1, &["10.1.0.0/16", "10.2.0.0/16"]);
    assert_eq!(answer, "done\ndone added 2 changed 0 removed 0\n");
    let mut b = stage.join(2);
    let all = ["10.1.0.0/16", "10.2.0.0/16"];
    assert_eq!(tables(&mut stage, [&mut a, &mut b]), [all; 2]);
    let answer = declare(&mut stage, 2, &["10.2.0.0/16"]);
    assert_eq!(answer, "done\ndone added 0 changed 0 removed 1\n");
    let rest = ["10.2.0.0/16"];
    assert_eq!(tables(&mut stage, [&mut a, &mut b]), [rest; 2]);
}

#[test]
fn watchdogs_of_a_range_are_switched_for_its_peers() {
    let mut stage = Stage::new(&routes(&["10.1.0.0/16 watchdog dog"]));
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    stage.put(&format!("{RANGE} withdraw watchdog dog"));
    assert_eq!(tables(&mut stage, [&mut a, &mut b]), [[""; 0]; 2]);
    stage.put(&format!("{RANGE} announce watchdog dog"));
    let mut c = stage.join(3);
    let all = tables(&mut stage, [&mut a, &mut b, &mut c]);
    assert_eq!(all, [["10.1.0.0/16"]; 3]);
}

#[test]
fn the_sessions_of_a_range_are_torn_down_together() {
    let mut stage = Stage::new("");
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    stage.put(&format!("{RANGE} teardown 4"));
    for member in [&mut a, &mut b] {
        let notification = member.peer.expect_notification();
        let code = (notification.code, notification.subcode);
        assert_eq!(code, (Notification::CEASE, 4));
    }
}
