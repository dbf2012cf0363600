//! Guards that a reload tightens: what was announced before stays, and is counted.

use super::control::{Client, start_with};
use super::journal::{recorded, state};
use super::{listener, neighbor, process};
use crate::support::daemon::{Lab, wait_for};

#[test]
fn a_reload_says_how_many_routes_its_guards_refuse() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = "for at in 1 2 3; do echo \"announce route 10.$at.0.0/16 next-hop self\"; done\n\
                  echo 'set edge replace revision 1'\necho 'route 10.4.0.0/16 next-hop self'\n\
                  echo 'set edge end'\nwhile read -r line; do :; done";
    let text = |guard: &str| {
        let process = process(&lab, "helper", script);
        state(&lab, "unclaimed keep;")
            + &process.replace("encoder json;", &format!("encoder json; {guard}"))
            + &neighbor(port, "api { processes [ helper ]; }")
    };
    let daemon = start_with(&lab, &text(""));
    recorded(&lab, "10.4.0.0/16");
    let mut client = Client::new(&lab);
    client.ask("announce route 10.9.0.0/16 next-hop self");
    let new = lab.write("new.conf", &text("guard { prefixes [ 10.1.0.0/16 ]; }"));
    let shown = client.ask(&format!("reload preview {}", new.display()));
    let line =
        "~ process helper: 3 of the routes that are announced would be refused by the new guard";
    assert!(shown.contains(line), "{shown}");
    assert!(!shown.contains("operators"), "{shown}");
    // Of operators, if the guard is for them, and those above the limit.
    let guard =
        "guard { prefixes [ 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 ]; max-routes 2; operators; }";
    lab.write("oxabgp.conf", &text(guard));
    let json: serde_json::Value = {
        let answer = client.ask("reload preview json");
        serde_json::from_str(answer.lines().next().expect("a line")).expect("JSON")
    };
    let refused = json.as_array().expect("a list").iter();
    let mut refused = refused.filter(|change| change["change"] == "routes-refused");
    let first = refused.next().expect("a change");
    assert_eq!(
        (&first["process"], &first["routes"]),
        (&"helper".into(), &2.into())
    );
    let second = refused.next().expect("another one");
    assert_eq!(
        (second.get("process"), &second["routes"]),
        (None, &1.into())
    );
    client.ask("reload");
    daemon.logged("the new guard refuses routes that are announced");
    daemon.logged("process=operator routes=1 first=10.9.0.0/16");
    let log = daemon.logged("process=helper routes=2");
    let routes = client.ask("show adj-rib out");
    for prefix in ["10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16", "10.9.0.0/16"] {
        assert!(routes.contains(prefix), "{routes}");
    }
    // Nothing is said of guards that stay.
    let lines = |log: &str| log.matches("the new guard refuses").count();
    client.ask("reload");
    assert_eq!(lines(&log), 2);
    assert_eq!(lines(&daemon.log()), 2);
}

#[test]
fn the_number_of_routes_is_judged_without_a_journal() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = "for at in 1 2 3; do echo \"announce route 10.$at.0.0/16 next-hop self\"; done\n\
                  while read -r line; do :; done";
    let text = |guard: &str| {
        process(&lab, "helper", script).replace("encoder json;", &format!("encoder json; {guard}"))
            + &neighbor(port, "api { processes [ helper ]; }")
    };
    let daemon = start_with(&lab, &text("guard { max-routes 5; }"));
    let mut client = Client::new(&lab);
    wait_for("the routes", || {
        client
            .ask("show adj-rib out")
            .contains("10.3.0.0/16")
            .then_some(())
    });
    lab.write("oxabgp.conf", &text("guard { max-routes 2; }"));
    let shown = client.ask("reload preview");
    assert!(
        shown.contains("1 of the routes that are announced"),
        "{shown}"
    );
    client.ask("reload");
    daemon.logged("process=helper routes=1 first=10.3.0.0/16");
}
