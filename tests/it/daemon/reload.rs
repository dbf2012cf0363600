//! Reloads: only what changed is affected, and an error changes nothing.

use oxabgp::bgp::message::MessageType;

use oxabgp::bgp::capability::Offer;

use super::scene::{Scene, offering};
use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab};

const FIRST: &str =
    "static { route 10.1.0.0/16 next-hop 192.0.2.1; route 10.2.0.0/16 next-hop 192.0.2.1 med 1; }";

#[test]
fn routes_change_by_difference_and_the_session_stays() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let helper = process(
        &lab,
        "helper",
        "echo announce route 10.9.0.0/16 next-hop 192.0.2.1\nexec sleep 600",
    );
    let api = "api { processes [ helper ]; }";
    let daemon = Daemon::start(
        &lab,
        &(helper.clone() + &neighbor(port, &format!("{FIRST} {api}"))),
    );
    let mut peer = session(&listener);
    let mut routes = 0;
    while routes < 3 {
        let body = super::update(&mut peer);
        routes += body.windows(2).filter(|pair| *pair == [16, 10]).count();
    }
    let second = "static { route 10.2.0.0/16 next-hop 192.0.2.1 med 2; route 10.3.0.0/16 next-hop 192.0.2.1 med 2; }";
    lab.write(
        "oxabgp.conf",
        &(helper + &neighbor(port, &format!("{second} {api}"))),
    );
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let body = peer.expect(MessageType::UPDATE);
        if body.len() > 11 || body[1] > 0 {
            seen.push(body);
        }
    }
    assert_eq!(
        seen[0],
        [0, 3, 16, 10, 1, 0, 0],
        "the route that is gone is withdrawn first"
    );
    assert!(
        seen[1].ends_with(&[16, 10, 2, 16, 10, 3]),
        "{:02x?}",
        seen[1]
    );
    // Any other change would arrive before the answer to this route refresh: all three, of file and helper.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    let mut all = 0;
    while all < 3 {
        let body = super::update(&mut peer);
        all += body.windows(2).filter(|pair| *pair == [16, 10]).count();
    }
    assert_eq!(all, 3);
}

#[test]
fn an_error_changes_nothing_and_the_next_reload_works() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = Daemon::start(&lab, &neighbor(port, FIRST));
    let mut peer = session(&listener);
    super::update(&mut peer);
    super::update(&mut peer);
    lab.write(
        "oxabgp.conf",
        &neighbor(
            port,
            "static { route 10.7.0.0/16 next-hop 192.0.2.1; } no-such-word;",
        ),
    );
    daemon.signal("USR1");
    let log = daemon.logged("nothing is changed");
    assert!(
        log.contains("no-such-word") && log.contains("oxabgp.conf:5:"),
        "{log}"
    );
    lab.write(
        "oxabgp.conf",
        &neighbor(
            port,
            &format!("{FIRST} static {{ route 10.8.0.0/16 next-hop 192.0.2.9; }}"),
        ),
    );
    daemon.signal("USR1");
    announced(&mut peer, &[16, 10, 8]);
}

#[test]
fn a_changed_session_is_reset_and_an_unchanged_one_is_not() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (other, other_port) = super::listener();
    let second = |hold: u16| {
        neighbor(other_port, &format!("hold-time {hold};")).replace("10.0.0.1;", "10.0.0.3;")
    };
    let daemon = Daemon::start(&lab, &(neighbor(port, FIRST) + &second(90)));
    let mut peer = session(&listener);
    let mut changed = session(&other);
    super::update(&mut peer);
    lab.write("oxabgp.conf", &(neighbor(port, FIRST) + &second(60)));
    daemon.signal("USR1");
    let reported = changed.expect_notification();
    assert_eq!((reported.code, reported.subcode), (6, 6));
    let _again = session(&other);
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    super::update(&mut peer);
}

