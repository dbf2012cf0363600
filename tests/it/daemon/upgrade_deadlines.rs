//! What waits for its time goes on to wait in the next process of the daemon, and no longer than it would have.

use oxabgp::bgp::Notification;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;

use super::checks::{check, create, remove, shown, wait_state};
use super::control::{Client, start_with};
use super::scene::{EOR_V4, EOR_V6, Scene, offering};
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, announcement};

/// Upgrades the daemon again and again, about once a second, until something has happened.
fn upgrade_until(lab: &Lab, daemon: &Daemon, what: &str, mut happened: impl FnMut() -> bool) {
    wait_for(what, || {
        if happened() {
            return Some(());
        }
        upgrade(lab, daemon);
        std::thread::sleep(std::time::Duration::from_secs(1));
        None
    });
}

/// Waits for the UPDATE that withdraws this NLRI; before it, there may be End-of-RIB markers.
fn gone(peer: &mut RawPeer, nlri: &[u8]) {
    let length = u16::try_from(nlri.len()).expect("short").to_be_bytes();
    let wanted = [&length[..], nlri, &[0, 0]].concat();
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body == wanted {
            return;
        }
        assert!(body == EOR_V4 || body == EOR_V6, "{body:02x?}");
    }
}

fn shows(lab: &Lab, prefix: &str) -> bool {
    Client::new(lab).ask("show adj-rib out").contains(prefix)
}

#[test]
fn the_routes_of_a_dead_helper_end_in_the_next_process() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let go = lab.path("go");
    let script = format!(
        "awk 'BEGIN {{ for (i = 0; i < 3000; i++) printf \"announce route 10.%d.%d.0/24 next-hop self\\n\", i / 250, i % 250 }}'\n\
         echo 'announce route 11.0.0.0/8 next-hop self'\n\
         while [ ! -e {go} ]; do sleep 0.05; done\nexit 0",
        go = go.display()
    );
    let configuration = process(&lab, "helper", &script).replace(
        "encoder json;",
        "encoder json; respawn false; on-death withdraw-after 2;",
    ) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    let _peer = session(&listener);
    wait_for("the routes", || shows(&lab, "11.0.0.0/8").then_some(()));
    lab.write("go", "");
    daemon.logged("the helper is not started again");
    upgrade_until(&lab, &daemon, "the end of all routes", || !shows(&lab, "/"));
    daemon.logged("leases have ended process=helper");
}

#[test]
fn routes_that_nobody_claims_end_in_the_next_process() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let state = format!(
        "state {{ directory {}; claim-time 3; }}\n",
        lab.path("state").display()
    );
    let configuration = state + &neighbor(port, "");
    let mut daemon = start_with(&lab, &configuration);
    let answer = Client::new(&lab).ask("announce route 10.1.0.0/16 next-hop 192.0.2.1");
    assert_eq!(answer, "done\n");
    let journal = lab.path("state");
    wait_for("the route in the journal", || {
        let output = crate::support::daemon::oxabgp(&["journal", journal.to_str().expect("UTF-8")])
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains("10.1.0.0/16").then_some(())
    });
    daemon.signal("KILL");
    daemon.ended();
    let daemon = start_with(&lab, &configuration);
    daemon.logged("routes of the journal are announced");
    // Each process would wait for three seconds.
    upgrade_until(&lab, &daemon, "the end of the route", || {
        !shows(&lab, "10.1.0.0/16")
    });
}

#[test]
fn a_check_goes_on_and_withdraws_what_the_process_before_has_announced() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let hook = lab.script(
        "sink",
        &format!("echo $STATE >> {}", lab.path("hooks").display()),
    );
    let more =
        format!("route 10.9.8.0/24 next-hop self; down withdraw; drain 2; down-execute {hook};");
    let configuration = check(&lab, "web", &more) + &neighbor(port, "");
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    let before = shown(&lab, "web");
    upgrade(&lab, &daemon);
    let after = shown(&lab, "web");
    for key in ["state", "side", "routes"] {
        assert_eq!(before[key], after[key], "{key}: {before} {after}");
    }
    remove(&lab, "web");
    gone(&mut peer, &[24, 10, 9, 8]);
    wait_state(&lab, "web", "DOWN");
    upgrade(&lab, &daemon);
    assert_eq!(shown(&lab, "web")["state"], "DOWN");
    // The command of the change is run once the routes have drained, and once only.
    lab.lines("hooks", |lines| lines.contains(&"DOWN".to_owned()));
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    let hooks = std::fs::read_to_string(lab.path("hooks")).expect("lines");
    assert_eq!(hooks.matches("DOWN").count(), 1, "{hooks}");
}

#[test]
fn a_service_that_went_down_is_held_down_for_the_rest_of_the_time() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let more = "route 10.9.8.0/24 next-hop self; down withdraw; flap-hold 600;";
    let configuration = check(&lab, "web", more) + &neighbor(port, "");
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    remove(&lab, "web");
    gone(&mut peer, &[24, 10, 9, 8]);
    upgrade(&lab, &daemon);
    create(&lab, "web");
    wait_for("the change to be held back", || {
        (shown(&lab, "web")["held"] == "flap-hold").then_some(())
    });
    assert!(!shows(&lab, "10.9.8.0/24"));
}

