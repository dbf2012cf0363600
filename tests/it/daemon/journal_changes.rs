//! The journal and another configuration: what was withdrawn stays so, from whatever neighbors and by whomever.

use super::control::{Client, start_with};
use super::journal::{commands, kill, recorded, state};
use super::{listener, neighbor, process};
use crate::support::daemon::{Lab, wait_for};

/// The same neighbor at 127.0.0.2.
fn second(text: &str) -> String {
    text.replace("127.0.0.1 {", "127.0.0.2 {")
}

/// What is announced to a neighbor: `10.N.0.0/16` as N, each with the rest of its line.
fn announced(client: &mut Client, neighbor: &str) -> Vec<(u8, String)> {
    let shown = client.ask(&format!("show adj-rib out {neighbor}"));
    let routes = shown.lines().filter_map(|line| {
        let (_, route) = line.split_once(" 10.")?;
        let (number, rest) = route.split_once(".0.0/16")?;
        Some((number.parse().ok()?, rest.trim().to_owned()))
    });
    let mut routes: Vec<(u8, String)> = routes.collect();
    routes.sort();
    routes
}

fn numbers(client: &mut Client, neighbor: &str) -> Vec<u8> {
    let routes = announced(client, neighbor).into_iter();
    routes.map(|(number, _)| number).collect()
}

#[test]
fn what_was_withdrawn_is_not_announced_by_another_configuration() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let go = lab.path("go");
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done\necho 'withdraw route 10.3.0.0/16'\necho 'withdraw watchdog dns'\n\
         while read -r line; do :; done",
        go.display()
    );
    let body = "static { route 10.9.0.0/16 next-hop self watchdog dns; }";
    let helped = state(&lab, "unclaimed keep;")
        + &process(&lab, "helper", &script)
        + &neighbor(port, &format!("api {{ processes [ helper ]; }} {body}"));
    let daemon = start_with(&lab, &helped);
    let mut client = Client::new(&lab);
    for line in [
        "announce route 10.1.0.0/16 next-hop self",
        "announce route 10.2.0.0/16 next-hop self",
        "announce route 10.3.0.0/16 next-hop self",
        "announce route 10.4.0.0/16 next-hop self",
        "withdraw route 10.1.0.0/16",
        "neighbor 127.0.0.1 withdraw route 10.2.0.0/16",
    ] {
        assert_eq!(client.ask(line), "done\n", "{line}");
    }
    assert_eq!(numbers(&mut client, "127.0.0.1"), [3, 4, 9]);
    lab.write("go", "");
    let left = recorded(&lab, "withdraw watchdog dns");
    assert!(left.starts_with("announce route 10.4.0.0/16"), "{left}");
    kill(daemon);

    // Another neighbor, and the helper is gone.
    let first = neighbor(port, body);
    let text = state(&lab, "unclaimed keep;") + &first + &second(&neighbor(port, ""));
    let daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    assert_eq!(numbers(&mut client, "127.0.0.1"), [4]);
    assert_eq!(numbers(&mut client, "127.0.0.2"), [4]);
    kill(daemon);

    // Other names of all neighbors, from which the route is withdrawn at once.
    let first = neighbor(port, "").replace("local-as 65000", "local-as 65009");
    let text = state(&lab, "unclaimed keep;") + &first;
    let daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    assert_eq!(numbers(&mut client, "127.0.0.1"), [4]);
    assert_eq!(client.ask("withdraw route 10.4.0.0/16"), "done\n");
    kill(daemon);
    assert_eq!(commands(&lab).matches("announce").count(), 0);
    let _daemon = start_with(&lab, &(text + &second(&neighbor(port, ""))));
    let mut client = Client::new(&lab);
    assert!(numbers(&mut client, "127.0.0.1").is_empty());
    assert!(numbers(&mut client, "127.0.0.2").is_empty());
}

#[test]
fn a_table_that_was_cleared_stays_so_in_another_configuration() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let first = neighbor(port, "");
    let daemon = start_with(&lab, &(state(&lab, "unclaimed keep;") + &first));
    let mut client = Client::new(&lab);
    client.ask("announce route 10.1.0.0/16 next-hop self");
    client.ask("clear adj-rib out");
    client.ask("announce route 10.2.0.0/16 next-hop self");
    recorded(&lab, "10.2.0.0/16");
    kill(daemon);
    let text = state(&lab, "unclaimed keep;") + &first + &second(&first);
    let _daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    assert_eq!(numbers(&mut client, "127.0.0.1"), [2]);
    assert_eq!(numbers(&mut client, "127.0.0.2"), [2]);
}