#[test]
fn neighbours_come_and_go_and_helpers_restart_only_when_their_command_changed() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let starts = lab.path("starts");
    let script = |word: &str| {
        let path = lab.script(
            "helper.sh",
            &format!("echo started $1 >> {}\nexec sleep 600", starts.display()),
        );
        format!("process helper {{ run {path} {word}; encoder json; }}\n")
    };
    let daemon = Daemon::start(&lab, &(script("one") + &neighbor(port, "")));
    let mut peer = session(&listener);
    lab.lines("starts", |lines| lines.len() == 1);
    let (other, other_port) = super::listener();
    let second = neighbor(other_port, "").replace("10.0.0.1;", "10.0.0.3;");
    lab.write(
        "oxabgp.conf",
        &(script("one") + &neighbor(port, "") + &second),
    );
    daemon.signal("USR1");
    let mut added = session(&other);
    lab.write("oxabgp.conf", &(script("two") + &neighbor(port, "")));
    daemon.signal("USR1");
    let reported = added.expect_notification();
    assert_eq!((reported.code, reported.subcode), (6, 3));
    let lines = lab.lines("starts", |lines| lines.len() == 2);
    assert_eq!(lines, ["started one", "started two"]);
    peer.send(MessageType::KEEPALIVE, &[]);
}

#[test]
fn a_route_that_a_file_names_twice_keeps_its_last_version() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let twice = "static { route 10.1.0.0/16 next-hop 192.0.2.1 med 1; route 10.1.0.0/16 next-hop 192.0.2.1 med 2; }";
    let daemon = Daemon::start(&lab, &neighbor(port, twice));
    let mut peer = session(&listener);
    super::update(&mut peer);
    assert!(has_med(&super::update(&mut peer), 2));
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    assert!(has_med(&super::update(&mut peer), 2));
}

/// Returns `true` if an UPDATE has that MED.
fn has_med(body: &[u8], med: u8) -> bool {
    body.windows(7)
        .any(|window| window == [0x80, 4, 4, 0, 0, 0, med])
}

#[test]
fn what_needs_no_other_open_or_connection_leaves_the_session_alone() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (free, other_port) = super::listener();
    drop(free);
    let daemon = Daemon::start(&lab, &neighbor(port, FIRST));
    let mut peer = session(&listener);
    super::update(&mut peer);
    let settings = [
        "group-updates false;",
        "passive true;",
        &format!("listen {other_port};"),
        "description \"another\";",
        "rate-limit 1000;",
        "prefix-limit 1000;",
        "stale-path-time 10;",
        "manual-eor true;",
        "capability { link-local-prefer true; }",
    ];
    for (before, setting) in settings.into_iter().enumerate() {
        lab.write(
            "oxabgp.conf",
            &neighbor(port, &format!("{FIRST} {setting}")),
        );
        daemon.signal("USR1");
        crate::support::daemon::wait_for("the reload", || {
            let log = daemon.log();
            (log.matches("the configuration is reloaded").count() == before + 1).then_some(())
        });
        peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
        super::update(&mut peer);
    }
    assert!(!daemon.log().contains("is reset"), "{}", daemon.log());
    // A port that we connect to also takes effect with the next session.
    let (next, next_port) = super::listener();
    lab.write("oxabgp.conf", &neighbor(next_port, FIRST));
    daemon.signal("USR1");
    daemon.logged("apply from the next session on");
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    super::update(&mut peer);
    drop((peer, listener));
    let _moved = session(&next);
}

#[test]
fn a_neighbor_with_another_as_is_not_de_configured() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = Daemon::start(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    let changed = neighbor(port, "").replace("local-as 65000", "local-as 65002");
    lab.write("oxabgp.conf", &changed);
    daemon.signal("USR1");
    let notification = peer.expect_notification();
    assert_eq!((notification.code, notification.subcode), (6, 6));
    let _again = session(&listener);
}

/// The prefixes and MEDs of the routes that are announced.
fn out(scene: &Scene) -> Vec<String> {
    let answer = scene.ask("show adj-rib out extensive");
    let routes = answer.lines().filter(|line| *line != "done");
    let mut routes: Vec<String> = routes
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let after = |word: &str| {
                let at = words.iter().position(|other| *other == word);
                at.map(|at| words[at + 1]).unwrap_or_default()
            };
            format!("{} {}", after("unicast"), after("med"))
        })
        .collect();
    routes.sort();
    routes
}