#[test]
fn a_watchdog_group_stays_withdrawn() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let body = "static { route 30.0.0.0/8 next-hop 192.0.2.1 watchdog dns; }";
    let daemon = start_with(&lab, &neighbor(port, body));
    let mut peer = session(&listener);
    announced(&mut peer, &[8, 30]);
    let ask = |command: &str| Client::new(&lab).ask(command);
    assert_eq!(ask("withdraw watchdog dns"), "done\n");
    gone(&mut peer, &[8, 30]);
    upgrade(&lab, &daemon);
    assert_eq!(ask("announce route 11.0.0.0/8 next-hop self"), "done\n");
    announced(&mut peer, &[8, 11]);
    assert_eq!(ask("announce watchdog dns"), "done\n");
    announced(&mut peer, &[8, 30]);
}

#[test]
fn attempts_to_connect_go_on_with_their_back_off() {
    let lab = Lab::new();
    let (closed, port) = listener();
    drop(closed);
    let daemon = start_with(&lab, &neighbor(port, ""));
    let retry = || {
        let status = Client::new(&lab).ask("show neighbor json");
        let (_, rest) = status.split_once("\"retry\": ")?;
        let (object, _) = rest.split_once('}')?;
        let value: serde_json::Value = serde_json::from_str(&format!("{object}}}")).ok()?;
        Some((value["seconds"].as_u64()?, value["failures"].as_u64()?))
    };
    let before = wait_for("a long wait", || {
        retry().filter(|(_, failures)| *failures >= 4)
    });
    upgrade(&lab, &daemon);
    let after = wait_for("a wait", retry);
    assert!(after.1 >= before.1, "{before:?} {after:?}");
    assert!(
        after.1 > before.1 || after.0 <= before.0,
        "{before:?} {after:?}"
    );
}

#[test]
fn a_peer_with_too_many_routes_is_kept_out_for_the_rest_of_its_time() {
    let lab = Lab::new();
    let ((first, one), (second, two)) = (listener(), listener());
    let other = neighbor(two, "").replace("neighbor 127.0.0.1", "neighbor 127.0.0.2");
    let configuration = neighbor(one, "adj-rib-in true; prefix-limit 1;") + &other;
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&first);
    drop(second);
    for octet in 1..=2 {
        let body = announcement(65001, &[16, 10, octet]);
        peer.send(MessageType::UPDATE, &body);
    }
    let notification = peer.expect_notification();
    assert_eq!(
        (notification.code, notification.subcode),
        (Notification::CEASE, Notification::MAXIMUM_PREFIXES)
    );
    upgrade(&lab, &daemon);
    // By then the other neighbor is dialed again.
    wait_for("an attempt of the other", || {
        let status = Client::new(&lab).ask("show neighbor extensive");
        status.contains("failed").then_some(())
    });
    first.set_nonblocking(true).expect("a mode");
    assert!(first.accept().is_err(), "it is dialed");
}

/// Of a peer with graceful restart, marks of a refresh do not count before its End-of-RIB (RFC 7313 section 4).
#[test]
fn a_peer_has_yet_to_send_end_of_rib_in_the_next_process() {
    let scene = Scene::new("graceful-restart 60; route-refresh true;", "");
    let (mut peer, _) = scene.session(&offering(Offer {
        graceful_restart: Some(60),
        route_refresh: true,
        ..Offer::default()
    }));
    let announce = |peer: &mut RawPeer, number| {
        peer.send(MessageType::UPDATE, &announcement(65001, &[16, 10, number]));
    };
    let refresh = |peer: &mut RawPeer| {
        for subtype in [1, 2] {
            peer.send(MessageType::ROUTE_REFRESH, &[0, 1, subtype, 1]);
        }
    };
    announce(&mut peer, 1);
    scene.holds(&["10.1.0.0/16"]);
    upgrade(&scene.lab, &scene.daemon);
    refresh(&mut peer);
    announce(&mut peer, 2);
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16"]);
    // From then on they do, in each process.
    peer.send(MessageType::UPDATE, EOR_V4);
    announce(&mut peer, 3);
    scene.holds(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    upgrade(&scene.lab, &scene.daemon);
    refresh(&mut peer);
    scene.holds(&[]);
}

/// Nor are there any marks for such a peer before End-of-RIB, which helpers order.
#[test]
fn refreshes_have_no_marks_before_end_of_rib_in_the_next_process() {
    let scene = Scene::new(
        "graceful-restart 60; route-refresh true;",
        "manual-eor true;",
    );
    let (mut peer, _) = scene.session(&offering(Offer {
        graceful_restart: Some(60),
        route_refresh: true,
        ..Offer::default()
    }));
    assert_eq!(
        scene.ask("announce route 10.0.0.0/8 next-hop self"),
        "done\n"
    );
    announced(&mut peer, &[8, 10]);
    upgrade(&scene.lab, &scene.daemon);
    let request: &[u8] = &[0, 1, 0, 1];
    peer.send(MessageType::ROUTE_REFRESH, request);
    announced(&mut peer, &[8, 10]);
    assert_eq!(scene.ask("announce eor ipv4 unicast"), "done\n");
    assert_eq!(peer.expect(MessageType::UPDATE), EOR_V4);
    upgrade(&scene.lab, &scene.daemon);
    peer.send(MessageType::ROUTE_REFRESH, request);
    assert_eq!(peer.expect(MessageType::ROUTE_REFRESH), [0, 1, 1, 1]);
}
