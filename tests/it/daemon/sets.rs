//! Sets: the whole state of one owner, declared and applied as one step.

use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::{announced, listener, neighbor, process, session, withdrawn};
use crate::support::daemon::{Daemon, Lab, wait_for};

fn declare(client: &mut Client, head: &str, routes: &[&str]) -> String {
    let name = head.split(' ').next().expect("a name");
    assert_eq!(client.ask(&format!("set {head}")), "done\n");
    let lines: String = routes.iter().map(|route| format!("{route}\n")).collect();
    client.submit(&lines);
    client.ask(&format!("set {name} end"))
}

const A: &str = "route 10.1.0.0/16 next-hop self";
const B: &str = "route 10.2.0.0/16 next-hop self med 5";
const C: &str = "neighbor 127.0.0.1 ipv4 unicast 10.3.0.0/16 next-hop self lifetime 1h";

/// The lines of `show set`, without their digests, and the digests.
fn shown(client: &mut Client, wanted: &str) -> (String, Vec<String>) {
    client.submit(&format!("show set{wanted}\n"));
    let (mut text, mut digests) = (String::new(), Vec::new());
    loop {
        let line = client.line();
        if line == "done\n" {
            return (text, digests);
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let at = words
            .iter()
            .position(|word| *word == "digest")
            .expect("a digest");
        digests.push(words[at + 1].to_owned());
        let rest = [&words[..at], &words[at + 2..]].concat().join(" ");
        text.push_str(&(rest + "\n"));
    }
}

#[test]
fn a_set_is_compared_and_applied_as_one_step() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    let mut client = Client::new(&lab);
    client.ask("announce route 10.9.0.0/16 next-hop self");
    announced(&mut peer, &[16, 10, 9]);
    let answer = declare(&mut client, "edge replace revision 4711", &[A, B, C]);
    assert_eq!(answer, "done added 3 changed 0 removed 0\n");
    let (first, digests) = shown(&mut client, " edge");
    assert_eq!(first, "edge revision 4711 routes 3\n");
    // The same in another order: nothing is sent.
    let answer = declare(&mut client, "edge replace revision 4712", &[C, B, A]);
    assert_eq!(answer, "done added 0 changed 0 removed 0\n");
    assert_eq!(shown(&mut client, "").1, digests);
    let answer = declare(
        &mut client,
        "edge replace revision 4713",
        &[B, "route 10.1.0.0/16 next-hop self med 9"],
    );
    assert_eq!(answer, "done added 0 changed 1 removed 1\n");
    assert_ne!(shown(&mut client, "").1, digests);
    let mut bodies = Vec::new();
    wait_for("the withdrawal", || {
        let body = peer.expect(MessageType::UPDATE);
        let is_last = body == [0, 3, 16, 10, 3, 0, 0];
        bodies.push(body);
        is_last.then_some(())
    });
    let sent = |number: u8| {
        let with = |body: &&Vec<u8>| body.windows(3).any(|part| part == [16, 10, number]);
        bodies.iter().filter(with).count()
    };
    // The withdrawal of 3 is one of two.
    assert_eq!((sent(2), sent(3), sent(9)), (1, 2, 0));
    // Of what is not in the set nothing is changed.
    assert!(client.ask("show adj-rib out").contains("10.9.0.0/16"));
}

#[test]
fn commands_after_a_set_see_its_result() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    // All in one piece: the command after the set is not executed before the set is applied.
    let text = format!(
        "set edge replace revision 1\n{A}\nset edge end\n\
         announce route 10.1.0.0/16 next-hop 192.0.2.1 med 77\nwithdraw route 10.9.0.0/16"
    );
    let answers = client.ask(&text);
    assert_eq!(
        answers,
        "done\ndone added 1 changed 0 removed 0\ndone\ndone\n"
    );
    let routes = client.ask("show adj-rib out extensive");
    assert!(routes.contains("med 77"), "{routes}");
}

#[test]
fn sets_are_shown_as_json() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    assert_eq!(client.ask("show set json"), "[  ]\ndone\n");
    declare(&mut client, "edge replace revision 7", &[A, B]);
    client.ask("set keys put web route 10.3.0.0/16 next-hop self");
    let (_, digests) = shown(&mut client, "");
    let edge = format!(
        "{{ \"name\": \"edge\", \"revision\": 7, \"digest\": \"{}\", \"routes\": 2 }}",
        digests[0]
    );
    let keys = format!(
        "{{ \"name\": \"keys\", \"digest\": \"{}\", \"routes\": 1 }}",
        digests[1]
    );
    for (command, wanted) in [
        ("show set json", format!("[ {edge}, {keys} ]\ndone\n")),
        ("show set edge json", format!("[ {edge} ]\ndone\n")),
        ("show set keys json", format!("[ {keys} ]\ndone\n")),
    ] {
        assert_eq!(client.ask(command), wanted, "{command}");
    }
    assert!(
        client
            .ask("show set text")
            .starts_with("edge revision 7 digest ")
    );
    assert!(client.ask("show set edge xml").contains("error"));
}