#[test]
fn what_a_helper_announces_stays_whatever_the_file_says_of_its_prefix() {
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    let reload = |file: &str| scene.reload(&format!("capability {{ }} {file}"));
    let helper = |prefix: &str, med: u8| {
        let command = format!("announce route {prefix} next-hop 192.0.2.1 med {med}");
        assert_eq!(scene.ask(&command), "done\n");
    };
    helper("10.1.0.0/16", 1);
    helper("10.2.0.0/16", 1);
    helper("10.3.0.0/16", 1);
    let helpers = ["10.1.0.0/16 1", "10.2.0.0/16 1", "10.3.0.0/16 1"];
    let file = |med: u8| {
        format!(
            "static {{ route 10.1.0.0/16 next-hop 192.0.2.1 med {med}; route 10.2.0.0/16 next-hop 192.0.2.1 med 1; \
             route 10.3.0.0/16 next-hop 192.0.2.1 med {med} watchdog dog; }}"
        )
    };
    // The file gains the prefixes: one in another version, one in the same, one in a watchdog group. It changes, and
    // loses them again.
    for text in [&file(5), &file(6), "", &file(7)] {
        reload(text);
        assert_eq!(out(&scene), helpers, "{text}");
    }
    // Once the helper has withdrawn its version, the next reload announces that of the file, which then follows it.
    assert_eq!(scene.ask("withdraw route 10.1.0.0/16"), "done\n");
    reload(&file(8));
    let mixed = ["10.1.0.0/16 8", "10.2.0.0/16 1", "10.3.0.0/16 1"];
    assert_eq!(out(&scene), mixed);
    reload(&file(9));
    assert_eq!(out(&scene)[0], "10.1.0.0/16 9");
    // What the helper makes of a route of the file stays, too.
    helper("10.1.0.0/16", 2);
    for text in [&file(9), &file(10), ""] {
        reload(text);
        assert_eq!(out(&scene)[0], "10.1.0.0/16 2", "{text}");
    }
    // None of it was withdrawn from the peer but what the helper withdrew.
    assert_eq!(
        scene.ask("announce route 10.9.0.0/16 next-hop 192.0.2.1"),
        "done\n"
    );
    let mut withdrawn = Vec::new();
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body[1] > 0 {
            withdrawn.push(body);
        } else if body.ends_with(&[16, 10, 9]) {
            break;
        }
    }
    assert_eq!(withdrawn, [[0, 3, 16, 10, 1, 0, 0]]);
}

#[test]
fn a_route_that_moves_into_a_watchdog_group_or_out_of_it_stays() {
    let scene = Scene::new("", "");
    let (_peer, _) = scene.session(&offering(Offer::default()));
    for watchdog in ["", "watchdog dog", "", "watchdog cat", "watchdog dog"] {
        let file = format!("static {{ route 10.1.0.0/16 next-hop 192.0.2.1 med 1 {watchdog}; }}");
        scene.reload(&format!("capability {{ }} {file}"));
        assert_eq!(out(&scene), ["10.1.0.0/16 1"], "{watchdog}");
    }
}

#[test]
fn a_route_that_a_file_names_twice_goes_with_it() {
    let scene = Scene::new("", "");
    let (_peer, _) = scene.session(&offering(Offer::default()));
    let twice = "route 10.1.0.0/16 next-hop 192.0.2.1 med 1; ".repeat(2);
    scene.reload(&format!("capability {{ }} static {{ {twice} }}"));
    assert_eq!(out(&scene), ["10.1.0.0/16 1"]);
    scene.reload("capability { }");
    assert!(out(&scene).is_empty());
}

#[test]
fn neighbors_of_the_same_name_stay() {
    let lab = Lab::new();
    let listeners = [listener(), listener()];
    let configuration = listeners.each_ref().map(|(_, port)| {
        let (free, listen) = listener();
        drop(free);
        neighbor(*port, &format!("listen {listen}; {FIRST}"))
    });
    let daemon = Daemon::start(&lab, &configuration.concat());
    let mut peers = listeners.each_ref().map(|(listener, _)| session(listener));
    for peer in &mut peers {
        super::update(peer);
        super::update(peer);
    }
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    assert!(
        !daemon.log().contains("the neighbor is new"),
        "{}",
        daemon.log()
    );
    for peer in &mut peers {
        peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
        super::update(peer);
    }
}