#[test]
fn a_journal_that_is_printed_lacks_what_was_cleared() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let first = neighbor(port, "");
    let text = state(&lab, "unclaimed keep;") + &first + &second(&first);
    let _daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    for line in [
        "neighbor 127.0.0.1 announce route 10.1.0.0/16 next-hop self",
        "clear adj-rib out",
        "announce route 10.2.0.0/16 next-hop self",
        "announce route 10.3.0.0/16 next-hop self",
        "neighbor 127.0.0.2 withdraw route 10.3.0.0/16",
        "neighbor 127.0.0.1 clear adj-rib out",
    ] {
        assert_eq!(client.ask(line), "done\n", "{line}");
    }
    let before = numbers(&mut client, "127.0.0.2");
    assert_eq!(before, [2]);
    let commands = commands(&lab);
    let announced: Vec<&str> = commands
        .lines()
        .filter(|line| line.contains("announce"))
        .collect();
    let [only] = announced[..] else {
        panic!("{commands}");
    };
    assert!(
        only.starts_with("neighbor 127.0.0.2 ") && only.contains(" announce route 10.2.0.0/16"),
        "{commands}"
    );
}

#[test]
fn a_set_has_the_routes_of_its_revision_in_another_configuration() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let first = neighbor(port, "");
    let daemon = start_with(&lab, &(state(&lab, "unclaimed keep;") + &first));
    let mut client = Client::new(&lab);
    let one = "route 10.1.0.0/16 next-hop self\n";
    let two = "route 10.2.0.0/16 next-hop self\n";
    for (revision, routes) in [(1, format!("{one}{two}")), (2, one.to_owned())] {
        let declared = client.ask(&format!(
            "set edge replace revision {revision}\n{routes}set edge end"
        ));
        assert!(declared.contains("done added"), "{declared}");
    }
    let shown = client.ask("show set edge");
    assert!(shown.starts_with("edge revision 2 "), "{shown}");
    wait_for("the second revision in the journal", || {
        let commands = commands(&lab);
        (commands.contains("10.1.0.0/16") && !commands.contains("10.2.0.0/16")).then_some(())
    });
    kill(daemon);
    let text = state(&lab, "unclaimed keep;") + &first + &second(&first);
    let _daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    let unclaimed = shown.replace("routes 1\n", "routes 1 unclaimed 1\n");
    assert_eq!(client.ask("show set edge"), unclaimed);
    assert_eq!(numbers(&mut client, "127.0.0.2"), [1]);
}

#[test]
fn neighbors_keep_their_own_versions_of_a_route() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let first = neighbor(port, "");
    let third = first.replace("127.0.0.1 {", "127.0.0.3 {");
    let text = state(&lab, "unclaimed keep;") + &first + &second(&first);
    let daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    for line in [
        "announce route 10.1.0.0/16 next-hop self med 1",
        "neighbor 127.0.0.2 announce route 10.1.0.0/16 next-hop self med 2",
        "announce route 10.2.0.0/16 next-hop self med 1",
        "neighbor 127.0.0.2 withdraw route 10.2.0.0/16",
    ] {
        assert_eq!(client.ask(line), "done\n", "{line}");
    }
    let before = ["127.0.0.1", "127.0.0.2"].map(|name| announced(&mut client, name));
    assert_ne!(before[0], before[1]);
    recorded(&lab, "withdraw route 10.2.0.0/16");
    kill(daemon);
    // Twice: the second time from a file that was written anew.
    for _ in 0..2 {
        let daemon = start_with(&lab, &(text.clone() + &third));
        let mut client = Client::new(&lab);
        let now = ["127.0.0.1", "127.0.0.2"].map(|name| announced(&mut client, name));
        assert_eq!(now, before);
        assert!(announced(&mut client, "127.0.0.3").is_empty());
        wait_for("the file to be written anew", || {
            let status = client.ask("system status");
            let compactions = status.split("\"compactions\": ").nth(1)?;
            (!compactions.starts_with('0')).then_some(())
        });
        kill(daemon);
    }
}

#[test]
fn guards_that_are_for_operators_judge_their_restored_routes() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let text = state(&lab, "unclaimed keep;");
    let daemon = start_with(&lab, &(text.clone() + &neighbor(port, "")));
    let mut client = Client::new(&lab);
    for number in 1..=3 {
        client.ask(&format!("announce route 10.{number}.0.0/16 next-hop self"));
    }
    client.ask("set edge put key route 10.4.0.0/16 next-hop self");
    recorded(&lab, "10.4.0.0/16");
    kill(daemon);
    let guard = "encoder json; guard { prefixes [ 10.1.0.0/16 10.2.0.0/16 ]; max-routes 1; lifetime max 1h; operators; }";
    let guarded = process(&lab, "helper", "while read -r line; do :; done")
        .replace("encoder json;", guard)
        + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &(text + &guarded));
    daemon.logged("refused=3");
    let mut client = Client::new(&lab);
    assert_eq!(numbers(&mut client, "127.0.0.1"), [1]);
    recorded(&lab, "10.1.0.0/16 next-hop self lifetime 3600s");
}