#[test]
fn a_set_that_is_refused_changes_nothing() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    client.ask("session reasons enable");
    declare(&mut client, "edge replace revision 10", &[A, B, C]);
    let mut refused = |lines: &[&str], why: &str| {
        let mut text = String::new();
        for line in lines {
            let answers = match line.starts_with("set") {
                true => client.ask(line),
                false => {
                    client.submit(&format!("{line}\n"));
                    String::new()
                }
            };
            text.push_str(&answers);
        }
        assert!(text.contains(why), "{why}: {text}");
        assert!(text.ends_with("error\n"), "{text}");
    };
    refused(
        &["set edge replace revision 9"],
        "has revision 10, which is higher than 9",
    );
    refused(&["set edge end"], "the set `edge` is not open");
    refused(
        &[
            "set edge replace revision 11 max-remove 50%",
            A,
            "set edge end",
        ],
        "2 of 3 routes would be removed, more than 50%",
    );
    refused(&["set edge replace"], "`revision` and a number");
    refused(&["set edge delete"], "a key");
    refused(&["set edge put web"], "a route");
    refused(
        &["set edge what"],
        "`replace`, `end`, `abort`, `put` or `delete`",
    );
    // A line that is wrong is answered at once, and spoils the whole.
    client.ask("set edge replace revision 12");
    let wrong = client.ask("route 10.1.0.0/99 next-hop self");
    assert!(
        wrong.starts_with("error: ") && wrong.ends_with("error\n"),
        "{wrong}"
    );
    let end = client.ask("set edge end");
    assert!(end.contains("nothing of the set was applied"), "{end}");
    assert_eq!(shown(&mut client, "").0, "edge revision 10 routes 3\n");
    // Unless it is forced.
    let answer = declare(
        &mut client,
        "edge replace revision 3 max-remove 50% force",
        &[A],
    );
    assert_eq!(answer, "done added 0 changed 0 removed 2\n");
    assert_eq!(shown(&mut client, " edge").0, "edge revision 3 routes 1\n");
}

#[test]
fn a_set_that_has_lost_routes_has_no_revision() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    let edge = |client: &mut Client| shown(client, " edge").0;
    for (line, wanted) in [
        // A key of another set, of its own, and a route that it does not have.
        (
            "set other put key route 10.9.0.0/16 next-hop self",
            "7 routes 2",
        ),
        (
            "set edge put key route 10.8.0.0/16 next-hop self",
            "7 routes 3",
        ),
        ("withdraw route 10.8.0.0/16", "7 routes 2"),
        ("withdraw route 10.7.0.0/16", "7 routes 2"),
        ("withdraw route 10.1.0.0/16", "none routes 1"),
        (
            "announce route 10.1.0.0/16 next-hop 192.0.2.1",
            "none routes 1",
        ),
        (
            "set other put key route 10.1.0.0/16 next-hop 192.0.2.1",
            "none routes 1",
        ),
        (
            "set edge put key route 10.1.0.0/16 next-hop 192.0.2.1",
            "none routes 2",
        ),
        ("clear adj-rib out", "none routes 0"),
    ] {
        declare(&mut client, "edge replace revision 7 force", &[A, B]);
        assert_eq!(edge(&mut client), "edge revision 7 routes 2\n", "{line}");
        assert!(client.ask(line).starts_with("done"), "{line}");
        assert_eq!(
            edge(&mut client),
            format!("edge revision {wanted}\n"),
            "{line}"
        );
    }
    // Another set takes the route over, and gives it up: only what is declared again is announced.
    declare(&mut client, "edge replace revision 8 force", &[A, B]);
    declare(&mut client, "third replace revision 1", &[A]);
    assert_eq!(edge(&mut client), "edge revision none routes 1\n");
    declare(&mut client, "third replace revision 2", &[]);
    assert!(!client.ask("show adj-rib out").contains("10.1.0.0/16"));
    declare(&mut client, "edge replace revision 8", &[A, B]);
    assert_eq!(edge(&mut client), "edge revision 8 routes 2\n");
    assert!(client.ask("show adj-rib out").contains("10.1.0.0/16"));
}

#[test]
fn a_set_that_is_not_there_is_an_error() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    assert_eq!(client.ask("show set edge"), "error\n");
    assert_eq!(client.ask("show set edge json"), "error\n");
    client.ask("set edge put web route 10.1.0.0/16 next-hop self");
    assert_eq!(
        shown(&mut client, " edge").0,
        "edge revision none routes 1\n"
    );
}

