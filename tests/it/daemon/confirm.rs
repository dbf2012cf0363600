//! Reloads that have to be confirmed, and previews of reloads.

use std::process::Output;

use super::control::{Client, start_with};
use super::{announced, listener, neighbor, process, session, update, withdrawn};
use crate::support::daemon::{Lab, oxabgp};

fn with(port: u16, routes: &[&str]) -> String {
    let routes: String = routes
        .iter()
        .map(|prefix| format!("route {prefix} next-hop 192.0.2.1; "))
        .collect();
    neighbor(port, &format!("static {{ {routes} }}"))
}

#[test]
fn without_a_confirmation_the_former_configuration_returns() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &with(port, &["10.0.0.0/8"]));
    let mut peer = session(&listener);
    announced(&mut peer, &[8, 10]);
    let mut client = Client::new(&lab);
    assert_eq!(
        client.ask("reload status"),
        "no reload waits for a confirmation\ndone\n"
    );
    lab.write("oxabgp.conf", &with(port, &["10.0.0.0/8", "11.0.0.0/8"]));
    assert_eq!(client.ask("reload confirm 1"), "reload in progress\ndone\n");
    announced(&mut peer, &[8, 11]);
    daemon.logged("the reload has to be confirmed seconds=1");
    // The session stays: the withdrawal comes over it.
    let body = loop {
        let body = peer.expect(oxabgp::bgp::message::MessageType::UPDATE);
        if body != [0, 0, 0, 0] {
            break body;
        }
    };
    assert_eq!(body, [0, 2, 8, 11, 0, 0]);
    daemon.logged("the reload was not confirmed in time");
    daemon.logged("the former configuration is back");
    // The file has not changed: a reload applies it again, for good.
    client.ask("reload");
    announced(&mut peer, &[8, 11]);
    assert!(client.ask("confirm").contains("error"));
}

#[test]
fn a_return_is_reported_to_helpers_as_a_reload_is() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = format!("cat > {}", lab.path("received").display());
    let helper = process(&lab, "watcher", &script);
    let text = |routes: &[&str]| {
        let api = "api { processes [ watcher ]; signal; }\nstatic {";
        helper.clone() + &with(port, routes).replacen("static {", api, 1)
    };
    let _daemon = start_with(&lab, &text(&["10.0.0.0/8"]));
    let signals = |count: usize| {
        let is_signal = |line: &&String| line.contains("\"type\": \"signal\"");
        let enough = |lines: &[String]| lines.iter().filter(is_signal).count() == count;
        lab.lines("received", enough);
    };
    let mut client = Client::new(&lab);
    lab.write("oxabgp.conf", &text(&["11.0.0.0/8"]));
    client.ask("reload confirm 3600");
    signals(1);
    client.ask("reload cancel");
    signals(2);
    client.ask("reload confirm 1");
    signals(3);
    // The time has passed.
    signals(4);
}

#[test]
fn a_confirmed_reload_stays_and_a_cancelled_one_does_not() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &with(port, &["10.0.0.0/8"]));
    let mut peer = session(&listener);
    update(&mut peer);
    let mut client = Client::new(&lab);
    lab.write("oxabgp.conf", &with(port, &["10.0.0.0/8", "11.0.0.0/8"]));
    client.ask("reload confirm 3600");
    announced(&mut peer, &[8, 11]);
    let status = client.ask("reload status");
    assert!(
        status.starts_with("the reload has to be confirmed within 3"),
        "{status}"
    );
    assert_eq!(client.ask("confirm"), "done\n");
    daemon.logged("the reload is confirmed");
    // A window with two reloads: what returns is the last confirmed configuration.
    lab.write(
        "oxabgp.conf",
        &with(port, &["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"]),
    );
    client.ask("reload confirm 3600");
    announced(&mut peer, &[8, 12]);
    lab.write(
        "oxabgp.conf",
        &with(port, &["10.0.0.0/8", "11.0.0.0/8", "13.0.0.0/8"]),
    );
    daemon.signal("USR1");
    withdrawn(&mut peer, &[8, 12]);
    announced(&mut peer, &[8, 13]);
    assert!(client.ask("reload status").contains("within 3"));
    assert_eq!(client.ask("reload cancel"), "return in progress\ndone\n");
    withdrawn(&mut peer, &[8, 13]);
    daemon.logged("the former configuration is back");
    let routes = client.ask("show adj-rib out");
    assert!(
        routes.contains("11.0.0.0/8") && !routes.contains("12.0.0.0/8"),
        "{routes}"
    );
    assert!(client.ask("reload cancel").contains("error"));
    // A file with errors changes nothing, and begins no window.
    lab.write("oxabgp.conf", "neighbor {");
    client.ask("reload confirm 60");
    daemon.logged("the configuration has errors, nothing is changed");
    assert!(client.ask("reload status").starts_with("no reload waits"));
    for wrong in [
        "reload confirm soon",
        "reload confirm 0",
        "reload confirm 1 2",
        "confirm now",
    ] {
        assert!(client.ask(wrong).contains("error"), "{wrong}");
    }
}

#[test]
fn a_preview_is_asked_of_the_daemon() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &with(port, &["10.0.0.0/8"]));
    let new = with(port, &["11.0.0.0/8"]).replace("local-as 65000", "hold-time 30; local-as 65000");
    let path = lab.write("new one.conf", &new);
    let run = |more: &[&str]| -> Output {
        let socket = lab.path("control.sock");
        let mut arguments = vec!["validate", "--against", "running", "--socket"];
        arguments.push(socket.to_str().expect("UTF-8"));
        arguments.extend(more);
        arguments.push(path.to_str().expect("UTF-8"));
        oxabgp(&arguments).output().expect("runs")
    };
    let text = String::from_utf8(run(&[]).stdout).expect("UTF-8");
    for part in [
        "the session is reset",
        "+ hold-time 30;",
        "withdraws 10.0.0.0/8",
        "announces 11.0.0.0/8",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let output = run(&["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let kinds: Vec<&str> = json
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|change| change["change"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["session-reset", "route-withdrawn", "route-announced"],
        "{json}"
    );
    assert!(output.status.success());
    // Nothing was done.
    let routes = Client::new(&lab).ask("show adj-rib out");
    assert!(
        routes.contains("10.0.0.0/8") && !routes.contains("11.0.0.0/8"),
        "{routes}"
    );
    let elsewhere = lab.path("none.sock");
    let nobody = oxabgp(&["validate", "--against", "running", "--socket"])
        .args([&elsewhere, &path])
        .output()
        .expect("runs");
    assert!(!nobody.status.success());
}