#[test]
fn one_speaker_declares_a_set_at_a_time_and_its_end_discards_it() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let (mut one, mut two) = (Client::new(&lab), Client::new(&lab));
    one.ask("set edge replace revision 1");
    one.submit(&format!("{A}\n"));
    assert_eq!(two.ask("set edge replace revision 1"), "error\n");
    assert_eq!(two.ask("set other replace revision 1"), "done\n");
    assert_eq!(two.ask("set other abort"), "done\n");
    drop(one);
    wait_for("the end of the speaker to be noticed", || {
        (two.ask("set edge replace revision 1") == "done\n").then_some(())
    });
    assert_eq!(
        two.ask("set edge end"),
        "done added 0 changed 0 removed 0\n"
    );
}

#[test]
fn keys_are_put_and_deleted_alone() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    let mut client = Client::new(&lab);
    let put = |client: &mut Client, text: &str| client.ask(&format!("set edge {text}"));
    assert_eq!(
        put(&mut client, "put web route 10.1.0.0/16 next-hop self"),
        "done added 1 changed 0 removed 0\n"
    );
    announced(&mut peer, &[16, 10, 1]);
    assert_eq!(
        put(
            &mut client,
            "put mail route 10.2.0.0/16 next-hop self lifetime 1h"
        ),
        "done added 1 changed 0 removed 0\n"
    );
    announced(&mut peer, &[16, 10, 2]);
    // Another route under the same key.
    assert_eq!(
        put(&mut client, "put web route 10.3.0.0/16 next-hop self"),
        "done added 1 changed 0 removed 1\n"
    );
    let mut gone = false;
    let mut there = false;
    while !(gone && there) {
        let body = peer.expect(MessageType::UPDATE);
        gone |= body.starts_with(&[0, 3, 16, 10, 1]);
        there |= body.ends_with(&[16, 10, 3]);
    }
    assert_eq!(
        put(&mut client, "delete mail"),
        "done added 0 changed 0 removed 1\n"
    );
    withdrawn(&mut peer, &[16, 10, 2]);
    assert_eq!(
        put(&mut client, "delete mail"),
        "done added 0 changed 0 removed 0\n"
    );
    assert_eq!(shown(&mut client, "").0, "edge revision none routes 1\n");
    // The whole set replaces keys as well.
    let answer = declare(&mut client, "edge replace revision 1", &[B]);
    assert_eq!(answer, "done added 1 changed 0 removed 1\n");
}

#[test]
fn a_key_is_put_for_the_neighbors_of_a_selector() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let second = neighbor(port, "").replace("127.0.0.1 {", "127.0.0.2 {");
    let _daemon = start_with(&lab, &(neighbor(port, "") + &second));
    let mut client = Client::new(&lab);
    client.ask("session reasons enable");
    for (line, wanted) in [
        (
            "set edge put web neighbor 127.0.0.2 route 10.1.0.0/16 next-hop self",
            "done added 1 changed 0 removed 0\n",
        ),
        (
            "set edge put mail neighbor 127.0.0.1 local-as 65000 ipv4 unicast 10.2.0.0/16 next-hop self lifetime 1h",
            "done added 1 changed 0 removed 0\n",
        ),
        (
            "neighbor 127.0.0.1 set edge put dns neighbor 127.0.0.2 route 10.3.0.0/16 next-hop self",
            "two selectors",
        ),
        (
            "set edge put dns neighbor 127.0.0.9 route 10.3.0.0/16 next-hop self",
            "no neighbor matches `neighbor 127.0.0.9`",
        ),
        ("set edge put dns neighbor 127.0.0.2", "a route"),
    ] {
        let answer = client.ask(line);
        assert!(answer.contains(wanted), "{line}: {answer}");
    }
    let first = client.ask("show adj-rib out 127.0.0.1");
    let second = client.ask("show adj-rib out 127.0.0.2");
    for (route, in_second) in [("10.1.0.0/16", true), ("10.2.0.0/16", false)] {
        assert_eq!(first.contains(route), !in_second, "{first}");
        assert_eq!(second.contains(route), in_second, "{second}");
    }
    assert_eq!(shown(&mut client, "").0, "edge revision none routes 2\n");
}

#[test]
fn the_guard_of_a_helper_judges_the_whole() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "exec 3<&0\nread up\n\
        (echo 'session reasons enable'; echo 'set edge replace revision 1'; echo 'route 10.1.0.0/16 next-hop self';\n\
        echo 'route 10.66.0.0/16 next-hop self'; echo 'set edge end';\n\
        echo 'set edge replace revision 2'; echo 'route 10.1.0.0/16 next-hop self'; echo 'set edge end')\n\
        cat <&3 > ANSWERS &\nwait"
        .replace("ANSWERS", lab.path("answers").to_str().expect("UTF-8"));
    let configuration = process(&lab, "helper", &script).replace(
        "encoder json;",
        "encoder json; guard { prefixes [ 10.1.0.0/16 ]; max-remove 10%; }",
    ) + &neighbor(port, "api { processes [ helper ]; neighbor-changes; }");
    let daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    daemon.logged("the set is refused: `10.66.0.0/16` is not inside an allowed prefix");
    let answers = lab.lines("answers", |lines| {
        lines.iter().any(|line| line.starts_with("done added"))
    });
    assert!(
        answers.contains(&"done added 1 changed 0 removed 0".to_owned()),
        "{answers:?}"
    );
    assert!(
        answers.iter().any(|line| line.contains("is not inside")),
        "{answers:?}"
    );
}

#[test]
fn sets_survive_a_crash_with_their_revisions() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let configuration = format!(
        "state {{ directory {}; claim-time 3; }}\n{}",
        lab.path("state").display(),
        neighbor(port, "")
    );
    let mut daemon = start_with(&lab, &configuration);
    let _first = session(&listener);
    let mut client = Client::new(&lab);
    declare(&mut client, "edge replace revision 7", &[A, B]);
    declare(&mut client, "other replace revision 8", &[C]);
    client.ask("set edge put web route 10.4.0.0/16 next-hop self");
    let before = shown(&mut client, "");
    assert_eq!(
        before.0,
        "edge revision 7 routes 3\nother revision 8 routes 1\n"
    );
    wait_for("the journal to be written", || {
        let text = std::fs::read(lab.path("state/journal")).ok()?;
        let has = |wanted: &[u8]| text.windows(wanted.len()).any(|part| part == wanted);
        (has(b"set edge web") && has(&[16, 10, 4])).then_some(())
    });
    daemon.signal("KILL");
    daemon.ended();
    let daemon = start_with(&lab, &configuration);
    let mut client = Client::new(&lab);
    let after = shown(&mut client, "");
    assert_eq!(
        after.0,
        "edge revision 7 routes 3 unclaimed 3\nother revision 8 routes 1 unclaimed 1\n"
    );
    assert_eq!(after.1, before.1);
    assert_eq!(client.ask("set edge replace revision 6"), "error\n");
    // Declaring it again claims it.
    let answer = declare(&mut client, "edge replace revision 7", &[A, B]);
    assert_eq!(answer, "done added 0 changed 0 removed 1\n");
    daemon.logged("routes of the journal were not announced again, and are withdrawn process=set other routes=1");
    wait_for("the end of the other set", || {
        (shown(&mut client, "").0 == "edge revision 7 routes 2\n").then_some(())
    });
}

#[test]
fn what_is_staged_for_a_neighbor_does_not_reach_the_next_one_with_its_number() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let other = |last: u8| {
        neighbor(port, "").replace("neighbor 127.0.0.1", &format!("neighbor 127.0.0.{last}"))
    };
    let daemon = start_with(&lab, &(neighbor(port, "") + &other(2)));
    let (mut client, mut second) = (Client::new(&lab), Client::new(&lab));
    client.ask("set edge replace revision 1");
    client.submit(
        "route 10.1.0.0/16 next-hop 192.0.2.1\n\
         neighbor 127.0.0.2 route 10.2.0.0/16 next-hop 192.0.2.1\n",
    );
    // It has an answer, so that both lines were read.
    assert!(client.ask("show neighbor summary").contains("127.0.0.2"));
    second.ask("begin");
    second.ask("announce route 10.3.0.0/16 next-hop 192.0.2.1");
    second.ask("neighbor 127.0.0.2 announce route 10.4.0.0/16 next-hop 192.0.2.1");
    let reload = |configuration: &str| {
        lab.write("oxabgp.conf", configuration);
        let done = "the configuration is reloaded";
        let before = daemon.log().matches(done).count();
        daemon.signal("USR1");
        wait_for("the reload", || {
            (daemon.log().matches(done).count() > before).then_some(())
        });
    };
    reload(&neighbor(port, ""));
    reload(&(neighbor(port, "") + &other(3)));
    assert_eq!(
        client.ask("set edge end"),
        "done added 1 changed 0 removed 0\n"
    );
    assert_eq!(second.ask("commit"), "done\n");
    let text = client.ask("show adj-rib out");
    let of = |address: &str, route: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.contains(address) && line.contains(route))
    };
    for route in ["10.1.0.0/16", "10.3.0.0/16"] {
        assert!(of("127.0.0.1 ", route) && of("127.0.0.3 ", route), "{text}");
    }
    assert!(!text.contains("10.2.0.0/16"), "{text}");
    assert!(!text.contains("10.4.0.0/16"), "{text}");
}
